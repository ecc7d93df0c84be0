"""What was agreed to, decided or read stays true: policies change, approvals age, a decision is cut off, money is taken back."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.intake import take_in, take_in_files
from dunwell.office.cases.models import Approval, Case
from dunwell.office.desk.texts import approved_texts
from dunwell.office.keeping import keep
from dunwell.office.sheets import csv_of
from dunwell.office.strategies import acting, proposing
from dunwell.office.strategies.models import DONE, Proposal
from dunwell.office.strategies.proposing import finish_decided, text_in_force
from dunwell.office.supervision.board import start_of_day
from dunwell.office.supervision.day import day_so_far
from dunwell.office.workplace import Workplace
from dunwell.outreach.texts import SHIPPED
from dunwell.policy import PolicyError
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_case_page import bodies
from tests.office.test_plans import owing

# --- policies


def rewrite(file: Path, change: Any) -> None:
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
    about = file.stat()
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns + 1_000_000))


def test_the_law_of_the_house_binds_from_when_it_is_written(own: Office) -> None:
    customer = Case.objects.filter(jurisdiction="us", past_due_days__gt=5).order_by("rank")[0].pk
    gate = CaseFile(own.place, customer).gate
    assert CaseFile(own.place, customer).gate is gate
    tighter = '\n[[tighten]]\nrule = "us-reg-f.hours"\nfrom = "10:00"\nto = "11:00"\n'
    rewrite(own.place.policy / "law.toml", lambda text: text + tighter)
    assert CaseFile(own.place, customer).gate.content_hash != gate.content_hash
    rewrite(own.place.policy / "law.toml", lambda text: text + "\nthis is no TOML")
    with pytest.raises(PolicyError):  # while it cannot be read nothing is lawful
        CaseFile(own.place, customer).gate  # noqa: B018 - it is read when it is asked for
    page = own.client("collector").get(f"/case/{customer}")
    assert page.status_code == 503
    assert "Nothing can be decided now" in page.content.decode()
    assert "law.toml" in page.content.decode()
    answer = Program(own).post("/contacts/ask", {"customer_id": customer, "channel": "call"}, "asked")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer.json()["detail"].startswith("law.toml: ")


def test_terms_and_their_figures_are_those_that_are_written(own: Office) -> None:
    customer = owing(own, "us", 200, 2500)
    file = CaseFile(own.place, customer)
    before = file.positions["penalty"].sum()
    folder = own.place.settings.terms_folder
    for one in folder.glob("*.toml"):
        rewrite(one, lambda text: text.replace("grace_days = ", "grace_days = 1"))
    after = CaseFile(own.place, customer)
    assert after.positions["delinquent_days"].sum() < file.positions["delinquent_days"].sum()
    assert before == after.positions["penalty"].sum()


def test_a_text_that_is_taken_away_is_offered_no_more(own: Office) -> None:
    folder = own.place.policy / "texts"
    for old in folder.rglob("*.txt"):
        old.unlink()
    assert approved_texts(own.place) == ()
    one = next(iter(sorted(SHIPPED.rglob("*.txt"))))
    laid = folder / one.relative_to(SHIPPED)
    laid.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(one, laid)
    assert len(approved_texts(own.place)) == 1
    laid.unlink()
    assert approved_texts(own.place) == ()


def test_of_whom_a_second_factor_is_asked_follows_the_policy(own: Office) -> None:
    Staff.objects.update(is_sample=False)
    client = own.client("collector")
    assert client.get("/queue").status_code == 302
    (own.place.policy / "access.toml").write_text('second_factor = ["compliance"]')
    assert client.get("/queue").status_code == 200
    (own.place.policy / "access.toml").unlink()
    assert client.get("/queue").status_code == 302


# --- approvals


@pytest.fixture
def asked(own: Office) -> Approval:
    """A plan above a collector's authority, as the desk asks for it."""
    rewrite(
        own.place.policy / "authority.toml",
        lambda text: text.replace('USD = "3000.00"', 'USD = "1.00"', 1),
    )
    customer = owing(own, "us", 400, 2500)
    client, told = own.client("collector"), {"left": "200", "once": str(uuid4())}
    offers = client.post(f"/case/{customer}/plans", told).context["offers"]
    chosen = next(one for one in offers if one.decision is not None and one.decision.needs_second)
    client.post(f"/case/{customer}/plans", {**told, "choose": chosen.number})
    return Approval.objects.get()


