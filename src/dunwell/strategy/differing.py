"""What changes when one strategy takes another's place: what the texts say differently, and who in the book moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from dunwell.strategy.eligibility import eligible, first_choice
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text import Strategy

_NAMED_LISTS = ("segment", "treatment", "capacity", "experiment", "case")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that two texts say differently. ``kind`` and ``name``: the entry (``segment``, ``treatment`` and the like) in
    which it stands; empty where it stands in none. ``key``: what is said, joined by dots where it lies deeper. Values are the
    text's own, None where nothing is said.

    ``gone`` and ``new``: a whole entry (``before``, ``after``: all it says). ``changed``: a value. ``reordered``: the entries of
    both texts, whose order matters (``key``: segments, treatments), by name.
    """

    what: Literal["gone", "new", "changed", "reordered"]
    kind: str = ""
    name: str = ""
    key: str = ""
    before: Any = None
    after: Any = None

    def __str__(self) -> str:
        """It as an English sentence."""
        place = f"{self.kind} {self.name!r}" if self.kind else ""
        if self.what == "gone":
            return f"{place} is gone"
        if self.what == "new":
            return f"{place} is new: {_telling(self.after)}"
        if self.what == "reordered":
            return f"the order of the {self.key} is now: {', '.join(self.after)}"
        where = f"{place}: {self.key}" if place else self.key
        if self.before is None:
            return f"{where} is now {_shown(self.after)}"
        if self.after is None:
            return f"{where} is no longer said (was {_shown(self.before)})"
        return f"{where} from {_shown(self.before)} to {_shown(self.after)}"


@dataclass(frozen=True, slots=True)
class Moves:
    """Who moves between two strategies. ``segments`` and ``firsts``: from, to, customers (first choice while no values
    are known). ``treatments``: treatment, gained, lost. ``changed_count`` of ``customer_count`` have another segment or
    other treatments.
    """

    customer_count: int
    changed_count: int
    segments: pl.DataFrame
    treatments: pl.DataFrame
    firsts: pl.DataFrame


def differences(old: Strategy, new: Strategy) -> list[Difference]:
    """Everything that two texts say differently; empty when they say the same."""
    before, after = old.policy.values, new.policy.values
    found: list[Difference] = []
    for kind in _NAMED_LISTS:
        found += _of_list(kind, _by_name(before.get(kind, [])), _by_name(after.get(kind, [])))
    rest = [
        {key: value for key, value in each.items() if key not in _NAMED_LISTS} for each in (before, after)
    ]
    found += _of_table(("", ""), "", rest[0], rest[1])
    found += _order("segments", [each.name for each in old.segments], [each.name for each in new.segments])
    return found + _order("treatments", old.treatment_names, new.treatment_names)


def moves(old: Strategy, new: Strategy, customers: pl.DataFrame) -> Moves:
    """Who changes segment or treatments, counted over the customers of a book (``customer_columns``)."""
    before, after = eligible(old, customers), eligible(new, customers)
    names = list(dict.fromkeys([*old.treatment_names[1:], *new.treatment_names[1:]]))
    lists = [_lists(table, names) for table in (before, after)]
    is_changed = (before["segment"] != after["segment"]) | (lists[0] != lists[1])
    gained = [
        {
            "treatment": name,
            "gained": int((_has(after, name) & ~_has(before, name)).sum()),
            "lost": int((_has(before, name) & ~_has(after, name)).sum()),
        }
        for name in names
    ]
    return Moves(
        customers.height,
        int(is_changed.sum()),
        _flows(before["segment"], after["segment"]),
        pl.DataFrame(gained, schema={"treatment": pl.String, "gained": pl.Int64, "lost": pl.Int64}).filter(
            (pl.col("gained") > 0) | (pl.col("lost") > 0)
        ),
        _flows(first_choice(old, before), first_choice(new, after)),
    )


def _flows(before: pl.Series, after: pl.Series) -> pl.DataFrame:
    return (
        pl.DataFrame({"from": before, "to": after})
        .filter(pl.col("from") != pl.col("to"))
        .group_by("from", "to")
        .agg(customers=pl.len().cast(pl.Int64))
        .sort(["customers", "from", "to"], descending=[True, False, False])
    )


def _has(table: pl.DataFrame, name: str) -> pl.Series:
    return table[name] if name in table.columns else pl.Series([False] * table.height, dtype=pl.Boolean)


def _lists(table: pl.DataFrame, names: list[str]) -> pl.Series:
    """Each row's treatments as one text, to be compared."""
    told = [pl.when(_has(table, name)).then(pl.lit(name)) for name in names]
    return table.select(
        pl.concat_str(told or [pl.lit(NOTHING)], separator="\0", ignore_nulls=True)
    ).to_series()


def _by_name(entries: Any) -> dict[str, Mapping[str, Any]]:
    return {entry["name"]: entry for entry in entries}


def _of_list(
    kind: str, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[Difference]:
    found = [Difference("gone", kind, name, before=before[name]) for name in before if name not in after]
    found += [Difference("new", kind, name, after=after[name]) for name in after if name not in before]
    for name in before:
        if name in after:
            found += _of_table((kind, name), "", before[name], after[name])
    return found


def _of_table(
    entry: tuple[str, str], path: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[Difference]:
    found = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _of_table(entry, f"{path}{key}.", old, new)
        elif old != new:
            found.append(Difference("changed", *entry, f"{path}{key}", old, new))
    return found


def _order(what: str, before: Sequence[str], after: Sequence[str]) -> list[Difference]:
    both = set(before) & set(after)
    was, becomes = ([name for name in each if name in both] for each in (before, after))
    return [] if was == becomes else [Difference("reordered", key=what, before=was, after=becomes)]


def _telling(entry: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_shown(value)}" for key, value in entry.items() if key != "name")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        return f"({_telling(value)})"
    return (
        repr(value)
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
