"""From a book to rows one can learn from: features as of past days, and what had come of each account later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.problems import TrainingUnusable
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Settled, settle_partition

_DATED_WITHIN_DAYS = 31


@dataclass(frozen=True, slots=True)
class Outcome:
    """Something to foresee: of which accounts it is asked (by the days past due on the day), and when it has
    come (by the days past due after the horizon).
    """

    name: str
    meaning: str
    is_asked_of: pl.Expr
    has_come: pl.Expr


OUTCOMES: Mapping[str, Outcome] = {
    outcome.name: outcome
    for outcome in (
        Outcome(
            "stays-late",
            "an account past due is still past due {days} days later",
            pl.col("past_due_days") > 0,
            pl.col("later_days") > 0,
        ),
        Outcome(
            "falls-30",
            "an account less than 30 days past due is 30 or more past due {days} days later",
            pl.col("past_due_days") < 30,
            pl.col("later_days") >= 30,
        ),
    )
}
"""What ``dunwell train`` can foresee from a book."""

RISK: Mapping[str, int] = {name: feature.risk for name, feature in CATALOGUE.items() if feature.risk}
"""The directions that the catalogue declares."""


def are_dated(tables: Mapping[str, pl.DataFrame]) -> bool:
    """Whether the payments' ``recorded_at`` tells when we learned of them, and not only when they were
    imported.
    """
    payments = tables["payments"]
    if payments.is_empty():
        return False
    delay = payments.select(
        (pl.col("recorded_at").dt.date() - pl.col("paid_on")).dt.total_days().median()
    ).item()
    return bool(delay <= _DATED_WITHIN_DAYS)


def known_at_end_of(day: date) -> datetime:
    """The last instant of a day, UTC."""
    return datetime.combine(day, time.max, UTC)


def outcome_rows(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    origins: Sequence[date],
    horizon_days: int,
    outcome: Outcome,
) -> pl.DataFrame:
    """A row an account and origin of which the outcome is asked: account_id, origin, the features as of the
    origin (as known then, where the records say when they were made), and ``has_come``.
    """
    dated = are_dated(tables)
    parts = []
    for origin in origins:
        known = features(tables, terms, origin, known_at_end_of(origin) if dated else None)
        later = _days_late(tables, terms, origin + timedelta(days=horizon_days))
        rows = (
            known.filter(outcome.is_asked_of)
            .join(later, on="account_id", how="left", maintain_order="left")
            .with_columns(has_come=outcome.has_come.fill_null(False), origin=pl.lit(origin))
        )
        parts.append(rows.select("account_id", "origin", *CATALOGUE, "has_come"))
    return pl.concat(parts)


GROUPS = ("age", "language")
"""The ways of grouping people that a book itself tells, to measure fairness by; never inputs."""

_AGES = (30, 45, 62)


def groups_on(tables: Mapping[str, pl.DataFrame], day: date) -> pl.DataFrame:
    """account_id, customer_id and ``GROUPS`` of every account of a partition, as of a day."""
    accounts = tables["accounts"].select("account_id", "customer_id", origin=pl.lit(day))
    return with_groups(accounts, tables).drop("origin")


def with_groups(rows: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The rows (account_id, origin) with ``GROUPS``: the age band on the origin and the language, null where the
    book does not tell. From 62 on 12 CFR 1002.6(b)(2) forbids to count age against a person.
    """
    people = (
        tables["accounts"]
        .select("account_id", "customer_id")
        .join(tables["customers"].select("customer_id", "born_on", "language"), on="customer_id", how="left")
    )
    years = (pl.col("origin") - pl.col("born_on")).dt.total_days() / 365.25
    names = [
        f"under {_AGES[0]}",
        *(f"{low} to {high - 1}" for low, high in pairwise(_AGES)),
        f"{_AGES[-1]} or more",
    ]
    place = pl.sum_horizontal((years >= first).cast(pl.Int32) for first in _AGES)
    return (
        rows.join(people.drop("customer_id"), on="account_id", how="left", maintain_order="left")
        .with_columns(
            age=pl.when(pl.col("born_on").is_not_null()).then(
                place.replace_strict(dict(enumerate(names)), return_dtype=pl.String)
            ),
            language=pl.col("language").cast(pl.String).str.split("-").list.first(),
        )
        .drop("born_on")
    )


def _days_late(tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], as_of: date) -> pl.DataFrame:
    settled: Settled[None] = settle_partition(tables, terms, as_of)
    days = settled.figures[:, kernel.OUT_PAST_DUE_DAYS].astype(np.int32)
    return pl.DataFrame({"account_id": tables["accounts"]["account_id"], "later_days": days})


def origins_before(as_of: date, horizon_days: int, count: int) -> list[date]:
    """The days to learn from and, last, the day to measure on, oldest first.

    The last lies a horizon before ``as_of``; those before it, 30 days apart, end a horizon earlier still, so
    that nothing learned from had come after the day measured on. Raises TrainingUnusable below two days.
    """
    if count < 2:
        raise TrainingUnusable(
            "at least 2 origins are needed: the model is measured on the last. Ask for more"
        )
    measured_on = as_of - timedelta(days=horizon_days)
    newest = measured_on - timedelta(days=horizon_days)
    return [newest - timedelta(days=30 * k) for k in range(count - 2, -1, -1)] + [measured_on]
