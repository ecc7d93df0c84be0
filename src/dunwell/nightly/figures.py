"""What a manager wants to know of a day, as small frames that add up.

``partition_figures`` computes them from one partition's positions; ``merge_figures`` adds the partitions together. Both only
count and sum, so partitions may be computed anywhere, in any order, and cut in any way that keeps a customer whole. Shares and
curves are formed last, from the merged frames. Money is exact and never added across currencies.

*On the book* are the accounts that are active or incomplete; closed, charged-off and sold ones are counted by status only.
*Past due* means past_due_days above 0. A customer counts once in each row, so customers add up over partitions, not over rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dataframely as dy
import polars as pl

from dunwell.ledger.terms import Terms
from dunwell.nightly.vintages import Vintages, vintage_figures

OFF_BOOK_STATUSES = ("closed", "charged_off", "sold")
AGE_BANDS_FROM = (0, 1, 31, 61, 91, 181, 361)
"""The past due days from which each age band begins. The band from 0 holds what is overdue on accounts that are not past due:
remainders at or below the product's materiality, and penalty alone."""

_is_on_book = ~pl.col("status").is_in(OFF_BOOK_STATUSES)
_is_past_due = pl.col("past_due_days") > 0


class Portfolio(dy.Schema):
    """One row: how many, over all currencies, on the book. ``all_accounts`` and ``all_customers`` count every status."""

    all_accounts = dy.Int64(min=0)
    all_customers = dy.Int64(min=0)
    accounts = dy.Int64(min=0)
    customers = dy.Int64(min=0)
    past_due_accounts = dy.Int64(min=0)
    past_due_customers = dy.Int64(min=0)
    incomplete_accounts = dy.Int64(min=0)


class Currencies(dy.Schema):
    """A row a currency, on the book. ``past_due_principal``: the outstanding principal of the accounts past due."""

    currency = dy.String()
    accounts = dy.Int64(min=0)
    customers = dy.Int64(min=0)
    past_due_accounts = dy.Int64(min=0)
    past_due_customers = dy.Int64(min=0)
    incomplete_accounts = dy.Int64(min=0)
    past_due_total = dy.Decimal(38, 4)
    outstanding_principal = dy.Decimal(38, 4)
    past_due_principal = dy.Decimal(38, 4)
    paid_30d = dy.Decimal(38, 4)


class Statuses(dy.Schema):
    """A row a currency and status, every position counted."""

    currency = dy.String()
    status = dy.String()
    accounts = dy.Int64(min=0)
    past_due_total = dy.Decimal(38, 4)
    outstanding_principal = dy.Decimal(38, 4)


class Buckets(dy.Schema):
    """A row a currency and bucket, on the book."""

    currency = dy.String()
    bucket = dy.String()
    accounts = dy.Int64(min=0)
    customers = dy.Int64(min=0)
    past_due_accounts = dy.Int64(min=0)
    past_due_total = dy.Decimal(38, 4)
    outstanding_principal = dy.Decimal(38, 4)


class Segments(dy.Schema):
    """A row a currency, jurisdiction, product and bucket, on the book."""

    currency = dy.String()
    jurisdiction = dy.String(nullable=True)
    product = dy.String()
    bucket = dy.String()
    accounts = dy.Int64(min=0)
    customers = dy.Int64(min=0)
    past_due_accounts = dy.Int64(min=0)
    past_due_total = dy.Decimal(38, 4)
    outstanding_principal = dy.Decimal(38, 4)


class Ageing(dy.Schema):
    """A row a currency and age band (by its first day, see AGE_BANDS_FROM): accounts that owe something overdue, and how much."""

    currency = dy.String()
    from_days = dy.Int64(is_in=list(AGE_BANDS_FROM))
    accounts = dy.Int64(min=0)
    past_due_total = dy.Decimal(38, 4)


class Roll(dy.Schema):
    """A row a currency and a way from one run to the next. A null bucket: not on the book on that side."""

    currency = dy.String()
    bucket_before = dy.String(nullable=True)
    was_past_due = dy.Bool(nullable=True)
    bucket_today = dy.String(nullable=True)
    is_past_due = dy.Bool(nullable=True)
    accounts = dy.Int64(min=0)
    outstanding_principal_before = dy.Decimal(38, 4)
    outstanding_principal_today = dy.Decimal(38, 4)
    past_due_total_before = dy.Decimal(38, 4)
    past_due_total_today = dy.Decimal(38, 4)


