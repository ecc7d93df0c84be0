"""The days on which a stage by an event stood, as spans of days: so that a stage's ``since`` is the first day from which it holds
without a break, whatever stood in between.

Spans are half open: ``begins`` is the first day, ``ends`` the day after the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from dunwell.law.civil_days import home_zones, local_day
from dunwell.ledger.arrays import known, worked_out
from dunwell.resolution.stages import EventStage

Spans = pl.LazyFrame
"""customer_id, begins, ends; several for each customer."""


@dataclass(frozen=True)
class EventDays:
    """What the events' spans are worked out of, each step only where the one before it found anybody: most customers have neither
    a court nor a visit.

    ``tables``: the book's; ``timeline``: the ledger's arrears by account and day; ``owing``: account and customer_id of those
    whose arrears count; ``worst``: spans (customer_id, on, until) with their oldest_due_on; ``cases``: customer_id, opened_on.
    """

    tables: Mapping[str, pl.DataFrame]
    timeline: pl.LazyFrame
    owing: pl.LazyFrame
    worst: pl.LazyFrame
    cases: pl.LazyFrame
    as_of: date
    known_at: datetime | None

    def last_spans(self, event: EventStage) -> pl.DataFrame | None:
        """The last unbroken span of an event in each customer's present case: customer_id, begins, ends, and on_day (since when
        the court is told, when the letter was sent); None where it stood for nobody. It stands on the day itself when ``ends`` is
        the day after.
        """
        return self._in_court() if event.when == "litigation" else self._unreached(event)

    def _in_court(self) -> pl.DataFrame | None:
        """Days on which a debt was in court (a hold of kind litigation) and past due."""
        holds = known(self.tables["holds"].lazy(), self.known_at)
        after = pl.lit(self.as_of + timedelta(days=1))
        courts = holds.filter(pl.col("kind").cast(pl.String) == "litigation").select(
            pl.col("account_row").cast(pl.Int64).alias("account"),
            pl.col("from_on").alias("on_day"),
            (pl.col("to_on") + pl.duration(days=1)).fill_null(after).alias("court_ends"),
        )
        court = worked_out(courts)
        if not court.height:
            return None
        theirs = self.timeline.select(pl.col("account").cast(pl.Int64), "on", "oldest_due_on").join(
            court.lazy().select("account").unique(), on="account", how="semi", maintain_order="left"
        )
        is_same_next = pl.col("account") == pl.col("account").shift(-1)
        until = pl.when(is_same_next).then(pl.col("on").shift(-1)).otherwise(after)
        late = theirs.with_columns(until.alias("until")).filter(pl.col("oldest_due_on").is_not_null())
        late_from = pl.max_horizontal("on", pl.col("oldest_due_on") + pl.duration(days=1))
        spans = (
            court.lazy()
            .join(self.owing.select("account", "customer_id"), on="account")
            .join(late, on="account")
            .select(
                "customer_id",
                pl.max_horizontal("on_day", late_from).alias("begins"),
                pl.min_horizontal("court_ends", "until").alias("ends"),
                "on_day",
            )
        )
        return self._last(spans)

    def _unreached(self, event: EventStage) -> pl.DataFrame | None:
        """Days on which the customer was so late, after a letter in this case, and nobody was spoken to for so long."""
        reached = pl.col("oldest_due_on") + pl.duration(days=event.from_days)
        spans = self.worst.filter(reached < pl.col("until")).select(
            "customer_id", pl.max_horizontal("on", reached).alias("late_from"), "until"
        )
        late = worked_out(spans.join(self.cases, on="customer_id"))
        if not late.height:
            return None
        contacts = self._talks_and_letters(late.lazy().select("customer_id", "opened_on").unique())
        letters = contacts.lazy().filter(pl.col("is_letter") & (pl.col("day") >= pl.col("opened_on")))
        written = worked_out(letters.group_by("customer_id").agg(pl.col("day").min().alias("on_day")))
        if not written.height:
            return None
        talks = contacts.lazy().filter("is_talk").select("customer_id", "day")
        silence = _silence(talks, event.within_days)
        spans = (
            late.lazy()
            .join(written.lazy(), on="customer_id")
            .join(silence, on="customer_id", how="left")
            .select(
                "customer_id",
                pl.max_horizontal("late_from", "on_day", "silent_from").alias("begins"),
                pl.min_horizontal("until", "silent_until").alias("ends"),
                "on_day",
            )
        )
        return self._last(spans)

    def _talks_and_letters(self, customers: pl.LazyFrame) -> pl.DataFrame:
        """When these were spoken to (or wrote), and when letters went out to them, by the day at their place: customer_id, day,
        is_talk, is_letter, opened_on.
        """
        said = {name: pl.col(name).cast(pl.String) for name in ("channel", "direction", "party", "outcome")}
        is_talk = ((said["outcome"] == "conversation") & (said["party"] == "self")) | (
            said["direction"] == "in"
        )
        is_letter = (said["channel"] == "letter") & (said["direction"] == "out")
        flags = (is_talk.fill_null(False).alias("is_talk"), is_letter.fill_null(False).alias("is_letter"))
        contacts = known(self.tables["contacts"].lazy(), self.known_at).select("customer_id", "at", *flags)
        contacts = contacts.filter(pl.col("is_talk") | pl.col("is_letter")).join(customers, on="customer_id")
        found = worked_out(contacts)
        zones = home_zones(self.tables) if found.height else pl.DataFrame(schema=_ZONES)
        day = local_day("at", zones["timezone"])
        told = found.lazy().join(zones.lazy(), on="customer_id", how="left")
        told = told.with_columns(day.alias("day")).filter(pl.col("day") <= self.as_of)
        return worked_out(told.select("customer_id", "day", "is_talk", "is_letter", "opened_on"))

    def _last(self, spans: Spans) -> pl.DataFrame | None:
        """The last of each customer's spans, as far as they lie in the present case and up to the day, after those that meet or
        overlap were joined. ``on_day``: the earliest of those that stand at its end.
        """
        after = pl.lit(self.as_of + timedelta(days=1))
        ordered = (
            spans.join(self.cases, on="customer_id")
            .with_columns(
                pl.max_horizontal("begins", "opened_on").alias("begins"),
                pl.min_horizontal("ends", after).alias("ends"),
            )
            .filter(pl.col("begins") < pl.col("ends"))
            .sort("customer_id", "begins")
        )
        before = pl.col("ends").cum_max().shift(1).over("customer_id")
        is_first = before.is_null() | (pl.col("begins") > before)
        last = (
            ordered.with_columns(is_first.alias("is_first"))
            .group_by("customer_id")
            .agg(
                pl.col("begins").filter("is_first").last(),
                pl.col("ends").max(),
                pl.col("on_day").filter(pl.col("ends") == pl.col("ends").max()).min(),
            )
        )
        found = worked_out(last)
        return found if found.height else None


_ZONES = {"customer_id": pl.String, "timezone": pl.String}


def _silence(talks: pl.LazyFrame, within_days: int) -> pl.LazyFrame:
    """The days on which nobody had been spoken to for more than so many days: customer_id, silent_from (null: always before),
    silent_until (null: still). Who was never spoken to has no row.
    """
    talks = talks.unique().sort("customer_id", "day")
    is_same_next = pl.col("customer_id") == pl.col("customer_id").shift(-1)
    until = pl.when(is_same_next).then(pl.col("day").shift(-1))
    after = talks.select(
        "customer_id",
        (pl.col("day") + pl.duration(days=within_days + 1)).alias("silent_from"),
        until.alias("silent_until"),
    )
    before = talks.group_by("customer_id").agg(pl.col("day").min().alias("silent_until"))
    before = before.select("customer_id", pl.lit(None, pl.Date).alias("silent_from"), "silent_until")
    return pl.concat([after, before])
