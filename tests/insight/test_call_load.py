"""A contact centre's calls by interval: foretold better than last week repeated, with intervals that hold."""

from datetime import date, datetime, time, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from dunwell.insight.contacts import CallLoad
from dunwell.insight.problems import CannotScore, TrainingUnusable

TIMES = [time(8 + k // 4, 15 * (k % 4)) for k in range(40)]
HOLIDAY = date(2026, 4, 6)


@cache
def calls(days: int = 110, seed: int = 1) -> pl.DataFrame:
    """Workdays whose level drifts; Mondays and days after a holiday are busy; two peaks a day."""
    draw = np.random.default_rng(seed)
    hour = np.array([at.hour + at.minute / 60 for at in TIMES])
    profile = np.exp(-((hour - 10) ** 2) / 3) + 0.7 * np.exp(-((hour - 15) ** 2) / 4) + 0.15
    rows: list[tuple[datetime, int]] = []
    level, day, was_off = 60.0, date(2026, 2, 2), False
    while len(rows) < days * len(TIMES):
        level *= float(np.exp(draw.normal(0, 0.02)))
        if day.weekday() < 5 and day != HOLIDAY:
            busy = (
                (1.3 if day.weekday() == 0 else 1.0)
                * (1.25 if was_off else 1.0)
                * np.exp(draw.normal(0, 0.04))
            )
            counts = draw.poisson(level * busy * profile)
            rows += [(datetime.combine(day, at), int(n)) for at, n in zip(TIMES, counts, strict=True)]
        was_off = day == HOLIDAY
        day += timedelta(days=1)
    return pl.DataFrame(rows, schema=["at", "calls"], orient="row")


def cut(day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    before = pl.col("at").dt.date() < day
    return calls().filter(before), calls().filter(~before)


def open_days(frame: pl.DataFrame) -> list[date]:
    return frame["at"].dt.date().unique().sort().to_list()


def test_it_beats_last_week_and_its_intervals_hold() -> None:
    ours, naive, held, count = 0.0, 0.0, 0, 0
    for day in open_days(calls())[70:100:3]:
        known, ahead = cut(day)
        days = open_days(ahead)[:5]
        told = CallLoad().fit(known).forecast(days)
        truth = ahead.head(5 * len(TIMES))
        assert told["at"].equals(truth["at"].cast(told["at"].dtype))
        last_week = known.tail(5 * len(TIMES))["calls"].to_numpy()
        actual = truth["calls"].to_numpy()
        ours += np.abs(told["expected"].to_numpy() - actual).mean()
        naive += np.abs(last_week - actual).mean()
        held += int(((told["low"].to_numpy() <= actual) & (actual <= told["high"].to_numpy())).sum())
        count += len(actual)
    assert ours < 0.85 * naive
    assert 0.92 <= held / count <= 0.99


def test_busy_days_are_told_from_plain_ones() -> None:
    load = CallLoad().fit(calls())
    assert load.weekdays_[0] - load.weekdays_[1:5].mean() == pytest.approx(np.log(1.3), abs=0.08)
    assert load.after_days_off_ > 0.05
    last = open_days(calls())[-1]
    monday = last + timedelta(days=7 - last.weekday())
    plain, after = (
        load.forecast(days)["expected"].tail(len(TIMES)).sum()
        for days in ([monday, monday + timedelta(days=1)], [monday + timedelta(days=1)])
    )
    assert after > plain  # the Monday was off: the Tuesday is the busier for it


def test_what_cannot_be_learned_or_foretold_is_refused() -> None:
    with pytest.raises(TrainingUnusable, match="has 39 of 40 intervals"):
        CallLoad().fit(calls().slice(1))
    with pytest.raises(TrainingUnusable, match="5 days are too few"):
        CallLoad().fit(calls().head(5 * len(TIMES)))
    with pytest.raises(TrainingUnusable, match="no column 'calls'"):
        CallLoad().fit(calls().rename({"calls": "n"}))
    load = CallLoad().fit(calls())
    with pytest.raises(CannotScore, match="must count up from after"):
        load.forecast([date(2026, 2, 2)])
    with pytest.raises(CannotScore, match="weekday 6"):
        load.forecast([date(2027, 1, 2)])


def test_an_hour_keeps_its_own_calls() -> None:
    """Five minutes are smoothed over their neighbours; an hour that has more calls than the next is not."""
    draw = np.random.default_rng(1)
    hours = range(9, 17)
    first = date(2026, 1, 5)
    at = [datetime.combine(first + timedelta(days=day), time(hour)) for day in range(60) for hour in hours]
    counts = [int(draw.poisson(80 if start.hour == 10 else 40)) for start in at]
    load = CallLoad().fit(pl.DataFrame({"at": at, "calls": counts}))
    told = load.forecast([load.days_[-1] + timedelta(days=1)])
    assert told["expected"][1] == pytest.approx(80, rel=0.1)
    assert told["expected"][0] == pytest.approx(40, rel=0.15)