class Classes(dy.Schema):
    """A row a currency, jurisdiction and classification, on the book; null where no text classifies."""

    currency = dy.String()
    jurisdiction = dy.String(nullable=True)
    asset_class = dy.String(nullable=True)
    ifrs_stage = dy.Int64(nullable=True)
    in_default = dy.Bool(nullable=True)
    accounts = dy.Int64(min=0)
    outstanding_principal = dy.Decimal(38, 4)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a day: of one partition, or of several added together. Each frame is described by its schema."""

    portfolio: pl.DataFrame
    currencies: pl.DataFrame
    statuses: pl.DataFrame
    buckets: pl.DataFrame
    segments: pl.DataFrame
    ageing: pl.DataFrame
    roll: pl.DataFrame
    classes: pl.DataFrame
    vintages: pl.DataFrame


_FRAMES: Mapping[str, tuple[type[dy.Schema], tuple[str, ...]]] = {
    "portfolio": (Portfolio, ()),
    "currencies": (Currencies, ("currency",)),
    "statuses": (Statuses, ("currency", "status")),
    "buckets": (Buckets, ("currency", "bucket")),
    "segments": (Segments, ("currency", "jurisdiction", "product", "bucket")),
    "ageing": (Ageing, ("currency", "from_days")),
    "roll": (Roll, ("currency", "bucket_before", "was_past_due", "bucket_today", "is_past_due")),
    "classes": (Classes, ("currency", "jurisdiction", "asset_class", "ifrs_stage", "in_default")),
    "vintages": (Vintages, ("product", "opened_in", "month")),
}
"""Each frame's schema and its key; every other column is a measure and adds up."""


