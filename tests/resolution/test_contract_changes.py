"""Which agreed plans changed a contract, as rows of the tape's table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from dunwell.resolution.contract_changes import contract_changes, without_the_tapes

EVENING = datetime(2026, 3, 1, 20, tzinfo=UTC)
CHINA = ("Asia/Shanghai",)


@dataclass(frozen=True)
class Event:
    kind: str
    body: Mapping[str, Any]
    accounts: tuple[str, ...] = ("A1",)
    at: datetime = EVENING


def plan(**more: Any) -> Event:
    parts = [{"due_on": f"2026-{month:02d}-15", "amount_minor": 100_00} for month in (4, 5, 6)]
    body = {
        "plan": "instalments",
        "parts": parts,
        "promise": "desk-x-y",
        "grant": {"kind": "instalments", "amount_minor": 300_00, "currency": "CNY"},
        "changes_contract": True,
    }
    return Event("plan.agreed", body | more)


def promise(name: str = "desk-x-y-1", account: str = "A1", first: str = "2026-04-15") -> Event:
    parts = [{"due_on": "2026-05-15", "amount_minor": 100_00}, {"due_on": first, "amount_minor": 100_00}]
    return Event("promise.made", {"promise": name, "parts": parts}, (account,))


def rows(*events: Event) -> list[Mapping[str, str | None]]:
    return [row for row, at in contract_changes(events, CHINA) if at == EVENING]


def test_a_plan_is_a_change_of_each_of_its_debts_on_the_day_at_their_place() -> None:
    found = rows(plan(), promise(), promise("desk-x-y-2", "A2", "2026-04-20"))
    assert found == [
        {
            "modification_id": "journal-desk-x-y-1",
            "account_id": "A1",
            "kind": "forbearance",
            "agreed_on": "2026-03-02",
            "first_due_on": "2026-04-15",
        },
        {
            "modification_id": "journal-desk-x-y-2",
            "account_id": "A2",
            "kind": "forbearance",
            "agreed_on": "2026-03-02",
            "first_due_on": "2026-04-20",
        },
    ]


def test_what_is_given_up_is_value_lost() -> None:
    settlement = plan(plan="settlement", grant={"kind": "settlement", "amount_minor": 100_00})
    (row,) = rows(settlement, promise())
    assert (row["kind"], row["value_lost"]) == ("restructuring", "0.250000000")


def test_a_plan_that_waits_or_was_recorded_wrongly_is_none_and_one_taken_back_is() -> None:
    assert rows(plan(approval="7")) == [], "no promise is made before the second person agreed"
    withdrawn = {"promise": "desk-x-y-1", "by": "collector"}
    wrongly = Event("promise.withdrawn", withdrawn | {"reason": "recorded_wrongly"})
    assert rows(plan(), promise(), wrongly) == []
    assert (
        len(rows(plan(), promise(), Event("promise.withdrawn", withdrawn | {"reason": "customer_withdrew"})))
        == 1
    )


def test_a_promise_of_its_own_and_arrears_beside_the_contract_change_nothing() -> None:
    assert rows(plan(changes_contract=False), promise()) == []
    assert rows(plan(), promise("desk-another-1")) == []
    old = {name: value for name, value in plan().body.items() if name != "changes_contract"}
    assert len(rows(Event("plan.agreed", old), promise())) == 1, (
        "before it was recorded it is judged by its parts"
    )
    assert rows(Event("plan.agreed", old | {"plan": "arrears"}), promise()) == []


def test_the_tapes_word_stands_alone_within_a_week() -> None:
    def kept(day: date, account_row: int = 0) -> list[str]:
        told = pl.DataFrame(
            {
                "account_row": [0, account_row],
                "modification_id": ["journal-desk-x-y-1", "M1"],
                "agreed_on": [date(2026, 3, 2), day],
            }
        )
        return without_the_tapes(told)["modification_id"].to_list()

    assert kept(date(2026, 3, 9)) == kept(date(2026, 2, 23)) == ["M1"]
    assert len(kept(date(2026, 3, 10))) == len(kept(date(2026, 3, 2), 1)) == 2
