"""What could be done today for each overdue customer: the treatments of the strategy's text that are open to them, each with
what it is worth and with the law's answer.

A partition at a time. Every treatment goes through the law's gate as the ladder's contact does (``placing``), and the house's
own reasons hold for all of them. What is open with an instant is an offer; what is not carries the rules that rule it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from dunwell.insight.features import features
from dunwell.law.checking import REASON
from dunwell.ledger import Terms
from dunwell.nightly.lost import Lost
from dunwell.nightly.people import (
    NO_POINTS,
    POINT_KINDS,
    known_tables,
    overdue_customers,
    own_points,
    point_zones,
)
from dunwell.nightly.placing import INSTANT, Asked, packs_of, placed, with_day
from dunwell.nightly.policies import RunPolicy
from dunwell.nightly.stages import read_ladder
from dunwell.nightly.worklist import held_by_the_house
from dunwell.strategy.columns import CHANNELS, FEATURE_COLUMNS, customer_columns
from dunwell.strategy.eligibility import eligible, eligible_matrix, first_choice
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.learned import CONTEXT, NOTHING_DONE, LearnedValues, context_of, values_of
from dunwell.strategy.over_waiting import HISTORY, history_of
from dunwell.strategy.text import LEGAL, LEGAL_ASKED_AS, Strategy
from dunwell.strategy.value import Values

VALUE = "value of "
"""Before a treatment's name: the market's column of what it is worth."""

_CONTACT = ("channel", "purpose")


@dataclass(frozen=True, slots=True)
class Valuer:
    """What values are made from: the text, the rates of its currency, and what was learned (None: the text's priors)."""

    strategy: Strategy
    rates: Mapping[str, float]
    learned: LearnedValues | None

    @property
    def is_cold(self) -> bool:
        """Whether nothing at all is known of values: then the first treatment of the text's order is chosen."""
        return self.learned is None and not any(one.prior_value for one in self.strategy.treatments)

    @property
    def basis(self) -> str:
        """What is known of values: ``text-order`` (nothing), ``priors`` or ``learned``."""
        return "text-order" if self.is_cold else "priors" if self.learned is None else "learned"

    @property
    def models(self) -> list[dict[str, str]]:
        """Name and content hash of what values were made with, as a decision says it."""
        return [] if self.learned is None else [{"name": self.learned.name, "hash": self.learned.sha256}]


@dataclass(frozen=True, slots=True)
class Offered:
    """A partition's offers. ``people``: a row a customer, with ``segment`` and ``first`` (the first treatment of the text's
    order, null where it has none for them). ``offers``: a row a customer and treatment. ``market``: what the day is
    decided from, a row a customer: ``first``, CONTEXT, HISTORY, and of each treatment that is open its net value.
    """

    people: pl.DataFrame
    offers: pl.DataFrame
    market: pl.DataFrame

    def of(self, customer_id: str) -> "Offered":
        """Those of one customer."""
        is_theirs = pl.col("customer_id") == customer_id
        return Offered(*(frame.filter(is_theirs) for frame in (self.people, self.offers, self.market)))


def offers_of(
    tables: Mapping[str, pl.DataFrame],
    positions: pl.DataFrame,
    policy: RunPolicy,
    valuer: Valuer,
    actor: str,
    as_of: date,
    *,
    known_at: datetime | None,
    lost: Lost,
    promises: pl.DataFrame,
) -> Offered:
    """The offers of a partition, by customer_id. Rows that were recorded after ``known_at`` are not used."""
    ladder, strategy = read_ladder(as_of), valuer.strategy
    known = known_tables(tables, known_at)
    people = overdue_customers(positions, known["customers"], ladder.stages)
    columns = customer_columns(positions, known, _features(strategy, tables, policy.terms, as_of, known_at))
    columns = people.select("customer_id").join(columns, on="customer_id", how="left", maintain_order="left")
    table = eligible(strategy, columns)
    own = own_points(known.get("contact_points", NO_POINTS), people)
    people = (
        people.join(point_zones(own), on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("timezone", "point_zone").alias("timezone"), table["segment"])
        .pipe(lambda rows: rows.with_columns(packs_of(rows, policy.law)))
    )
    offers, first = _offers(strategy, table, columns)
    people = people.with_columns(first.alias("first"))
    contacts = (
        people.drop("channels", "purpose", "point_zone")
        .join(
            offers.select("customer_id", *_CONTACT, "has_no_point").unique(maintain_order=True),
            on="customer_id",
            maintain_order="left",
        )
        .join(_points(own), on=["customer_id", "channel"], how="left", maintain_order="left")
    )
    if contacts.height:
        contacts = with_day(contacts.pipe(_as_asked), ladder.stages, as_of)
        contacts = placed(contacts, Asked(policy.law, actor, known, positions))
        contacts = held_by_the_house(contacts, ladder, known, promises, lost)
    history = history_of(known.get("contacts"), people["customer_id"], as_of)
    context = context_of(columns, valuer.rates).hstack(history)
    values = values_of(strategy, valuer.learned, context)
    offers = _valued(_answered(offers, contacts), values, people["customer_id"], valuer)
    return Offered(people, offers, _market(people, offers, context, strategy))


def _features(
    strategy: Strategy,
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None,
) -> pl.DataFrame | None:
    """The insight room's features, where a condition of the text looks at one."""
    return features(tables, terms, as_of, known_at) if strategy.columns_asked() & FEATURE_COLUMNS else None


def _offers(strategy: Strategy, table: pl.DataFrame, columns: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """A row a customer and treatment that is open to them before the law: customer_id, treatment, channel, purpose and
    has_no_point; and each customer's first treatment.

    Of who could have treatments but has no contact point for any, the first of those stands there, with ``has_no_point``.
    """
    matrix = eligible_matrix(strategy, table)[:, 1:]
    first = first_choice(strategy, table)
    is_shut = first == NOTHING
    if is_shut.any():
        reached = columns.filter(is_shut).with_columns(
            pl.lit(True).alias(f"has_{channel}") for channel in CHANNELS
        )
        would_be = first_choice(strategy, eligible(strategy, reached))
        first = first.scatter(is_shut.arg_true(), would_be)
    names = pl.Series(strategy.treatment_names[1:], dtype=pl.String)
    rows, places = np.nonzero(matrix)
    unreached = is_shut & (first != NOTHING)
    offers = pl.concat(
        [
            pl.DataFrame(
                {
                    "customer_id": table["customer_id"].gather(rows),
                    "treatment": names.gather(places),
                    "has_no_point": pl.repeat(False, len(rows), eager=True),
                }
            ),
            pl.DataFrame(
                {
                    "customer_id": table["customer_id"].filter(unreached),
                    "treatment": first.filter(unreached),
                    "has_no_point": pl.repeat(True, int(unreached.sum()), eager=True),
                }
            ),
        ]
    )
    told = pl.DataFrame(
        [(one.name, one.channel, one.purpose) for one in strategy.treatments],
        schema=["treatment", *_CONTACT],
        orient="row",
    )
    offers = offers.sort("customer_id", maintain_order=True).join(told, on="treatment", maintain_order="left")
    return offers, first.set(first == NOTHING, None)


def _points(own: pl.DataFrame) -> pl.DataFrame:
    """customer_id, channel, contact_point_id: the point that is used for each channel."""
    kinds = pl.concat([POINT_KINDS, pl.DataFrame({"channel": [LEGAL], "kind": ["postal"]})])
    return own.join(kinds, on="kind").group_by("customer_id", "channel").agg(pl.col("contact_point_id").min())


def _as_asked(contacts: pl.DataFrame) -> pl.DataFrame:
    """The contacts under the channel and purpose by which the law is asked; ``channel_told`` is their own."""
    is_legal = pl.col("channel") == LEGAL
    return contacts.with_columns(
        pl.col("channel").alias("channel_told"),
        pl.when(is_legal).then(pl.lit(LEGAL_ASKED_AS)).otherwise("channel").alias("channel"),
    )


def _answered(offers: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """The offers with the contact that each would be and what law and house say to it: is_open, at, reasons, not_before."""
    if not contacts.height:
        return offers.with_columns(
            pl.lit(None, pl.String).alias("contact_point_id"),
            pl.lit(None, INSTANT).alias("at"),
            pl.lit(None, INSTANT).alias("not_before"),
            pl.lit([], pl.List(REASON)).alias("reasons"),
            pl.lit(False).alias("is_open"),
        )
    answers = contacts.select(
        "customer_id",
        pl.col("channel_told").alias("channel"),
        "purpose",
        "contact_point_id",
        pl.when(~pl.col("is_held_back")).then("at").alias("at"),
        pl.when("is_held_back").then("reasons").otherwise(pl.lit([], pl.List(REASON))).alias("reasons"),
        pl.when("is_held_back").then("later").alias("not_before"),
        (~pl.col("is_held_back")).alias("is_open"),
    )
    return offers.join(answers, on=["customer_id", *_CONTACT], how="left", maintain_order="left")


def _valued(offers: pl.DataFrame, values: Values, customer_ids: pl.Series, valuer: Valuer) -> pl.DataFrame:
    """The offers with ``value`` (net of cost), ``value_sd``, ``cost`` and ``against``: what the value is over."""
    strategy, learned = valuer.strategy, valuer.learned
    place_of = customer_ids.to_frame("customer_id").with_row_index("row")
    rows = offers.select("customer_id").join(place_of, on="customer_id", how="left", maintain_order="left")[
        "row"
    ]
    places = offers["treatment"].replace_strict(
        list(strategy.treatment_names), list(range(len(strategy.treatment_names))), return_dtype=pl.Int64
    )
    costs = {one.name: one.cost for one in strategy.treatments}
    return offers.with_columns(
        pl.Series("value", values.mean[rows.to_numpy(), places.to_numpy()]),
        pl.Series("value_sd", values.sd[rows.to_numpy(), places.to_numpy()]),
        pl.col("treatment").replace_strict(costs, return_dtype=pl.Decimal(18, 4)).alias("cost"),
        pl.lit(NOTHING_DONE if learned is None else learned.baseline, pl.String).alias("against"),
    )


def _market(
    people: pl.DataFrame, offers: pl.DataFrame, context: pl.DataFrame, strategy: Strategy
) -> pl.DataFrame:
    """customer_id, first, CONTEXT, HISTORY and of each treatment its value, null where it is not open."""
    names = strategy.treatment_names[1:]
    open_ones = offers.filter("is_open")
    is_named = [pl.col("treatment") == name for name in names]
    wide = open_ones.group_by("customer_id").agg(
        pl.col("value").filter(is_it).first().alias(VALUE + name)
        for name, is_it in zip(names, is_named, strict=True)
    )
    return (
        people.select("customer_id", "first", pl.col("currency").cast(pl.String))
        .hstack(context.select(*CONTEXT, *HISTORY))
        .join(wide, on="customer_id", how="left", maintain_order="left")
    )
