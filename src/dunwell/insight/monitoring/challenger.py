"""A champion and a challenger on the same accounts: which ranks better, which is nearer to what came.

DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) for two AUCs on the same rows; the paired bootstrap for
the Brier score. Rows of one person may be drawn together.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import extra
from dunwell.insight.scoring.base import read_target
from dunwell.insight.scoring.measures import Figure, auc, cluster_numbers, midranks

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``auc_gain`` and ``brier_gain``: what the challenger gains (above 0: it is better), with 95 % intervals;
    ``p``: that the AUCs are equal. ``verdict``: challenger, champion or no difference, by the AUC; a challenger
    whose probabilities are surely worse does not win.
    """

    row_count: int
    champion_auc: float
    challenger_auc: float
    auc_gain: Figure
    p: float
    brier_gain: Figure

    @property
    def verdict(self) -> str:
        """Who is better."""
        if self.auc_gain.low > 0 and self.brier_gain.high >= 0:
            return "challenger"
        return "champion" if self.auc_gain.high < 0 or self.brier_gain.high < 0 else "no difference"


def compare_models(
    target: Floats,
    champion: Floats,
    challenger: Floats,
    *,
    groups: pl.Series | None = None,
    rounds: int = 500,
    seed: int = 0,
) -> Comparison:
    """Compare two models' probabilities for the same rows. With ``groups`` (who a row belongs to) both intervals
    come from a bootstrap that draws whole groups, for the rows of one person are not independent.
    """
    values = read_target(target.tolist(), len(champion), "measure on")
    gain = (champion - values) ** 2 - (challenger - values) ** 2
    draws = _cluster_draws(cluster_numbers(groups, len(values)), rounds, seed)
    brier_gain = _percentiles(float(gain.mean()), [float(gain[rows].mean()) for rows in draws])
    if groups is None:
        auc_gain, p = delong_difference(values, champion, challenger)
    else:
        gains = [auc(values[rows], challenger[rows]) - auc(values[rows], champion[rows]) for rows in draws]
        auc_gain = _percentiles(auc(values, challenger) - auc(values, champion), gains)
        spread = float(np.nanstd(gains))
        p = float(2 * extra("scipy.stats").norm.sf(abs(auc_gain.value) / spread)) if spread else 1.0
    return Comparison(len(values), auc(values, champion), auc(values, challenger), auc_gain, p, brier_gain)


def delong_difference(target: Floats, one: Floats, other: Floats) -> tuple[Figure, float]:
    """The AUC of ``other`` less that of ``one`` on the same rows, with DeLong's interval and p-value."""
    events = target == 1
    m, n = int(events.sum()), int((~events).sum())
    parts = [_placements(events, score) for score in (one, other)]
    gain = auc(target, other) - auc(target, one)
    of_events = parts[1][0] - parts[0][0]
    of_others = parts[1][1] - parts[0][1]
    error = float(np.sqrt(of_events.var(ddof=1) / m + of_others.var(ddof=1) / n))
    if not error:
        return Figure(gain, gain, gain), 1.0
    p = float(2 * extra("scipy.stats").norm.sf(abs(gain) / error))
    return Figure(gain, gain - 1.96 * error, gain + 1.96 * error), p


def _placements(events: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """For each event the share of non-events below it, and for each non-event the share of events above it."""
    ranks = midranks(score)
    m, n = int(events.sum()), int((~events).sum())
    return (ranks[events] - midranks(score[events])) / n, 1 - (ranks[~events] - midranks(score[~events])) / m


def _cluster_draws(clusters: NDArray[np.int64], rounds: int, seed: int) -> list[NDArray[np.int64]]:
    draw = np.random.default_rng(seed)
    order = np.argsort(clusters, kind="stable")
    counts = np.bincount(clusters)
    counts = counts[counts > 0]
    rows_of = np.split(order, np.cumsum(counts)[:-1])
    if len(rows_of) == len(clusters):
        return [draw.integers(0, len(clusters), len(clusters)) for _ in range(rounds)]
    return [
        np.concatenate([rows_of[place] for place in draw.integers(0, len(rows_of), len(rows_of))])
        for _ in range(rounds)
    ]


def _percentiles(value: float, drawn: list[float]) -> Figure:
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Figure(value, float(low), float(high))
