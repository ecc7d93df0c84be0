"""What no score, segment or strategy may rest on, read from ``forbidden.toml``, and the check that every one of
them makes.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from dunwell.insight.problems import ForbiddenInput

_FILE = Path(__file__).with_name("forbidden.toml")
_DISTINCT_MAX = 12


@dataclass(frozen=True, slots=True)
class Forbidden:
    """One kind of forbidden input: the words that name it, the values that give it away, why it is refused and
    on whose word.
    """

    key: str
    words: tuple[str, ...]
    values: tuple[frozenset[str], ...]
    reason: str
    citation: str
    source_quality: str


@cache
def forbidden_inputs() -> tuple[Forbidden, ...]:
    """The list, in the file's order."""
    text = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Forbidden(
            entry["key"],
            tuple(entry["words"]),
            tuple(frozenset(values) for values in entry["values"]),
            entry["reason"],
            entry["citation"],
            entry["source_quality"],
        )
        for entry in text["forbidden"]
    )


def forbidden_kind(name: str, values: pl.Series | None = None) -> Forbidden | None:
    """Which kind of forbidden input a column is, by its name or, where given, its values; None for none."""
    for entry in forbidden_inputs():
        if _is_named(name, entry.words) or (values is not None and _is_given_away(values, entry.values)):
            return entry
    return None


def refuse_forbidden(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Raise ForbiddenInput for the first column that is, by its name or its values, on the list. A column that
    the frame does not have is judged by its name.
    """
    for column in columns:
        entry = forbidden_kind(column, frame[column] if column in frame.columns else None)
        if entry is not None:
            raise ForbiddenInput(
                f"column {column!r} is {entry.key}, which no score here may rest on ({entry.citation}). "
                "Leave it out of the inputs; to measure fairness by it, give it as groups to the model card"
            )


def _is_named(column: str, words: Sequence[str]) -> bool:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column)
    name = f" {re.sub(r'[^a-z0-9]+', ' ', spaced.lower()).strip()} "
    return any(f" {word} " in name if word.isascii() else word in column for word in words)


def _is_given_away(values: pl.Series, giveaways: Sequence[frozenset[str]]) -> bool:
    if not giveaways or not (values.dtype == pl.String or isinstance(values.dtype, pl.Enum | pl.Categorical)):
        return False
    distinct = values.cast(pl.String).drop_nulls().unique()
    if not 2 <= len(distinct) <= _DISTINCT_MAX:
        return False
    found = frozenset(distinct.str.strip_chars().str.to_lowercase())
    return any(found <= giveaway or giveaway <= found for giveaway in giveaways)