def partition_figures(
    positions: pl.DataFrame,
    before: pl.DataFrame | None,
    accounts: pl.DataFrame,
    customers: pl.DataFrame,
    timeline: pl.DataFrame | None,
    as_of: date,
) -> Figures:
    """The figures of one partition.

    ``positions``: today's, classified. ``before``: the previous run's positions of the same customers, None without such a run.
    ``accounts`` and ``customers``: the partition's frames as the book hands them out. ``timeline``: the arrears timeline whose
    ``account`` is the row in ``accounts`` (None leaves the vintages out).
    """
    placed = positions.join(
        accounts.select("account_id", "product"),
        on="account_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    ).join(customers.select("customer_id", "jurisdiction"), on="customer_id", how="left", validate="m:1")
    on_book = placed.filter(_is_on_book)
    frames = {
        "portfolio": _portfolio(positions, on_book),
        "currencies": on_book.group_by("currency").agg(
            *_counts(),
            *_sums(),
            past_due_principal=_sum_where_past_due("outstanding_principal"),
            paid_30d=_sum("paid_30d"),
        ),
        "statuses": positions.group_by("currency", "status").agg(pl.len().alias("accounts"), *_sums()),
        "buckets": on_book.group_by("currency", "bucket").agg(*_counts(), *_sums()),
        "segments": on_book.group_by("currency", "jurisdiction", "product", "bucket").agg(
            *_counts(), *_sums()
        ),
        "ageing": _ageing(on_book),
        "roll": roll_figures(positions, before),
        "classes": on_book.group_by(
            "currency", "jurisdiction", "asset_class", "ifrs_stage", "in_default"
        ).agg(pl.len().alias("accounts"), *_sums()),
        "vintages": Vintages.create_empty()
        if timeline is None
        else vintage_figures(accounts, timeline, as_of),
    }
    return _in_form(frames)


def merge_figures(parts: Iterable[Figures]) -> Figures:
    """The figures of all partitions together: the sums of the parts. No parts give an empty portfolio."""
    kept = list(parts)
    frames = {}
    for name, (schema, key) in _FRAMES.items():
        rows = pl.concat([schema.create_empty(), *(getattr(part, name) for part in kept)])
        frames[name] = rows.group_by(key).agg(pl.exclude(key).sum()) if key else rows.sum()
    return _in_form(frames)


def roll_figures(positions: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """How accounts moved between buckets from the previous run to this one (see Roll); no rows without a previous run."""
    if before is None:
        return Roll.create_empty()
    both = _side(before, "before").join(
        _side(positions, "today"), on="account_id", how="full", coalesce=True, suffix="_today"
    )
    return both.group_by(
        pl.coalesce("currency_today", "currency").alias("currency"),
        "bucket_before",
        pl.col("late_before").alias("was_past_due"),
        "bucket_today",
        pl.col("late_today").alias("is_past_due"),
    ).agg(
        accounts=pl.len(),
        **{
            name: _sum(name)
            for name in Roll.column_names()
            if name.endswith(("_before", "_today")) and "bucket" not in name
        },
    )


def movements(roll: pl.DataFrame) -> pl.DataFrame:
    """Who became past due and who cured since the previous run, a row a currency.

    In accounts, ``past_due_before + fell_past_due + arrived_past_due - cured - left_past_due = past_due_today``. Fell past
    due: on the book and not past due before, past due today. Cured: past due before, on the book and not past due today.
    Arrived and left: came onto the book (opened, out of quarantine, open again) or went off it (closed, sold, charged off,
    gone from the tape).
    ``fell_past_due_total`` is what they owe overdue today, ``cured_total`` what they owed overdue before.
    """
    was, now = pl.col("was_past_due"), pl.col("is_past_due")
    was_absent, is_absent = pl.col("bucket_before").is_null(), pl.col("bucket_today").is_null()
    accounts = pl.col("accounts")
    return (
        roll.group_by("currency")
        .agg(
            past_due_before=accounts.filter(was).sum(),
            fell_past_due=accounts.filter(~was & now).sum(),
            arrived_past_due=accounts.filter(was_absent & now).sum(),
            cured=accounts.filter(was & ~now).sum(),
            left_past_due=accounts.filter(was & is_absent).sum(),
            past_due_today=accounts.filter(now).sum(),
            arrived=accounts.filter(was_absent).sum(),
            left=accounts.filter(is_absent).sum(),
            fell_past_due_total=pl.col("past_due_total_today").filter(~was & now).sum(),
            cured_total=pl.col("past_due_total_before").filter(was & ~now).sum(),
        )
        .sort("currency")
    )


def bucket_order(terms: Mapping[str, Terms]) -> tuple[str, ...]:
    """Every bucket name of the products' texts, least late first; a name used by several stands where it begins earliest."""
    begins: dict[str, int] = {}
    for product_terms in terms.values():
        for name, from_days in zip(product_terms.buckets.names, product_terms.buckets.from_days, strict=True):
            begins[name] = min(from_days, begins.get(name, from_days))
    return tuple(sorted(begins, key=begins.__getitem__))


def in_order(frame: pl.DataFrame, column: str, order: Sequence[str]) -> list[str]:
    """The values a column holds, in the given order; those it does not name come last, by name."""
    held = set(frame[column].drop_nulls())
    return [name for name in order if name in held] + sorted(held.difference(order))


def _portfolio(positions: pl.DataFrame, on_book: pl.DataFrame) -> pl.DataFrame:
    everyone = positions.select(all_accounts=pl.len(), all_customers=pl.col("customer_id").n_unique())
    return pl.concat([everyone, on_book.select(*_counts())], how="horizontal")


def _ageing(on_book: pl.DataFrame) -> pl.DataFrame:
    is_owing = _is_past_due | (pl.col("past_due_total") > 0)
    reached = [
        pl.when(pl.col("past_due_days") >= first).then(pl.lit(first, pl.Int64)) for first in AGE_BANDS_FROM
    ]
    return (
        on_book.filter(is_owing)
        .group_by("currency", pl.max_horizontal(reached).alias("from_days"))
        .agg(accounts=pl.len(), past_due_total=_sum("past_due_total"))
    )


def _side(positions: pl.DataFrame, when: str) -> pl.DataFrame:
    return positions.filter(_is_on_book).select(
        "account_id",
        "currency",
        pl.col("bucket").cast(pl.String).alias(f"bucket_{when}"),
        _is_past_due.alias(f"late_{when}"),
        pl.col("outstanding_principal").alias(f"outstanding_principal_{when}"),
        pl.col("past_due_total").alias(f"past_due_total_{when}"),
    )


def _counts() -> list[pl.Expr]:
    customer = pl.col("customer_id")
    return [
        pl.len().alias("accounts"),
        customer.n_unique().alias("customers"),
        _is_past_due.sum().alias("past_due_accounts"),
        customer.filter(_is_past_due).n_unique().alias("past_due_customers"),
        (pl.col("status") == "incomplete").sum().alias("incomplete_accounts"),
    ]


def _sums() -> list[pl.Expr]:
    return [
        _sum("past_due_total").alias("past_due_total"),
        _sum("outstanding_principal").alias("outstanding_principal"),
    ]


def _sum(money: str) -> pl.Expr:
    return pl.col(money).sum()


def _sum_where_past_due(money: str) -> pl.Expr:
    return pl.col(money).filter(_is_past_due).sum()


def _in_form(frames: Mapping[str, pl.DataFrame]) -> Figures:
    """Each frame with the columns and types its schema declares, sorted by its key, checked."""
    formed = {}
    for name, (schema, key) in _FRAMES.items():
        rows = frames[name].select(schema.column_names())
        formed[name] = schema.validate(rows.sort(key) if key else rows, cast=True)
    return Figures(**formed)
