"""How far inputs and scores have moved from training: the population stability index beside a test of whether
chance alone would move them so.

The index says how large a move is and the chi-square test of two samples whether it is more than chance; with
many rows everything is beyond chance, with few everything is large. Over the inputs the false discovery rate is
controlled (Benjamini and Hochberg 1995). Du Pisanie, Allison and Visagie (2023) discuss the index's own law.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import extra
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.inputs import population_stability

Floats = NDArray[np.float64]
_EXPECTED_MIN = 5.0


def input_drift(model: Model, frame: pl.DataFrame) -> pl.DataFrame:
    """A row an input, the most moved first: input, psi, p, adjusted_p, missing_before, missing_now. Raises
    CannotScore when columns are missing.
    """
    inputs = model.inputs_
    matrix = inputs.matrix(frame)
    told = []
    for place, one in enumerate(inputs.inputs):
        expected, actual = np.array(one.shares), one.shares_of(matrix[:, place])
        told.append(
            {
                "input": one.name,
                "psi": population_stability(expected, actual),
                "p": two_sample_p(expected, inputs.row_count, actual, frame.height),
                "missing_before": float(expected[-1]),
                "missing_now": float(actual[-1]),
            }
        )
    rows = pl.DataFrame(told)
    adjusted = extra("scipy.stats").false_discovery_control(rows["p"].to_numpy(), method="bh")
    return (
        rows.with_columns(adjusted_p=pl.Series(adjusted))
        .select("input", "psi", "p", "adjusted_p", "missing_before", "missing_now")
        .sort("psi", "input", descending=[True, False])
    )


def score_drift(before: Floats, now: Floats, *, cells: int = 10) -> dict[str, float]:
    """The index of a score's distribution over the earlier one's tenths, with the test's p-value."""
    edges = np.unique(np.quantile(before, np.arange(1, cells) / cells))
    shares = [
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) / len(values)
        for values in (before, now)
    ]
    return {
        "psi": population_stability(shares[0], shares[1]),
        "p": two_sample_p(shares[0], len(before), shares[1], len(now)),
    }


def two_sample_p(expected: Floats, expected_count: int, actual: Floats, actual_count: int) -> float:
    """That two samples over the same cells come from one population: Pearson's chi-square, thin cells joined."""
    counts = np.stack([expected * expected_count, actual * actual_count])
    whole = counts.sum(axis=0)
    fewest = _EXPECTED_MIN * (expected_count + actual_count) / max(1, min(expected_count, actual_count))
    order = np.argsort(whole, kind="stable")
    joined: list[NDArray[np.float64]] = []
    held = np.zeros(2)
    for place in order:
        held = held + counts[:, place]
        if held.sum() >= fewest:
            joined.append(held)
            held = np.zeros(2)
    if joined:
        joined[-1] = joined[-1] + held
    if len(joined) < 2:
        return 1.0
    table = np.stack(joined, axis=1)
    by_chance = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    statistic = float(((table - by_chance) ** 2 / by_chance).sum())
    return float(extra("scipy.stats").chi2.sf(statistic, table.shape[1] - 1))
