"""The compiled walk and the plain one agree on every promise, whatever comes in which order; and what must always hold."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.ledger.arrays import standing_payments
from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.resolution.promises import Cancelled, Part, Promise, Received, judge_customer, judge_promises
from tests.resolution.promise_oracle import Judged, Rule, judge

FIRST = date(2026, 3, 1)
RULES = (
    Rule(),
    Rule(share=Fraction(6, 100)),
    Rule(grace_days=2),
    Rule(share=Fraction(3, 100), tolerance_minor=7, grace_days=1),
    Rule(tolerance_minor=1000),
)
INSTANT = pl.Datetime("us", "UTC")
PROMISES: dict[str, Any] = {
    **dict.fromkeys(("promise_id", "account_id", "customer_id", "currency", "timezone"), pl.String),
    "made_at": INSTANT,
    "due_on": pl.Date,
    "amount_minor": pl.Int64,
    "contact_id": pl.String,
    "made_by": pl.String,
    "recorded_at": INSTANT,
}
PAYMENTS: dict[str, Any] = {
    "account_row": pl.UInt32,
    "account_id": pl.String,
    "payment_id": pl.String,
    "paid_on": pl.Date,
    "amount_minor": pl.Int64,
    "recorded_at": INSTANT,
    "kind": pl.String,
    "reverses": pl.String,
}
CANCELLATIONS: dict[str, Any] = {
    "promise_id": pl.String,
    "account_id": pl.String,
    "at": INSTANT,
    "reason": pl.String,
    "superseded_by": pl.String,
    "recorded_at": INSTANT,
}
ZONES = (None, "Asia/Shanghai", "America/New_York")


@pytest.fixture(scope="session")
def policy_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Rule], PromisePolicy]:
    """A lender's text that says a rule."""
    folder = tmp_path_factory.mktemp("policies")
    read: dict[Rule, PromisePolicy] = {}
    for number, rule in enumerate(RULES):
        file: Path = folder / f"promises{number}.toml"
        file.write_text(
            'key = "promises"\ntitle = "T"\nfrom = 2000-01-01\ncitation = "house"\nsource_quality = "text"\n'
            f'[[rule]]\ntolerance_share = "{float(rule.share)}"\ngrace_days = {rule.grace_days}\n'
            f'tolerance = {{ USD = "{rule.tolerance_minor / 100:.2f}" }}\n',
            encoding="utf-8",
        )
        read[rule] = read_promise_policy(file)
    return lambda rule: read[rule]


days = st.integers(0, 12).map(lambda n: FIRST + timedelta(days=n))
instants = st.integers(0, 12 * 24).map(lambda n: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=n))
amounts = st.integers(1, 60)
accounts = st.sampled_from("ABC")
covers = st.sets(accounts, min_size=1).map(lambda names: tuple(sorted(names)))
parts = st.lists(st.builds(Part, amounts, days), min_size=1, max_size=3).map(tuple)


ONE_ACCOUNT = st.just(("",))


@st.composite
def events(draw: Any, of: Any = ONE_ACCOUNT) -> tuple[list[Promise], list[Received], list[Cancelled]]:
    """A few promises and payments in two weeks, so that they crowd one another. ``of``: the debts that a promise covers."""
    made = draw(st.lists(st.tuples(instants, parts, st.integers(0, 30), of), min_size=1, max_size=4))
    promises = [
        Promise(f"P{number}", at, parts_, recorded_at=at + timedelta(hours=late), account_ids=covered)
        for number, (at, parts_, late, covered) in enumerate(made)
    ]
    kinds = st.sampled_from(["payment"] * 4 + ["chargeback"])
    on_which = st.just("") if of is ONE_ACCOUNT else accounts
    paid = draw(st.lists(st.tuples(days, amounts, instants, kinds, on_which), max_size=6))
    payments = [
        Received(f"M{n}", on, amount, at, kind, account_id=account)
        for n, (on, amount, at, kind, account) in enumerate(paid)
    ]
    for n, at in draw(st.dictionaries(st.integers(0, 5), instants, max_size=2)).items():
        if n < len(payments) and payments[n].kind == "payment":
            taken = payments[n]
            payments.append(
                Received(
                    *(f"R{n}", taken.paid_on, taken.amount_minor, at, "reversal", taken.payment_id),
                    account_id=taken.account_id,
                )
            )
    ended = draw(st.lists(st.tuples(st.integers(0, 3), instants), max_size=2))
    return (
        promises,
        payments,
        [Cancelled(f"P{n}", at, "by agreement") for n, at in ended if n < len(promises)],
    )


def as_told(one: Judged) -> dict[str, Any]:
    parts_ = sorted(
        zip(one.promise.parts, one.credited, one.kept_on, strict=True),
        key=lambda row: (row[0].due_on, row[0].amount_minor),
    )
    return {
        "state": one.state,
        "credited": sum(one.credited),
        "kept_on": max(day for day in one.kept_on if day) if one.state == "kept" else None,
        "broken_on": one.broken_on,
        "parts": sorted((p.due_on, p.amount_minor, credited, str(kept)) for p, credited, kept in parts_),
    }


