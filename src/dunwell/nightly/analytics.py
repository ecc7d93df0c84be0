"""What the office's analytics pages show, counted by the run: one small frame, ``book/analytics.parquet``.

Each partition is counted by itself and the counts add up, as those of ``figures`` do. A row says how many (``count``), and of
them how many did what its section asks about (``value``); shares are formed when they are shown. Nobody can be told from it:
there is no customer and no account, and money only in sums.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import dataframely as dy
import polars as pl

from dunwell.ledger.arrays import known
from dunwell.nightly.costs import COLLECTED, PARTS, Costs, collected, contact_costs
from dunwell.nightly.figures import OFF_BOOK_STATUSES
from dunwell.nightly.vintages import vintage_figures

SECTIONS = ("roll", "vintages", "cure", "promises", "reach", "capacity", "law", "cost", "losses")
LOSS_MEASURES = ("exposure", "loss_12m", "loss_life", "allowance")
"""What is summed of the losses to expect, the second part of their keys."""
CONTACT_DAYS = 90
"""Calls of so many days are counted by hour."""
CURE_DAYS = (7, 14, 30, 60, 90)
"""How many days after an account fell past due it is looked at again."""
CURE_MONTHS = 12
"""Arrears are followed that began in so many calendar months, the day's own among them."""
PROMISE_AGES = (("0–3", 3), ("4–7", 7), ("8–14", 14), ("15–30", 30))
"""Bands of days from making a promise to its day, and the last day of each; what is longer is in OLDEST_PROMISES."""
OLDEST_PROMISES = "31+"
UNKNOWN = "unknown"

_SEGMENT = ("currency", "jurisdiction", "product")
_KEY = ("section", *_SEGMENT, "key", "of")
_ENDED = ("kept", "partly_kept", "broken")


class Analytics(dy.Schema):
    """A row a section, segment, key and second key (``of``, empty where there is none).

    - ``roll``: accounts on the book on both days, by the bucket the day before and today (``of``); value: past due today.
    - ``vintages``: accounts by opening quarter and month on book (``of``); value: ever 30 days late by then.
    - ``cure``: arrears by the month in which they began and days since (``of``); value: over by then.
    - ``promises``: promises whose day has come, by the days they were given and their state (``of``); value: kept.
    - ``reach``: calls of CONTACT_DAYS by hour of the customer's own clock (where known); value: conversations with the customer.
    - ``capacity``: overdue customers by stage and channel (``of``); value: a contact is planned for the day.
    - ``law``: contacts held back, by rule and clause (``of``); value: by this rule alone.
    - ``cost``: contacts of ``costs.DAYS`` by channel (``costs.UNPRICED`` ends it where no price is known), and payments on
      accounts past due (``costs.COLLECTED``), by currency (``of``); value: what they cost, and what was paid, in thousandths of
      the minor unit.
    - ``losses``: accounts that owe something by IFRS 9 stage and measure (``1.exposure``; LOSS_MEASURES), by currency
      (``of``); value: the measure in minor units.
    """

    section = dy.String(regex=f"^({'|'.join(SECTIONS)})$")
    currency = dy.String()
    jurisdiction = dy.String()
    product = dy.String()
    key = dy.String()
    of = dy.String()
    count = dy.Int64(min=0)
    value = dy.Int64(min=0)


