"""A tape's files, opened: every file becomes a lazy frame of raw columns under our names, whatever shape it came in.

Parquet is read as it is. A CSV file is first looked at byte by byte: when it is UTF-8 and every record has the header's number of
fields, Polars reads it as text; a file that is ragged or holds other bytes is read record by record into a scratch file, with what is
wrong noted beside each record in the column FLAWS.
"""

import codecs
import csv
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numba import njit

from dunwell.book.tables import TABLES, Table

FLAWS = "§flaws"
ROW = "§row"

_CHUNK_RECORDS = 100_000
_NOT_UTF8 = "\ufffd"


class TapeUnusable(Exception):
    """A required table is missing or cannot be read; nothing was written. Says which file, and the mend."""


class FileUnreadable(Exception):
    """One file cannot be read at all: what is wrong and the mend."""

    def __init__(self, file: str, problem: str, mend: str) -> None:
        super().__init__(f"{file}: {problem}. {mend}")
        self.file, self.problem, self.mend = file, problem, mend


@dataclass(frozen=True, slots=True)
class Source:
    """One readable file of the tape: ``scan`` has its columns under our names (and FLAWS where the file was read with care)."""

    table: Table
    path: Path
    scan: pl.LazyFrame
    dtypes: Mapping[str, pl.DataType]

    def text_rows(self, rows: Collection[int]) -> pl.DataFrame:
        """The columns of these rows (1 is the first after the header) as text, with ROW, in order."""
        names = [name for name in self.dtypes if name != FLAWS]
        return (
            self.scan.with_row_index(ROW, offset=1)
            .filter(pl.col(ROW).is_in(pl.Series(sorted(rows), dtype=pl.UInt32).implode()))
            .select(ROW, *(as_text(name, self.dtypes[name]) for name in names))
            .collect()
        )


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text, lists joined by ``;``."""
    column = pl.col(name)
    return (
        column.cast(pl.List(pl.String)).list.join(";")
        if isinstance(dtype, pl.List)
        else column.cast(pl.String, strict=False)
    )


def open_source(folder: Path, table: str, columns: Mapping[str, str], scratch: Path) -> Source | None:
    """The table's file in the folder, opened; None when there is none. ``columns``: ours to the lender's names. Raises FileUnreadable."""
    files = [
        folder / f"{table}.{kind}" for kind in ("parquet", "csv") if (folder / f"{table}.{kind}").is_file()
    ]
    if not files:
        return None
    if len(files) > 1:
        raise FileUnreadable(
            f"{table}.*", f"{files[0].name} and {files[1].name} both hold {table}", "Keep one of them"
        )
    file = files[0]
    if file.stat().st_size == 0:
        raise FileUnreadable(
            file.name,
            "is empty, without even a header",
            "Export it again; a table without rows still needs its header",
        )
    scan = _scan_parquet(file) if file.suffix == ".parquet" else _scan_csv(file, scratch)
    try:
        dtypes = dict(scan.collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(file, error) from error
    return _renamed(Source(TABLES[table], file, scan, dtypes), columns)


def _unreadable(file: Path, error: Exception) -> FileUnreadable:
    kind = "Parquet" if file.suffix == ".parquet" else "CSV"
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return FileUnreadable(
        file.name, f"cannot be read as {kind} ({detail})", "It may be cut off; export or copy it again"
    )


def _renamed(source: Source, columns: Mapping[str, str]) -> Source:
    """The source under our column names; checks that the mapping and the required columns are there."""
    theirs = {name: ours for ours, name in columns.items()}
    for ours, name in columns.items():
        if name not in source.dtypes:
            raise FileUnreadable(
                source.path.name,
                f"has no column {name!r}, which [tape.columns.{source.table.name}] gives for {ours}",
                "Mend the mapping or the export",
            )
        if ours in source.dtypes and ours not in theirs:
            raise FileUnreadable(
                source.path.name,
                f"has both {name!r} (mapped to {ours}) and {ours!r}",
                "Rename or drop one of them",
            )
    missing = [
        c.name
        for c in source.table.columns
        if c.is_required and columns.get(c.name, c.name) not in source.dtypes
    ]
    if missing:
        raise FileUnreadable(
            source.path.name,
            f"lacks the required column {', '.join(missing)}",
            f"Add it, or name yours under [tape.columns.{source.table.name}] in dunwell.toml",
        )
    dtypes = {theirs.get(name, name): dtype for name, dtype in source.dtypes.items()}
    return Source(source.table, source.path, source.scan.rename(theirs), dtypes)


def _scan_parquet(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file, glob=False)


def _scan_csv(file: Path, scratch: Path) -> pl.LazyFrame:
    if _is_plain(file):
        return pl.scan_csv(file, infer_schema=False, glob=False)
    return pl.scan_parquet(_read_with_care(file, scratch))


def _is_plain(file: Path) -> bool:
    """Whether the file is UTF-8 throughout and every record has as many fields as the header, so that the fast reader can be trusted."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    state = np.zeros(5, np.int64)
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
            _count_fields(np.frombuffer(block, np.uint8), state)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    if state[_FIELDS] > 0 or state[_HAS_BYTES]:
        _count_fields(np.frombuffer(b"\n", np.uint8), state)
    return not state[_IS_RAGGED] and not state[_IN_QUOTES]


