"""How good a score is: ranking, calibration, and how sure that is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


def auc(target: Floats, score: Floats) -> float:
    """The chance that an event has a higher score than a non-event, ties counted half; nan without both."""
    ranks = midranks(score)
    events = target == 1
    m, n = int(events.sum()), int((~events).sum())
    return float("nan") if not m or not n else float((ranks[events].sum() - m * (m + 1) / 2) / (m * n))


def auc_delong(target: Floats, score: Floats) -> Figure:
    """AUC with DeLong's interval, by Sun and Xu's fast form (IEEE Signal Processing Letters 21(11), 2014)."""
    events, others = score[target == 1], score[target == 0]
    m, n = len(events), len(others)
    if m < 2 or n < 2:
        return Figure(auc(target, score), 0.0, 1.0)
    ranks = midranks(np.concatenate([events, others]))
    value = float((ranks[:m].sum() - m * (m + 1) / 2) / (m * n))
    of_events = (ranks[:m] - midranks(events)) / n
    of_others = 1 - (ranks[m:] - midranks(others)) / m
    spread = 1.96 * float(np.sqrt(of_events.var(ddof=1) / m + of_others.var(ddof=1) / n))
    return Figure(value, max(0.0, value - spread), min(1.0, value + spread))


def midranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = (last - (counts - 1) / 2).astype(np.float64)
    return middle[inverse]


def kolmogorov_smirnov(target: Floats, score: Floats) -> float:
    """The largest distance between the scores' distributions of events and non-events."""
    order = np.argsort(score, kind="stable")
    sorted_score, events = score[order], target[order]
    ends = np.append(np.flatnonzero(np.diff(sorted_score)), len(score) - 1)
    of_events = np.cumsum(events)[ends] / max(1.0, events.sum())
    of_others = np.cumsum(1 - events)[ends] / max(1.0, (1 - events).sum())
    return float(np.abs(of_events - of_others).max())


def brier(target: Floats, probability: Floats) -> float:
    """The mean squared error of the probabilities."""
    return float(((probability - target) ** 2).mean())


def log_loss(target: Floats, probability: Floats) -> float:
    """The mean negative log-likelihood, probabilities kept off 0 and 1 by 1e-12."""
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())


def calibration_error(target: Floats, probability: Floats, bins: int = 10) -> float:
    """The expected calibration error: the mean gap between predicted and actual rate over bins of equally many
    rows, weighted by rows.
    """
    order = np.argsort(probability, kind="stable")
    gaps = [
        len(part) * abs(float(probability[part].mean()) - float(target[part].mean()))
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return float(sum(gaps) / len(target))


def calibration_noise(probability: Floats, bins: int = 10) -> float:
    """The ``calibration_error`` that a forecast which is right in every row would show by chance alone: the mean
    distance of a bin's rate from its own probability, in normal approximation. An error near it tells nothing.
    """
    order = np.argsort(probability, kind="stable")
    spreads = [
        float(np.sqrt((probability[part] * (1 - probability[part])).sum()))
        for part in np.array_split(order, bins)
    ]
    return float(np.sqrt(2 / np.pi) * sum(spreads) / len(probability))


def calibration_gap(target: Floats, probability: Floats, bins: int = 10) -> float:
    """The root mean square gap between predicted and actual rate over the bins, with what chance adds taken off;
    0 where that is all of it. Kumar, Liang and Ma, Verified uncertainty calibration (NeurIPS 2019).
    """
    order = np.argsort(probability, kind="stable")
    beyond = 0.0
    for part in np.array_split(order, bins):
        if len(part) > 1:
            rate = float(target[part].mean())
            by_chance = rate * (1 - rate) / (len(part) - 1)
            beyond += len(part) * ((float(probability[part].mean()) - rate) ** 2 - by_chance)
    return float(np.sqrt(max(0.0, beyond / len(target))))


def bootstrap(
    target: Floats,
    score: Floats,
    measure: Callable[[Floats, Floats], float],
    seed: int,
    rounds: int = 200,
    *,
    is_centred: bool = False,
) -> Figure:
    """A measure with its percentile interval over resampled rows. ``is_centred``: the interval is moved by what resampling adds
    to the measure on average, for measures that chance makes larger, like a calibration error; never below 0.
    """
    draw = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        rows = draw.integers(0, len(target), len(target))
        values.append(measure(target[rows], score[rows]))
    value = measure(target, score)
    low, high = np.nanpercentile(values, [2.5, 97.5])
    if is_centred:
        added = float(np.nanmean(values)) - value
        low, high = max(0.0, low - added), max(0.0, high - added)
    return Figure(value, float(low), float(high))


def mean_interval(values: Floats, seed: int, rounds: int = 200) -> Figure:
    """A mean with its percentile interval over resampled values."""
    drawn = np.random.default_rng(seed).choice(values, (rounds, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return Figure(float(values.mean()), float(low), float(high))


def cluster_numbers(groups: pl.Series | None, row_count: int) -> NDArray[np.int64]:
    """The number of each row's group, from 0; a row without one is a group of its own."""
    own = pl.Series(np.arange(row_count))
    if groups is None:
        return own.to_numpy()
    known = groups.rank("dense").cast(pl.Int64)
    first_free = 1 + int(known.fill_null(0).to_numpy().max(initial=0))
    return known.zip_with(known.is_not_null(), own + first_free).rank("dense").cast(pl.Int64).to_numpy() - 1


def share_interval(count: int, whole: int) -> Figure:
    """A share with Wilson's interval."""
    if not whole:
        return Figure(float("nan"), 0.0, 1.0)
    z, p = 1.96, count / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * float(np.sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)))
    return Figure(p, max(0.0, middle - half), min(1.0, middle + half))
