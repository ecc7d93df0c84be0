"""From a book to rows one can look for drivers in: what was known of each account on past days, what the lender
says of it, and what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from dunwell.book.schemas import SCHEMAS
from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.forbidden import forbidden_kind
from dunwell.insight.training import OUTCOMES, are_dated, known_at_end_of, outcome_rows
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Settled, settle_partition

UNRECOVERED = "unrecovered"


@dataclass(frozen=True, slots=True)
class Rows:
    """``frame``: account_id, customer_id, origin, the columns to look in, and ``outcome``. ``left_out``: the
    lender's own columns that nobody may be told apart by, with their kind.
    """

    frame: pl.DataFrame
    columns: tuple[str, ...]
    left_out: Mapping[str, str]


def driver_rows(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    origins: Sequence[date],
    horizon_days: int,
    outcome: str,
) -> Rows:
    """A row an account and origin of a partition. ``outcome``: one of ``OUTCOMES`` (1 when it came), or
    ``unrecovered``: of what was past due on the origin, the share that had not come in a horizon later.
    """
    if outcome == UNRECOVERED:
        rows = pl.concat([_unrecovered(tables, terms, origin, horizon_days) for origin in origins])
    else:
        rows = outcome_rows(tables, terms, origins, horizon_days, OUTCOMES[outcome]).with_columns(
            outcome=pl.col("has_come").cast(pl.Float64)
        )
    accounts = tables["accounts"]
    own = [name for name in accounts.columns if name not in SCHEMAS["accounts"].column_names()]
    kinds = {name: forbidden_kind(name, accounts[name]) for name in own}
    left_out = {name: kind.key for name, kind in kinds.items() if kind is not None}
    told = ["product", *(name for name in own if name not in left_out and _can_be_told(accounts[name]))]
    jurisdictions = tables["customers"].select("customer_id", "jurisdiction")
    known = accounts.select("account_id", "customer_id", *told).join(
        jurisdictions, on="customer_id", how="left", maintain_order="left"
    )
    columns = ("jurisdiction", *told, *CATALOGUE)
    frame = rows.join(known, on="account_id", how="left", maintain_order="left").select(
        "account_id", "customer_id", "origin", *columns, "outcome"
    )
    return Rows(frame, columns, left_out)


def telling(frame: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """The columns that have more than one value."""
    return [name for name in columns if frame[name].drop_nulls().n_unique() > 1]


def _can_be_told(values: pl.Series) -> bool:
    """Numbers, truth values and names; names that are all different are ids."""
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        return True
    is_names = values.dtype == pl.String or isinstance(values.dtype, pl.Enum | pl.Categorical)
    return is_names and values.n_unique() <= max(50, len(values) // 20)


def _unrecovered(
    tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], origin: date, horizon_days: int
) -> pl.DataFrame:
    known_at = known_at_end_of(origin) if are_dated(tables) else None
    known = features(tables, terms, origin, known_at)
    settled: Settled[None] = settle_partition(tables, terms, origin, known_at)
    overdue = pl.DataFrame(
        {
            "account_id": tables["accounts"]["account_id"],
            "overdue_minor": settled.figures[:, kernel.OUT_PAST_DUE_TOTAL].astype(np.float64),
        }
    ).with_row_index("account_row")
    sign = pl.when(pl.col("kind") == "payment").then(1).otherwise(-1)
    came_in = (
        tables["payments"]
        .filter((pl.col("paid_on") > origin) & (pl.col("paid_on") <= origin + timedelta(days=horizon_days)))
        .group_by("account_row")
        .agg(paid_minor=(pl.col("amount_minor") * sign).sum().cast(pl.Float64))
    )
    share = (1 - pl.col("paid_minor").fill_null(0) / pl.col("overdue_minor")).clip(0, 1)
    return (
        known.filter(pl.col("past_due_days") > 0)
        .join(overdue, on="account_id", how="inner", maintain_order="left")
        .filter(pl.col("overdue_minor") > 0)
        .join(came_in, on="account_row", how="left", maintain_order="left")
        .with_columns(outcome=share, origin=pl.lit(origin))
        .select("account_id", "origin", *CATALOGUE, "outcome")
    )
