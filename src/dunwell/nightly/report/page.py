"""The parts a report's page is made of, before they become HTML: sections, pictures, tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dunwell.nightly.report.language import Language

WIDE, NARROW, PANEL = 720, 340, 320
"""Widths in CSS pixels: a picture alone on a desk and on a phone, and one of several side by side (on either)."""

Kind = Literal["text", "number", "code", "english", "prose"]
Cell = str | tuple[str, str]
"""A cell's text, or a text and what is said about it underneath."""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. ``english``: text that stays English in every language; ``prose``: text that runs over lines."""

    heading: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table under its caption; the first column names the row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart as SVG, drawn for the desk and, where it is not a small panel, once more for the phone."""

    title: str
    note: str
    svg: str
    narrow_svg: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one or several charts side by side show: a title, what stands out, the definition, the tables behind them."""

    title: str
    pictures: Sequence[Picture]
    definition: str
    tables: Sequence[Table] = ()
    finding: str = ""
    keys: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that stands for itself."""

    label: str
    value: str
    note: str = ""
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with an anchor. ``tables`` stand open, those of figures fold."""

    anchor: str
    title: str
    lead: Sequence[str] = ()
    tiles: Sequence[Tile] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    folded: Sequence[Table] = ()
    terms: Sequence[tuple[str, str]] = ()


def columns(language: Language, *names: str) -> list[Column]:
    """Columns by the keys of their headings in the catalogue; a plus before a key marks numbers."""
    return [
        Column(language.say(f"column.{name.lstrip('+')}"), "number" if name.startswith("+") else "text")
        for name in names
    ]


def pictured(titled: Sequence[tuple[str, str, Callable[[int], str]]]) -> list[Picture]:
    """Pictures of one figure, each given as title, note and a way to draw it at a width: alone in two sizes, or as panels."""
    if len(titled) == 1:
        ((title, note, draw),) = titled
        return [Picture(title, note, draw(WIDE), draw(NARROW))]
    return [Picture(title, note, draw(PANEL)) for title, note, draw in titled]
