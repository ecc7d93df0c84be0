"""A table of points: what each cell of each input adds to a score. The one form of both scorecards.

``score = base_points + sum of the terms' points``; higher is safer. ``points_to_double_odds`` more points
double the odds of good to bad, and ``target_points`` stand for ``target_odds``. An axis cuts an input into
cells: intervals (lower bound inside, upper outside), each special value, missing. A term has one axis, or two
where two inputs only mean something together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunwell.insight.scoring.inputs import Floats, Input

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scale:
    """How log-odds become points."""

    points_to_double_odds: float = 20.0
    target_points: float = 600.0
    target_odds: float = 50.0

    @property
    def factor(self) -> float:
        """Points a unit of log-odds."""
        return self.points_to_double_odds / float(np.log(2))

    def points(self, log_odds_of_bad: float) -> float:
        """The score that stands for these log-odds."""
        return self.target_points - self.factor * (float(np.log(self.target_odds)) + log_odds_of_bad)

    def probability(self, points: Floats) -> Floats:
        """The probability of bad that a score stands for."""
        log_odds = (self.target_points - points) / self.factor - np.log(self.target_odds)
        made: Floats = 1 / (1 + np.exp(-log_odds))
        return made


@dataclass(frozen=True, slots=True)
class Axis:
    """An input cut into cells: ``len(thresholds) + 1`` intervals, the special values, missing.

    For a category the thresholds cut its ranks, and a cell is a set of names.
    """

    input: str
    thresholds: tuple[float, ...]
    categories: tuple[str, ...] = ()
    special_values: tuple[float, ...] = ()

    @property
    def cell_count(self) -> int:
        """Intervals, special values and missing."""
        return len(self.thresholds) + 1 + len(self.special_values) + 1

    def codes(self, values: Floats) -> Codes:
        """The cell of each value."""
        made = np.searchsorted(np.array(self.thresholds), values, side="right")
        first = len(self.thresholds) + 1
        for k, special in enumerate(self.special_values):
            made[values == special] = first + k
        made[np.isnan(values)] = self.cell_count - 1
        return made.astype(np.int64)

    def bounds(self, cell: int) -> tuple[float, float]:
        """The interval of a cell that is one; infinite at the ends."""
        edges = (-np.inf, *self.thresholds, np.inf)
        return float(edges[cell]), float(edges[cell + 1])

    def names(self, cell: int) -> tuple[str, ...]:
        """The categories in a cell of a category's axis."""
        low, high = self.bounds(cell)
        return tuple(name for rank, name in enumerate(self.categories) if low <= rank < high)


@dataclass(frozen=True, slots=True)
class Term:
    """What the cells of one axis, or of two together, add to the score. ``points`` is nested by axis."""

    axes: tuple[Axis, ...]
    points: NDArray[np.int64]

    @property
    def name(self) -> str:
        """Its input or inputs."""
        return " x ".join(axis.input for axis in self.axes)


@dataclass(frozen=True, slots=True)
class PointsTable:
    """A whole scorecard."""

    base_points: int
    scale: Scale
    terms: tuple[Term, ...]

    @classmethod
    def rounded(
        cls, intercept: float, terms: Sequence[tuple[tuple[Axis, ...], Floats]], scale: Scale
    ) -> "PointsTable":
        """The table of log-odds of bad, each term rounded to whole points."""
        made = tuple(
            Term(axes, np.rint(-scale.factor * log_odds).astype(np.int64)) for axes, log_odds in terms
        )
        kept = tuple(term for term in made if term.points.any())
        return cls(round(scale.points(intercept)), scale, kept)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs that add points, in the order in which they first do."""
        return tuple(dict.fromkeys(axis.input for term in self.terms for axis in term.axes))

    def cells(self, matrix: Floats, names: Sequence[str]) -> Codes:
        """Which of its cells each term is in, counted through its ``points``: rows by terms."""
        place = {name: k for k, name in enumerate(names)}
        codes: dict[Axis, Codes] = {}
        for axis in dict.fromkeys(axis for term in self.terms for axis in term.axes):
            codes[axis] = axis.codes(matrix[:, place[axis.input]])
        made = np.zeros((len(matrix), len(self.terms)), np.int64, order="F")
        for k, term in enumerate(self.terms):
            for axis in term.axes:
                made[:, k] = made[:, k] * axis.cell_count + codes[axis]
        return made

    def term_points(self, matrix: Floats, names: Sequence[str]) -> NDArray[np.int64]:
        """What each term adds to each row's score: rows by terms."""
        return self.points_in(self.cells(matrix, names))

    def points_in(self, cells: Codes) -> NDArray[np.int64]:
        """The points of each term's cell: rows by terms."""
        made = np.zeros(cells.shape, np.int64, order="F")
        for k, term in enumerate(self.terms):
            made[:, k] = term.points.ravel()[cells[:, k]]
        return made

    def scores(self, matrix: Floats, names: Sequence[str]) -> NDArray[np.int64]:
        """Each row's points."""
        total: NDArray[np.int64] = self.term_points(matrix, names).sum(axis=1) + self.base_points
        return total

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        axes = list(dict.fromkeys(axis for term in self.terms for axis in term.axes))
        return {
            "base_points": self.base_points,
            "scale": {
                "points_to_double_odds": self.scale.points_to_double_odds,
                "target_points": self.scale.target_points,
                "target_odds": self.scale.target_odds,
            },
            "axes": [
                {
                    "input": axis.input,
                    "thresholds": list(axis.thresholds),
                    "categories": list(axis.categories),
                    "special_values": list(axis.special_values),
                }
                for axis in axes
            ],
            "terms": [
                {"axes": [axes.index(axis) for axis in term.axes], "points": term.points.tolist()}
                for term in self.terms
            ],
        }

    @classmethod
    def from_dict(cls, text: Mapping[str, Any]) -> "PointsTable":
        """The table that ``to_dict`` told."""
        axes = [
            Axis(
                axis["input"],
                tuple(axis["thresholds"]),
                tuple(axis["categories"]),
                tuple(axis["special_values"]),
            )
            for axis in text["axes"]
        ]
        terms = tuple(
            Term(tuple(axes[k] for k in term["axes"]), np.array(term["points"], np.int64))
            for term in text["terms"]
        )
        return cls(int(text["base_points"]), Scale(**text["scale"]), terms)


def axis_of(one: Input, thresholds: Sequence[float]) -> Axis:
    """An input's axis with these thresholds."""
    return Axis(one.name, tuple(float(t) for t in thresholds), one.categories, one.special_values)


def readable(threshold: float, values: Floats) -> float:
    """The shortest decimal that parts the sorted values as ``value < threshold`` does."""
    place = int(np.searchsorted(values, threshold, side="left"))
    if place in (0, len(values)):
        return threshold
    low, high = float(values[place - 1]), float(values[place])
    for digits in range(1, 17):
        short = float(f"{threshold:.{digits}g}")
        if low < short <= high:
            return short
    return threshold
