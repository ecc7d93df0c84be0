"""Lots where they cost little: the chance with which each customer draws each treatment, the less the more it would forgo.

A share of decisions drawn evenly from all that is lawful asks for much of a scarce capacity, and mostly for people to whom it
would not have gone. What a lot forgoes is known beforehand: a treatment's value less its capacities' prices, held against the
best that is open. So the chance falls as that gap grows, as 1 / (1 + gap / scale): inverse gap weighting (N. Abe and P. Long,
Associative reinforcement learning using linear probabilistic concepts, ICML 1999; D. Foster and A. Rakhlin, arXiv 2002.04926).
Those who are nearly equal change places by lot, everybody else keeps a small chance, and none is 0: the log teaches of all.
The scale is found so that all lots of a day together are thought to forgo a stated share of what the day is worth.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.text import Strategy
from dunwell.strategy.turning import Turned

Floats = NDArray[np.float64]

NEW_DAYS = 60
"""So long after a treatment's turn is it new: more is drawn by lot."""

_BINS_AN_OCTAVE, _OCTAVES = 16, 40
_HALVINGS = 60


def even_chances(allowed: NDArray[np.bool_], rate: float) -> Floats:
    """The chance of each treatment (a column) by lot: ``rate`` in all, evenly among those that are allowed."""
    return np.asarray(rate * allowed / allowed.sum(axis=1, keepdims=True), dtype=np.float64)


def more_after_turn(strategy: Strategy, turned: Iterable[Turned], day: date) -> Strategy:
    """The strategy with as much more to be spent on lots as its text says while a treatment's turn is new."""
    is_new = any(timedelta() <= day - one.since <= timedelta(days=NEW_DAYS) for one in turned)
    if strategy.explore_spend is None or not is_new:
        return strategy
    return replace(strategy, explore_spend=strategy.explore_spend * strategy.explore_after_turn)


def chances_by_gap(net: Floats, rate: float, most: float) -> Floats:
    """The chance of each treatment (a column) for each customer (a row) by lot, at most ``rate`` in all: even where nothing is
    forgone by it, smaller where something is. All lots together are expected to forgo ``most`` at most.

    ``net``: what each is worth at the day's prices, nothing first, NaN where it is ruled out.

    >>> net = np.array([[0.0, 0.1, -4.0], [0.0, 9.0, np.nan]])
    >>> chances_by_gap(net, rate=0.3, most=0.09).round(3).tolist()
    [[0.078, 0.1, 0.008], [0.006, 0.15, 0.0]]
    """
    allowed = ~np.isnan(net)
    worth = np.where(allowed, net, -np.inf)
    gaps = np.where(allowed, worth.max(axis=1, keepdims=True) - np.where(allowed, worth, 0.0), 0.0)
    even = even_chances(allowed, rate)
    scale = _scale(gaps, even, most)
    return np.asarray(even if np.isinf(scale) else even / (1.0 + gaps / scale), dtype=np.float64)


def _scale(gaps: Floats, even: Floats, most: float) -> float:
    """The gap at which a chance is half of the even one; infinite where even lots forgo no more than ``most``."""
    if float((gaps * even).sum()) <= most:
        return float("inf")
    # In bins of nearly equal gaps, since ten million customers are too many to be added up sixty times.
    some = gaps > 0
    largest = float(gaps.max())
    bins = np.minimum(
        (_BINS_AN_OCTAVE * np.log2(largest / gaps[some])).astype(np.int64), _BINS_AN_OCTAVE * _OCTAVES
    )
    weights = np.bincount(bins, even[some])
    costs = np.bincount(bins, even[some] * gaps[some])
    middle = costs / np.maximum(weights, 1e-300)
    low, high = largest * 2.0**-_OCTAVES, largest * 2.0**_OCTAVES
    for _ in range(_HALVINGS):
        scale = float(np.sqrt(low * high))
        if float((costs / (1.0 + middle / scale)).sum()) > most:
            high = scale
        else:
            low = scale
    return float(f"{low:.4g}")
