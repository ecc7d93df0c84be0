"""How cases of lateness go: what follows what, which paths cure, where cases stall, what repeats without effect.

A case is one account's stretch of days past due; its events are contacts, payments, promises, and its end.
Van der Aalst, Process Mining (Springer 2016), for directly-follows counts and variants. What is told is what
happened, not what a contact caused: who is contacted again is whom the first contact did not move.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dunwell.book.promised import spread
from dunwell.insight.episodes import episodes
from dunwell.insight.features.known import known_by
from dunwell.insight.scoring.measures import share_interval
from dunwell.ledger import Terms

BEGIN, CURED, OPEN = "falls past due", "cured", "still open"
_PROGRESS = ("payment", "promise", CURED)
_STEPS_SHOWN = 4
_REPEATS_MAX = 6


@dataclass(frozen=True, slots=True)
class Paths:
    """``follows``: activity, next_activity, count, cases, median_days. ``variants``: path (the first
    contacts and promises, before any payment), cases, cured (within ``cure_days``), cured_share with low and high,
    median_days to the cure; of cases that began long enough ago. ``stalls``: activity (the last of a case
    still open), cases, share, median_days since, longest_days. ``repeats``: activity, nth (in the case),
    count, moved (a payment, promise or cure came within ``within_days``, before the next contact counted), share
    with low and high, first_share (of the first such contact) and has_no_effect.
    """

    follows: pl.DataFrame
    variants: pl.DataFrame
    stalls: pl.DataFrame
    repeats: pl.DataFrame
    case_count: int
    cured_count: int
    within_days: int
    cure_days: int


def case_events(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """The events of a partition's cases in order: case_id, on, activity, began_on, ended_on (null while open)."""
    known = known_by(tables, as_of, known_at)
    accounts = known["accounts"].select(
        "account_id", "customer_id", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    cases = episodes(tables, terms, as_of, known_at).with_columns(
        case_id=pl.format("{} {}", "account_id", pl.col("began_on").cast(pl.String))
    )
    happened = pl.concat([_contacts(known["contacts"], accounts), _money(known, accounts)])
    inside = (
        happened.join(cases.select("account_id", "case_id", "began_on", "ended_on"), on="account_id")
        .filter(
            pl.col("on") >= pl.col("began_on"),
            pl.col("ended_on").is_null() | (pl.col("on") <= pl.col("ended_on")),
        )
        .select("case_id", "on", "activity", "began_on", "ended_on", "order")
    )
    begins = cases.select(
        "case_id",
        pl.col("began_on").alias("on"),
        pl.lit(BEGIN).alias("activity"),
        "began_on",
        "ended_on",
        pl.lit(0).alias("order"),
    )
    ends = cases.select(
        "case_id",
        pl.col("ended_on").fill_null(as_of).alias("on"),
        pl.when(pl.col("ended_on").is_null()).then(pl.lit(OPEN)).otherwise(pl.lit(CURED)).alias("activity"),
        "began_on",
        "ended_on",
        pl.lit(9).alias("order"),
    )
    return pl.concat([begins, inside, ends]).sort("case_id", "on", "order", "activity").drop("order")


def paths(
    events: pl.DataFrame, as_of: date, *, within_days: int = 7, cure_days: int = 60, cases_min: int = 20
) -> Paths:
    """What the cases' events up to ``as_of`` tell. ``cases_min``: paths and repeats seen less often are left out."""
    ordered = events.with_columns(
        next_activity=pl.col("activity").shift(-1).over("case_id"),
        next_on=pl.col("on").shift(-1).over("case_id"),
    )
    return Paths(
        _follows(ordered),
        _variants(events, as_of, cure_days, cases_min),
        _stalls(ordered),
        _repeats(events, within_days, cases_min),
        events["case_id"].n_unique(),
        int((events["activity"] == CURED).sum()),
        within_days,
        cure_days,
    )


def _contacts(contacts: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Contacts by account; one that names no account stands at every account of the person."""
    named = contacts.filter(pl.col("party") == "self").select(
        "customer_id",
        "account_ids",
        on=pl.col("at").dt.date(),
        activity=pl.when(pl.col("direction").cast(pl.String) == "in")
        .then(pl.lit("they contact us"))
        .otherwise(
            pl.format("{}: {}", "channel", pl.col("outcome").cast(pl.String).str.replace_all("_", " "))
        ),
    )
    names_none = pl.col("account_ids").is_null() | (pl.col("account_ids").list.len() == 0)
    of_all = named.filter(names_none).join(accounts, on="customer_id")
    of_named = (
        named.filter(~names_none)
        .explode("account_ids")
        .join(
            accounts.select("customer_id", "account_id"),
            left_on=["customer_id", "account_ids"],
            right_on=["customer_id", "account_id"],
        )
    )
    columns = ("account_id", "on", "activity", pl.lit(3).alias("order"))
    return pl.concat([of_all.select(columns), of_named.rename({"account_ids": "account_id"}).select(columns)])


def _money(known: Mapping[str, pl.DataFrame], accounts: pl.DataFrame) -> pl.DataFrame:
    paid = known["payments"].select(
        "account_row",
        on="paid_on",
        activity=pl.when(pl.col("kind") == "payment")
        .then(pl.lit("payment"))
        .otherwise(pl.lit("payment returned")),
        order=pl.lit(5),
    )
    promised = spread(known["promises"], known["accounts"]).select(
        "account_row", on=pl.col("made_at").dt.date(), activity=pl.lit("promise"), order=pl.lit(4)
    )
    return (
        pl.concat([paid, promised])
        .join(accounts, on="account_row", maintain_order="left")
        .select("account_id", "on", "activity", "order")
    )


def _follows(ordered: pl.DataFrame) -> pl.DataFrame:
    return (
        ordered.filter(pl.col("next_activity").is_not_null())
        .group_by("activity", "next_activity")
        .agg(
            count=pl.len().cast(pl.Int64),
            cases=pl.col("case_id").n_unique().cast(pl.Int64),
            median_days=(pl.col("next_on") - pl.col("on")).dt.total_days().median(),
        )
        .sort("count", "activity", "next_activity", descending=[True, False, False])
    )


def _variants(events: pl.DataFrame, as_of: date, cure_days: int, cases_min: int) -> pl.DataFrame:
    """Cases by their first contacts and promises, the same step in a row told once."""
    days = (pl.col("ended_on") - pl.col("began_on")).dt.total_days()
    cases = (
        events.select("case_id", "began_on", "ended_on")
        .unique("case_id")
        .filter((pl.lit(as_of) - pl.col("began_on")).dt.total_days() >= cure_days)
        .with_columns(days=pl.when(days <= cure_days).then(days))
    )
    is_payment = pl.col("activity").is_in(["payment", "payment returned"])
    steps = events.filter(
        ~pl.col("activity").is_in([BEGIN, CURED, OPEN]), is_payment.cum_sum().over("case_id") == 0
    )
    changed = steps.filter(
        (pl.col("activity") != pl.col("activity").shift(1).over("case_id")).fill_null(True)
    )
    first_steps = changed.group_by("case_id", maintain_order=True).agg(
        path=pl.col("activity").head(_STEPS_SHOWN).str.join(", then ")
    )
    told = (
        cases.join(first_steps, on="case_id", how="left")
        .with_columns(pl.col("path").fill_null("no contact"))
        .group_by("path")
        .agg(
            cases=pl.len().cast(pl.Int64),
            cured=pl.col("days").is_not_null().sum().cast(pl.Int64),
            median_days=pl.col("days").median(),
        )
        .filter(pl.col("cases") >= cases_min)
        .sort("cases", "path", descending=[True, False])
    )
    return _with_share(told, "cured", "cases", "cured_share")


def _stalls(ordered: pl.DataFrame) -> pl.DataFrame:
    """The last thing that happened in the cases still open."""
    last = ordered.filter(pl.col("next_activity") == OPEN).with_columns(
        days=(pl.col("next_on") - pl.col("on")).dt.total_days()
    )
    return (
        last.group_by("activity")
        .agg(
            cases=pl.len().cast(pl.Int64),
            median_days=pl.col("days").median(),
            longest_days=pl.col("days").max(),
        )
        .with_columns(share=pl.col("cases") / pl.col("cases").sum())
        .sort("cases", "activity", descending=[True, False])
    )


def _repeats(events: pl.DataFrame, within_days: int, cases_min: int) -> pl.DataFrame:
    """Each of our contacts by how many of its kind came before in the case, and whether anything moved after it
    and before the next contact of ours.
    """
    is_contact = pl.col("activity").str.contains(": ", literal=True)
    moved_on = pl.when(pl.col("activity").is_in(_PROGRESS)).then("on").backward_fill().over("case_id")
    next_contact_on = pl.when(is_contact).then("on").shift(-1).backward_fill().over("case_id")
    last_on = pl.col("on").max().over("case_id")
    told = events.with_columns(moved_on=moved_on, next_contact_on=next_contact_on, last_on=last_on).filter(
        is_contact
    )
    nth = pl.int_range(1, pl.len() + 1).over("case_id", "activity").clip(upper_bound=_REPEATS_MAX)
    waited = (pl.col("last_on") - pl.col("on")).dt.total_days() >= within_days
    moved = (
        ((pl.col("moved_on") - pl.col("on")).dt.total_days() <= within_days)
        & (pl.col("next_contact_on").is_null() | (pl.col("moved_on") <= pl.col("next_contact_on")))
    ).fill_null(False)
    counted = (
        told.with_columns(nth=nth, moved=moved)
        .filter(waited | pl.col("moved"))
        .group_by("activity", "nth")
        .agg(count=pl.len().cast(pl.Int64), moved=pl.col("moved").sum().cast(pl.Int64))
        .filter(pl.col("count") >= cases_min)
        .sort("activity", "nth")
    )
    shares = _with_share(counted, "moved", "count", "share")
    first = shares.filter(pl.col("nth") == 1).select("activity", first_share="share", first_low="low")
    return (
        shares.join(first, on="activity", how="left", maintain_order="left")
        .with_columns(
            has_no_effect=((pl.col("nth") > 1) & (pl.col("high") < pl.col("first_low"))).fill_null(False)
        )
        .drop("first_low")
    )


def _with_share(rows: pl.DataFrame, part: str, whole: str, name: str) -> pl.DataFrame:
    figures = [share_interval(a, b) for a, b in rows.select(part, whole).iter_rows()]
    return rows.with_columns(
        pl.Series(name, [f.value for f in figures], dtype=pl.Float64),
        pl.Series("low", [f.low for f in figures], dtype=pl.Float64),
        pl.Series("high", [f.high for f in figures], dtype=pl.Float64),
    )
