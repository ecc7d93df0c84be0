"""Accounts whose contracts were changed, as arrays: few beside the others, so their classes are found in a walk of their own.

``Modified.among`` takes what a tape (or the journal) tells of changes known by then; ``arrears`` cuts out a span's accounts
with their arrears and due days, numbered anew, with a state before the first change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.ledger import kernel
from dunwell.ledger.arrays import Array, Ints, day_numbers, known, read_only
from dunwell.ledger.change_texts import ForbearanceRule, Watch
from dunwell.ledger.classification_kernel import NO_DAY, Changes
from dunwell.ledger.default_kernel import Forborne
from dunwell.ledger.positions import Timeline

TABLE = "modifications"
_DAY_BITS = 33


def no_changes() -> Changes:
    """None at all."""
    none = np.empty(0, np.int64)
    return Changes(np.zeros(1, np.int64), none, none, none)


def room_for(accounts: int, rows: int) -> Forborne:
    """Room for what is told of so many accounts, in so many states."""
    columns = (np.full(accounts, NO_DAY, np.int64) for _ in range(4))
    return Forborne(*columns, *(np.empty(rows, np.int64) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class Arrears:
    """The arrears and due days of some accounts, numbered from 0 (``accounts``: their rows in the partition)."""

    accounts: Ints
    account: Ints
    on: NDArray[np.int32]
    oldest_due_on: NDArray[np.int32]
    overdue_minor: Ints
    exposure_minor: Ints
    due_offsets: Ints
    due_days: NDArray[np.int32]


def arrears_of(timeline: Timeline, events: kernel.Events) -> Arrears:
    """Those of a span of a partition, numbered as there (``accounts`` is left out)."""
    return Arrears(
        np.empty(0, np.int64),
        timeline.account,
        timeline.on,
        timeline.oldest_due_on,
        timeline.overdue_minor,
        timeline.exposure_minor,
        events.instalment_offsets,
        events.instalment_due,
    )


@dataclass(frozen=True, slots=True)
class Modified:
    """Changes of contracts, sorted by account and day: ``of`` the accounts' rows in the partition, ``rows`` what is told of
    each change.
    """

    of: Ints
    on: Ints
    due: Ints
    rows: pl.DataFrame

    @classmethod
    def among(
        cls, tables: Mapping[str, pl.DataFrame], as_of: date, known_at: datetime | None
    ) -> "Modified | None":
        """Those of debtors in difficulty, agreed by a day and known at an instant; None where there are none."""
        rows = tables.get(TABLE)
        if rows is None or not rows.height:
            return None
        rows = known(rows, known_at).filter(pl.col("financial_difficulty"), pl.col("agreed_on") <= as_of)
        if not rows.height:
            return None
        return cls(
            rows["account_row"].to_numpy().astype(np.int64),
            day_numbers(rows["agreed_on"]).astype(np.int64),
            day_numbers(rows["first_due_on"], missing=NO_DAY).astype(np.int64),
            rows,
        )

    def within(self, first: int, last: int) -> "Modified | None":
        """Those of accounts [first, last); None where there are none."""
        low, high = np.searchsorted(self.of, [first, last])
        if low == high:
            return None
        return Modified(
            self.of[low:high], self.on[low:high], self.due[low:high], self.rows[int(low) : int(high)]
        )

    def arrears(self, whole: Arrears) -> Arrears:
        """The arrears of these accounts out of all, each with a state before its first change."""
        accounts, firsts = np.unique(self.of, return_index=True)
        starts = np.searchsorted(whole.account, accounts, side="left")
        counts = np.searchsorted(whole.account, accounts, side="right") - starts
        taken = spans(starts, counts)
        number = np.repeat(np.arange(len(accounts)), counts)
        before = self.on[firsts].copy()
        has_rows = counts > 0
        before[has_rows] = np.minimum(before[has_rows], whole.on[starts[has_rows]].astype(np.int64) - 1)
        order = np.argsort(np.concatenate([np.arange(len(accounts)), number]), kind="stable")

        def column(leading: Array, values: Array) -> Array:
            return np.concatenate([leading.astype(values.dtype), values[taken]])[order]

        nothing = np.zeros(len(accounts), np.int64)
        due_starts = whole.due_offsets[accounts]
        due_counts = whole.due_offsets[accounts + 1] - due_starts
        return Arrears(
            accounts,
            np.concatenate([np.arange(len(accounts)), number])[order],
            column(before, whole.on),
            column(nothing + kernel.NOTHING_DUE, whole.oldest_due_on),
            column(nothing, whole.overdue_minor),
            column(nothing, whole.exposure_minor),
            read_only(np.concatenate([[0], np.cumsum(due_counts)]).astype(np.int64)),
            read_only(whole.due_days[spans(due_starts, due_counts)]),
        )

    def with_due(self, arrears: Arrears) -> "Modified":
        """The same, the first payment of each known: where nobody told it, the next instalment after the change (else the
        change's day).
        """
        owner = np.searchsorted(arrears.accounts, self.of)
        keys = _keys(
            np.repeat(np.arange(len(arrears.accounts)), np.diff(arrears.due_offsets)), arrears.due_days
        )
        place = np.searchsorted(keys, _keys(owner, self.on), side="right")
        is_there = place < arrears.due_offsets[owner + 1]
        following = np.append(arrears.due_days, 0)[np.where(is_there, place, -1)]
        usual = np.where(is_there, following, self.on)
        return Modified(self.of, self.on, np.where(self.due == NO_DAY, usual, self.due), self.rows)

    def ranked(self, rank: Ints, accounts: Ints) -> Changes:
        """As changes that count with these ranks, of accounts numbered anew."""
        return _changes(np.searchsorted(accounts, self.of), self.on, self.due, rank, len(accounts))

    def watch_ranks(self, watch: Watch) -> Ints:
        """The rank of each change's class before, where it counts for an observation, else -1."""
        counted = self.rows.select(
            pl.when(pl.col("kind").cast(pl.String).is_in(list(watch.kinds)))
            .then(_mapped("class_before", watch.before))
            .otherwise(-1)
        )
        return counted.to_series().to_numpy().astype(np.int64)

    def default_ranks(self, rule: ForbearanceRule) -> Ints:
        """1 where the change alone is default, 0 where it is not, -1 where it does not count."""
        was_bad = pl.col("class_before").cast(pl.String).is_in(list(rule.before)).fill_null(False)
        lost = (pl.col("value_lost_ppb") > rule.value_lost_ppb).fill_null(False)
        counted = self.rows.select(
            pl.when(pl.col("kind").cast(pl.String).is_in(list(rule.kinds)))
            .then((was_bad | lost).cast(pl.Int64))
            .otherwise(-1)
        )
        return counted.to_series().to_numpy().astype(np.int64)

    def told(self, change: int) -> str:
        """A change in words: what it was, when, and its id.

        >>> from datetime import date
        >>> rows = {"kind": ["forbearance"], "agreed_on": [date(2026, 1, 5)], "modification_id": ["M1"]}
        >>> Modified(*[np.zeros(1, np.int64)] * 3, pl.DataFrame(rows)).told(0)
        'forbearance of 2026-01-05 (M1)'
        """
        row = self.rows.row(change, named=True)
        return f"{row['kind']} of {row['agreed_on']} ({row['modification_id']})"


def floors(told: Forborne, count: int, rank_of: Callable[[int], Ints], accounts: int) -> Changes:
    """The states of forborne accounts as the ranks that they come to. ``rank_of``: each account's rank, by state."""
    owner, on, state = (column[:count] for column in (told.row_account, told.row_on, told.row_state))
    ranks = np.stack([rank_of(k) for k in range(3)])[state, owner]
    return _changes(owner, on, on, ranks, accounts)


def merged(first: Changes, second: Changes) -> tuple[Changes, Ints]:
    """Those of two lists of changes that count, as one, and the number that each has in the first (-1: it is of the second)."""
    owner = np.concatenate([_owners(first), _owners(second)])
    number = np.concatenate([np.arange(len(first.on)), np.full(len(second.on), -1)])
    on, due, rank = (np.concatenate([a, b]) for a, b in zip(first[1:], second[1:], strict=True))
    order = np.lexsort((on, owner))
    order = order[rank[order] >= 0]
    changes = _changes(owner[order], on[order], due[order], rank[order], len(first.offsets) - 1)
    return changes, number[order]


def _owners(changes: Changes) -> Ints:
    return np.repeat(np.arange(len(changes.offsets) - 1), np.diff(changes.offsets))


def spans(starts: Ints, counts: Ints) -> Ints:
    """The places from each start on, so many of each.

    >>> spans(np.array([5, 9]), np.array([2, 1])).tolist()
    [5, 6, 9]
    """
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def _changes(owner: Ints, on: Ints, due: Ints, rank: Ints, accounts: int) -> Changes:
    offsets = np.searchsorted(owner, np.arange(accounts + 1)).astype(np.int64)
    return Changes(offsets, *(np.ascontiguousarray(column, np.int64) for column in (on, due, rank)))


def _keys(owner: Ints, day: Array) -> Ints:
    """What sorts by account and day."""
    return (owner.astype(np.int64) << _DAY_BITS) + day.astype(np.int64) + (1 << _DAY_BITS - 1)


def _mapped(column: str, ranks: Mapping[str, int]) -> pl.Expr:
    words = pl.col(column).cast(pl.String)
    return words.replace_strict(dict(ranks), default=0, return_dtype=pl.Int64) if ranks else pl.lit(0)
