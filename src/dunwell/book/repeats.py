"""Keys that stand more than once in a file: looked for where they do not rise from row to row, found by hash, judged by
all that the rows say.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.care import FLAWS
from dunwell.book.finding import HASH_SEED, hash_of, may_repeat
from dunwell.book.quarantine import DIFFERS, Faults
from dunwell.book.sources import ROW, Rows, Source, as_text
from dunwell.book.tables import Kind
from dunwell.book.values import TYPED, typed

_CHUNK_KEYS = 1 << 22


class Rising:
    """Whether a file's keys rise from row to row, so that none can stand twice."""

    def __init__(self) -> None:
        self.holds = True
        self._last: str | None = None

    def add(self, keys: pl.Series) -> None:
        """Look at the keys of the next batch, as text."""
        if not self.holds or not len(keys):
            return
        if keys.null_count():
            self.holds = False
            return
        follows = self._last is None or self._last < keys[0]
        self.holds = follows and bool((keys.slice(1) > keys.slice(0, len(keys) - 1)).all())
        self._last = keys[-1]


def keys_may_repeat(source: Source, scratch: Path, parts: int) -> bool:
    """Whether two rows of a table with a key of one column may have the same key (their hashes are the same)."""
    column = source.table.by_name[source.table.key[0]]
    keys = source.scan.select(typed(column, source.dtypes[column.name])).select(
        hash_of(TYPED + column.name, skips_null=True)
    )
    log = _KeyLog(scratch, source.table.name, parts)
    for batch in keys.collect_batches(chunk_size=_CHUNK_KEYS, maintain_order=False):
        log.add(batch.to_series())
    return log.has_repeats()


class _KeyLog:
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
    """A part by the key's upper bits."""
    return (keys >> np.uint64(40)) % np.uint64(parts)


def repeated_rows(source: Source, key: Sequence[str]) -> NDArray[np.uint32]:
    """The rows whose key stands more than once, by hash."""
    present = [name for name in key if name in source.dtypes]
    texts = [_hashable(as_text(name, source.dtypes[name]), source.dtypes[name]) for name in present]
    keys = source.scan.with_row_index(ROW, offset=1).select(
        ROW,
        _joined(texts).hash(HASH_SEED).alias("key"),
        pl.all_horizontal(pl.col(name).is_null() for name in present).alias("none"),
    )
    return keys.filter(~pl.col("none")).filter(pl.col("key").is_duplicated()).collect()[ROW].sort().to_numpy()


def judge_repeats(source: Source, rows: Rows, faults: Faults) -> NDArray[np.uint32]:
    """Of rows that share a key: exact repeats after the first, or all of them where they differ. Notes the
    rules; returns the bad rows.

    Keys and contents are compared by 128 bits of hash, so that a file sent twice over needs no more memory
    than that.
    """
    if not len(rows):
        return np.empty(0, np.uint32)
    content = {name: _hashable(pl.col(name), dtype) for name, dtype in source.dtypes.items() if name != FLAWS}
    key = [_key_text(source, name, content[name]) for name in source.table.key if name in content]
    hashed = [
        _joined(texts).hash(HASH_SEED + seed).alias(f"{name}{seed}")
        for name, texts in (("key", key or list(content.values())), ("whole", list(content.values())))
        for seed in (0, 1)
    ]
    whole = (pl.col("whole0"), pl.col("whole1"))
    judged = (
        source.collect_texts(rows, lambda texts: texts.select(ROW, *hashed))
        .with_columns(
            pl.any_horizontal(column.min() != column.max() for column in whole)
            .over("key0", "key1")
            .alias("differs"),
            pl.col(ROW).min().over("key0", "key1").alias("first"),
        )
        .sort(ROW)
    )
    differing = judged.filter("differs")
    repeats = judged.filter(~pl.col("differs") & (pl.col(ROW) != pl.col("first")))
    faults.add(source.table.name, differing[ROW].to_numpy(), DIFFERS)
    faults.add_repeats(source.table.name, repeats[ROW].to_numpy(), repeats["first"].to_numpy())
    return np.sort(np.concatenate([differing[ROW].to_numpy(), repeats[ROW].to_numpy()]))


def _joined(texts: Sequence[pl.Expr]) -> pl.Expr:
    return pl.concat_str([text.fill_null("\0") for text in texts], separator="\x1f")


def _hashable(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return text.bin.encode("hex") if dtype == pl.Binary else text


def _key_text(source: Source, name: str, text: pl.Expr) -> pl.Expr:
    """A key's value as text; numbers as numbers, so that 1 and 01 are one key."""
    column = source.table.by_name[name]
    return typed(column, pl.String()).cast(pl.String) if column.kind is Kind.COUNT else text
