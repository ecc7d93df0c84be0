"""How late an account has been: its end-of-day arrears through the last year, from the ledger's timeline.

A row of the frame is a stretch of days in one state, cut to the window: ``from_days_ago`` and
``to_days_ago`` count back from the day the features are for, both inclusive.
"""

from datetime import date

import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features.declared import WINDOW_DAYS_MAX, Feature, Source
from dunwell.ledger.positions import Timeline

_IS_LATE = pl.col("worst_days") > 0
_LENGTH = pl.col("from_days_ago") - pl.col("to_days_ago") + 1


def _days_late(days_ago: int) -> pl.Expr:
    """Days past due so many days ago; 0 when it was not late, or not open yet."""
    holds_then = (pl.col("from_days_ago") >= days_ago) & (pl.col("to_days_ago") <= days_ago)
    late = pl.col("oldest_due_days_ago") - days_ago
    return late.filter(holds_then).sum().clip(0)


def _back_then(days_ago: int) -> Feature:
    return Feature(
        f"past_due_days_{days_ago}d_ago",
        f"days past due {days_ago} days ago",
        f"{days_ago} 天前的逾期天数",
        f"{days_ago} days ago",
        "days",
        Source.ARREARS,
        0,
        _days_late(days_ago),
    )


FEATURES = (
    _back_then(30),
    _back_then(60),
    _back_then(90),
    _back_then(180),
    Feature(
        "worst_days_past_due_365d",
        "worst days past due in the last year",
        "近一年最长逾期天数",
        "365 days",
        "days",
        Source.ARREARS,
        1,
        pl.col("worst_days").max(),
    ),
    Feature(
        "share_of_days_late_365d",
        "share of the last year's days past due",
        "近一年逾期天数占比",
        "365 days",
        "share",
        Source.ARREARS,
        1,
        _LENGTH.filter(_IS_LATE).sum() / WINDOW_DAYS_MAX,
    ),
    Feature(
        "times_late_365d",
        "times it fell past due in the last year",
        "近一年发生逾期的次数",
        "365 days",
        "count",
        Source.ARREARS,
        0,
        pl.col("begins_spell").sum(),
    ),
    Feature(
        "times_caught_up_365d",
        "times the arrears were cleared in the last year",
        "近一年结清逾期的次数",
        "365 days",
        "count",
        Source.ARREARS,
        -1,
        pl.col("ends_spell").sum(),
    ),
    Feature(
        "days_in_this_spell",
        "days past due without a break",
        "本次连续逾期的天数",
        "life",
        "days",
        Source.ARREARS,
        0,
        pl.col("spell_days_ago").filter(pl.col("to_days_ago") == 0).sum(),
    ),
    Feature(
        "overdue_change_30d",
        "change of the overdue amount in 30 days, as a share of the most owed in the year",
        "近 30 天逾期金额变动占近一年最高欠款的比例",
        "30 days",
        "share",
        Source.ARREARS,
        0,
        (
            pl.col("overdue_minor").filter(pl.col("to_days_ago") == 0).sum()
            - pl.col("overdue_minor")
            .filter((pl.col("from_days_ago") >= 30) & (pl.col("to_days_ago") <= 30))
            .sum()
        )
        / pl.col("exposure_minor").max().clip(1),
    ),
)


def arrears_features(timeline: Timeline, as_of: date) -> pl.DataFrame:
    """The features of a span of accounts that have been in arrears at all, by account_row."""
    stretches = _stretches(timeline, as_of)
    return stretches.group_by("account_row", maintain_order=True).agg(f.column for f in FEATURES)


def _stretches(timeline: Timeline, as_of: date) -> pl.DataFrame:
    today = day_number(as_of)
    rows = pl.DataFrame(
        {
            "account_row": pl.Series(timeline.account).cast(pl.UInt32),
            "on": timeline.on,
            "oldest_due_on": timeline.oldest_due_on,
            "overdue_minor": pl.Series(timeline.overdue_minor).cast(pl.Float64),
            "exposure_minor": pl.Series(timeline.exposure_minor).cast(pl.Float64),
        }
    ).filter(pl.col("on") <= today)
    was_late, is_late = pl.col("oldest_due_on").shift(1).fill_null(-1) >= 0, pl.col("oldest_due_on") >= 0
    is_same = pl.col("account_row") == pl.col("account_row").shift(1)
    last_on = pl.when(pl.col("account_row") == pl.col("account_row").shift(-1)).then(
        pl.col("on").shift(-1) - 1
    )
    return (
        rows.with_columns(
            from_days_ago=today - pl.col("on"),
            to_days_ago=today - last_on.fill_null(today),
            oldest_due_days_ago=pl.when(is_late).then(today - pl.col("oldest_due_on")),
            begins_spell=is_late & ~(is_same.fill_null(False) & was_late),
            ends_spell=~is_late & is_same.fill_null(False) & was_late,
        )
        .with_columns(
            spell_days_ago=pl.when(is_late).then(
                pl.when("begins_spell").then("from_days_ago").forward_fill().over("account_row")
            )
        )
        .filter(pl.col("to_days_ago") < WINDOW_DAYS_MAX)
        .with_columns(
            begins_spell=pl.col("begins_spell") & (pl.col("from_days_ago") < WINDOW_DAYS_MAX),
            ends_spell=pl.col("ends_spell") & (pl.col("from_days_ago") < WINDOW_DAYS_MAX),
            from_days_ago=pl.col("from_days_ago").clip(upper_bound=WINDOW_DAYS_MAX - 1),
            worst_days=pl.col("oldest_due_days_ago") - pl.col("to_days_ago"),
        )
    )
