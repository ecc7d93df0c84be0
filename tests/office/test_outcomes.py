"""How a contact can end depends on what it was: who calls us has been reached, and nobody's line is busy on a visit."""

from typing import Any

import pytest

from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.desk.contact import OUTCOMES_OF_CONTACTS, outcomes_of
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_calls import Desk
from tests.office.test_case_page import bodies

UNREACHED = ("no_answer", "busy", "not_in_service", "voicemail")


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def called(desk: Desk) -> str:
    """The customer calls; the page of that."""
    answer = desk.client.post(f"/case/{desk.customer}/called", {"once": ""}, follow=True)
    return str(answer.content.decode())


def test_a_call_of_ours_may_end_in_any_way(desk: Desk) -> None:
    page = desk.client.post(f"/case/{desk.customer}/call", {"point": desk.point, "once": ""}, follow=True)
    for number, name in enumerate(OUTCOMES_OF_CONTACTS, 1):
        assert (
            f'<label data-key="{number}"><input type="radio" name="outcome" value="{name}"'
            in page.content.decode()
        )


def test_who_calls_us_was_reached_and_each_outcome_keeps_its_key(desk: Desk) -> None:
    page = called(desk)
    for name in UNREACHED:
        assert f'value="{name}"' not in page
    for key, name in ((5, "dropped"), (6, "conversation"), (7, "wrong_party"), (8, "refused")):
        assert f'<label data-key="{key}"><input type="radio" name="outcome" value="{name}"' in page
    assert 'value="wrong_number"' not in page, "no number of theirs was called"
    assert 'value="stop"' in page


@pytest.mark.parametrize("outcome", UNREACHED)
def test_the_desk_refuses_a_senseless_end_in_both_languages(desk: Desk, outcome: str) -> None:
    called(desk)
    answer = desk.log(outcome)
    assert answer.status_code == 422
    assert "A contact of this kind cannot end so." in answer.content.decode()
    desk.client.cookies["django_language"] = "zh-hans"
    assert "此类联系不可能有这样的结果" in desk.log(outcome).content.decode()
    assert not bodies("contact.made")
    assert desk.log("conversation").status_code == 302


def test_a_number_that_nobody_called_is_not_found_to_be_somebody_else_s(desk: Desk) -> None:
    called(desk)
    answer = desk.log("wrong_party", "wrong_number")
    assert answer.status_code == 422
    assert "We called no number" in answer.content.decode()
    assert desk.log("wrong_party").status_code == 302
    assert not bodies("point.not_theirs")


def problem(answer: Any) -> str:
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    told = answer.json()
    return str(told["detail"]) + " ".join(one["why"] for one in told.get("faults", ()))


def test_a_program_is_told_what_a_call_that_came_in_can_end_with(desk: Desk) -> None:
    program, where = Program(desk.office), f"/cases/{desk.customer}/incoming"
    for outcome in UNREACHED:
        why = problem(program.post(where, {"outcome": outcome}))
        for name in outcomes_of("call", "in"):
            assert name in why
    assert "wrong_number" in problem(
        program.post(where, {"outcome": "wrong_party", "came": ["wrong_number"]})
    )
    assert not bodies("contact.made")
    assert program.post(where, {"outcome": "dropped"}).json() == {"recorded": True}


def test_nobody_s_line_is_busy_on_a_visit(office: Office) -> None:
    program, customer, contact = Program(office), *visited(office)
    where = f"/cases/{customer}/contacts/{contact}/end"
    why = problem(program.post(where, {"outcome": "voicemail"}))
    assert why.startswith("outcome is voicemail: a visit cannot end so. One of: no_answer,")
    assert program.post(where, {"outcome": "no_answer"}).json() == {"recorded": True}


def visited(office: Office) -> tuple[str, str]:
    """A customer who may be visited, and the visit that was begun."""
    program = Program(office)
    for customer in Case.objects.order_by("pk").values_list("pk", flat=True):
        for row in CaseFile(office.place, customer).tables["contact_points"].iter_rows(named=True):
            if row["kind"] == "postal":
                told = {
                    "customer_id": customer,
                    "channel": "visit",
                    "contact_point_id": row["contact_point_id"],
                }
                begun = program.post("/contacts", told | {"purpose": "service"}).json()
                if begun["allowed"]:
                    return customer, begun["contact_id"]
    raise AssertionError("nobody may be visited")
