"""Why a score is what it is, in words: English and Chinese."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from dunwell.insight.features import CATALOGUE
from dunwell.insight.problems import CannotScore
from dunwell.insight.scoring.inputs import Floats, Inputs
from dunwell.insight.scoring.points import Axis, PointsTable, Term

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an input is called when a person is told of it."""

    en: str
    zh: str


def meanings_of(names: Sequence[str], given: Mapping[str, Meaning]) -> dict[str, Meaning]:
    """Each input's words: those given, else the catalogue's, else its name."""
    found = {}
    for name in names:
        feature = CATALOGUE.get(name)
        fallback = Meaning(feature.meaning, feature.meaning_zh) if feature else Meaning(name, name)
        found[name] = given.get(name, fallback)
    return found


def refuse_unknown_language(language: str) -> None:
    """Raise CannotScore for a language we have no words in."""
    if language not in LANGUAGES:
        raise CannotScore(f"no reasons in {language!r}. There are: {', '.join(LANGUAGES)}")


def reasons_of_points(
    table: PointsTable,
    inputs: Inputs,
    matrix: Floats,
    meanings: Mapping[str, Meaning],
    language: str,
    most: int,
) -> pl.Series:
    """For each row the terms that cost it most points against the average of training, worst first."""
    refuse_unknown_language(language)
    cells = table.cells(matrix, inputs.names)
    points = table.points_in(cells)
    firsts = np.cumsum([0, *(term.points.size for term in table.terms)])
    worst, lowest = _lowest(points, most)
    is_told = lowest < 0
    rows = np.broadcast_to(np.arange(len(points))[:, None], worst.shape)[is_told]
    different, place = np.unique(firsts[worst[is_told]] + cells[rows, worst[is_told]], return_inverse=True)
    words = []
    for told in different.tolist():
        k = int(np.searchsorted(firsts, told, side="right")) - 1
        cell = tuple(int(c) for c in np.unravel_index(told - firsts[k], table.terms[k].points.shape))
        words.append(_reason(table.terms[k], cell, int(table.terms[k].points[cell]), meanings, language))
    return _listed(pl.Series(words, dtype=pl.String).gather(place), is_told.sum(axis=1))


def reasons_of_shares(
    inputs: Inputs, matrix: Floats, shares: Floats, meanings: Mapping[str, Meaning], language: str, most: int
) -> pl.Series:
    """The same for a model without points: ``shares`` are the inputs' parts of each row's log-odds of bad."""
    refuse_unknown_language(language)
    worst, lowest = _lowest(-shares, most)
    rows = [
        [
            _raises(inputs, int(k), float(matrix[row, k]), -float(value), meanings, language)
            for k, value in zip(worst[row], lowest[row], strict=True)
            if value < 0
        ]
        for row in range(len(shares))
    ]
    return pl.Series("reasons", rows, dtype=pl.List(pl.String))


def cell_words(axis: Axis, cell: int, language: str) -> str:
    """A cell as a person would say it."""
    zh = language == "zh"
    interval_count = len(axis.thresholds) + 1
    if cell == axis.cell_count - 1:
        return "缺失" if zh else "missing"
    if cell >= interval_count:
        special = f"{axis.special_values[cell - interval_count]:g}"
        return f"特殊值 {special}" if zh else f"the special value {special}"
    if axis.categories:
        return ("、" if zh else ", ").join(axis.names(cell)) or ("无" if zh else "none")
    low, high = axis.bounds(cell)
    if np.isneginf(low) and np.isposinf(high):
        return "任意值" if zh else "any value"
    if np.isneginf(low):
        return f"低于 {_number(high)}" if zh else f"below {_number(high)}"
    if np.isposinf(high):
        return f"{_number(low)} 或以上" if zh else f"{_number(low)} or more"
    return f"{_number(low)} 至 {_number(high)} 以下" if zh else f"{_number(low)} to below {_number(high)}"


def _reason(
    term: Term, cells: tuple[int, ...], points: int, meanings: Mapping[str, Meaning], language: str
) -> str:
    parts = [
        (meanings[axis.input], cell_words(axis, cell, language))
        for axis, cell in zip(term.axes, cells, strict=True)
    ]
    if language == "zh":
        told = "，且".join(f"{meaning.zh}为{words}" for meaning, words in parts)
        return f"{told}（比平均少 {-points} 分）"
    told = " while ".join(f"{meaning.en}: {words}" for meaning, words in parts)
    return f"{told} ({-points} points below average)"


def _raises(
    inputs: Inputs, k: int, value: float, share: float, meanings: Mapping[str, Meaning], language: str
) -> str:
    one = inputs.inputs[k]
    if np.isnan(value):
        shown = "缺失" if language == "zh" else "missing"
    else:
        shown = one.categories[int(value)] if one.is_category else _number(value)
    times = float(np.exp(share))
    if language == "zh":
        return f"{meanings[one.name].zh}为{shown}（风险几率乘以 {times:.2f}）"
    return f"{meanings[one.name].en}: {shown} (multiplies the odds by {times:.2f})"


def _lowest(points: Floats | NDArray[np.int64], most: int) -> tuple[NDArray[np.int64], Floats]:
    """For each row the columns of the lowest values, lowest first, of equal ones the first; and these values."""
    most = min(most, points.shape[1])
    columns, values = np.zeros((len(points), most), np.int64), np.zeros((len(points), most))
    left = np.array(points, np.float64, order="C")
    every = np.arange(len(left))
    for k in range(most):
        columns[:, k] = left.argmin(axis=1)
        values[:, k] = left[every, columns[:, k]]
        left[every, columns[:, k]] = np.inf
    return columns, values


def _listed(words: pl.Series, counts: NDArray[np.int64]) -> pl.Series:
    """The words as lists: the first so many in the first row, and so on."""
    ends = np.concatenate([[0], counts.cumsum()])
    lists = pa.LargeListArray.from_arrays(ends, words.to_arrow())
    return pl.Series("reasons", lists, dtype=pl.List(pl.String))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.6g}"