_FIELDS, _HEADER_FIELDS, _IS_RAGGED, _IN_QUOTES, _HAS_BYTES = range(5)


@njit(cache=True, nogil=True)
def _count_fields(block, state):  # type: ignore[no-untyped-def]  # compiled: types are inferred
    for i in range(len(block)):
        byte = block[i]
        if byte == 34:
            state[3] = 1 - state[3]
            state[4] = 1
        elif byte == 44 and state[3] == 0:
            state[0] += 1
            state[4] = 1
        elif byte == 10 and state[3] == 0:
            if state[4]:
                if state[1] == 0:
                    state[1] = state[0] + 1
                elif state[0] + 1 != state[1]:
                    state[2] = 1
            state[0] = 0
            state[4] = 0
        elif byte != 13:
            state[4] = 1
        elif byte == 0:
            state[2] = 1


def _read_with_care(file: Path, scratch: Path) -> Path:
    """The file record by record into a Parquet file of texts, each record's flaws beside it; nothing of a record is lost."""
    codecs.register_error(
        "dunwell-mark",
        lambda error: (
            _NOT_UTF8 + "".join(f"<{b:02x}>" for b in error.object[error.start : error.end]),
            error.end,
        ),
    )  # type: ignore[union-attr, index]  # a decoding error holds bytes
    is_utf8 = True
    try:
        for _ in codecs.iterdecode(iter(lambda s=file.open("rb"): s.read(1 << 20), b""), "utf-8"):
            pass
    except UnicodeDecodeError:
        is_utf8 = False
    out = scratch / f"{file.stem}-with-care.parquet"
    with file.open(encoding="utf-8-sig", errors="dunwell-mark", newline="") as stream:
        records = csv.reader(stream)
        header = next(records, [])
        if len(set(header)) != len(header):
            raise FileUnreadable(
                file.name, "names a column twice in its header", "Give every column a name of its own"
            )
        frames = [_careful_frame(header, chunk, is_utf8) for chunk in _chunks(records)]
    frame = pl.concat(frames) if frames else _careful_frame(header, [], is_utf8)
    frame.write_parquet(out)
    return out


def _chunks(records: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    chunk: list[list[str]] = []
    for record in records:
        if not record:
            continue
        chunk.append(record)
        if len(chunk) == _CHUNK_RECORDS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _careful_frame(header: list[str], records: list[list[str]], is_utf8: bool) -> pl.DataFrame:
    width = len(header)
    flaws: list[list[str]] = []
    for record in records:
        found = [] if len(record) == width else ["wrong number of fields"]
        if not is_utf8:
            found += [
                f"not UTF-8: {header[min(i, width - 1)]}"
                for i, text in enumerate(record)
                if _NOT_UTF8 in text
            ]
        flaws.append(found)
    columns = {
        name: [
            (record[i] or None)
            if i < len(record) and not (i == width - 1 and len(record) > width)
            else _rest(record, i)
            for record in records
        ]
        for i, name in enumerate(header)
    }
    return pl.DataFrame(
        {**columns, FLAWS: flaws}, schema={**dict.fromkeys(header, pl.String), FLAWS: pl.List(pl.String)}
    )


def _rest(record: list[str], first: int) -> str | None:
    """Fields beyond the header's stay with the last column, so that they are not lost."""
    return ",".join(record[first:]) if first < len(record) else None
