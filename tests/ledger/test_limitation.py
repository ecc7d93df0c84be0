"""The limitation clock: from when it runs, what sets it anew, and what comes too late."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from dunwell.book.reading import Detail, empty_rows
from dunwell.ledger.limitation import limitation

LAST_DUE = date(2024, 3, 10)
AS_OF = date(2026, 11, 23)


def tables(
    jurisdiction: str = "cn", region: str | None = None, **rows: list[dict[str, Any]]
) -> dict[str, pl.DataFrame]:
    frames = {
        name: empty_rows(name, Detail.EVERYTHING).drop("§row")
        for name in ("instalments", "payments", "holds", "promises", "contacts")
    }
    rows.setdefault(
        "instalments", [{"number": 1, "due_on": date(2024, 1, 10)}, {"number": 2, "due_on": LAST_DUE}]
    )
    for name, given in rows.items():
        full = [{"account_row": 0} | row for row in given] if name != "contacts" else given
        made = pl.DataFrame(
            full, schema_overrides={c: t for c, t in frames[name].schema.items() if full and c in full[0]}
        )
        frames[name] = pl.concat([frames[name], made], how="diagonal_relaxed")
    frames["accounts"] = pl.DataFrame({"account_id": ["A"], "customer_id": ["C"]})
    frames["customers"] = pl.DataFrame(
        {"customer_id": ["C"], "jurisdiction": [jurisdiction], "region": [region]},
        schema_overrides={"region": pl.String},
    )
    return frames


def ends_on(frames: dict[str, pl.DataFrame], as_of: date = AS_OF, *, is_owed: bool = True) -> date | None:
    day: date | None = limitation(frames, np.array([is_owed]), as_of).column()[0]
    return day


def pay(
    on: date, kind: str = "payment", payment_id: str = "P1", reverses: str | None = None
) -> dict[str, Any]:
    return {"payment_id": payment_id, "paid_on": on, "kind": kind, "reverses": reverses}


def contact(on: date, channel: str, outcome: str, **more: Any) -> dict[str, Any]:
    at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
    return {
        "customer_id": "C",
        "at": at,
        "channel": channel,
        "outcome": outcome,
        "direction": "out",
        "party": "self",
    } | more


@pytest.mark.parametrize(
    ("jurisdiction", "region", "day"),
    [
        ("cn", None, date(2027, 3, 10)),
        ("gb", "GB-ENG", date(2030, 3, 10)),
        ("gb", "GB-SCT", date(2029, 3, 10)),
        ("hk", None, date(2030, 3, 10)),
        ("us", "US-NY", None),
    ],
)
def test_it_runs_from_the_last_instalment(jurisdiction: str, region: str | None, day: date | None) -> None:
    assert ends_on(tables(jurisdiction, region)) == day


def test_where_no_text_is_held_or_nothing_is_owed_there_is_no_day_and_the_reason_says_so() -> None:
    assert (
        limitation(tables("us"), np.array([True]), AS_OF)
        .reason(0)["why"]
        .startswith("no limitation text is held")
    )
    assert limitation(tables("cn"), np.array([False]), AS_OF).reason(0)["why"] == "nothing is owed"


def test_a_payment_sets_it_anew_and_a_reversed_one_does_not() -> None:
    paid = tables(payments=[pay(date(2025, 6, 1))])
    assert ends_on(paid) == date(2028, 6, 1)
    assert "payment of 2025-06-01" in limitation(paid, np.array([True]), AS_OF).reason(0)["why"]
    undone = [pay(date(2025, 6, 1)), pay(date(2025, 6, 3), "reversal", "P2", "P1")]
    assert ends_on(tables(payments=undone)) == date(2027, 3, 10)


@pytest.mark.parametrize(
    ("channel", "outcome", "more", "counts"),
    [
        ("letter", "delivered", {}, True),
        ("sms", "delivered", {}, True),
        ("letter", "bounced", {}, False),
        ("call", "conversation", {}, True),
        ("call", "voicemail", {}, False),
        ("call", "no_answer", {}, False),
        ("call", "conversation", {"party": "employer"}, False),
        ("email", "replied", {"direction": "in"}, False),
        ("letter", "delivered", {"account_ids": ["A"]}, True),
        ("letter", "delivered", {"account_ids": ["B"]}, False),
    ],
)
def test_a_demand_counts_in_china_when_it_reached_the_person(
    channel: str, outcome: str, more: dict[str, Any], counts: bool
) -> None:
    demanded = tables(contacts=[contact(date(2025, 6, 1), channel, outcome, **more)])
    assert ends_on(demanded) == (date(2028, 6, 1) if counts else date(2027, 3, 10))
    demanded["customers"] = demanded["customers"].with_columns(jurisdiction=pl.lit("gb"))
    assert ends_on(demanded) == date(2030, 3, 10), "in England a demand changes nothing"


def test_a_suit_and_a_promise_interrupt() -> None:
    suit = [{"hold_id": "H", "kind": "litigation", "from_on": date(2026, 1, 5)}]
    assert ends_on(tables(holds=suit)) == date(2029, 1, 5)
    promise = [
        {"promise_id": "R", "made_at": datetime(2026, 2, 5, 3, tzinfo=UTC), "due_on": date(2026, 2, 20)}
    ]
    assert ends_on(tables(promises=promise)) == date(2029, 2, 5)


def test_what_comes_after_the_end_brings_nothing_back() -> None:
    late = tables(payments=[pay(date(2027, 3, 11))])
    assert ends_on(late, date(2027, 12, 1)) == date(2027, 3, 10)
    just_in_time = tables(payments=[pay(date(2027, 3, 10))])
    assert ends_on(just_in_time, date(2027, 12, 1)) == date(2030, 3, 10)


def test_events_after_as_of_are_not_looked_at_and_twenty_years_are_the_most() -> None:
    later = tables(payments=[pay(date(2026, 12, 1))])
    assert ends_on(later) == date(2027, 3, 10)
    years = [pay(date(2026 + 2 * k, 1, 1), payment_id=f"P{k}") for k in range(12)]
    assert ends_on(tables(payments=years), date(2050, 1, 1)) == date(2044, 3, 10)
