"""Finding a customer: by the lender's ids for everybody, by personal data only for who may open them, and within one's scope."""

from pathlib import Path

import polars as pl
import pytest

from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.cases.wording import Texts, write_texts
from dunwell.office.desk.searching import matching
from tests.office.conftest import Office
from tests.office.test_case_page import bodies, some_case


def test_an_id_leads_to_the_customer(office: Office) -> None:
    customer = some_case(office)
    account = CaseFile(office.place, customer).account_ids[0]
    for text in (customer, account, f" {account} "):
        answer = office.client("auditor").post("/search", {"q": text})
        assert answer["Location"] == f"/case/{customer}"
    assert not bodies("data.read")


def test_a_name_or_a_number_finds_masked_and_is_recorded(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    file = CaseFile(office.place, customer)
    mobile = next(row["value"] for row in file.tables["contact_points"].to_dicts() if row["kind"] == "mobile")
    name = file.customer["name"]
    client = office.client("collector")
    for text in (name, name.upper(), mobile, mobile[-8:]):
        answer = client.post("/search", {"q": text}, follow=True).content.decode()
        assert customer in answer
        assert name not in answer
    assert len([body for body in bodies("data.read") if body["why"].startswith("searched")]) == 4


def test_who_may_not_open_personal_data_cannot_search_by_them(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    name = CaseFile(office.place, customer).customer["name"]
    answer = office.client("auditor").post("/search", {"q": name}, follow=True)
    assert customer not in answer.content.decode().split("No customer or account has this id.")[0]
    assert answer.redirect_chain == [("/queue", 302)]


def test_a_search_stays_within_scope(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    Staff.objects.filter(username="collector").update(jurisdictions=["cn"])
    name = CaseFile(office.place, customer).customer["name"]
    assert customer not in office.client("collector").post("/search", {"q": name}).content.decode()
    told = [
        office.client("collector").post("/search", {"q": q}, follow=True) for q in (customer, "CU-nobody")
    ]
    assert told[0].redirect_chain == told[1].redirect_chain, "that they exist is not told either"
    assert f"/case/{customer}" not in told[0].content.decode()
    assert office.client("collector").get(f"/case/{customer}").status_code == 404


def test_the_queue_leads_to_each_case_and_tells_its_keys(office: Office) -> None:
    page = office.client("collector").get("/queue").content.decode()
    for customer in Case.objects.order_by("rank").values_list("pk", flat=True)[:25]:
        assert f'href="/case/{customer}"' in page
    for key in ('data-key="n"', 'data-key="/"', "data-keys", "data-row"):
        assert key in page


def test_whoever_is_looked_for_is_found_as_by_reading_everybody(office: Office) -> None:
    people = pl.concat(office.place.shelf.whole("customers"))
    points = pl.concat(office.place.shelf.whole("contact_points"))
    vault = office.place.journal.vault
    name, address = people["name"].drop_nulls()[7], points.filter(kind="email")["value"][3]
    number = points.filter(kind="mobile")["value"][3]

    def found(text: str) -> set[str]:
        rows = [row["customer_id"] for row in matching(office.place.shelf, text, vault)]
        assert len(rows) == len(set(rows))
        return set(rows)

    for text in (name, name[:4].upper(), name[-3:], "nobody at all", "\0", "a\0b"):
        holds = pl.col("name").str.to_lowercase().str.contains(text.lower(), literal=True)
        assert found(text) == set(people.filter(holds)["customer_id"])
    for text in (address, address.upper(), address[1:]):
        is_it = pl.col("value").str.to_lowercase() == text.lower()
        assert found(text) == set(points.filter(is_it)["customer_id"])
    for digits in (number[-6:], number[-8:], "999999999999999"):
        ends = pl.col("value").str.replace_all(r"\D", "").str.ends_with(digits)
        assert found(digits) == set(points.filter(ends)["customer_id"])


@pytest.mark.parametrize(
    ("text", "how", "places"),
    [
        ("an", {}, [0, 1, 4]),
        ("an", {"from_start": True}, [1]),
        ("an", {"to_end": True}, [0, 4]),
        ("anna", {"from_start": True, "to_end": True}, [1]),
        ("雨", {}, [3]),
        ("", {}, []),
        ("n\0a", {}, []),
    ],
)
def test_texts_beside_each_other_are_told_apart(
    tmp_path: Path, text: str, how: dict[str, bool], places: list[int]
) -> None:
    write_texts(pl.Series(["jan", "anna", None, "周雨桐", "banan", ""]), tmp_path / "names")
    assert list(Texts(tmp_path / "names").holding(text, **how)) == places


def test_no_texts_hold_nothing(tmp_path: Path) -> None:
    write_texts(pl.Series([], dtype=pl.String), tmp_path / "names")
    assert not list(Texts(tmp_path / "names").holding("a"))
