"""Which debts a promise covers: the account that it names, and those of ``account_ids`` where it was made for several."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

ACCOUNT_IDS = pl.List(pl.String)


def with_account_ids(promises: pl.DataFrame) -> pl.DataFrame:
    """Promises with ``account_ids`` as they are used: ``account_id`` (a column) and the others named, each once, in order.

    >>> rows = pl.DataFrame({"account_id": ["A2", "A3"], "account_ids": [["A1", "A2", None], None]})
    >>> with_account_ids(rows)["account_ids"].to_list()
    [['A1', 'A2'], ['A3']]
    """
    alone = pl.concat_list("account_id")
    if "account_ids" not in promises.columns or promises["account_ids"].null_count() == promises.height:
        return promises.with_columns(alone.alias("account_ids"))
    every = pl.concat_list(pl.col("account_ids").cast(ACCOUNT_IDS), alone)
    named = pl.when(pl.col("account_ids").is_null()).then(alone).otherwise(every)
    return promises.with_columns(named.list.drop_nulls().list.unique().list.sort().alias("account_ids"))


def spread(promises: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """A partition's promises, a row for each debt that they cover (``account_row``), in their order."""
    if "account_ids" not in promises.columns or promises["account_ids"].null_count() == promises.height:
        return promises
    kind = promises.schema["account_row"]
    places = accounts.select("account_id").with_row_index("§place")
    named = promises.with_columns(pl.col("account_row").cast(pl.UInt32).alias("§place"))
    named = named.join(places, on="§place", how="left", maintain_order="left").drop("§place")
    rows = with_account_ids(named).drop("account_id").explode("account_ids")
    rows = rows.join(places, left_on="account_ids", right_on="account_id", how="inner", maintain_order="left")
    spread_rows = rows.with_columns(pl.col("§place").cast(kind).alias("account_row"))
    return spread_rows.join(
        promises.select("promise_id", "account_ids"), on="promise_id", how="left", suffix="_named"
    ).select(
        pl.col("account_ids_named").alias(name) if name == "account_ids" else name
        for name in promises.columns
    )


def taken_over(
    held: pl.DataFrame, told: pl.DataFrame, accounts: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The promises of a tape, and those of the journal that are not among them under another id.

    A lender's system that takes promises over from the journal may number them anew. A promise with the same debts, days and
    amounts, made in the same second (the same minute where the tape knows no seconds), is the same one: the tape's row then goes
    under the journal's id, so that what the journal says of it later counts. ``held``, ``told``: the table's columns with
    ``account_row``, the place in ``accounts``.
    """
    rows = pl.col("account_row").is_in(told["account_row"].implode()) | pl.col("account_ids").is_not_null()
    near: dict[_Terms, list[_Whole]] = defaultdict(list)
    for one in _wholes(held.filter(rows), accounts):
        near[one.terms].append(one)
    names: dict[str, str] = {}
    for ours in _wholes(told, accounts) if near else ():
        same = [one for one in near[ours.terms] if one.name not in names and _is_at_once(one.at, ours.at)]
        if same:
            names |= {same[0].name: ours.name, **dict(zip(same[0].parts, ours.parts, strict=True))}
    if not names:
        return held, told
    renamed = held.with_columns(pl.col("promise_id", "part_of", "superseded_by").replace(names))
    return renamed, told.filter(~pl.col("promise_id").is_in(list(names.values())))


_Terms = tuple[tuple[str, ...], tuple[tuple[date, int], ...]]
"""A promise's debts, and the day and amount of each of its parts."""


@dataclass(frozen=True, slots=True)
class _Whole:
    """A promise with all its parts: its id, theirs in the order of ``terms``, and when it was made."""

    name: str
    parts: tuple[str, ...]
    terms: _Terms
    at: datetime


def _wholes(rows: pl.DataFrame, accounts: Sequence[str]) -> Iterator[_Whole]:
    by_name: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        by_name[row["part_of"] or row["promise_id"]].append(row)
    for name, parts in by_name.items():
        parts.sort(key=lambda row: (row["due_on"], row["amount_minor"], row["promise_id"]))
        debts = {accounts[row["account_row"]] for row in parts}
        debts |= {debt for row in parts for debt in row["account_ids"] or () if debt is not None}
        terms = tuple(sorted(debts)), tuple((row["due_on"], row["amount_minor"]) for row in parts)
        yield _Whole(name, tuple(row["promise_id"] for row in parts), terms, parts[0]["made_at"])


def _is_at_once(tape: datetime, journal: datetime) -> bool:
    """Whether a tape's instant is the journal's, as exactly as the tape tells it."""
    if tape.microsecond:
        return tape == journal
    journal = journal.replace(microsecond=0)
    return tape == (journal if tape.second else journal.replace(second=0)) or tape == journal
