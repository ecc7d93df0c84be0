"""How many calls will come in, by interval of the day, and how sure that is: to have people enough at the desk.

A day's calls are a level that drifts, times what its weekday does, times what a day after extra days off does;
within the day they follow the weekday's profile. Few and plain parts, each of which one can look at.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from itertools import pairwise
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import CannotScore, TrainingUnusable

Floats = NDArray[np.float64]

DAYS_MIN = 20
_DRIFT = 0.2
_HALF_LIFE_DAYS = 40.0
_PRIOR_DAYS = 3.0
_SMOOTHED_OVER_MINUTES = 25
_ROUNDS = 5
_TRIED_MAX = 60


class CallLoad:
    """Calls by interval, from the last ``days_max`` days.

    Fitted: ``level_`` (log of a plain day's calls), ``weekdays_`` and ``after_days_off_`` (what they add to it),
    ``profiles_`` (by weekday, each interval's share of the day), ``excess_`` (how much more the intervals vary
    than Poisson), ``day_spread_`` (by open days ahead, how far whole days came out from the forecast, in logs).
    """

    def __init__(self, days_max: int = 100) -> None:
        self.days_max = days_max

    def fit(self, calls: pl.DataFrame) -> Self:
        """Learn from ``at`` (a local datetime, the interval's start) and ``calls``, every interval of each open day.
        Raises TrainingUnusable for intervals left out or given twice, and for too few days.
        """
        days, times, counts = _by_day(calls)
        if len(days) < DAYS_MIN:
            raise TrainingUnusable(
                f"{len(days)} days are too few to learn from: at least {DAYS_MIN} are needed"
            )
        self.days_, self.times_ = days[-self.days_max :], times
        counts = counts[-self.days_max :]
        weekdays, after = _weekdays(self.days_), _after_days_off(self.days_)
        totals = np.log(np.maximum(counts.sum(axis=1), 0.5))
        self.level_, self.weekdays_, self.after_days_off_ = _parts(totals, weekdays, after)
        self.profiles_ = _profiles(counts, weekdays, _smoothing_width(times))
        expected = counts.sum(axis=1, keepdims=True) * self.profiles_[weekdays]
        squares = (counts - expected) ** 2 / np.maximum(expected, 0.5)
        self.excess_ = max(1.0, float(squares.mean()) * counts.shape[1] / max(1, counts.shape[1] - 1))
        self.day_spread_ = _spread_by_days_ahead(totals, weekdays, after)
        return self

    def forecast(self, days: Sequence[date]) -> pl.DataFrame:
        """The calls of the coming open days: at, expected, low and high (95 %). Days on which the centre is closed
        are left out of ``days``. Raises CannotScore for days out of order and weekdays it never saw.
        """
        if not hasattr(self, "level_"):
            raise CannotScore("the forecast has not learned yet. Call fit first")
        if not days or list(days) != sorted(set(days)) or days[0] <= self.days_[-1]:
            raise CannotScore(
                f"the days to foretell must count up from after {self.days_[-1]}. Give open days in order"
            )
        unseen = sorted({day.weekday() for day in days} - {day.weekday() for day in self.days_})
        if unseen:
            raise CannotScore(
                f"no day of weekday {unseen[0] + 1} was learned from. Leave it out, or learn from one"
            )
        after = _after_days_off([*self.days_, *days])[len(self.days_) :]
        weekdays = _weekdays(days)
        totals = np.exp(self.level_ + self.weekdays_[weekdays] + self.after_days_off_ * after)
        expected = totals[:, None] * self.profiles_[weekdays]
        ahead = np.minimum(np.arange(len(days)), len(self.day_spread_) - 1)
        spread = self.day_spread_[ahead][:, None] * expected
        half = 1.96 * np.sqrt(self.excess_ * expected + spread**2)
        at = [datetime.combine(day, start) for day in days for start in self.times_]
        return pl.DataFrame(
            {
                "at": at,
                "expected": expected.ravel(),
                "low": np.maximum(0, expected - half).ravel(),
                "high": (expected + half).ravel(),
            }
        )


def _by_day(calls: pl.DataFrame) -> tuple[list[date], list[time], Floats]:
    absent = [name for name in ("at", "calls") if name not in calls.columns]
    if absent:
        raise TrainingUnusable(f"the calls have no column {absent[0]!r}. They need at and calls")
    rows = calls.select("calls", day=pl.col("at").dt.date(), time=pl.col("at").dt.time()).sort("day", "time")
    days, times = rows["day"].unique().sort().to_list(), rows["time"].unique().sort().to_list()
    if rows.height != len(days) * len(times) or rows.select("day", "time").is_duplicated().any():
        counted = rows.group_by("day").agg(pl.col("time").n_unique()).sort("time", "day")
        raise TrainingUnusable(
            f"day {counted['day'][0]} has {counted['time'][0]} of {len(times)} intervals. "
            "Give every open day each interval once, with 0 where nobody called"
        )
    counts = rows["calls"].cast(pl.Float64).to_numpy().reshape(len(days), len(times))
    return days, times, counts


def _weekdays(days: Sequence[date]) -> NDArray[np.int64]:
    return np.array([day.weekday() for day in days], np.int64)


def _after_days_off(days: Sequence[date]) -> Floats:
    """1 where more days were off before the day than before most days of its weekday."""
    gaps = np.array([0, *((later - earlier).days for earlier, later in pairwise(days))])
    weekdays = _weekdays(days)
    usual = np.array(
        [np.median(gaps[1:][weekdays[1:] == w]) if (weekdays[1:] == w).any() else 7 for w in range(7)]
    )
    made: Floats = (gaps > usual[weekdays]).astype(np.float64)
    return made


def _parts(totals: Floats, weekdays: NDArray[np.int64], after: Floats) -> tuple[float, Floats, float]:
    """The level on the last day, what each weekday adds and what a day after days off adds, found in turns."""
    weight = 0.5 ** (np.arange(len(totals))[::-1] / _HALF_LIFE_DAYS)
    adds, after_adds, levels = np.zeros(7), 0.0, np.zeros(len(totals))
    for _ in range(_ROUNDS):
        plain = totals - adds[weekdays] - after_adds * after
        level = float(np.average(plain[:10]))
        for k, value in enumerate(plain):
            level += _DRIFT * (value - level)
            levels[k] = level
        left = totals - levels
        usual = after == 0
        for w in range(7):
            mine = usual & (weekdays == w)
            adds[w] = (weight[mine] * left[mine]).sum() / (weight[mine].sum() + 1)
        adds -= adds[weekdays].mean()
        after_adds = float(((left - adds[weekdays]) * after).sum() / (after.sum() + 1))
    return float(levels[-1]), adds, after_adds


def _smoothing_width(times: Sequence[time]) -> int:
    """Over how many intervals a profile is smoothed: short ones are noise, while of two hours each has its own calls."""
    minutes = [60 * at.hour + at.minute for at in times]
    step = min((later - earlier for earlier, later in pairwise(minutes)), default=_SMOOTHED_OVER_MINUTES)
    return 2 * (_SMOOTHED_OVER_MINUTES // max(1, step) // 2) + 1


def _profiles(counts: Floats, weekdays: NDArray[np.int64], over: int) -> Floats:
    """Each weekday's shares of the day, smoothed over ``over`` neighbouring intervals and drawn to the common profile."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weight = 0.5 ** (np.arange(len(counts))[::-1] / _HALF_LIFE_DAYS)
    common = _smoothed(np.average(shares, axis=0, weights=weight), over)
    made = np.tile(common, (7, 1))
    for w in np.unique(weekdays):
        mine = weekdays == w
        own = _smoothed(np.average(shares[mine], axis=0, weights=weight[mine]), over)
        made[w] = (mine.sum() * own + _PRIOR_DAYS * common) / (mine.sum() + _PRIOR_DAYS)
    return np.asarray(made / made.sum(axis=1, keepdims=True))


def _smoothed(profile: Floats, over: int) -> Floats:
    width = min(over, 2 * ((len(profile) - 1) // 2) + 1)
    return np.convolve(np.pad(profile, width // 2, mode="edge"), np.ones(width) / width, "valid")


def _spread_by_days_ahead(
    totals: Floats, weekdays: NDArray[np.int64], after: Floats, reach: int = 10
) -> Floats:
    """The standard deviation of the logs of whole days against forecasts made so many open days before."""
    first = max(DAYS_MIN - reach, len(totals) - _TRIED_MAX)
    errors: list[list[float]] = [[] for _ in range(reach)]
    for known in range(first, len(totals)):
        level, adds, after_adds = _parts(totals[:known], weekdays[:known], after[:known])
        for h in range(min(reach, len(totals) - known)):
            day = known + h
            errors[h].append(totals[day] - level - adds[weekdays[day]] - after_adds * after[day])
    return np.maximum.accumulate([float(np.sqrt(np.mean(np.square(each)))) for each in errors])
