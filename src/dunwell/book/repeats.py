"""Keys that stand more than once in a file: found by hash, judged by the rows' own texts."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import HASH_SEED, may_repeat
from dunwell.book.quarantine import DIFFERS, Faults
from dunwell.book.sources import ROW, Source, as_text
from dunwell.book.tables import Kind
from dunwell.book.values import typed

_CHUNK_KEYS = 1 << 22


class KeyLog:
    """The hashes of a file's keys as they go by: in memory for one partition, else on disk, looked at a part
    at a time.
    """

    def __init__(self, scratch: Path, table: str, parts: int) -> None:
        self._file = scratch / f"{table}.keys"
        self._file.unlink(missing_ok=True)
        self._parts = parts
        self._held: list[NDArray[np.uint64]] = []

    def add(self, keys: pl.Series) -> None:
        """Note the hashed keys of one batch (absent ones are no key)."""
        some = (keys.drop_nulls() if keys.null_count() else keys).to_numpy()
        if self._parts == 1:
            self._held.append(some)
        else:
            with self._file.open("ab") as stream:
                some.tofile(stream)

    def has_repeats(self) -> bool:
        """Whether two keys may be the same (their hashes are)."""
        if self._parts == 1:
            keys = np.concatenate([np.empty(0, np.uint64), *self._held])
            self._held.clear()
            return may_repeat(keys)
        if not self._file.exists():
            return False
        for part in range(self._parts):
            if may_repeat(
                np.concatenate([chunk[_part_of(chunk, self._parts) == part] for chunk in self._chunks()])
            ):
                return True
        return False

    def _chunks(self) -> Iterator[NDArray[np.uint64]]:
        with self._file.open("rb") as stream:
            while len(chunk := np.fromfile(stream, np.uint64, _CHUNK_KEYS)):
                yield chunk


def _part_of(keys: NDArray[np.uint64], parts: int) -> NDArray[np.uint64]:
    """A part by the key's upper bits (the lower ones set the bits of the table in ``may_repeat``)."""
    return (keys >> np.uint64(40)) % np.uint64(parts)


def repeated_rows(source: Source, key: list[str]) -> list[int]:
    """The rows whose key stands more than once, by hash."""
    present = [name for name in key if name in source.dtypes]
    hashed = pl.concat_str(
        [_hashable(name, source).fill_null("\0") for name in present], separator="\x1f"
    ).hash(HASH_SEED)
    keys = source.scan.with_row_index(ROW, offset=1).select(
        ROW, hashed.alias("key"), pl.all_horizontal(pl.col(n).is_null() for n in present).alias("none")
    )
    return keys.filter(~pl.col("none")).filter(pl.col("key").is_duplicated()).collect()[ROW].to_list()


def _hashable(name: str, source: Source) -> pl.Expr:
    text = as_text(name, source.dtypes[name])
    return text.bin.encode("hex") if source.dtypes[name] == pl.Binary else text


def judge_repeats(source: Source, rows: list[int], faults: Faults) -> list[int]:
    """Of rows that share a key: exact repeats after the first, or all of them where they differ. Notes the
    rules; returns the bad rows.
    """
    if not rows:
        return []
    texts = source.text_rows(rows)
    content = [name for name in texts.columns if name != ROW]
    key = [name for name in source.table.key if name in content] or content
    whole = pl.concat_str([pl.col(name).fill_null("\0") for name in content], separator="\x1f")
    groups = (
        texts.with_columns(_key_text(source, key).alias("§key"), whole.alias("§whole"))
        .group_by("§key", maintain_order=True)
        .agg(ROW, pl.col("§whole").n_unique().alias("contents"))
    )
    bad: list[int] = []
    for found, contents in groups.filter(pl.col(ROW).list.len() > 1).select(ROW, "contents").iter_rows():
        if contents > 1:
            faults.add(source.table.name, found, DIFFERS)
            bad.extend(found)
        else:
            faults.add(source.table.name, found[1:], f"exact repeat of row {found[0]}")
            bad.extend(found[1:])
    return sorted(bad)


def _key_text(source: Source, key: list[str]) -> pl.Expr:
    """The key's values as one text; numbers as numbers, so that 1 and 01 are one key."""
    parts = []
    for name in key:
        column = source.table.by_name.get(name)
        parts.append(
            typed(column, pl.String()).cast(pl.String)
            if column is not None and column.kind is Kind.COUNT
            else pl.col(name)
        )
    return pl.concat_str([part.fill_null("\0") for part in parts], separator="\x1f")
