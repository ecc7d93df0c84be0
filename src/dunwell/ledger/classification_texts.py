"""Classification as text: each file in ``classes/`` is one scheme, read here and checked.

A scheme fills one column of positions: with levels by days past due (``[[level]]``, and ``[[upgrade]]`` where
a worse class is kept until arrears are repaid and observed), or, for ``in_default``, with the figures of a
count of consecutive days materially past due (``[[figure]]``). What a changed contract does: ``change_texts``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

from dunwell.ledger.change_texts import FORBEARANCE, Follow, Watch, decimal, follow_of, watch_of, whole
from dunwell.money import CURRENCIES
from dunwell.policy import Entry, PolicyError, PolicyText, in_force, read_policies

CLASSES_FOLDER = Path(__file__).parent / "classes"
COLUMNS = ("asset_class", "ifrs_stage", "in_default", "term", FORBEARANCE)
CREDITS = ("closed_end", "open_end")
EVERYBODY = "*"
NEVER_STICKY = 99


@cache
def class_texts() -> tuple[PolicyText, ...]:
    """The texts that come with dunwell."""
    return read_policies(CLASSES_FOLDER)


@dataclass(frozen=True, slots=True)
class Level:
    """A class, the days past due from which it is reached, and who says so."""

    name: str
    from_days: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class Scheme:
    """A text's levels for one kind of credit (None: for every kind), least late first, and what it asks before an upgrade from
    ``sticky_rank`` on.
    """

    text: PolicyText
    credit: str | None
    levels: tuple[Level, ...]
    sticky_rank: int = NEVER_STICKY
    observation_months: int = 0
    observation_periods: int = 0
    upgrade: Entry | None = None
    watch: Watch | None = None
    follow: Follow | None = None


@dataclass(frozen=True, slots=True)
class DefaultRule:
    """The figures of a count of days materially past due. ``absolute_minor``: by currency, where one is held;
    elsewhere the relative threshold stands alone.
    """

    text: PolicyText
    consecutive_days: int
    probation_months: int
    relative: Fraction
    absolute_minor: Mapping[str, int]


def schemes_on(texts: Sequence[PolicyText], column: str, day: date) -> list[Scheme]:
    """The schemes that fill a column on a day; a text that tells kinds of credit apart makes one for each.
    Raises PolicyError.
    """
    held = [text for text in in_force(texts, day) if _column_of(text) == column]
    _check_apart(held, day)
    return [_scheme(text, credit, day) for text in held for credit in _credits_of(text, day)]


def default_rule_on(texts: Sequence[PolicyText], day: date) -> DefaultRule | None:
    """The rule of default in force on a day, None where none is held. Raises PolicyError."""
    held = [text for text in in_force(texts, day) if _column_of(text) == "in_default"]
    if not held:
        return None
    text, *others = held
    if others or text.values["applies_to"] != [EVERYBODY]:
        raise PolicyError(
            held[-1].file,
            "applies_to",
            "one rule of default is used for everybody",
            'Write applies_to = ["*"], and end the others with until',
        )
    figures = text.entries("figure", day)
    return DefaultRule(
        text,
        whole(text, _figure(text, figures, "consecutive_days"), "value"),
        whole(text, _figure(text, figures, "probation_months"), "value"),
        Fraction(decimal(text, _figure(text, figures, "relative_threshold"), "value")),
        {
            _currency(text, figure): int(
                decimal(text, figure, "value") * 10 ** CURRENCIES[figure.values["currency"]]
            )
            for figure in figures
            if figure.values.get("name") == "absolute_threshold"
        },
    )


def _column_of(text: PolicyText) -> str:
    column = text.values.get("column")
    if column not in COLUMNS:
        raise PolicyError(text.file, "column", f"{column!r} is not known", f"One of: {', '.join(COLUMNS)}")
    applies_to = text.values.get("applies_to")
    if not isinstance(applies_to, list) or not applies_to:
        raise PolicyError(text.file, "applies_to", "names nobody", 'Write applies_to = ["cn"], or ["*"]')
    return str(column)


def _check_apart(texts: Sequence[PolicyText], day: date) -> None:
    """No two texts of a column hold for the same jurisdiction on one day."""
    for first, second in combinations(texts, 2):
        if set(first.values["applies_to"]) & set(second.values["applies_to"]):
            raise PolicyError(
                second.file,
                "applies_to",
                f"{first.file} holds for the same on {day}",
                "End one of them with until",
            )


def _credits_of(text: PolicyText, day: date) -> tuple[str | None, ...]:
    tells_apart = any("credit" in entry.values for entry in text.entries("level", day))
    return CREDITS if tells_apart else (None,)


def _scheme(text: PolicyText, credit: str | None, day: date) -> Scheme:
    levels = tuple(
        Level(str(entry.values.get("name", "")), whole(text, entry, "from_days"), entry)
        for entry in text.entries("level", day)
        if _credit_of(text, entry) in (None, credit)
    )
    _check_levels(text, levels)
    names = [level.name for level in levels]
    watch, follow = watch_of(text, names, day), follow_of(text, names, day)
    upgrades = text.entries("upgrade", day)
    if not upgrades:
        return Scheme(text, credit, levels, watch=watch, follow=follow)
    upgrade = upgrades[-1]
    if upgrade.values.get("from_level") not in names[1:]:
        raise PolicyError(
            text.file, f"{upgrade.key}.from_level", "is no level above the first", f"One of: {names[1:]}"
        )
    return Scheme(
        text,
        credit,
        levels,
        names.index(upgrade.values["from_level"]),
        whole(text, upgrade, "observation_months"),
        whole(text, upgrade, "observation_periods"),
        upgrade,
        watch,
        follow,
    )


def _check_levels(text: PolicyText, levels: Sequence[Level]) -> None:
    if not levels or levels[0].from_days != 0:
        raise PolicyError(text.file, "level", "the first does not begin at 0 days", "Write from_days = 0")
    for before, level in pairwise(levels):
        if level.from_days <= before.from_days:
            raise PolicyError(
                text.file,
                f"{level.entry.key}.from_days",
                f"begins no later than {before.name}",
                "Write the levels least late first",
            )
    if text.values["column"] == "ifrs_stage" and not all(level.name in ("1", "2", "3") for level in levels):
        raise PolicyError(text.file, "level", "a stage is not 1, 2 or 3", 'Write name = "1"')


def _credit_of(text: PolicyText, entry: Entry) -> str | None:
    credit = entry.values.get("credit")
    if credit is not None and credit not in CREDITS:
        raise PolicyError(
            text.file, f"{entry.key}.credit", f"{credit!r} is not known", f"One of: {', '.join(CREDITS)}"
        )
    return credit


def _figure(text: PolicyText, figures: Sequence[Entry], name: str) -> Entry:
    found = [figure for figure in figures if figure.values.get("name") == name]
    if len(found) != 1:
        raise PolicyError(
            text.file,
            "figure",
            f"{len(found)} of the name {name} are in force",
            f"Write one, name = {name!r}",
        )
    return found[0]


def _currency(text: PolicyText, entry: Entry) -> str:
    currency = entry.values.get("currency")
    if currency not in CURRENCIES:
        raise PolicyError(
            text.file, f"{entry.key}.currency", f"{currency!r} is no currency", 'Write currency = "EUR"'
        )
    return str(currency)
