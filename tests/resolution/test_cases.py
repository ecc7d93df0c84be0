"""The stage of a case from tape to stage: it never sticks, whatever happens in which order."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.book import Tape
from dunwell.calendars import add_months
from dunwell.ledger import positions, read_terms
from dunwell.resolution.cases import cases_as_of, stage_history
from dunwell.resolution.stages import Stages, read_stages

TERMS = """product = "loan"
currency = "CNY"
waterfall = ["costs", "fees", "penalty", "interest", "principal"]
allocation = "instalment_first"
"""
IMPORTED_AT = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_DUE = date(2026, 1, 10)


@dataclass
class Tapes:
    """A tape of Li's loans (and a neighbour's who always pays), written as CSV and read by the book."""

    folder: Path
    accounts: list[str] = field(default_factory=lambda: ["A1,Li,active"])
    payments: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    months: int = 12

    def case(self, as_of: date) -> dict[str, Any] | None:
        """Li's case on a day."""
        tables, timeline = self._settled(as_of)
        found = cases_as_of(tables, timeline, as_of).filter(customer_id="Li").to_dicts()
        return found[0] if found else None

    def stage(self, as_of: date) -> str | None:
        case = self.case(as_of)
        return None if case is None else str(case["stage"])

    def history(self, as_of: date) -> list[tuple[date, str]]:
        """The rungs of Li's case, and when each began."""
        tables, timeline = self._settled(as_of)
        accounts = tables["accounts"].select(pl.int_range(pl.len()).alias("account"), "customer_id")
        found = stage_history(timeline, accounts, read_stages(as_of), as_of)
        return list(found.filter(customer_id="Li").select("on", "stage").iter_rows())

    def _settled(self, as_of: date) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
        folder = self.folder / "tape"
        folder.mkdir(exist_ok=True)
        ids = [row.split(",")[0] for row in self.accounts]
        rows = {
            "customers": ["customer_id,jurisdiction,timezone", "Li,cn,Asia/Shanghai", "Wu,cn,Asia/Shanghai"],
            "accounts": ["account_id,customer_id,status,product,currency,principal,opened_on"]
            + [f"{row},loan,CNY,1200.00,2025-12-10" for row in [*self.accounts, "W1,Wu,active"]],
            "instalments": ["account_id,number,due_on,principal"]
            + [
                f"{account},{n + 1},{add_months(FIRST_DUE, n)},100.00"
                for account in [*ids, "W1"]
                for n in range(self.months)
            ],
            "payments": ["payment_id,account_id,paid_on,amount", "PW,W1,2026-01-02,1200.00"]
            + [f"P{n},{row}" for n, row in enumerate(self.payments)],
            "holds": ["hold_id,account_id,kind,from_on,to_on"]
            + [f"H{n},{row}" for n, row in enumerate(self.holds)],
            "contacts": ["contact_id,customer_id,at,channel,direction,outcome"]
            + [f"K{n},Li,{row}" for n, row in enumerate(self.contacts)],
        }
        for name, lines in rows.items():
            (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        terms_folder = self.folder / "terms"
        terms_folder.mkdir(exist_ok=True)
        (terms_folder / "loan.toml").write_text(TERMS, encoding="utf-8")
        terms = read_terms(terms_folder)
        with Tape(folder, products={"loan": "CNY"}, imported_at=IMPORTED_AT) as tape:
            (partition,) = tape.partitions()
            assert tape.exit_code == 0, tape.faults.tables()
        return partition.tables, positions(
            partition.tables, terms, as_of, keeps_timeline=True
        ).timeline_frame()


@pytest.fixture
def tape(tmp_path: Path) -> Tapes:
    return Tapes(tmp_path)


def day(days_late: int) -> date:
    """So many days after the first instalment fell due."""
    return FIRST_DUE + timedelta(days=days_late)


def test_the_ladder_by_days_past_due(tape: Tapes) -> None:
    assert tape.stage(day(0)) is None
    expected = {
        1: "early reminder",
        7: "early reminder",
        8: "reminder",
        31: "negotiation",
        91: "letter before action",
    }
    assert {days: tape.stage(day(days)) for days in expected} == expected


def test_somebody_who_pays_has_no_case(tape: Tapes) -> None:
    tables, timeline = tape._settled(day(40))
    assert cases_as_of(tables, timeline, day(40))["customer_id"].to_list() == ["Li"]


def test_a_first_payment_defaulter_has_a_case_from_the_first_day_late(tape: Tapes) -> None:
    """Elsewhere somebody who never paid anything never opened a case."""
    case = tape.case(day(1))
    assert case is not None
    assert (case["opened_on"], case["stage"], case["is_first_payment_default"]) == (
        day(1),
        "early reminder",
        True,
    )
    tape.payments = ["A1,2026-01-10,100.00"]
    later = tape.case(date(2026, 2, 11))
    assert later is not None and not later["is_first_payment_default"]


def test_a_case_escalates_again_after_easing(tape: Tapes) -> None:
    """Elsewhere a case that eased stayed eased when the arrears came back."""
    tape.payments = ["A1,2026-03-15,200.00"]  # two of three late instalments; the third was due on 10 March
    assert tape.history(date(2026, 4, 20)) == [
        (date(2026, 1, 11), "early reminder"),
        (date(2026, 1, 18), "reminder"),
        (date(2026, 2, 10), "negotiation"),
        (date(2026, 3, 15), "early reminder"),
        (date(2026, 3, 18), "reminder"),
        (date(2026, 4, 10), "negotiation"),
    ]
    assert [tape.stage(date(2026, 3, n)) for n in (14, 15, 18)] == [
        "negotiation",
        "early reminder",
        "reminder",
    ]
    case = tape.case(date(2026, 4, 20))
    assert case is not None
    assert (case["stage"], case["since"], case["opened_on"]) == (
        "negotiation",
        date(2026, 4, 10),
        date(2026, 1, 11),
    )


def test_a_cured_case_is_closed_and_then_gone(tape: Tapes) -> None:
    """Elsewhere a case that cured within its lowest stage stayed open."""
    tape.payments = ["A1,2026-01-13,100.00"]
    case = tape.case(date(2026, 1, 13))
    assert case is not None
    assert (case["stage"], case["closed_on"], case["past_due_account_ids"]) == (
        "closed",
        date(2026, 1, 13),
        [],
    )
    assert tape.stage(date(2026, 2, 10)) == "closed"
    tape.payments = ["A1,2026-01-13,1200.00"]
    assert tape.stage(date(2026, 2, 11)) == "closed"
    assert tape.case(date(2026, 2, 12)) is None


def test_a_new_default_after_a_cure_opens_a_new_case(tape: Tapes) -> None:
    tape.payments = ["A1,2026-02-20,200.00"]
    case = tape.case(date(2026, 3, 11))
    assert case is not None
    assert (case["stage"], case["opened_on"], case["since"]) == (
        "early reminder",
        date(2026, 3, 11),
        date(2026, 3, 11),
    )
    assert tape.history(date(2026, 3, 11))[-2:] == [
        (date(2026, 2, 20), "closed"),
        (date(2026, 3, 11), "early reminder"),
    ]


def test_a_back_dated_payment_takes_the_stage_back(tape: Tapes) -> None:
    assert tape.stage(day(40)) == "negotiation"
    tape.payments = ["A1,2026-01-09,100.00"]
    assert tape.stage(day(40)) == "reminder"


def test_several_loans_are_one_case_and_the_worst_decides(tape: Tapes) -> None:
    tape.accounts = ["A1,Li,active", "A2,Li,active", "A3,Li,active"]
    tape.payments = ["A2,2026-01-10,100.00", "A3,2026-01-10,1200.00"]
    case = tape.case(date(2026, 2, 15))
    assert case is not None
    assert (case["stage"], case["past_due_days"]) == ("negotiation", 36)
    assert case["past_due_account_ids"] == ["A1", "A2"]
    assert case["account_ids"] == ["A1", "A2", "A3"]


def test_a_paid_account_beside_one_that_falls_late_the_same_day_goes_on_as_one_case(tape: Tapes) -> None:
    """The case is the customer's: it does not close because one of the debts did; and it eases to the other's days."""
    tape.accounts = ["A1,Li,active", "A2,Li,active"]
    tape.payments = ["A2,2026-01-10,100.00", "A1,2026-02-11,1200.00"]
    case = tape.case(date(2026, 2, 11))
    assert case is not None
    assert (case["stage"], case["opened_on"], case["past_due_account_ids"]) == (
        "early reminder",
        date(2026, 1, 11),
        ["A2"],
    )


@pytest.mark.parametrize("accounts", [["A1,Li,active"], ["A1,Li,active", "A2,Li,active"]])
def test_who_catches_up_on_a_due_day_has_nothing_past_due_on_it(tape: Tapes, accounts: list[str]) -> None:
    """What is due on 10 April is past due from the 11th: the case of January is over, and another opens."""
    tape.accounts = accounts
    tape.payments = ["A1,2026-04-10,300.00", "A2,2026-01-09,300.00"][: len(accounts)]
    assert tape.stage(date(2026, 4, 9)) == "negotiation"
    over, anew = tape.case(date(2026, 4, 10)), tape.case(date(2026, 4, 11))
    assert over is not None
    assert anew is not None
    assert (over["stage"], over["closed_on"], over["past_due_account_ids"]) == (
        "closed",
        date(2026, 4, 10),
        [],
    )
    assert (anew["stage"], anew["opened_on"], anew["past_due_days"]) == (
        "early reminder",
        date(2026, 4, 11),
        1,
    )


def test_a_debt_that_falls_due_today_is_not_past_due_beside_one_that_is(tape: Tapes) -> None:
    tape.accounts = ["A1,Li,active", "A2,Li,active"]
    tape.payments = ["A1,2026-01-09,300.00", "A2,2026-02-01,100.00"]
    tape.holds = ["A1,litigation,2026-01-01,"]
    case = tape.case(date(2026, 4, 10))
    assert case is not None
    assert (case["stage"], case["past_due_account_ids"]) == ("negotiation", ["A2"])
    assert tape.stage(date(2026, 4, 11)) == "legal"


def test_a_closed_account_has_no_part_in_it(tape: Tapes) -> None:
    tape.accounts = ["A1,Li,closed"]
    assert tape.case(day(40)) is None


def test_a_debt_in_court_is_at_the_legal_stage_while_it_is(tape: Tapes) -> None:
    tape.holds = ["A1,litigation,2026-04-20,2026-05-20"]
    case = tape.case(date(2026, 5, 1))
    assert case is not None
    assert (case["stage"], case["since"], case["reason"]) == (
        "legal",
        date(2026, 4, 20),
        "in court since 2026-04-20",
    )
    assert tape.stage(date(2026, 4, 19)) == "letter before action"
    assert tape.stage(date(2026, 5, 21)) == "letter before action"
    tape.payments = ["A1,2026-05-02,1200.00"]
    assert tape.stage(date(2026, 5, 3)) == "closed"


def test_sold_debts_leave_the_case_and_a_case_of_sold_debts_is_a_sale(tape: Tapes) -> None:
    tape.accounts = ["A1,Li,sold", "A2,Li,active"]
    tape.payments = ["A2,2026-01-10,200.00"]
    assert tape.stage(date(2026, 2, 15)) == "sale"
    case = tape.case(date(2026, 3, 15))
    assert case is not None
    assert (case["stage"], case["past_due_account_ids"]) == ("early reminder", ["A2"])


@pytest.mark.parametrize(
    ("contacts", "stage"),
    [
        ([], "letter before action"),
        (["2026-04-20T10:00:00+08:00,letter,out,delivered"], "visit"),
        (["2025-12-20T10:00:00+08:00,letter,out,delivered"], "letter before action"),
        (
            [
                "2026-04-20T10:00:00+08:00,letter,out,delivered",
                "2026-05-01T10:00:00+08:00,call,out,conversation",
            ],
            "letter before action",
        ),
        (
            ["2026-04-20T10:00:00+08:00,letter,out,delivered", "2026-05-01T10:00:00+08:00,sms,in,replied"],
            "letter before action",
        ),
        (
            [
                "2026-04-20T10:00:00+08:00,letter,out,delivered",
                "2026-02-01T10:00:00+08:00,call,out,conversation",
            ],
            "visit",
        ),
    ],
    ids=[
        "not written to",
        "written to",
        "in an earlier life",
        "spoken to",
        "they wrote",
        "spoken to long ago",
    ],
)
def test_a_visit_only_after_a_letter_and_where_nobody_was_reached(
    tape: Tapes, contacts: list[str], stage: str
) -> None:
    tape.contacts = contacts
    assert tape.stage(day(130)) == stage
    assert tape.stage(day(120)) != "visit"


days = st.integers(0, 200).map(lambda n: date(2026, 1, 1) + timedelta(days=n))


@given(
    paid=st.lists(st.tuples(st.sampled_from(["A1", "A2"]), days, st.integers(1, 12)), max_size=8),
    as_of=days,
)
def test_the_stage_is_what_the_days_past_due_say_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, paid: list[tuple[str, date, int]], as_of: date
) -> None:
    tape = Tapes(tmp_path_factory.mktemp("tape"), accounts=["A1,Li,active", "A2,Li,active"])
    tape.payments = [f"{account},{on},{n}00.00" for account, on, n in paid]
    tables, timeline = tape._settled(as_of)
    found = cases_as_of(tables, timeline, as_of).filter(pl.col("customer_id") == "Li").to_dicts()
    due = {n: add_months(FIRST_DUE, n) for n in range(12)}
    worst = 0
    for account in ("A1", "A2"):
        money = sum(n for a, on, n in paid if a == account and on <= as_of)
        unpaid = [on for n, on in due.items() if n >= money and on < as_of]
        worst = max([worst, *((as_of - on).days for on in unpaid)])
    rung = read_stages(as_of).rung(worst)
    if rung is None:
        assert found == [] or found[0]["stage"] == "closed"
        return
    assert (found[0]["stage"], found[0]["past_due_days"]) == (rung.name, worst)
    history = tape.history(as_of)
    assert history[-1] == (found[0]["since"], rung.name)
    assert all(before[1] != after[1] for before, after in pairwise(history))


def test_the_stages_are_dated_text() -> None:
    stages: Stages = read_stages(date(2026, 1, 1))
    assert [rung.name for rung in stages.rungs] == [
        "early reminder",
        "reminder",
        "negotiation",
        "letter before action",
    ]
    assert [stage.when for stage in stages.events] == ["nothing_past_due", "sold", "litigation", "unreached"]
    assert all(rung.name_zh for rung in stages.rungs)
    assert all(stage.name_zh for stage in stages.events)
    assert read_stages(date(1999, 1, 1)).rungs == ()
    assert stages.rung(0) is None


def test_a_stage_of_an_unknown_event_is_refused(tmp_path: Path) -> None:
    from dunwell.policy import PolicyError
    from dunwell.resolution.stages import STAGES_FILE

    file = tmp_path / "stages.toml"
    file.write_text(STAGES_FILE.read_text(encoding="utf-8").replace('"sold"', '"eaten"'), encoding="utf-8")
    with pytest.raises(PolicyError, match="One of: nothing_past_due, sold"):
        read_stages(date(2026, 1, 1), file)
