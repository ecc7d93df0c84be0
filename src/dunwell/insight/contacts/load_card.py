"""The card of a contact centre's forecast: made on earlier days from nothing later, beside the calls that came."""

from datetime import date
from itertools import islice

import numpy as np
import polars as pl

from dunwell.insight.contacts.load import DAYS_MIN, CallLoad
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring.card import ModelCard
from dunwell.insight.scoring.measures import Figure, mean_interval, share_interval

_DAYS_AHEAD = (1, 5)
_ORIGINS_MAX = 30
_ORIGINS_MIN = 5

LIMITS = (
    "It foretells the calls that come in, not how long they last or how many people are needed.",
    "It knows weekdays and days after days off. Of a campaign, a letter to everybody or an outage it is not told.",
    "It holds nothing about any person.",
)


def load_card(calls: pl.DataFrame, *, days_max: int = 100, seed: int = 0) -> ModelCard:
    """Measure ``CallLoad`` on the last days of ``calls``: its mean error beside that of the same weekday before, and how often
    its intervals held. Raises TrainingUnusable where the days are too few.
    """
    days = calls.select(pl.col("at").dt.date().unique().sort()).to_series().to_list()
    furthest = max(_DAYS_AHEAD)
    count = min(_ORIGINS_MAX, len(days) - DAYS_MIN - furthest)
    if count < _ORIGINS_MIN:
        raise TrainingUnusable(
            f"{len(days)} days are too few to hold forecasts against: at least {DAYS_MIN + furthest + _ORIGINS_MIN} are needed"
        )
    came = {day: rows["calls"].cast(pl.Float64).to_numpy() for day, rows in _by_day(calls)}
    ratios: dict[int, list[float]] = {ahead: [] for ahead in _DAYS_AHEAD}
    held, counted = dict.fromkeys(_DAYS_AHEAD, 0), dict.fromkeys(_DAYS_AHEAD, 0)
    for known in range(len(days) - furthest - count + 1, len(days) - furthest + 1):
        load = CallLoad(days_max).fit(calls.filter(pl.col("at").dt.date() <= days[known - 1]))
        coming = [day for day in days[known : known + furthest] if _before(days[:known], day) is not None]
        told = load.forecast(coming)
        for ahead in _DAYS_AHEAD:
            day = days[known + ahead - 1]
            if day not in coming:
                continue
            mine, actual = told.filter(pl.col("at").dt.date() == day), came[day]
            same = _before(days[:known], day)
            naive = np.abs(came[same] - actual).mean() if same is not None else 0.0
            ratios[ahead].append(
                float(np.abs(mine["expected"].to_numpy() - actual).mean() / max(1e-9, naive))
            )
            held[ahead] += int(
                ((mine["low"].to_numpy() <= actual) & (actual <= mine["high"].to_numpy())).sum()
            )
            counted[ahead] += len(actual)
    figures: dict[str, Figure] = {}
    for ahead in _DAYS_AHEAD:
        figures[f"error_over_that_of_the_same_weekday_before_{ahead}_open_days_ahead"] = mean_interval(
            np.array(ratios[ahead]), seed
        )
        figures[f"intervals_that_held_{ahead}_open_days_ahead"] = share_interval(held[ahead], counted[ahead])
    return ModelCard(
        kind="call load",
        purpose="Foretells the calls of a contact centre by interval of the day, to have people enough at the desk.",
        target="calls that come in",
        window=(days[0], days[-1]),
        measured_on=f"forecasts from each of the last {count} days, of nothing they learned from",
        trained_row_count=min(days_max, len(days)) * len(came[days[-1]]),
        row_count=sum(counted.values()),
        event_count=0,
        inputs=("at", "calls"),
        figures=figures,
        reliability=(),
        groups=(),
        gaps=(),
        promotion_blocks=(),
        cautions=(),
        limits=LIMITS,
        without_groups="There is no person in these figures, so there are no groups to treat unlike.",
    )


def _by_day(calls: pl.DataFrame) -> list[tuple[date, pl.DataFrame]]:
    keyed = calls.with_columns(_day=pl.col("at").dt.date()).sort("at")
    return [(part["_day"][0], part) for part in keyed.partition_by("_day", maintain_order=True)]


def _before(days: list[date], day: date) -> date | None:
    """The last of the days with the weekday of ``day``."""
    return next(islice((one for one in reversed(days) if one.weekday() == day.weekday()), 1), None)