def decide(office: Office, approval: Approval) -> str:
    """What the second person is told."""
    form = {"decision": "approved", "reason": "affordable"}
    page = office.client("team_lead").post(f"/approvals/{approval.pk}", form, follow=True)
    approval.refresh_from_db()
    return page.content.decode()


def test_a_plan_that_still_stands_is_agreed_to(own: Office, asked: Approval) -> None:
    own.clock.move(days=1)
    decide(own, asked)
    assert asked.decision == "approved"
    assert bodies("promise.made")


def test_a_plan_asked_for_long_ago_is_not_agreed_to(own: Office, asked: Approval) -> None:
    own.clock.move(days=15)
    assert "Let it be asked anew." in decide(own, asked)
    assert asked.decision == ""
    assert not bodies("promise.made")


def test_a_plan_for_more_than_is_owed_now_is_not_agreed_to(own: Office, asked: Approval) -> None:
    account, owed = next(iter(asked.payload["debts"].items()))
    row = {"payment_id": "p1", "account_id": account, "paid_on": "2026-11-24", "amount": f"{owed / 200:.2f}"}
    assert take_in(own.place, "payments", [row], "test").new_count == 1
    assert "Something was paid" in decide(own, asked)
    assert asked.decision == ""


def test_a_plan_is_not_agreed_to_beyond_who_may_grant_what_today(own: Office, asked: Approval) -> None:
    rewrite(
        own.place.policy / "authority.toml", lambda text: text.replace('USD = "8000.00"', 'USD = "2.00"', 1)
    )
    assert "Who may grant what has changed" in decide(own, asked)
    assert asked.decision == ""


def test_who_asked_and_was_given_another_role_grants_by_it(own: Office, asked: Approval) -> None:
    Staff.objects.filter(username="collector").update(role="auditor")
    assert "Who may grant what has changed" in decide(own, asked)


# --- strategies


@pytest.fixture
def proposed(own: Office) -> list[Proposal]:
    """Two changes, each compared with the strategy in force and asked for."""
    base = text_in_force(own.place)
    assert base
    return [
        Proposal.objects.create(
            title=f"change {number}", text=f"{base}\n# change {number}\n", text_hash="x", based_on=base, why="w",
            proposed_by=Staff.objects.get(username="analyst"), proposed_at=own.clock(), comparing=DONE,
            asked_at=own.clock(), key=str(number),
        )
        for number in (1, 2)
    ]  # fmt: skip


def approve(office: Office, proposal: Proposal) -> None:
    form = {"decision": "approved", "reason": "checked"}
    office.client("compliance").post(f"/strategies/{proposal.pk}/decide", form)
    proposal.refresh_from_db()


