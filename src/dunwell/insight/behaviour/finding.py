"""Each pattern's definition over the events: which customers it fits, and which events show it.

A finder gives rows of customer_id, on and event: the evidence. What is no evidence of anything gives no row.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime

import polars as pl

from dunwell.insight.behaviour.declared import Asks, Behaviours, Pattern, patterns
from dunwell.insight.behaviour.events import Events, read_events
from dunwell.ledger import Terms

_EVIDENCE = ["customer_id", "on", "event"]
_EVENTS_SHOWN_MAX = 50
_DAYS_A_MONTH = 30.4375
_HARD_EVENTS = ("hardship", "incapacity", "breathing_space", "bankruptcy")


def behaviour(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """The patterns of a partition's customers as of a day, as known at an instant: ``Behaviours``, in the order
    of customers and, of one customer, with what asks for most care first.
    """
    events = read_events(tables, terms, as_of, known_at)
    found = []
    for place, (name, pattern) in enumerate(patterns().items()):
        evidence = _FINDERS[name](events, pattern).select(_EVIDENCE).unique().sort(_EVIDENCE)
        found.append(
            evidence.group_by("customer_id", maintain_order=True)
            .agg(since=pl.col("on").min(), evidence=pl.col("event").tail(_EVENTS_SHOWN_MAX))
            .with_columns(
                pattern=pl.lit(name),
                asks=pl.lit(pattern.asks.value).cast(pl.Enum([one.value for one in Asks])),
                place=pl.lit(place),
            )
        )
    told = pl.concat(found).sort("customer_id", "asks", "place")
    return Behaviours.validate(told.select(Behaviours.column_names()), cast=True)


def care_needed(behaviours: pl.DataFrame) -> pl.DataFrame:
    """Who is to be handled by people, or offered relief, before anything else: customer_id, asks (the most
    careful), patterns and since. A customer whose patterns ask for neither is not in it.
    """
    first = [Asks.PEOPLE.value, Asks.FORBEARANCE.value]
    return (
        behaviours.filter(pl.col("asks").cast(pl.String).is_in(first))
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("asks").min(), patterns=pl.col("pattern"), since=pl.col("since").min())
    )


def _of(rows: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    return rows.join(customers.select("customer_id").unique(), on="customer_id", how="semi")


def _not_of(rows: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    return rows.join(customers.select("customer_id").unique(), on="customer_id", how="anti")


def _paid(events: Events) -> pl.DataFrame:
    return events.payments.filter(~pl.col("is_returned") & ~pl.col("is_undone"))


def _late_now(events: Events) -> pl.DataFrame:
    return events.episodes.filter(pl.col("ended_on").is_null())


def _enough(rows: pl.DataFrame, times: float) -> pl.DataFrame:
    """The rows of customers who have at least so many."""
    return rows.filter(pl.len().over("customer_id") >= times)


def _avoiding(events: Events, pattern: Pattern) -> pl.DataFrame:
    recent = events.within(events.contacts, pattern.days())
    tries = _enough(recent.filter("has_arrived", ~pl.col("is_answer")), pattern.figures["tries"])
    answered = pl.concat(
        [
            recent.filter("is_answer").select("customer_id"),
            events.within(_paid(events), pattern.days()).select("customer_id"),
        ]
    )
    return _of(_of(_not_of(tries, answered), events.contacts.filter("is_sign")), _late_now(events))


def _promising_and_breaking(events: Events, pattern: Pattern) -> pl.DataFrame:
    due = events.within(events.promises.filter("is_due"), pattern.days())
    fits = (
        due.group_by("customer_id")
        .agg(broken=(~pl.col("is_kept")).sum(), kept_share=pl.col("is_kept").mean())
        .filter(
            pl.col("broken") >= pattern.figures["broken"],
            pl.col("kept_share") <= pattern.figures["kept_share"],
        )
    )
    return _of(due.filter(~pl.col("is_kept")), fits)


def _pays_after_a_reminder(events: Events, pattern: Pattern) -> pl.DataFrame:
    late = events.within(_paid(events).filter("was_late"), pattern.days()).sort("on")
    reminders = events.contacts.filter("is_ours").select("customer_id", reminded_on="on", reminder="event")
    beside = late.join_asof(
        reminders.sort("reminded_on"),
        left_on="on",
        right_on="reminded_on",
        by="customer_id",
        strategy="backward",
        check_sortedness=False,
    ).with_columns(
        soon=((pl.col("on") - pl.col("reminded_on")).dt.total_days() <= pattern.days("within")).fill_null(
            False
        )
    )
    fits = (
        beside.group_by("customer_id")
        .agg(times=pl.col("soon").sum(), share=pl.col("soon").mean())
        .filter(pl.col("times") >= pattern.figures["times"], pl.col("share") >= pattern.figures["share"])
    )
    shown = _of(beside.filter("soon"), fits)
    return pl.concat(
        [shown.select(_EVIDENCE), shown.select("customer_id", on="reminded_on", event="reminder")]
    )


def _silent_after_a_life_event(events: Events, pattern: Pattern) -> pl.DataFrame:
    age = (pl.lit(events.as_of) - pl.col("on")).dt.total_days()
    hard = events.holds.filter(
        pl.col("kind").is_in(_HARD_EVENTS), age.is_between(pattern.days(), pattern.days("days_most"))
    )
    signs = (
        pl.concat(
            [
                events.contacts.filter("is_answer").select("customer_id", "on"),
                _paid(events).select("customer_id", "on"),
            ]
        )
        .group_by("customer_id")
        .agg(last_sign_on=pl.col("on").max())
    )
    silent = hard.join(signs, on="customer_id", how="left").filter(
        pl.col("last_sign_on").is_null() | (pl.col("last_sign_on") <= pl.col("on"))
    )
    return _of(silent, _late_now(events))


def _protected(events: Events, pattern: Pattern) -> pl.DataFrame:
    return events.holds.filter(
        pl.col("kind").is_in(["hardship", "incapacity", "breathing_space"]), pl.col("to_on").is_null()
    )


def _sudden_stop(events: Events, pattern: Pattern) -> pl.DataFrame:
    late_days = (pl.lit(events.as_of) - pl.col("began_on")).dt.total_days()
    days_before = (pl.col("began_on") - pl.col("opened_on")).dt.total_days()
    paid = _paid(events).group_by("account_id").agg(last_on=pl.col("on").max())
    stopped = (
        _late_now(events)
        .join(events.opened, on=["customer_id", "account_id"])
        .join(paid, on="account_id")
        .filter(
            late_days >= pattern.days(),
            days_before >= pattern.days("months") * _DAYS_A_MONTH,
            pl.col("last_on") < pl.col("began_on"),
        )
    )
    late_before = events.episodes.filter(
        pl.col("ended_on").is_not_null(), pl.col("worst_days") > pattern.figures["grace"]
    )
    return _not_of(stopped, late_before)


def _debits_return(events: Events, pattern: Pattern) -> pl.DataFrame:
    return _enough(
        events.within(events.payments.filter("is_returned"), pattern.days()), pattern.figures["times"]
    )


def _small_payments(events: Events, pattern: Pattern) -> pl.DataFrame:
    small = events.within(_paid(events), pattern.days()).filter(
        "was_late", pl.col("amount_minor") < pattern.figures["share"] * pl.col("usual_minor")
    )
    return _of(_enough(small, pattern.figures["times"]), _late_now(events))


def _erratic_income(events: Events, pattern: Pattern) -> pl.DataFrame:
    paid = events.within(_paid(events), pattern.days())
    months = paid.group_by("customer_id", "account_id", month=pl.col("on").dt.truncate("1mo")).agg(
        pl.col("amount_minor").cast(pl.Float64).sum()
    )
    uneven = (
        months.group_by("customer_id", "account_id")
        .agg(months=pl.len(), variation=pl.col("amount_minor").std() / pl.col("amount_minor").mean())
        .filter(
            pl.col("months") >= pattern.figures["months"], pl.col("variation") >= pattern.figures["variation"]
        )
    )
    late = _enough(events.within(events.episodes, pattern.days()), pattern.figures["late"])
    return _of(paid.join(uneven, on="account_id", how="semi"), late)


def _always_late_but_pays(events: Events, pattern: Pattern) -> pl.DataFrame:
    recent = events.within(events.episodes, pattern.days())
    too_late = events.within(
        events.episodes.filter(pl.col("worst_days") > pattern.figures["late"]).with_columns(
            on=pl.col("ended_on").fill_null(events.as_of)
        ),
        pattern.days(),
    )
    return _not_of(
        _enough(recent.filter(pl.col("ended_on").is_not_null()), pattern.figures["times"]), too_late
    )


_FINDERS: Mapping[str, Callable[[Events, Pattern], pl.DataFrame]] = {
    "avoiding": _avoiding,
    "promising-and-breaking": _promising_and_breaking,
    "pays-after-a-reminder": _pays_after_a_reminder,
    "silent-after-a-life-event": _silent_after_a_life_event,
    "protected": _protected,
    "sudden-stop": _sudden_stop,
    "debits-return": _debits_return,
    "small-payments": _small_payments,
    "erratic-income": _erratic_income,
    "always-late-but-pays": _always_late_but_pays,
}
