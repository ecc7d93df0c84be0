"""What a person can probably pay a month, and how unsure that is, from what little is known of them.

Two things may be known: what they say or show of income and spending, and what they have paid. What is left
of income is a difference of two uncertain sums, so it is far less sure than either; what was paid every month
is what they could pay then. Each is taken with its own spread and weighed by how sure it is. The low end is
for planning: a plan that only the lucky can keep is no help. A budget gone through with the person
(``dunwell.resolution``) goes before any estimate.
"""

from collections.abc import Mapping

import polars as pl

from dunwell.insight.problems import CannotScore

SPREADS: Mapping[str, float] = {"verified": 0.05, "declared": 0.20, "usual": 0.35}
"""By how income or spending is known, its standard deviation as a share of it: papers seen; said by the person;
a usual figure for such a household. The house's own assumptions, to be set anew where a lender has measured them.
"""

PAID_SPREAD = 0.25
"""The same for what past payments tell of coming months, beside their own ups and downs (an assumption)."""

PAID_MONTHS_MIN = 3
_Z_80 = 1.2816
_LEAST_SPREAD_MINOR = 1.0

COLUMNS = ("income_minor", "income_known", "spending_minor", "spending_known", "paid_by_month_minor")
"""What is read: amounts a month, how each is known (a key of the spreads), and a list of what was paid in each past
month (all that was paid to us, 0 where nothing was). Any may be null.
"""


def affordability(people: pl.DataFrame, spreads: Mapping[str, float] = SPREADS) -> pl.DataFrame:
    """The columns of ``people`` with ``low_minor``, ``likely_minor`` and ``high_minor`` a month (in eight of ten
    cases between low and high; none below 0), null where nothing is known, and ``because``: on what it rests.

    Raises CannotScore for columns left out and for ways of knowing without a spread.
    """
    _refuse_unusable(people, spreads)
    months = pl.col("paid_by_month_minor").list
    count = months.len()
    left = pl.col("income_minor") - pl.col("spending_minor")
    left_variance = (_spread("income", spreads) ** 2) + (_spread("spending", spreads) ** 2)
    has_paid = count.fill_null(0) >= PAID_MONTHS_MIN
    paid = pl.when(has_paid).then(months.mean())
    paid_variance = months.var() / count + (PAID_SPREAD * paid) ** 2
    known = people.with_columns(
        _left=left.cast(pl.Float64),
        _left_weight=1 / left_variance.clip(_LEAST_SPREAD_MINOR),
        _paid=paid,
        _paid_weight=1 / paid_variance.clip(_LEAST_SPREAD_MINOR),
    )
    weight = pl.col("_left_weight").fill_null(0) * pl.col("_left").is_not_null() + pl.col(
        "_paid_weight"
    ).fill_null(0)
    sums = (pl.col("_left") * pl.col("_left_weight")).fill_null(0) + (
        pl.col("_paid") * pl.col("_paid_weight")
    ).fill_null(0)
    likely = pl.when(weight > 0).then(sums / weight)
    # Two accounts of the same month that disagree by more than they should leave more doubt, not less.
    apart = (
        (pl.col("_left") - pl.col("_paid")) ** 2 * pl.col("_left_weight") * pl.col("_paid_weight") / weight
    )
    spread = (apart.fill_null(0).clip(1.0) / weight).sqrt()
    return known.with_columns(
        low_minor=_whole((likely - _Z_80 * spread).clip(0)),
        likely_minor=_whole(likely.clip(0)),
        high_minor=_whole((likely + _Z_80 * spread).clip(0)),
        because=_because(),
    ).drop("_left", "_left_weight", "_paid", "_paid_weight")


def paid_by_month(tables: Mapping[str, pl.DataFrame], months: list[int], month_of: pl.Expr) -> pl.DataFrame:
    """What each person paid on all accounts of a currency in each of the months, oldest first, from a partition's
    known tables: customer_id, currency, paid_by_month_minor. ``month_of`` numbers the payments' months.
    """
    accounts = tables["accounts"].select(
        "customer_id", "currency", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    taken_back = tables["payments"].select(payment_id="reverses").drop_nulls()
    paid = (
        tables["payments"]
        .filter(pl.col("kind").cast(pl.String) == "payment")
        .join(taken_back, on="payment_id", how="anti")
        .with_columns(_month=month_of)
        .join(accounts, on="account_row")
        .group_by("customer_id", "currency", "_month")
        .agg(pl.col("amount_minor").sum())
    )
    grid = (
        accounts.select("customer_id", "currency")
        .unique()
        .join(pl.DataFrame({"_month": months}), how="cross")
    )
    return (
        grid.join(
            paid.with_columns(pl.col("_month").cast(pl.Int64)),
            on=["customer_id", "currency", "_month"],
            how="left",
        )
        .sort("customer_id", "currency", "_month")
        .group_by("customer_id", "currency", maintain_order=True)
        .agg(paid_by_month_minor=pl.col("amount_minor").fill_null(0))
    )


def _spread(name: str, spreads: Mapping[str, float]) -> pl.Expr:
    share = (
        pl.col(f"{name}_known")
        .cast(pl.String)
        .replace_strict(dict(spreads), return_dtype=pl.Float64, default=None)
    )
    return share * pl.col(f"{name}_minor")


def _whole(amount: pl.Expr) -> pl.Expr:
    return amount.round().cast(pl.Int64)


def _because() -> pl.Expr:
    left = pl.when(pl.col("_left").is_not_null()).then(
        pl.format(
            "income ({}) less spending ({}) leaves {} a month",
            "income_known",
            "spending_known",
            _whole(pl.col("_left")),
        )
    )
    paid = pl.when(pl.col("_paid").is_not_null()).then(
        pl.format(
            "{} a month was paid over {} months",
            _whole(pl.col("_paid")),
            pl.col("paid_by_month_minor").list.len(),
        )
    )
    told = pl.concat_list(left, paid).list.drop_nulls().list.join("; ")
    return pl.when(told != "").then(told).otherwise(pl.lit("nothing is known"))


def _refuse_unusable(people: pl.DataFrame, spreads: Mapping[str, float]) -> None:
    absent = [name for name in COLUMNS if name not in people.columns]
    if absent:
        raise CannotScore(f"the column {absent[0]!r} is missing. Add it, null where it is not known")
    for name in ("income", "spending"):
        ways = people.filter(pl.col(f"{name}_minor").is_not_null())[f"{name}_known"].cast(pl.String)
        unknown = sorted(set(ways.fill_null("null")) - set(spreads))
        if unknown:
            raise CannotScore(
                f"{name}_known is {unknown[0]!r}, and how sure that is is not said. There are: {', '.join(spreads)}"
            )