def test_of_two_changes_compared_with_the_same_text_one_takes_its_place(
    own: Office, proposed: list[Proposal], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = proposed
    deciding = proposing.deciding
    inside: list[Any] = []

    def meanwhile(place: Workplace) -> Any:
        if not inside:  # while the first is being decided, somebody decides the second
            inside.append(second)
            monkeypatch.setattr(acting, "deciding", deciding)
            approve(own, first)
        return deciding(place)

    monkeypatch.setattr(acting, "deciding", meanwhile)
    approve(own, second)
    first.refresh_from_db()
    assert (first.decision, second.decision) == ("approved", "")
    assert "# change 1" in text_in_force(own.place)


def test_a_decision_cut_off_before_the_file_is_finished(
    own: Office, proposed: list[Proposal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(place: Workplace, ready: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(acting, "put_in_force", cut_off)
    with pytest.raises(KeyboardInterrupt):
        approve(own, proposed[0])
    proposed[0].refresh_from_db()
    assert proposed[0].decision == "approved"
    assert "# change 1" not in text_in_force(own.place)
    keep(own.place)
    assert "# change 1" in text_in_force(own.place)
    finish_decided(own.place)
    assert not list(own.place.policy.glob(".strategy-agreed-*"))


def test_a_decision_cut_off_before_it_was_recorded_is_undone(
    own: Office, proposed: list[Proposal], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_ready = proposing.lay_ready

    def cut_off(*given: Any) -> Path:
        lay_ready(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(acting, "lay_ready", cut_off)
    with pytest.raises(KeyboardInterrupt):
        approve(own, proposed[0])
    proposed[0].refresh_from_db()
    assert proposed[0].decision == ""
    assert "# change 1" not in text_in_force(own.place)
    finish_decided(own.place)
    assert not list(own.place.policy.glob(".strategy-agreed-*"))
    assert "# change 1" not in text_in_force(own.place)


# --- what comes in


def test_money_taken_back_is_no_cash(office: Office) -> None:
    case = Case.objects.filter(past_due_days__gt=30, currency="USD", account_count=1).order_by("pk")[0]
    account = CaseFile(office.place, case.pk).account_ids[0]
    row = {"account_id": account, "paid_on": "2026-11-24", "amount": "40.00"}
    assert take_in(office.place, "payments", [{**row, "payment_id": "p1"}], "t").new_count == 1
    begins = start_of_day(office.clock(), "UTC")
    assert day_so_far(begins, office.clock()).cash["USD"] == 40
    back = {**row, "payment_id": "p2", "kind": "reversal", "reverses": "p1"}
    assert take_in(office.place, "payments", [back], "t").new_count == 1
    assert day_so_far(begins, office.clock()).cash["USD"] == 0
    assert "A payment was taken back" in office.client("collector").get(f"/case/{case.pk}").content.decode()


def test_what_no_database_keeps_is_refused_and_the_rest_of_the_file_counts(own: Office) -> None:
    case = Case.objects.filter(past_due_days__gt=30, currency="USD").order_by("pk")[0]
    account = CaseFile(own.place, case.pk).account_ids[0]
    folder = own.place.settings.root / "intake"
    folder.mkdir()
    (folder / "payments-dir.csv").mkdir()
    lines = ["payment_id,account_id,paid_on,amount"]
    for name in ("x" * 5000, "nul\0", "good"):
        lines.append(f"{name},{account},2026-11-23,5.00")
    (folder / "payments.csv").write_text("\n".join(lines))
    assert take_in_files(own.place) == 1
    (refused,) = (folder / "done").glob("*.refused.csv")
    assert refused.read_text().count("Send what the lender's records say") == 2


def test_two_long_ids_are_two_payments(office: Office) -> None:
    case = Case.objects.filter(past_due_days__gt=30, currency="USD").order_by("pk")[0]
    account = CaseFile(office.place, case.pk).account_ids[0]
    row = {"account_id": account, "paid_on": "2026-11-23", "amount": "5.00"}
    rows = [{**row, "payment_id": "x" * 150 + str(n)} for n in (1, 2)]
    assert take_in(office.place, "payments", rows, "t").new_count == 2
    assert len(bodies("payment.seen")) == 2


def test_a_spreadsheet_works_nothing_out() -> None:
    text = csv_of(["a"], [["=cmd()"], ["@x"], ["+1"], [-5], ["fine"]])
    assert text.split("\r\n") == ["a", "'=cmd()", "'@x", "'+1", "-5", "fine", ""]


# --- times


def test_a_program_tells_of_contacts_and_promises_within_the_desk_s_own_bounds(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    account = CaseFile(office.place, customer).account_ids[0]
    program, now = Program(office), office.clock()

    def told(**more: Any) -> tuple[int, str]:
        answer = program.post(f"/cases/{customer}/incoming", {"outcome": "conversation", **more})
        return answer.status_code, answer.json().get("detail", "")

    def parts(*days: int) -> dict[str, Any]:
        dues = [(now + timedelta(days=one)).date().isoformat() for one in days]
        made = [{"amount": "1.00", "due_on": due} for due in dues]
        return {"account_id": account, "parts": made, "identity_verified_by": "the bank's PIN"}

    assert told(began_at=(now - timedelta(days=400)).isoformat())[0] == 422
    assert told(come_back_at=(now + timedelta(days=400)).isoformat())[0] == 422
    assert "at most" in told(promise=parts(1500))[1]
    assert "the earliest first" in told(promise=parts(5, 3))[1]
    assert "the earliest first" in told(promise=parts(5, 5))[1]
    assert not bodies("contact.made")
    assert told(promise=parts(3, 5), began_at=(now - timedelta(hours=1)).isoformat())[0] == 200