def told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": row["state"],
        "credited": int(row["credited"] * 100),
        "kept_on": row["kept_on"],
        "broken_on": row["broken_on"],
        "parts": sorted(
            (p["due_on"], int(p["amount"] * 100), int(p["credited"] * 100), str(p["kept_on"]))
            for p in row["parts"]
        ),
    }


@given(
    events=events() | events(covers),
    as_of=st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)),
    rule=st.sampled_from(RULES),
    zone=st.sampled_from(ZONES),
    known_at=st.none() | instants,
)
def test_the_walk_is_the_oracles(
    policy_of: Callable[[Rule], PromisePolicy],
    events: tuple[list[Promise], list[Received], list[Cancelled]],
    as_of: date,
    rule: Rule,
    zone: str | None,
    known_at: datetime | None,
) -> None:
    promises, payments, ended = events
    found = judge_customer(
        promises,
        payments,
        ended,
        as_of,
        currency="USD",
        timezone=zone,
        known_at=known_at,
        policy=policy_of(rule),
    )
    expected = judge(promises, payments, ended, as_of, rule, zone, known_at)
    assert {row["promise_id"]: told(row) for row in found.to_dicts()} == {
        promise_id: as_told(one) for promise_id, one in expected.items()
    }


@given(events=events() | events(covers), as_of=st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)))
def test_no_minor_unit_is_credited_twice(
    events: tuple[list[Promise], list[Received], list[Cancelled]], as_of: date
) -> None:
    promises, payments, ended = events
    found = judge_customer(promises, payments, ended, as_of, currency="USD")
    undone = {p.reverses for p in payments}
    standing = [
        p for p in payments if p.kind == "payment" and p.payment_id not in undone and p.paid_on <= as_of
    ]
    assert found["credited"].sum() * 100 <= sum(p.amount_minor for p in standing)
    assert (found["credited"] <= found["amount"]).all()
    for some in (set(names) for count in (1, 2) for names in combinations("ABC", count)):
        only_there = found.filter(pl.col("account_ids").list.set_difference(sorted(some)).list.len() == 0)
        came = sum(p.amount_minor for p in standing if p.account_id in some)
        assert only_there["credited"].sum() * 100 <= came


@given(events=events() | events(covers), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_arrival_of_the_rows_changes_nothing(
    events: tuple[list[Promise], list[Received], list[Cancelled]], shuffle: Any
) -> None:
    promises, payments, ended = events
    as_of = FIRST + timedelta(days=9)
    before = judge_customer(promises, payments, ended, as_of, currency="USD")
    for rows in (promises, payments, ended):
        shuffle.shuffle(rows)
    assert judge_customer(promises, payments, ended, as_of, currency="USD").equals(before)


@given(events=events() | events(covers))
def test_every_promise_comes_to_an_end(events: tuple[list[Promise], list[Received], list[Cancelled]]) -> None:
    promises, payments, ended = events
    found = judge_customer(promises, payments, ended, date(2027, 1, 1), currency="USD")
    assert found.height == len(promises)
    assert not (found["state"] == "open").any()


@given(st.lists(events(), min_size=2, max_size=4))
def test_one_account_or_many_is_the_same_function(
    accounts: list[tuple[list[Promise], list[Received], list[Cancelled]]],
) -> None:
    """Each account of a frame of many stands as it does alone."""
    as_of = FIRST + timedelta(days=9)
    rows, money, ended = [], [], []
    for number, (promises, payments, cancellations) in enumerate(accounts):
        name = f"A{number}"
        rows += [
            (
                p.promise_id,
                name,
                "C",
                "USD",
                None,
                p.made_at,
                part.due_on,
                part.amount_minor,
                None,
                None,
                p.recorded_at,
            )
            for p in promises
            for part in p.parts
        ]
        money += [
            (number, name, p.payment_id, p.paid_on, p.amount_minor, p.recorded_at, p.kind, p.reverses)
            for p in payments
        ]
        ended += [(c.promise_id, name, c.at, c.reason, None, c.at) for c in cancellations]
    found = judge_promises(
        pl.DataFrame(rows, schema=PROMISES, orient="row"),
        standing_payments(pl.DataFrame(money, schema=PAYMENTS, orient="row")),
        pl.DataFrame(ended, schema=CANCELLATIONS, orient="row"),
        as_of,
    )
    named = ["account_id", "account_ids", "customer_id"]
    for number, (promises, payments, cancellations) in enumerate(accounts):
        alone = judge_customer(promises, payments, cancellations, as_of, currency="USD")
        mine = found.filter(account_id=f"A{number}")
        assert (
            mine["account_ids"] == pl.Series([[f"A{number}"]] * mine.height, dtype=pl.List(pl.String))
        ).all()
        assert mine.drop(named).equals(alone.drop(named))
