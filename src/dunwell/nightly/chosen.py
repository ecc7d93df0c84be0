"""What was decided, laid out: the work list, the decisions and the options of a partition, from its offers and the day as it was
settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dunwell.law.checking import REASON
from dunwell.nightly.decisions import BLOCKED, DECISION_SCHEMA, MODELS, decision_ids
from dunwell.nightly.market import Settled
from dunwell.nightly.offers import Offered
from dunwell.nightly.stages import read_ladder
from dunwell.nightly.worklist import WORK_SCHEMA, told
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.learned import NOTHING_DONE
from dunwell.strategy.text import Strategy

MONEY = pl.Decimal(18, 4)

OPTION_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "treatment": pl.String,
    "channel": pl.String,
    "value": MONEY,
    "value_sd": pl.Float64,
    "against": pl.String,
    "cost": MONEY,
    "price": MONEY,
    "net": MONEY,
    "blocked_by": pl.List(pl.String),
    "is_chosen": pl.Boolean,
}
"""The columns of ``book/options.parquet``, a row a customer and treatment of the text that is for them, ``none`` first.

``value``: what it is thought to recover, ``value_sd`` how unsure that is; ``against``: over what: ``waiting`` today and choosing
again tomorrow, or ``nothing`` done within the window; ``cost``: of the text; ``price``:
what the capacities it uses are worth today; ``net``: value less cost and price; all in the strategy's currency. ``blocked_by``:
the rules that rule it out today.
"""

_NO_TREATMENT = "strategy.no-treatment"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A partition's share of the day, with the columns of WORK_SCHEMA, DECISION_SCHEMA and OPTION_SCHEMA."""

    work: pl.DataFrame
    decisions: pl.DataFrame
    options: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Made:
    """Under what a day was decided, as each decision says it."""

    as_of: date
    known_at: datetime | None
    policy_hash: str
    models: Sequence[Mapping[str, str]]

    @property
    def seed(self) -> int:
        """The day as a number: from it and the text's salts all lots follow."""
        return int(f"{self.as_of:%Y%m%d}")


def chosen(
    offered: Offered, settled: Settled, strategy: Strategy, inputs: pl.DataFrame, made: Made
) -> Chosen:
    """Lay out a partition. ``inputs``: customer_id and inputs_hash (``decisions.inputs_digests``)."""
    mine = offered.people.select("customer_id").join(
        settled.decided, on="customer_id", how="left", maintain_order="left"
    )
    prices = pl.DataFrame(
        {"treatment": list(settled.treatment_prices), "price": list(settled.treatment_prices.values())},
        schema={"treatment": pl.String, "price": pl.Float64},
    ).with_columns(pl.col("price").round(4))
    offers = offered.offers.join(prices, on="treatment", how="left", maintain_order="left").join(
        mine.select("customer_id", pl.col("treatment").alias("done")), on="customer_id", maintain_order="left"
    )
    work = _work(offered.people, offers, mine, settled.is_cold, made.as_of)
    decided = _decisions(offered.people, offers, mine, strategy, inputs, made)
    return Chosen(work, decided, _options(offers, mine))


def _work(
    people: pl.DataFrame, offers: pl.DataFrame, mine: pl.DataFrame, is_cold: bool, as_of: date
) -> pl.DataFrame:
    """The work list. Of who is left in peace, the contact shown is the first of the text's order; the reasons are the law's
    and the house's where nothing was open to them (or not the first, while that is all that is chosen), else the strategy's.
    """
    reasons = read_ladder(as_of).reasons
    contact = ["channel", "contact_point_id", "purpose", "at", "reasons", "not_before", "is_open"]
    done = offers.filter(pl.col("treatment") == pl.col("done")).select(
        "customer_id", *(pl.col(name).alias(f"done_{name}") for name in contact)
    )
    first = people.select("customer_id", pl.col("first").alias("treatment")).join(
        offers.select("customer_id", "treatment", *contact), on=["customer_id", "treatment"]
    )
    any_open = offers.group_by("customer_id").agg(pl.col("is_open").any().alias("has_open"))
    rows = (
        people.join(
            mine.select("customer_id", pl.col("treatment").alias("done"), "left_because"),
            on="customer_id",
            maintain_order="left",
        )
        .rename({"purpose": "stage_purpose"})
        .join(done, on="customer_id", how="left", maintain_order="left")
        .join(first.drop("treatment"), on="customer_id", how="left", maintain_order="left")
        .join(any_open, on="customer_id", how="left", maintain_order="left")
    )
    is_done = pl.col("done") != NOTHING
    has_none = pl.col("first").is_null()
    is_law = ~has_none & (~pl.col("has_open") | (pl.lit(is_cold) & ~pl.col("is_open")))
    left = pl.coalesce(
        *(
            pl.when(pl.col("left_because") == rule).then(pl.concat_list(told(reason)))
            for rule, reason in reasons.items()
            if rule.startswith("strategy.")
        ),
        pl.lit([], pl.List(REASON)),
    )
    rows = rows.with_columns(
        *(
            pl.when(is_done).then(f"done_{name}").otherwise(name).alias(name)
            for name in ("channel", "contact_point_id", "purpose")
        ),
        pl.when(is_done).then("done_at").alias("at"),
        (~is_done).alias("is_held_back"),
        pl.when(is_done)
        .then(pl.lit([], pl.List(REASON)))
        .when(has_none)
        .then(pl.concat_list(told(reasons[_NO_TREATMENT])))
        .when(is_law)
        .then("reasons")
        .otherwise(left)
        .alias("reasons"),
        pl.when(~is_done & is_law).then("not_before").alias("not_before"),
    ).with_columns(
        pl.col("channel").fill_null(pl.col("channels").list.first()),
        pl.col("purpose").fill_null(pl.col("stage_purpose")),
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in WORK_SCHEMA.items())


