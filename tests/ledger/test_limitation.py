"""The limitation clock: from when it runs, what sets it anew, and what comes too late."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dunwell.book.plans import Detail, empty_rows
from dunwell.ledger.arrays import account_kinds
from dunwell.ledger.limitation import limitation
from dunwell.policy import PolicyError, read_policies

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


def test_a_promise_for_several_debts_interrupts_each_of_them() -> None:
    made = {"promise_id": "R", "made_at": datetime(2026, 2, 5, 3, tzinfo=UTC), "due_on": date(2026, 2, 20)}
    frames = tables(
        instalments=[{"account_row": row, "number": 1, "due_on": LAST_DUE} for row in (0, 1, 2)],
        promises=[made | {"account_ids": ["A", "B"]}],
    )
    frames["accounts"] = pl.DataFrame({"account_id": ["A", "B", "D"], "customer_id": ["C"] * 3})
    days = limitation(frames, np.array([True] * 3), AS_OF).column()
    assert days.to_list() == [date(2029, 2, 5), date(2029, 2, 5), date(2027, 3, 10)]


def litigation(from_on: date, to_on: date | None) -> list[dict[str, Any]]:
    return [{"hold_id": "H", "kind": "litigation", "from_on": from_on, "to_on": to_on}]


@pytest.mark.parametrize(
    ("from_on", "to_on", "day"),
    [
        (date(2024, 6, 3), date(2026, 5, 4), date(2029, 5, 4)),  # from the end of the proceedings
        (date(2024, 6, 3), None, date(2027, 6, 3)),  # pending: from filing, the earliest day it can be
        (date(2024, 6, 3), date(2027, 1, 1), date(2027, 6, 3)),  # ends after the day asked for: pending still
        (date(2024, 1, 3), date(2024, 3, 9), date(2027, 3, 10)),  # over before the period began
        (date(2024, 1, 3), date(2024, 3, 11), date(2027, 3, 11)),  # begun before, over after
    ],
)
def test_in_china_the_period_runs_anew_from_the_end_of_the_proceedings(
    from_on: date, to_on: date | None, day: date
) -> None:
    assert ends_on(tables(holds=litigation(from_on, to_on))) == day


def test_a_claim_in_court_is_never_time_barred_meanwhile() -> None:
    frames = tables(holds=litigation(date(2024, 6, 3), None))
    assert ends_on(frames, date(2027, 6, 2)) == date(2027, 6, 3)
    assert ends_on(frames, date(2027, 6, 3)) == date(2030, 6, 3)
    why = limitation(frames, np.array([True]), AS_OF).reason(0)["why"]
    assert why.startswith("3 years from the suit of 2024-06-03 at the earliest: it is pending")
    ended = tables(holds=litigation(date(2024, 6, 3), date(2026, 5, 4)))
    told = limitation(ended, np.array([True]), AS_OF).reason(0)["why"]
    assert told == "3 years from the end of the suit of 2024-06-03, 2026-05-04"


def test_a_day_is_a_day_on_the_customers_clock() -> None:
    at = datetime(2025, 5, 31, 23, 30, tzinfo=UTC)  # half past seven on 1 June in Shanghai
    sent = contact(date(2025, 5, 31), "sms", "delivered") | {"at": at}
    frames = tables(contacts=[sent])
    assert ends_on(frames) == date(2028, 6, 1), "China's one clock where the customer's is not told"
    frames["customers"] = frames["customers"].with_columns(timezone=pl.lit("Europe/Paris"))
    assert ends_on(frames) == date(2028, 6, 1), "half past one in Paris"
    frames["customers"] = frames["customers"].with_columns(timezone=pl.lit("America/New_York"))
    assert ends_on(frames) == date(2028, 5, 31)
    frames["customers"] = frames["customers"].with_columns(timezone=pl.lit("Asia/Shanghai"))
    assert ends_on(frames) == date(2028, 6, 1)
    promised = tables(promises=[{"promise_id": "R", "made_at": at, "due_on": date(2025, 6, 20)}])
    promised["customers"] = frames["customers"]
    assert ends_on(promised) == date(2028, 6, 1)


def test_in_england_a_promise_in_a_tape_is_no_signed_writing() -> None:
    made_at = datetime(2026, 2, 5, 3, tzinfo=UTC)
    promise = [{"promise_id": "R", "made_at": made_at, "due_on": date(2026, 2, 20)}]
    suit = [{"hold_id": "H", "kind": "litigation", "from_on": date(2026, 1, 5)}]
    assert ends_on(tables("gb", promises=promise)) == date(2030, 3, 10)
    assert ends_on(tables("gb", promises=promise, holds=suit)) == date(2032, 1, 5)
    assert ends_on(tables("gb", "GB-GLG", promises=promise)) == date(2029, 3, 10)
    assert ends_on(tables("gb", "GB-GLG", holds=suit)) == date(2031, 1, 5)


def test_an_account_without_instalments_has_no_day_and_the_reason_says_so() -> None:
    told = limitation(tables(instalments=[]), np.array([True]), AS_OF)
    assert told.column()[0] is None
    assert told.reason(0)["why"].startswith("no instalment is known")


def test_the_twenty_years_and_the_place_without_a_text_are_named() -> None:
    years = [pay(date(2026 + 2 * k, 1, 1), payment_id=f"P{k}") for k in range(12)]
    why = limitation(tables(payments=years), np.array([True]), date(2050, 1, 1)).reason(0)["why"]
    assert why == "20 years, the most, from the last instalment's due date, 2024-03-10"
    assert limitation(tables("us"), np.array([True]), AS_OF).reason(0)["why"].endswith("held for us")


TEXT = """key = "xx"
title = "t"
applies_to = ["xx"]
regions = ["*"]
from = 2020-01-01
citation = "Act"
source_quality = "text"
timezone = "UTC"
years = 2
begins = "last_instalment"
interrupted_by = ["payment"]
revived_by = ["payment"]
"""


def test_a_text_may_say_that_a_payment_brings_an_ended_claim_back(tmp_path: Path) -> None:
    (tmp_path / "xx.toml").write_text(TEXT, encoding="utf-8")
    frames = tables("xx", payments=[pay(date(2026, 6, 1))])
    told = limitation(frames, np.array([True]), AS_OF, texts=read_policies(tmp_path))
    assert told.column()[0] == date(2028, 6, 1)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (TEXT.replace("years = 2", "years = 0"), "years"),
        (TEXT.replace("last_instalment", "last_payment"), "begins"),
        (TEXT.replace('regions = ["*"]', 'regions = "*"'), "regions"),
        (TEXT.replace('interrupted_by = ["payment"]', 'interrupted_by = ["rumour"]'), "interrupted_by"),
        (TEXT.replace('"UTC"', '"Mars/Olympus"'), "timezone"),
    ],
)
def test_a_text_that_lacks_what_the_clock_needs_is_refused(tmp_path: Path, wrong: str, key: str) -> None:
    (tmp_path / "xx.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        limitation(tables("xx"), np.array([True]), AS_OF, texts=read_policies(tmp_path))
    assert caught.value.key == key


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


def test_a_portfolio_s_kinds_are_those_of_each_account_by_itself() -> None:
    places = [
        ("cn", None),
        ("gb", None),
        ("gb", "sct"),
        ("us", "ca"),
        ("us", None),
        ("nowhere", None),
        (None, None),
    ]
    many = places * 100
    kinds = account_kinds(_accounts_in(many))
    assert len(kinds.different) == len(places)
    assert [kinds.of_account(k)[:2] for k in range(len(many))] == many
    one_by_one = [account_kinds(_accounts_in([place])) for place in places]
    assert [alone.of_account(0) for alone in one_by_one] * 100 == [
        kinds.of_account(k) for k in range(len(many))
    ]
    held = {"cn": 7, "gb": 8, "us": 9}
    assert kinds.numbers(lambda kind: held.get(kind.jurisdiction or "", -1)).tolist() == [
        held.get(jurisdiction or "", -1) for jurisdiction, _ in many
    ]


def test_an_account_whose_customer_is_not_there_is_of_no_place() -> None:
    accounts = _accounts_in([("cn", None), ("gb", "sct")])
    kinds = account_kinds(accounts | {"customers": accounts["customers"].head(1)})
    assert [kinds.of_account(k)[:2] for k in (0, 1)] == [("cn", None), (None, None)]


def _accounts_in(places: list[tuple[str | None, str | None]]) -> dict[str, pl.DataFrame]:
    customers = pl.DataFrame(
        [(f"C{k}", *place) for k, place in enumerate(places)],
        schema={"customer_id": pl.String, "jurisdiction": pl.String, "region": pl.String},
        orient="row",
    )
    accounts = customers.select("customer_id", product=pl.lit("loan"), currency=pl.lit("CNY"))
    return {"customers": customers, "accounts": accounts}
