"""One sum for several debts: chosen on the desk, told over the API, judged on the spot and at night."""

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.cases.casefile import CaseFile, Happened
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.models import Case
from dunwell.office.desk.timeline import timeline, told
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_calls import Desk
from tests.office.test_told import run_again, shop

__all__ = ["shop"]


def with_several(office: Office) -> tuple[str, tuple[str, ...]]:
    """A customer with two debts overdue in one currency, who is known by two facts, and the debts."""
    for customer in Case.objects.filter(account_count__gt=1).order_by("pk").values_list("pk", flat=True):
        file = CaseFile(office.place, customer)
        late = file.positions.filter(pl.col("past_due_days") > 0)
        if late.height > 1 and late["currency"].n_unique() == 1 and file.customer["born_on"]:
            return customer, tuple(file.overdue_ids)
    raise AssertionError("nobody has two debts overdue")


@pytest.fixture
def desk(office: Office) -> Desk:
    """A customer with several debts calls, and shows who they are."""
    found = Desk(office)
    office.clock.move(hours=-6)  # noon UTC: the same day in China
    found.customer, _debts = with_several(office)
    found.client.post(f"/case/{found.customer}/called", {"once": str(uuid4())})
    found.identify()
    return found


def made(file: CaseFile) -> dict[str, Any]:
    return file.promises.filter(pl.col("made_by") == "collector").row(0, named=True)


def pay(desk: Desk, account: str, amount: str, **more: str) -> None:
    day = desk.office.clock().date().isoformat()
    row = {"payment_id": f"M-{uuid4()}", "account_id": account, "paid_on": day, "amount": amount} | more
    taken = take_in(desk.office.place, "payments", [row], "test")
    assert taken.new_count == 1, taken.refused


def test_a_debt_that_is_disputed_is_offered_and_not_chosen(desk: Desk) -> None:
    first, *others = desk.file.overdue_ids
    told = {"hold": "dispute", "by": "x"}
    at = desk.office.clock()
    desk.office.place.journal.record([NewEvent("hold.placed", at, desk.customer, (first,), body=told)])
    desk.office.clock.move(minutes=1)
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    assert f'name="account" value="{first}"' in page
    assert f'name="account" value="{first}" checked' not in page
    assert all(f'name="account" value="{name}" checked' in page for name in others)


def test_the_form_offers_every_debt_and_chooses_all_of_them(desk: Desk) -> None:
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    for account in desk.file.overdue_ids:
        assert f'name="account" value="{account}" checked' in page


def test_one_sum_for_all_is_one_promise_and_is_kept_by_what_comes_on_any_of_them(desk: Desk) -> None:
    first, second = desk.file.overdue_ids[:2]
    assert desk.promise(accounts_shown="1", account=desk.file.overdue_ids).status_code == 302
    row = made(desk.file)
    assert (row["state"], row["amount"]) == ("open", Decimal(20))
    assert row["account_ids"] == sorted(desk.file.overdue_ids)
    desk.office.clock.move(minutes=5)
    pay(desk, first, "12")
    assert made(desk.file)["credited"] == 12
    pay(desk, second, "8")
    row = made(desk.file)
    assert (row["state"], row["credited"]) == ("kept", 20)
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    assert ", ".join(row["account_ids"]) in page


def test_a_reversal_on_one_of_the_debts_is_seen_at_once(desk: Desk) -> None:
    first, second = desk.file.overdue_ids[:2]
    desk.promise()
    desk.office.clock.move(minutes=5)
    pay(desk, first, "12", payment_id="M1")
    pay(desk, second, "8", payment_id="M2")
    assert made(desk.file)["state"] == "kept"
    pay(desk, second, "8", payment_id="R2", kind="reversal", reverses="M2")
    row = made(desk.file)
    assert (row["state"], row["credited"]) == ("open", 12)


def test_a_payment_told_late_of_an_earlier_day_mends_what_was_broken(desk: Desk) -> None:
    first, second = desk.file.overdue_ids[:2]
    desk.promise()
    desk.office.clock.move(days=7)
    assert made(desk.file)["state"] == "broken"
    day = (desk.office.clock() - timedelta(days=3)).date().isoformat()
    for account, amount in ((first, "5"), (second, "15")):
        pay(desk, account, amount, paid_on=day)
    row = made(desk.file)
    assert (row["state"], row["kept_on"]) == ("kept", date.fromisoformat(day))
    late = (desk.office.clock() - timedelta(days=1)).date().isoformat()
    pay(desk, first, "3", payment_id="late", paid_on=late)
    assert made(desk.file)["credited"] == 20


def test_without_a_word_about_the_debts_it_is_for_all_that_are_overdue(desk: Desk) -> None:
    desk.promise()
    assert made(desk.file)["account_ids"] == sorted(desk.file.overdue_ids)


def test_a_promise_made_where_it_is_tomorrow_already_counts_at_once(desk: Desk) -> None:
    """The customer's day has begun while the lender's has not ended: 18:00 UTC is the next day in China."""
    assert desk.file.customer["timezone"] == "Asia/Shanghai"
    for _ in range(15):  # they work on meanwhile
        desk.office.clock.move(minutes=24)
        desk.client.get("/queue")
    desk.promise()
    assert made(desk.file)["state"] == "open"


