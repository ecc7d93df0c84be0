"""A tape's files, opened: every file becomes a lazy frame of raw columns under our names, whatever shape it
came in.

Parquet is read as it is. A CSV file is first looked at byte by byte: when it is UTF-8 and every record has
the header's number of fields, Polars reads it as text; a file that is ragged or holds other bytes is read
record by record into a scratch file, with what is wrong noted beside each record in the column FLAWS. A
Parquet file with such bytes goes the same way (``care``).
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dunwell.book.care import FLAWS, MARK, decoded, read_parquet_with_care
from dunwell.book.tables import TABLES, Table
from dunwell.compiling import compiled

ROW = "§row"
Rows = Sequence[int] | NDArray[np.uint32]

_CHUNK_RECORDS = 100_000
_LINES_A_RECORD = 50
_MARKED = re.compile(f"{MARK}<[0-9a-f]{{2}}>")


class TapeUnusable(Exception):
    """A required table is missing or cannot be read; nothing was written. Says which file, and the mend."""


class FileUnreadable(Exception):
    """One file cannot be read at all: what is wrong and the mend."""

    def __init__(self, file: str, problem: str, mend: str) -> None:
        super().__init__(f"{file}: {problem}. {mend}")
        self.file, self.problem, self.mend = file, problem, mend


@dataclass(frozen=True, slots=True)
class Source:
    """One readable file of the tape: ``scan`` has its columns under our names (and FLAWS where the file was
    read with care).
    """

    table: Table
    path: Path
    scan: pl.LazyFrame
    dtypes: Mapping[str, pl.DataType]
    scratch: Path
    theirs: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_read_with_care(self) -> bool:
        """Whether each row's flaws stand beside it."""
        return FLAWS in self.dtypes

    def with_care(self) -> "Source":
        """The same Parquet file, its texts decoded one by one. Raises FileUnreadable."""
        out = self.scratch / f"{self.path.stem}-with-care.parquet"
        as_text = [name for name, ours in self.theirs.items() if ours in self.table.by_name]
        as_text += [name for name in self.table.by_name if name not in self.theirs.values()]
        try:
            read_parquet_with_care(self.path, out, as_text)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.path, error) from error
        scan = pl.scan_parquet(out, glob=False).rename(dict(self.theirs))
        return replace(self, scan=scan, dtypes=dict(scan.collect_schema()))

    def text_rows(self, rows: Rows) -> pl.DataFrame:
        """The columns of these rows (1 is the first after the header) as text, with ROW, in order."""
        texts = self.collect_texts(rows, lambda texts: texts)
        return texts.with_columns(
            pl.Series(name, [None if b is None else decoded(b) for b in texts[name]], dtype=pl.String)
            for name, dtype in texts.schema.items()
            if dtype == pl.Binary
        )

    def collect_texts(self, rows: Rows, choose: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
        """What ``choose`` makes of these rows' texts; bytes that are not declared as text stay bytes."""
        wanted = np.sort(np.asarray(rows, np.uint32))
        first, last = (int(wanted[0]), int(wanted[-1])) if len(wanted) else (1, 0)
        texts = (
            self.scan.with_row_index(ROW, offset=1)
            .slice(first - 1, last - first + 1)
            .filter(pl.col(ROW).is_in(pl.Series(wanted).implode()))
            .select(ROW, *(as_text(name, dtype) for name, dtype in self.dtypes.items() if name != FLAWS))
        )
        try:
            return choose(texts).collect()
        except pl.exceptions.PolarsError as error:
            if not is_about_utf8(error) or self.is_read_with_care:
                raise
            return self.with_care().collect_texts(rows, choose)


def is_about_utf8(error: Exception) -> bool:
    """Whether reading failed for bytes that are not UTF-8."""
    return "utf-8" in str(error).lower() or "utf8" in str(error).lower()


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text, lists joined by ``;``; bytes stay what they are."""
    column = pl.col(name)
    if dtype == pl.Binary:
        return column
    return (
        column.cast(pl.List(pl.String)).list.join(";")
        if isinstance(dtype, pl.List)
        else column.cast(pl.String, strict=False)
    )


def open_source(folder: Path, table: str, columns: Mapping[str, str], scratch: Path) -> Source | None:
    """The table's file in the folder, opened; None when there is none. ``columns``: ours to the lender's
    names. Raises FileUnreadable.
    """
    files = [
        folder / f"{table}.{kind}" for kind in ("parquet", "csv") if (folder / f"{table}.{kind}").is_file()
    ]
    if not files:
        return None
    if len(files) > 1:
        raise FileUnreadable(
            f"{table}.*", f"{files[0].name} and {files[1].name} both hold {table}", "Keep one of them"
        )
    return open_file(files[0], TABLES[table], columns, scratch)


def open_file(file: Path, table: Table, columns: Mapping[str, str], scratch: Path) -> Source:
    """One file that holds a table, opened. ``columns``: ours to the lender's names. Raises FileUnreadable."""
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
    source = _renamed(Source(table, file, scan, dtypes, scratch), columns)
    are_bytes = any(source.dtypes.get(name) == pl.Binary for name in source.table.by_name)
    return source.with_care() if are_bytes else source


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
    return replace(source, scan=source.scan.rename(theirs), dtypes=dtypes, theirs=theirs)


def _scan_parquet(file: Path) -> pl.LazyFrame:
    return pl.scan_parquet(file, glob=False)


def _scan_csv(file: Path, scratch: Path) -> pl.LazyFrame:
    is_utf8, is_even = _looks(file)
    _check_header(file)
    if is_utf8 and is_even:
        return pl.scan_csv(file, infer_schema=False, glob=False)
    return pl.scan_parquet(_read_with_care(file, scratch, is_utf8))


def _check_header(file: Path) -> None:
    """Raises FileUnreadable for a header that can only be misread."""
    header = _header(file)
    twice = sorted(name for name in set(header) if header.count(name) > 1)
    if twice:
        raise FileUnreadable(
            file.name,
            f"names the column {twice[0]!r} twice in its header",
            "Give every column a name of its own",
        )
    separator = next((s for s in ";\t|" if len(header) == 1 and s in header[0]), None)
    if separator is not None:
        raise FileUnreadable(
            file.name, f"separates its fields with {separator!r}", "Export it with commas between the fields"
        )
    if "\r" in "".join(header):
        raise FileUnreadable(
            file.name, "ends its lines with a carriage return alone", "Export it with LF or CRLF"
        )
    if "\x00" in "".join(header):
        raise FileUnreadable(
            file.name, "is not UTF-8 (it looks like UTF-16)", "Export it as UTF-8 with a header row"
        )


def _header(file: Path) -> list[str]:
    with _opened(file) as stream:
        return _first_record(stream)


def _opened(file: Path) -> TextIO:
    return file.open(encoding="utf-8-sig", errors="dunwell-mark", newline="\n")


def _first_record(stream: TextIO) -> list[str]:
    while line := stream.readline():
        if line.strip("\r\n"):
            return _fields(line) or line.rstrip("\r\n").split(",")
    return []


def _fields(record: str, *, is_strict: bool = False) -> list[str] | None:
    """The fields of one record; None where its quotes or line ends make no sense."""
    try:
        return next(csv.reader([record], strict=is_strict))
    except csv.Error:
        return None


def _looks(file: Path) -> tuple[bool, bool]:
    """Whether the file is UTF-8 throughout, and whether every record has as many fields as the header (and no
    line is blank), so that the fast reader can be trusted.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    state = np.zeros(6, np.int64)
    state[_LAST] = _LINE_END
    is_utf8 = True
    with file.open("rb") as stream:
        if stream.peek(3)[:3] == codecs.BOM_UTF8:
            stream.read(3)
        while block := stream.read(1 << 24):
            _count_fields(np.frombuffer(block, np.uint8), state)
            is_utf8 = is_utf8 and _decodes(decoder, block, is_last=False)
    is_utf8 = is_utf8 and _decodes(decoder, b"", is_last=True)
    if state[_HAS_BYTES]:
        _count_fields(np.frombuffer(b"\n", np.uint8), state)
    return is_utf8, not state[_IS_UNEVEN] and not state[_IN_QUOTES]


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, is_last: bool) -> bool:
    try:
        decoder.decode(block, is_last)
    except UnicodeDecodeError:
        return False
    return True


_COMMAS, _HEADER_FIELDS, _IS_UNEVEN, _IN_QUOTES, _HAS_BYTES, _LAST = range(6)
_QUOTE, _COMMA, _LINE_END, _RETURN, _NUL = 34, 44, 10, 13, 0


@compiled()
def _count_fields(block: Any, state: Any) -> None:
    """Walk the bytes of a CSV file: commas outside quotes are counted line by line, and
    quotes that stand neither at a field's start nor at its end are noticed; ``state`` goes on from
    block to block.
    """
    last = state[_LAST]
    for byte in block:
        if state[_IN_QUOTES] == 0 and last == _QUOTE and byte not in (_QUOTE, _COMMA, _LINE_END, _RETURN):
            state[_IS_UNEVEN] = 1
        if byte == _LINE_END and state[_IN_QUOTES] == 0:
            if state[_HAS_BYTES] == 0:
                state[_IS_UNEVEN] = 1
            elif state[_HEADER_FIELDS] == 0:
                state[_HEADER_FIELDS] = state[_COMMAS] + 1
            elif state[_COMMAS] + 1 != state[_HEADER_FIELDS]:
                state[_IS_UNEVEN] = 1
            state[_COMMAS] = 0
            state[_HAS_BYTES] = 0
        elif byte != _RETURN:
            state[_HAS_BYTES] = 1
            if byte == _QUOTE:
                if state[_IN_QUOTES] == 0 and last not in (_QUOTE, _COMMA, _LINE_END):
                    state[_IS_UNEVEN] = 1
                state[_IN_QUOTES] = 1 - state[_IN_QUOTES]
            elif byte == _COMMA and state[_IN_QUOTES] == 0:
                state[_COMMAS] += 1
            elif byte == _NUL:
                state[_IS_UNEVEN] = 1
        last = byte
    state[_LAST] = last


def _read_with_care(file: Path, scratch: Path, is_utf8: bool) -> Path:
    """The file record by record into a Parquet file of texts, each record's flaws beside it; nothing is lost."""
    out = scratch / f"{file.stem}-with-care.parquet"
    with _opened(file) as stream:
        header = _first_record(stream)
        records = _records(stream, len(header))
        schema = _careful_frame(header, [], is_utf8).to_arrow().schema
        with pq.ParquetWriter(out, schema) as writer:
            while chunk := list(islice(records, _CHUNK_RECORDS)):
                writer.write_table(_careful_frame(header, chunk, is_utf8).to_arrow())
    return out


def _records(lines: Iterable[str], width: int) -> Iterator[list[str]]:
    """The records of a CSV file. A quote that is never closed spoils its own line and no other: a record over
    several lines counts only when its quotes close within _LINES_A_RECORD lines and it then has the right number
    of fields.
    """
    waiting: deque[str] = deque()
    source = iter(lines)
    while True:
        line = waiting.popleft() if waiting else next(source, None)
        if line is None:
            return
        if not line.strip("\r\n"):
            continue
        held = [line]
        quotes = line.count('"')
        while quotes % 2 and len(held) < _LINES_A_RECORD:
            more = waiting.popleft() if waiting else next(source, None)
            if more is None:
                break
            held.append(more)
            quotes += more.count('"')
        record = None if quotes % 2 else _fields("".join(held), is_strict=len(held) > 1)
        if record is None or (len(held) > 1 and len(record) != width):
            waiting.extendleft(reversed(held[1:]))
            record = line.rstrip("\r\n").split(",")
        yield record


def _careful_frame(header: list[str], records: list[list[str]], is_utf8: bool) -> pl.DataFrame:
    """Records as columns of text with their flaws; fields beyond the header's stay with the last column."""
    width = len(header)
    flaws = [_flaws(record, header, is_utf8) for record in records]
    padded = [_padded(record, width) for record in records]
    columns = {name: [record[i] or None for record in padded] for i, name in enumerate(header)}
    return pl.DataFrame(
        {**columns, FLAWS: flaws}, schema={**dict.fromkeys(header, pl.String), FLAWS: pl.List(pl.String)}
    )


def _padded(record: list[str], width: int) -> list[str]:
    if len(record) < width:
        return record + [""] * (width - len(record))
    return [*record[: width - 1], ",".join(record[width - 1 :])]


def _flaws(record: list[str], header: list[str], is_utf8: bool) -> list[str]:
    flaws = [] if len(record) == len(header) else ["wrong number of fields"]
    if not is_utf8:
        marked = (min(i, len(header) - 1) for i, text in enumerate(record) if _MARKED.search(text))
        flaws += [f"not UTF-8: {header[i]}" for i in dict.fromkeys(marked)]
    return flaws
