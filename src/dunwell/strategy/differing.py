"""What changes when one strategy takes another's place: the texts in words, and who in the book moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from dunwell.strategy.eligibility import eligible, first_choice
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text import Strategy

_NAMED_LISTS = ("segment", "treatment", "capacity", "experiment", "case")


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


def differences(old: Strategy, new: Strategy) -> list[str]:
    """Every difference of two texts as a sentence; empty when they say the same."""
    before, after = old.policy.values, new.policy.values
    told: list[str] = []
    for kind in _NAMED_LISTS:
        told += _of_list(kind, _by_name(before.get(kind, [])), _by_name(after.get(kind, [])))
    rest = [
        {key: value for key, value in each.items() if key not in _NAMED_LISTS} for each in (before, after)
    ]
    told += _of_table("", rest[0], rest[1])
    if [each.name for each in old.segments] != [each.name for each in new.segments]:
        told += _order("segments", [s.name for s in old.segments], [s.name for s in new.segments])
    told += _order("treatments", list(old.treatment_names), list(new.treatment_names))
    return told


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
    kind: str, before: dict[str, Mapping[str, Any]], after: dict[str, Mapping[str, Any]]
) -> list[str]:
    told = [f"{kind} {name!r} is gone" for name in before if name not in after]
    told += [f"{kind} {name!r} is new: {_telling(after[name])}" for name in after if name not in before]
    for name in before:
        if name in after:
            told += _of_table(f"{kind} {name!r}: ", before[name], after[name])
    return told


def _of_table(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    told = []
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            told += _of_table(f"{where}{key}.", old, new)
        elif old is None:
            told.append(f"{where}{key} is now {_shown(new)}")
        elif new is None:
            told.append(f"{where}{key} is no longer said (was {_shown(old)})")
        else:
            told.append(f"{where}{key} from {_shown(old)} to {_shown(new)}")
    return told


def _order(what: str, before: list[str], after: list[str]) -> list[str]:
    kept = [[name for name in each if name in set(before) & set(after)] for each in (before, after)]
    return [] if kept[0] == kept[1] else [f"the order of the {what} is now: {', '.join(kept[1])}"]


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
