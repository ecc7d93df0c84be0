"""Why a score is what it is, in words: English and Chinese."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
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
    points = table.term_points(matrix, inputs.names)
    place = {name: k for k, name in enumerate(inputs.names)}
    codes = [[axis.codes(matrix[:, place[axis.input]]) for axis in term.axes] for term in table.terms]
    told: dict[tuple[int, ...], str] = {}
    rows = []
    for row, worst in enumerate(_lowest(points, most)):
        reasons = []
        for k in worst:
            cells = tuple(int(code[row]) for code in codes[k])
            if (k, *cells) not in told:
                told[(k, *cells)] = _reason(table.terms[k], cells, int(points[row, k]), meanings, language)
            reasons.append(told[(k, *cells)])
        rows.append(reasons)
    return pl.Series("reasons", rows, dtype=pl.List(pl.String))


def reasons_of_shares(
    inputs: Inputs, matrix: Floats, shares: Floats, meanings: Mapping[str, Meaning], language: str, most: int
) -> pl.Series:
    """The same for a model without points: ``shares`` are the inputs' parts of each row's log-odds of bad."""
    refuse_unknown_language(language)
    rows = []
    for row, worst in enumerate(_lowest(-shares, most)):
        rows.append(
            [
                _raises(inputs, k, float(matrix[row, k]), float(shares[row, k]), meanings, language)
                for k in worst
            ]
        )
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


def _lowest(points: Floats | NDArray[np.int64], most: int) -> list[list[int]]:
    """For each row the columns with the lowest values below zero, lowest first."""
    if not points.shape[1]:
        return [[] for _ in range(len(points))]
    order = np.argsort(points, axis=1, kind="stable")[:, :most]
    lowest = np.take_along_axis(points, order, axis=1)
    return [
        [int(k) for k, value in zip(columns, values, strict=True) if value < 0]
        for columns, values in zip(order, lowest, strict=True)
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 and value == round(value) else f"{value:.6g}"