def arrears_analytics(
    tables: Mapping[str, pl.DataFrame],
    today: pl.DataFrame,
    before: pl.DataFrame,
    timeline: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    """Roll, vintages and cure of a partition, as Analytics.

    ``today`` and ``before``: the positions of the day and the day before; ``timeline``: the arrears, by account row and day.
    """
    accounts = _placed(tables)
    return _added(
        [
            _roll(today, before, accounts),
            _vintages(accounts, timeline, as_of),
            _cure(accounts, timeline, as_of),
        ]
    )


def contact_analytics(
    tables: Mapping[str, pl.DataFrame],
    today: pl.DataFrame,
    promises: pl.DataFrame,
    as_of: date,
    known_at: datetime | None,
) -> pl.DataFrame:
    """Promises and reach in a partition, as Analytics. ``promises``: as they stand (``resolution.promises_as_of``)."""
    contacts = known(tables["contacts"], known_at)
    zones = tables["customers"].select("customer_id", "timezone")
    return _added(
        [
            _promises(promises, _placed(tables)),
            _reach(contacts, zones, segments_of(tables, today), as_of),
        ]
    )


def work_analytics(work: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Capacity and the law's effect in a partition, as Analytics. ``work``: its work list; ``segments``: ``segments_of``."""
    planned = work.select("customer_id", "stage", "channel", "is_held_back", "reasons").join(
        segments, on="customer_id", how="left"
    )
    return _added(
        [
            _counted("capacity", planned, pl.col("stage"), pl.col("channel"), ~pl.col("is_held_back")),
            _held_back(planned),
        ]
    )


def cost_analytics(
    tables: Mapping[str, pl.DataFrame],
    today: pl.DataFrame,
    timeline: pl.DataFrame,
    costs: Costs,
    as_of: date,
    known_at: datetime | None,
) -> pl.DataFrame:
    """Cost to collect in a partition, as Analytics."""
    accounts = _placed(tables)
    contacts = contact_costs(tables, segments_of(tables, today), costs, as_of, known_at)
    paid = collected(tables, _late_spells(timeline, as_of), as_of, known_at).join(
        accounts.with_row_index("account").select(pl.col("account").cast(pl.Int64), *_SEGMENT),
        on="account",
        how="left",
    )
    return _added(
        [
            _summed(contacts, pl.col("channel"), pl.col("cost")),
            _summed(paid, pl.lit(COLLECTED), pl.col("amount_minor") * PARTS),
        ]
    )


def loss_analytics(losses: pl.DataFrame) -> pl.DataFrame:
    """The losses to expect of a partition, as Analytics. ``losses``: the accounts with segment, stage, exposure_minor,
    loss_12m_minor, loss_life_minor and allowance_minor, whole numbers.
    """
    measures = losses.filter(pl.col("exposure_minor") > 0).unpivot(
        [f"{name}_minor" for name in LOSS_MEASURES], index=[*_SEGMENT, "stage"]
    )
    key = pl.format("{}.{}", "stage", pl.col("variable").str.strip_suffix("_minor"))
    return _summed(measures, key, pl.col("value"), "losses")


def segments_of_accounts(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """account_id and the segment that it is counted in, a row each in the table's order."""
    return _placed(tables).select("account_id", *_SEGMENT)


def _summed(rows: pl.DataFrame, key: pl.Expr, value: pl.Expr, section: str = "cost") -> pl.DataFrame:
    return (
        rows.select(
            pl.col(_SEGMENT).fill_null(UNKNOWN), key.alias("key"), value.cast(pl.Int64).alias("value")
        )
        .group_by(*_SEGMENT, "key")
        .agg(pl.len().cast(pl.Int64).alias("count"), pl.col("value").sum())
        .select(
            pl.lit(section).alias("section"),
            *_SEGMENT,
            "key",
            pl.col("currency").alias("of"),
            "count",
            "value",
        )
    )


def segments_of(tables: Mapping[str, pl.DataFrame], today: pl.DataFrame) -> pl.DataFrame:
    """customer_id and the segment that they are counted in: that of the account that is most days past due."""
    return (
        today.select("account_id", "customer_id", "past_due_days")
        .join(_placed(tables).select("account_id", *_SEGMENT), on="account_id", how="left")
        .sort("past_due_days", "account_id", descending=[True, False], nulls_last=True)
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", *_SEGMENT)
    )


def merge_analytics(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several partitions and sections together, sorted, checked against Analytics."""
    return Analytics.validate(_added(parts).sort(_KEY), cast=True)


def _placed(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The accounts, a row each in the table's order, with currency, jurisdiction and product as text."""
    customers = tables["customers"].select("customer_id", pl.col("jurisdiction").cast(pl.String))
    return (
        tables["accounts"]
        .select(
            "account_id",
            "customer_id",
            "opened_on",
            pl.col("currency").cast(pl.String),
            pl.col("product").cast(pl.String),
        )
        .join(customers, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.col(_SEGMENT).fill_null(UNKNOWN))
    )


def _counted(section: str, rows: pl.DataFrame, key: pl.Expr, of: pl.Expr, value: pl.Expr) -> pl.DataFrame:
    """A row each of ``rows`` counted, and where ``value`` holds; rows with the segment's columns."""
    return (
        rows.select(
            pl.col(_SEGMENT).fill_null(UNKNOWN),
            key.cast(pl.String).fill_null("").alias("key"),
            of.cast(pl.String).fill_null("").alias("of"),
            value.fill_null(False).alias("value"),
        )
        .group_by(*_SEGMENT, "key", "of")
        .agg(pl.len().cast(pl.Int64).alias("count"), pl.col("value").sum().cast(pl.Int64))
        .select(pl.lit(section).alias("section"), *_SEGMENT, "key", "of", "count", "value")
    )


def _added(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    rows = pl.concat([Analytics.create_empty(), *parts])
    return rows.group_by(_KEY).agg(pl.col("count", "value").sum())


def _roll(today: pl.DataFrame, before: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    is_on_book = ~pl.col("status").is_in(OFF_BOOK_STATUSES)
    both = (
        before.filter(is_on_book)
        .select("account_id", pl.col("bucket").cast(pl.String).alias("before"))
        .join(today.filter(is_on_book).select("account_id", "bucket", "past_due_days"), on="account_id")
        .join(accounts.select("account_id", *_SEGMENT), on="account_id", how="left")
    )
    return _counted("roll", both, pl.col("before"), pl.col("bucket"), pl.col("past_due_days") > 0)


def _vintages(accounts: pl.DataFrame, timeline: pl.DataFrame, as_of: date) -> pl.DataFrame:
    # The curves are counted by product; a number for each segment in the product's place gives them by segment.
    segments = accounts.select(_SEGMENT).unique().sort(_SEGMENT).with_row_index("segment")
    segments = segments.with_columns(pl.col("segment").cast(pl.String))
    numbered = accounts.join(segments, on=_SEGMENT, how="left", maintain_order="left")
    found = vintage_figures(
        numbered.select("opened_on", pl.col("segment").alias("product")), timeline, as_of
    ).rename({"product": "segment"})
    return found.join(segments, on="segment").select(
        pl.lit("vintages").alias("section"),
        *_SEGMENT,
        pl.col("opened_in").cast(pl.String).alias("key"),
        pl.col("month").cast(pl.String).str.zfill(2).alias("of"),
        pl.col("accounts").alias("count"),
        pl.col("ever_late").alias("value"),
    )


def _cure(accounts: pl.DataFrame, timeline: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Every time an account fell past due in the last CURE_MONTHS, looked at again after each of CURE_DAYS that has come."""
    spells = _late_spells(timeline, as_of)
    years, month = divmod(as_of.year * 12 + as_of.month - CURE_MONTHS, 12)
    followed = (
        spells.filter(pl.col("began_on") >= date(years, month + 1, 1))
        .join(pl.DataFrame({"days": CURE_DAYS}, schema={"days": pl.Int64}), how="cross")
        .with_columns((pl.col("began_on") + pl.duration(days="days")).alias("looked_on"))
        .filter(pl.col("looked_on") <= as_of)
        .join(
            accounts.with_row_index("account").select(pl.col("account").cast(pl.Int64), *_SEGMENT),
            on="account",
            how="left",
        )
    )
    return _counted(
        "cure",
        followed,
        pl.col("began_on").dt.strftime("%Y-%m"),
        pl.col("days").cast(pl.String).str.zfill(2),
        pl.col("over_on") <= pl.col("looked_on"),
    )


def _late_spells(timeline: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Every stretch of days on which an account was past due: account, began_on, over_on (the day after as_of while it lasts)."""
    account = pl.col("account")
    is_last = (account.shift(-1) != account).fill_null(True)
    states = timeline.select(account.cast(pl.Int64), "on", "oldest_due_on").with_columns(
        pl.max_horizontal("on", pl.col("oldest_due_on") + pl.duration(days=1)).alias("began_on"),
        pl.when(is_last).then(as_of + timedelta(days=1)).otherwise(pl.col("on").shift(-1)).alias("over_on"),
    )
    late = states.filter(pl.col("oldest_due_on").is_not_null() & (pl.col("began_on") < pl.col("over_on")))
    # A later state goes on with the stretch where the earlier one ends; a day between them with nothing past due parts them.
    is_new = (account != account.shift(1)) | (pl.col("began_on") > pl.col("over_on").shift(1))
    return (
        late.with_columns(is_new.fill_null(True).cum_sum().alias("spell"))
        .group_by("spell")
        .agg(account.first(), pl.col("began_on").min(), pl.col("over_on").max())
    )


def _promises(promises: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    given = (pl.col("due_on") - pl.col("made_at").dt.date()).dt.total_days()
    band = pl.lit(OLDEST_PROMISES)
    for name, last in reversed(PROMISE_AGES):
        band = pl.when(given <= last).then(pl.lit(name)).otherwise(band)
    ended = promises.filter(pl.col("state").is_in(_ENDED)).drop("currency")
    ended = ended.join(accounts.select("account_id", *_SEGMENT), on="account_id", how="left")
    return _counted("promises", ended, band, pl.col("state"), pl.col("state") == "kept")


def _reach(
    contacts: pl.DataFrame, customers: pl.DataFrame, people: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    end = datetime.combine(as_of, time(), UTC) + timedelta(days=1)
    calls = contacts.filter(
        (pl.col("channel").cast(pl.String) == "call")
        & (pl.col("direction").cast(pl.String) == "out")
        & (pl.col("at") < end)
        & (pl.col("at") >= end - timedelta(days=CONTACT_DAYS))
    ).select("customer_id", "at", pl.col("party").cast(pl.String), pl.col("outcome").cast(pl.String))
    customers = customers.filter(pl.col("timezone").is_not_null())
    calls = calls.join(customers.with_columns(pl.col("timezone").cast(pl.String)), on="customer_id").join(
        people, on="customer_id", how="left"
    )
    is_reached = (pl.col("outcome") == "conversation") & (pl.col("party") == "self")
    # A time zone is the same for a whole column, so the hours are read zone by zone.
    by_zone = [
        _counted(
            "reach",
            theirs,
            pl.col("at").dt.convert_time_zone(zone).dt.hour().cast(pl.String).str.zfill(2),
            pl.lit(""),
            is_reached,
        )
        for (zone,), theirs in calls.partition_by("timezone", as_dict=True).items()
    ]
    return _added(by_zone)


def _held_back(planned: pl.DataFrame) -> pl.DataFrame:
    held = planned.filter("is_held_back").with_columns(pl.col("reasons").list.unique())
    rules = (
        held.with_columns((pl.col("reasons").list.len() == 1).alias("is_alone"))
        .select(*_SEGMENT, "is_alone", "reasons")
        .explode("reasons")
        .filter(pl.col("reasons").is_not_null())
        .unnest("reasons")
        .filter(~pl.col("rule").str.starts_with("strategy."))
    )
    return _counted("law", rules, pl.col("rule"), pl.col("citation"), pl.col("is_alone"))
