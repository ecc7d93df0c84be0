"""LightGBM as the models use it: one thread, the same result for the same seed, monotone where asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dunwell.insight.scoring.inputs import Floats, Inputs


@dataclass(frozen=True, slots=True)
class TreeColumns:
    """The columns that trees see: each input with its special values as missing, then a mark a special value.

    ``inputs[k]`` is the input behind column k; ``special[k]`` the value it marks, NaN for the input itself.
    """

    inputs: tuple[int, ...]
    special: tuple[float, ...]
    usual: tuple[float, ...]

    @classmethod
    def of(cls, inputs: Inputs) -> "TreeColumns":
        """The columns of a model's inputs."""
        marks = [(k, value) for k, one in enumerate(inputs.inputs) for value in one.special_values]
        usual = []
        for one in inputs.inputs:
            has_missing = one.shares[-1] > 0 or bool(one.special_values)
            middle = one.edges[len(one.edges) // 2] if one.edges else 0.0
            usual.append(float("nan") if has_missing else middle)
        count = len(inputs.inputs)
        return cls(
            (*range(count), *(k for k, _ in marks)),
            (*([float("nan")] * count), *(value for _, value in marks)),
            tuple(usual),
        )

    @property
    def input_count(self) -> int:
        """How many of the columns are inputs themselves."""
        return len(self.usual)

    def matrix(self, matrix: Floats) -> Floats:
        """The trees' columns of an inputs' matrix. Where training had no missing value, a missing one is taken
        for a usual one: trees that never met it would read it as 0.
        """
        made = np.empty((len(matrix), len(self.inputs)), np.float64)
        made[:, : self.input_count] = matrix
        for k in range(self.input_count, len(self.inputs)):
            is_special = matrix[:, self.inputs[k]] == self.special[k]
            made[:, k] = is_special
            made[is_special, self.inputs[k]] = np.nan
        for k, usual in enumerate(self.usual):
            if not np.isnan(usual):
                column = made[:, k]
                column[np.isnan(column)] = usual
        return made

    def monotone(self, inputs: Inputs, risk: Mapping[str, int]) -> list[int]:
        """The direction of each column."""
        directions = [risk.get(name, 0) for name in inputs.names]
        return directions + [0] * (len(self.inputs) - self.input_count)


def tree_parameters(seed: int, monotone: Sequence[int], **more: Any) -> dict[str, Any]:
    """Parameters under which LightGBM gives the same trees on every run."""
    made: dict[str, Any] = {
        "objective": "binary",
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": seed,
        "bagging_freq": 1,
    }
    if any(monotone):
        made |= {"monotone_constraints": list(monotone), "monotone_constraints_method": "basic"}
    return made | more


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree: which columns it splits on and where (``value <= threshold`` goes left), the gain of its
    splits by column, and its leaves' values.
    """

    thresholds: Mapping[int, tuple[float, ...]]
    gains: Mapping[int, float]
    leaves: Floats


def trees_of(booster: Any) -> Iterator[Tree]:
    """A booster's trees, in order."""
    for told in booster.dump_model()["tree_info"]:
        thresholds: dict[int, list[float]] = {}
        gains: dict[int, float] = {}
        leaves: dict[int, float] = {}
        stack = [told["tree_structure"]]
        while stack:
            node = stack.pop()
            if "split_feature" not in node:
                leaves[int(node.get("leaf_index", 0))] = float(node["leaf_value"])
                continue
            column = int(node["split_feature"])
            thresholds.setdefault(column, []).append(float(node["threshold"]))
            gains[column] = gains.get(column, 0.0) + float(node["split_gain"])
            stack += [node["left_child"], node["right_child"]]
        values = np.array([leaves[k] for k in range(len(leaves))], np.float64)
        yield Tree({c: tuple(sorted(set(ts))) for c, ts in thresholds.items()}, gains, values)