def _decisions(
    people: pl.DataFrame,
    offers: pl.DataFrame,
    mine: pl.DataFrame,
    strategy: Strategy,
    inputs: pl.DataFrame,
    made: Made,
) -> pl.DataFrame:
    done = offers.filter(pl.col("treatment") == pl.col("done")).select(
        "customer_id",
        "channel",
        "contact_point_id",
        pl.col("at").alias("scheduled_at"),
        pl.col("value").cast(MONEY),
        pl.col("price").cast(MONEY),
    )
    blocked = (
        offers.filter(~pl.col("is_open"))
        .group_by("customer_id", maintain_order=True)
        .agg(pl.struct(pl.col("treatment"), _rules().alias("rules")).alias("blocked"))
        .with_columns(pl.col("blocked").cast(BLOCKED))
    )
    texts = {one.name: one.text for one in strategy.treatments if one.text}
    zero = pl.lit(0).cast(MONEY)
    return (
        people.select("customer_id", "account_ids", "segment")
        .join(mine.drop("chances"), on="customer_id", maintain_order="left")
        .join(inputs, on="customer_id", how="left", maintain_order="left")
        .join(done, on="customer_id", how="left", maintain_order="left")
        .join(blocked, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            decision_ids(people["customer_id"], made.as_of, made.known_at, made.policy_hash),
            pl.col("account_ids").list.first().alias("account_id"),
            pl.lit(made.as_of).alias("as_of"),
            pl.col("treatment").replace_strict(texts, default=None, return_dtype=pl.String).alias("text_id"),
            pl.col("value").fill_null(zero),
            pl.col("price").fill_null(zero),
            pl.col("blocked").fill_null(pl.lit([], BLOCKED)),
            pl.lit(made.policy_hash).alias("policy_hash"),
            pl.lit([dict(one) for one in made.models], MODELS).alias("models"),
            pl.lit(made.seed, pl.Int64).alias("seed"),
        )
        .select(pl.col(name).cast(kind) for name, kind in DECISION_SCHEMA.items())
    )


def _options(offers: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    cost = pl.col("cost").cast(MONEY)
    told_ones = offers.select(
        "customer_id",
        "treatment",
        "channel",
        (pl.col("value").cast(MONEY) + cost).alias("value"),
        "value_sd",
        "against",
        cost.alias("cost"),
        pl.col("price").cast(MONEY),
        (pl.col("value").cast(MONEY) - pl.col("price").cast(MONEY)).alias("net"),
        pl.when(~pl.col("is_open"))
        .then(_rules())
        .otherwise(pl.lit([], pl.List(pl.String)))
        .alias("blocked_by"),
        (pl.col("treatment") == pl.col("done")).alias("is_chosen"),
    )
    zero = pl.lit(0).cast(MONEY)
    nothing = mine.select(
        "customer_id",
        pl.lit(NOTHING).alias("treatment"),
        pl.lit(None, pl.String).alias("channel"),
        zero.alias("value"),
        pl.lit(0.0).alias("value_sd"),
        pl.lit(NOTHING_DONE).alias("against"),
        *(zero.alias(name) for name in ("cost", "price", "net")),
        pl.lit([], pl.List(pl.String)).alias("blocked_by"),
        (pl.col("treatment") == NOTHING).alias("is_chosen"),
    )
    both = pl.concat(
        [
            frame.select(pl.col(name).cast(kind) for name, kind in OPTION_SCHEMA.items())
            for frame in (nothing, told_ones)
        ]
    )
    return both.sort("customer_id", maintain_order=True)


def _rules() -> pl.Expr:
    return pl.col("reasons").list.eval(pl.element().struct.field("rule")).list.unique().list.sort()