def test_where_no_debt_is_chosen_the_form_says_so(desk: Desk) -> None:
    answer = desk.promise(accounts_shown="1")
    assert answer.status_code == 422
    assert "Choose the debts that the promise is for." in answer.content.decode()


def test_a_promise_for_one_debt_beside_one_for_all_asks_for_no_more_than_is_owed(desk: Desk) -> None:
    owed = desk.file.positions.filter(pl.col("account_id").is_in(desk.file.overdue_ids))["payoff_total"].sum()
    desk.promise(amount_1=f"{owed:.2f}")
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.identify()
    answer = desk.promise(account=desk.file.overdue_ids[1])
    assert answer.status_code == 422
    assert re.search(r"at most \D{1,5}0(\.0+)? can be promised", answer.content.decode())
    assert desk.promise(account=desk.file.overdue_ids[1], replaces="on").status_code == 302
    assert sorted(desk.file.promises["state"]).count("cancelled") >= 1


def test_currencies_do_not_mix_in_one_promise(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = desk.file.overdue_ids[:2]
    of = {first: "USD", second: "EUR"}
    monkeypatch.setattr("dunwell.office.desk.forms.currency_of", lambda file: of)
    answer = desk.promise(accounts_shown="1", account=[first, second])
    assert answer.status_code == 422
    assert "Make one for each currency." in answer.content.decode()


def test_over_the_api_it_names_its_debts_and_who_verified_the_customer(office: Office, desk: Desk) -> None:
    program = Program(office, "collector")
    customer, debts = desk.customer, desk.file.overdue_ids
    day = (office.clock().date() + timedelta(days=3)).isoformat()
    promise: dict[str, Any] = {"parts": [{"amount": "1.00", "due_on": day}]}
    ended = {"outcome": "conversation", "promise": promise}
    where = f"/cases/{customer}/incoming"
    assert "names no debt" in program.post(where, ended).json()["detail"]
    promise["account_ids"] = [*debts, "nobody's"]
    assert "none of this customer's accounts" in program.post(where, ended).json()["detail"]
    promise["account_ids"] = list(debts)
    refused = program.post(where, ended)
    assert refused.status_code == 422
    assert "nobody has shown that they are the customer" in refused.json()["detail"]
    promise["identity_verified_by"] = "Maria at the branch"
    assert program.post(where, ended).json() == {"recorded": True}
    (row,) = [one for one in program.get(f"/cases/{customer}").json()["promises"] if one["state"] == "open"]
    assert row["account_ids"] == sorted(debts)
    (checked,) = [json.loads(e.body) for e in Event.objects.filter(kind="identity.checked")][1:]
    assert checked["passed"] and "verified_by" not in checked
    file = desk.file
    item = checked["personal"]["verified_by"]["item"]

    def shown() -> tuple[str, str, bool]:
        texts = {reference: text for reference, (text, _) in file.place.journal.vault.read([item]).items()}
        entry = next(one for one in timeline(file, texts) if one.title == "Identity confirmed")
        return entry.detail, entry.text, entry.hidden

    assert shown() == ("by collector", "verified by Maria at the branch", False)
    file.place.journal.erase(customer, by="compliance", why="request")
    assert shown() == ("by collector", "", True), "a name typed there does not outlive the person's erasure"


def test_who_verified_them_is_still_read_from_an_event_that_kept_it_in_the_clear(desk: Desk) -> None:
    body = {"passed": True, "by": "collector", "verified_by": "the bank's PIN"}
    event = Happened("1", "identity.checked", desk.office.clock(), body, (), None)
    assert told(event)[1] == "verified by the bank's PIN; by collector"


def test_what_an_answer_confirmed_stands_on_the_desk_at_once(desk: Desk) -> None:
    first, second = desk.file.overdue_ids[:2]
    currency = desk.file.positions["currency"][0]
    part = {"amount_minor": 2000, "currency": currency, "days": ["2026-11-27"]}
    body = {"parts": [part], "by": "the person", "channel": "sms", "promise": "answer-1"}
    event = NewEvent("promise.made", desk.office.clock(), desk.customer, (first, second), body=body)
    desk.office.place.journal.record([event])
    desk.office.clock.move(minutes=5)
    pay(desk, second, "20")
    row = desk.file.promises.filter(promise_id="answer-1").row(0, named=True)
    assert (row["state"], row["account_ids"]) == ("kept", sorted((first, second)))


def test_at_night_it_is_judged_as_on_the_desk(office: Office, shop: Any) -> None:
    desk = Desk(office)
    office.clock.move(hours=-6)
    desk.customer, debts = with_several(office)
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.identify()
    desk.promise()
    office.clock.move(minutes=5)
    for account in debts[:2]:
        pay(desk, account, "10")
    here = made(CaseFile(shop, desk.customer))
    run_again(shop, office.clock().date())
    rows = pl.read_parquet(shop.settings.book_folder / "promises.parquet").filter(customer_id=desk.customer)
    night = rows.filter(pl.col("made_by") == "collector").row(0, named=True)
    assert night["state"] == here["state"] == "kept"
    assert night["account_ids"] == here["account_ids"] == sorted(debts)
