"""Two people at the same case at the same moment: what the first recorded counts for the second, and nothing is granted twice.

The other person acts at the last moment before the row is locked: the gap in which a check made earlier is worth nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dunwell.journal.models import Event
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case, Received
from dunwell.office.desk import working
from dunwell.office.desk.contact import Current
from dunwell.office.desk.working import Promised, PromisePart, Told
from dunwell.office.supervision import sharing
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_calls import Desk
from tests.office.test_case_page import bodies
from tests.postgresql import postgresql, programs


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def just_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], None]) -> None:
    """Let somebody else act once, right before the function of a module goes on."""
    real, acts = getattr(module, name), [act]

    def late(*arguments: Any) -> Any:
        if acts:
            acts.pop()()
        return real(*arguments)

    monkeypatch.setattr(module, name, late)


def promise_of_a_rival(desk: Desk, amount_minor: int) -> None:
    """Another collector's call with the same customer, with a promise for the debt that is longest overdue."""
    file, staff = desk.file, Staff.objects.get(username="team_lead")
    account = file.overdue_ids[0]
    due = desk.office.clock().date()
    promised = Promised((account,), "USD", (PromisePart(amount_minor, due),))
    contact = Current(
        desk.customer, str(uuid4()), "call", desk.point, desk.office.clock().isoformat(), passed=True
    )
    working.log(file, staff, contact, Told("conversation", promised=promised))


def owed_minor(desk: Desk) -> int:
    row = desk.file.positions.filter(desk.file.positions["account_id"] == desk.file.overdue_ids[0])
    return int(row["payoff_total"][0] * 100)


def test_two_promises_made_at_once_are_together_no_more_than_what_is_owed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = owed_minor(desk)
    desk.start()
    desk.identify()
    just_before(monkeypatch, working, "lock", lambda: promise_of_a_rival(desk, owed))
    answer = desk.promise()
    assert answer.status_code == 422
    assert "at most US$0.00 can be promised" in answer.content.decode()
    assert [row.row["made_by"] for row in Received.objects.filter(table="promises")] == ["team_lead"]
    monkeypatch.undo()
    assert desk.promise(replaces="on").status_code == 302
    states = desk.file.promises.sort("made_at")
    assert {row["made_by"]: row["state"] for row in states.to_dicts() if row["made_by"]} == {
        "team_lead": "cancelled",
        "collector": "open",
    }


def test_a_contact_told_of_twice_at_once_is_recorded_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = str(uuid4())
    desk.start(once)

    def the_same_form() -> None:
        contact = Current(desk.customer, once, "call", desk.point, desk.office.clock().isoformat())
        working.log(desk.file, Staff.objects.get(username="collector"), contact, Told("no_answer"))

    just_before(monkeypatch, working, "lock", the_same_form)
    assert desk.log("conversation").status_code == 302
    assert [body["outcome"] for body in bodies("contact.made")] == ["no_answer"]


def test_a_plan_made_while_another_promises_takes_the_place_of_that_promise(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    just_before(monkeypatch, working, "lock", lambda: promise_of_a_rival(desk, 1000))
    told = {"left": "400", "once": str(uuid4()), "choose": "1"}
    assert desk.client.post(f"/case/{desk.customer}/plans", told).status_code == 302
    account = desk.file.overdue_ids[0]
    rows = [row for row in desk.file.promises.to_dicts() if row["account_id"] == account and row["made_by"]]
    assert {row["made_by"]: row["state"] for row in rows}["team_lead"] == "cancelled"


def test_two_leads_who_give_out_cases_at_once_give_each_to_one_person(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, other = office.client("team_lead"), office.client("team_lead")

    def meanwhile() -> None:
        other.post("/load/share", {"count": "5"})

    just_before(monkeypatch, sharing, "_taken", meanwhile)
    lead.post("/load/share", {"count": "5"})
    given = Event.objects.filter(kind="case.assigned").values_list("subject_id", flat=True)
    assert len(given) == len(set(given)) == 10
    assert Case.objects.exclude(assigned_to=None).count() == 10


_TWO_RECORD = """
import sys, threading
from pathlib import Path
from dunwell.settings import read_settings
from dunwell.office.project import set_up_office
set_up_office(read_settings(Path(sys.argv[1])))
from django.db import connection
from dunwell.journal.recording import NewEvent
from dunwell.office.keeping import bring_up_to_date
from dunwell.office.workplace import workplace
place = workplace()
bring_up_to_date(place)
place.journal.vault.admit(["c1"], place.clock())
gate, answers = threading.Barrier(2), []
def record(number):
    event = NewEvent("case.assigned", place.clock(), "c1", body={"by": "ann", "to": "bo"}, key=f"same-{number}")
    gate.wait(20)
    answers.append(place.journal.record([event])[0].is_new)
    connection.close()
for number in range(20):
    threads = [threading.Thread(target=record, args=(number,)) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
print(answers.count(True), answers.count(False))
"""


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")
def test_the_same_happening_recorded_by_two_at_once_stands_once_in_postgresql(
    ran: Path, tmp_path: Path
) -> None:
    shutil.copytree(ran, tmp_path / "shop")
    with tempfile.TemporaryDirectory(prefix="pg") as folder, postgresql(Path(folder)) as url:
        told = subprocess.run(
            [sys.executable, "-c", _TWO_RECORD, str(tmp_path / "shop")],
            env=os.environ | {"DATABASE_URL": url},
            capture_output=True,
            text=True,
        )
    assert told.stdout.split() == ["20", "20"], told.stderr


def test_tries_of_an_identity_check_made_at_once_count_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(desk.office)
    asked = {"customer_id": desk.customer, "contact_point_id": desk.point}
    begun = program.post("/contacts", asked).json()
    where = f"/cases/{desk.customer}/contacts/{begun['contact_id']}/identity"
    wrong = {"facts": {"born": "1901-01-01"}}
    just_before(monkeypatch, working, "lock", lambda: program.post(where, wrong))
    assert program.post(where, wrong).json()["tries_left"] == 1


def test_a_promise_withdrawn_while_another_withdraws_it_is_withdrawn_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise_of_a_rival(desk, 2_000)
    (promise,) = desk.file.promises.filter(made_by="team_lead")["promise_id"]
    where, why = f"/cases/{desk.customer}/promises/{promise}/withdraw", {"reason": "customer_withdrew"}
    program = Program(desk.office)
    just_before(monkeypatch, working, "lock", lambda: program.post(where, why))
    assert program.post(where, why).json() == {"recorded": False}
