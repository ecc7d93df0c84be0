"""The customers and accounts of a tape, as other rows look for theirs: whether they are there and good, and where they lie.

Of each only some bytes are kept. In partitions by customer those are arrays in memory (``Parents``). In slices of neighbours it
is one byte an account and nothing for a customer once there are many (``SliceCustomers``, ``SliceAccounts``).
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import Index, number_within
from dunwell.book.register import Following, Register
from dunwell.money import CURRENCIES

Found = NDArray[np.int32]
"""What ``find`` gives for each row: a number at or above 0 by which the others are asked, -1 where no parent is known."""

Exponents = NDArray[np.int8]
"""The decimals of each account's currency, -1 where it is not known."""

UNKNOWN_EXPONENT = -1

CURRENCY_CODES = sorted(CURRENCIES)
"""A currency is kept as its place among these, -1 where it is none of them."""

EXPONENTS: Exponents = np.array([*(CURRENCIES[code] for code in CURRENCY_CODES), UNKNOWN_EXPONENT], np.int8)
"""The decimals of each; the last is for -1."""


def _shared(exponents: Exponents) -> int | None:
    """The exponent, where all have the same."""
    different = np.unique(exponents)
    return int(different[0]) if len(different) == 1 else None


class Parents:
    """Customers or accounts by partition, as arrays."""

    def __init__(self) -> None:
        self.exponent: int | None = None
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._keys: list[NDArray[np.uint64]] = []
        self._good: list[NDArray[np.bool_]] = []
        self._places: list[NDArray[np.int32]] = []
        self._currencies: list[NDArray[np.int16]] = []
        self._owners: list[Found] = []

    def add(
        self,
        keys: NDArray[np.uint64],
        is_good: NDArray[np.bool_],
        places: NDArray[np.int32],
        currencies: NDArray[np.int16] | None = None,
        owners: Found | None = None,
    ) -> None:
        """Note the next rows: the hashes of their ids, whether they are good, their partitions; of accounts also the codes of
        their currencies and what was found of their customers.
        """
        self._keys.append(keys)
        self._good.append(is_good)
        self._places.append(places)
        if currencies is not None and owners is not None:
            self._currencies.append(currencies)
            self._owners.append(owners)

    def close(self, partition_count: int) -> None:
        """Put the batches together once the file is read, and number the good ones within their partitions."""
        self._index = Index(np.concatenate([np.empty(0, np.uint64), *self._keys]))
        self._is_good = np.concatenate([np.empty(0, np.bool_), *self._good])
        self._partition = np.concatenate([np.empty(0, np.int32), *self._places])
        self._currency = np.concatenate([np.empty(0, np.int16), *self._currencies])
        self._owner = np.concatenate([np.empty(0, np.int32), *self._owners])
        self.count = len(self._is_good)
        self._row, counts = np.full(self.count, -1, np.int32), np.zeros(partition_count, np.int64)
        number_within(self._partition, self._is_good, self._row, counts)
        self._is_incomplete = np.zeros(self.count, np.bool_)
        self.are_all_good = bool(self._is_good.all())
        self._is_one_partition = partition_count == 1
        self.exponent = _shared(EXPONENTS[self._currency[self._is_good]]) if len(self._currency) else None
        self.forget()

    def find(self, keys: NDArray[np.uint64], table: str) -> Found:
        """The parent of each row, by the hash of its id."""
        return self._index.find(keys)

    def good(self, found: Found) -> NDArray[np.bool_]:
        """Whether these parents are good (those that were found)."""
        return self._is_good[found] if self.count else np.zeros(len(found), np.bool_)

    def partitions_of(self, found: Found) -> NDArray[np.int32]:
        """The partition of each (of one that was not found, any)."""
        return (
            np.zeros(len(found), np.int32)
            if self._is_one_partition or not self.count
            else self._partition[found]
        )

    def rows_of(self, found: Found) -> NDArray[np.uint32]:
        """The row of each in its partition's frame (of one that was not found: 0)."""
        as_they_are = self._is_one_partition and self.are_all_good
        rows = found if as_they_are or not self.count else self._row[found]
        return np.maximum(rows, 0).view(np.uint32)

    def exponents_of(self, found: Found) -> Exponents:
        """The decimals of each account's currency."""
        if not self.count:
            return np.full(len(found), UNKNOWN_EXPONENT, np.int8)
        return np.where(found >= 0, EXPONENTS[self._currency[found]], np.int8(UNKNOWN_EXPONENT))

    def share_owner(self, found: Found, others: Found) -> NDArray[np.bool_]:
        """Whether these accounts are of the same customers as the others."""
        return np.asarray(self._owner[found] == self._owner[others])

    def share_currency(self, found: Found, others: Found) -> NDArray[np.bool_]:
        """Whether these accounts are in the same currencies as the others."""
        return np.asarray(self._currency[found] == self._currency[others])

    def members(self, partition: int) -> NDArray[np.int64]:
        """The good ones of a partition, in the order of its frame."""
        return np.flatnonzero(self._is_good & (self._partition == partition))

    def mark_incomplete(self, found: NDArray[np.integer]) -> None:
        """Note that money rows of these accounts are in quarantine."""
        self._is_incomplete[found[found >= 0]] = True

    def are_incomplete(self, found: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether that was noted of them."""
        are: NDArray[np.bool_] = self._is_incomplete[found]
        return are


PLACE = "§place"
"""In slices: the column of an account with what was found of its customer."""

_PLACE_COLUMNS = ("jurisdiction", "region", "timezone")


class SliceCustomers:
    """The customers of a tape in slices: of each whether it is good, and its place among the few that there are.

    What is found of a customer is twice the number of its place, and one more where it is good.
    """

    def __init__(self, scratch: Path, expected: int, most_held: int) -> None:
        self._register = Register(scratch, "customers", expected, most_held)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._register.forget()
        self._number_of: dict[tuple[str | None, ...], int] = {}
        self.are_all_good = True

    @property
    def count(self) -> int:
        """How many there are."""
        return self._register.count

    @property
    def place_count(self) -> int:
        """Of how many different places they are."""
        return len(self._number_of)

    def add(self, keys: NDArray[np.uint64], is_good: NDArray[np.bool_], rows: pl.DataFrame) -> None:
        """Note the next customers with their rows."""
        self._register.add(keys, (self._numbers(rows) * 2 + is_good).astype(np.int32))
        self.are_all_good = self.are_all_good and bool(is_good.all())

    def _numbers(self, rows: pl.DataFrame) -> NDArray[np.int32]:
        places = rows.select(_PLACE_COLUMNS)
        different = places.unique(maintain_order=True)
        numbers = [self._number_of.setdefault(place, len(self._number_of)) for place in different.rows()]
        if len(numbers) < 2:
            return np.full(rows.height, numbers[0] if numbers else 0, np.int32)
        numbered = different.with_columns(pl.Series("number", numbers, dtype=pl.Int32))
        found = places.join(numbered, on=_PLACE_COLUMNS, how="left", nulls_equal=True, maintain_order="left")
        return found["number"].to_numpy()

    def close(self, partition_count: int) -> None:
        """The file is read."""
        self._register.close()
        self._places = pl.DataFrame(
            list(self._number_of), schema=dict.fromkeys(_PLACE_COLUMNS, pl.String), orient="row"
        )

    def find(self, keys: NDArray[np.uint64], table: str) -> Found:
        """The customer of each row, by the hash of its id."""
        return self._register.find(keys)

    def good(self, found: Found) -> NDArray[np.bool_]:
        """Whether these customers are good."""
        return (found & 1).astype(np.bool_)

    def partitions_of(self, found: Found) -> NDArray[np.int32]:
        """A customer is in no slice of its own."""
        return np.zeros(len(found), np.int32)

    def frame(self, accounts: pl.DataFrame | None) -> pl.DataFrame:
        """The customers of these accounts (with what was found of them in PLACE), each once: id, and what figures rest on."""
        if accounts is None:
            accounts = pl.DataFrame(schema={"customer_id": pl.String, PLACE: pl.Int32})
        rows = accounts.select("customer_id", PLACE).unique("customer_id", maintain_order=True)
        return pl.concat([rows.select("customer_id"), self._places[rows[PLACE] // 2]], how="horizontal")


_GOOD, _INCOMPLETE, _DECIMALS = np.uint8(64), np.uint8(128), np.uint8(63)


class SliceAccounts:
    """The accounts of a tape in slices of ``slice_size`` neighbours; what is found of one is its position in the file."""

    def __init__(self, scratch: Path, expected: int, most_held: int, slice_size: int) -> None:
        self.slice_size = slice_size
        self.are_many = expected > most_held
        self._register = Register(scratch, "accounts", expected, most_held)
        self._file = scratch / "accounts.order"
        self.exponent: int | None = None
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._register.forget()
        self._file.unlink(missing_ok=True)
        self._following: dict[str, Following] = {}
        self._cards: list[NDArray[np.uint8]] = []
        self._keys: list[NDArray[np.uint64]] = []
        self.count = 0

    def next_places(self, count: int) -> NDArray[np.int32]:
        """The slices of the next ``count`` rows."""
        return self.partitions_of(np.arange(self.count, self.count + count, dtype=np.int32))

    def add(
        self, keys: NDArray[np.uint64], is_good: NDArray[np.bool_], currencies: NDArray[np.int16]
    ) -> None:
        """Note the next accounts."""
        if self.are_many:
            self._register.add(keys, np.arange(self.count, self.count + len(keys), dtype=np.int32))
            with self._file.open("ab") as stream:
                keys.tofile(stream)
        else:
            self._keys.append(keys)
        self._cards.append((EXPONENTS[currencies] + 1).astype(np.uint8) | (is_good.view(np.uint8) * _GOOD))
        self.count += len(keys)

    def close(self, partition_count: int) -> None:
        """The file is read."""
        self._register.close()
        self._index = Index(np.concatenate([np.empty(0, np.uint64), *self._keys]))
        self._keys = []
        self._card = np.concatenate([np.empty(0, np.uint8), *self._cards])
        self._cards = []
        is_good = self._card >= _GOOD
        self.are_all_good = bool(is_good.all())
        self.exponent = _shared(self._exponents(self._card[is_good]))

    def find(self, keys: NDArray[np.uint64], table: str) -> Found:
        """The account of each row, by the hash of its id; fast where the rows of a table follow the accounts' order."""
        if not self.are_many:
            return self._index.find(keys)
        if table not in self._following:
            self._following[table] = Following(self._file, self._register)
        return self._following[table].find(keys)

    def good(self, found: Found) -> NDArray[np.bool_]:
        """Whether these accounts are good (those that were found)."""
        return self._card[found] & _GOOD != 0 if self.count else np.zeros(len(found), np.bool_)

    def partitions_of(self, found: Found) -> NDArray[np.int32]:
        """The slice of each."""
        return found // np.int32(self.slice_size)

    def rows_of(self, found: Found) -> NDArray[np.uint32]:
        """The row of each in its slice's frame (of one that was not found: 0)."""
        places = np.maximum(found, 0)
        if self.are_all_good or not len(found):
            return np.asarray(places - self.partitions_of(places) * np.int32(self.slice_size)).view(np.uint32)
        lowest = int(found.min())
        if lowest < 0:  # a row without an account is no reason to number all accounts from the file's first
            lowest = int(found[found >= 0].min(initial=places.max()))
        first = lowest // self.slice_size * self.slice_size
        is_good = self._card[first : int(places.max()) + 1] & _GOOD != 0
        slices = self.partitions_of(np.arange(len(is_good), dtype=np.int32))
        rows = np.zeros(len(is_good), np.int32)
        number_within(slices, is_good, rows, np.zeros(len(is_good) // self.slice_size + 1, np.int64))
        return np.asarray(rows[np.maximum(places - first, 0)]).view(np.uint32)

    def exponents_of(self, found: Found) -> Exponents:
        """The decimals of each account's currency."""
        if not self.count:
            return np.full(len(found), UNKNOWN_EXPONENT, np.int8)
        return np.where(found >= 0, self._exponents(self._card[found]), np.int8(UNKNOWN_EXPONENT))

    @staticmethod
    def _exponents(cards: NDArray[np.uint8]) -> Exponents:
        return (cards & _DECIMALS).astype(np.int8) - np.int8(1)

    def members(self, partition: int) -> NDArray[np.int64]:
        """The good ones of a slice, by their position in the file."""
        first = partition * self.slice_size
        return first + np.flatnonzero(self._card[first : first + self.slice_size] & _GOOD)

    def mark_incomplete(self, found: NDArray[np.integer]) -> None:
        """Note that money rows of these accounts are in quarantine."""
        self._card[found[found >= 0]] |= _INCOMPLETE

    def are_incomplete(self, found: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether that was noted of them."""
        return np.asarray(self._card[found] & _INCOMPLETE != 0)
