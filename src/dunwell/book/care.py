"""A Parquet file whose text is not all UTF-8, or whose text columns are declared as bytes: made readable, value
by value.

Polars refuses such a file as a whole. Arrow hands its bytes over, so that a bad value spoils its own row and no
other; the row's flaw stands beside it in the column FLAWS, as for a CSV file.
"""

import codecs
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FLAWS = "§flaws"
MARK = "\ufffd"

_CHUNK_ROWS = 100_000


def mark_bytes(error: UnicodeError) -> tuple[str, int]:
    """Stands in for bytes that are not UTF-8: a mark and the bytes in hexadecimal, so that none is lost."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return MARK + "".join(f"<{byte:02x}>" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("dunwell-mark", mark_bytes)


def decoded(value: bytes) -> str:
    """The bytes as text, what is not UTF-8 marked."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode(errors="dunwell-mark")


def read_parquet_with_care(file: Path, out: Path, as_text: Collection[str]) -> Path:
    """Copy the file to ``out`` with every text decoded; ``as_text``: columns to read as text though they are
    declared as bytes. Raises OSError and Arrow's errors.
    """
    with pq.ParquetFile(file) as source:
        schema = source.schema_arrow
        fields = [pa.field(f.name, _readable(f, f.name in as_text)) for f in schema]
        readable = pa.schema([*fields, pa.field(FLAWS, pa.list_(pa.string()))])
        with pq.ParquetWriter(out, readable) as writer:
            for batch in source.iter_batches(_CHUNK_ROWS):
                writer.write_table(_careful_batch(batch, readable))
    return out


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _readable(field: Any, is_meant_as_text: bool) -> Any:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.string() if _is_text(kind) or (is_meant_as_text and _is_bytes(kind)) else kind


def _careful_batch(batch: Any, readable: Any) -> Any:
    flaws: list[list[str]] = [[] for _ in range(batch.num_rows)]
    columns = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        plain = values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
        columns.append(_decoded_column(name, plain, readable.field(name).type, flaws))
    return pa.table([*columns, pa.array(flaws, pa.list_(pa.string()))], schema=readable)


def _decoded_column(name: str, values: Any, kind: Any, flaws: list[list[str]]) -> Any:
    """The column as it is where it is sound, else value by value, with the flaws of its rows noted."""
    if kind == pa.string():
        raw = values.cast(pa.binary())
        try:
            return raw.cast(pa.string())
        except pa.ArrowInvalid:
            return pa.array(_texts(name, raw.to_pylist(), flaws), kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        try:
            values.validate(full=True)
        except pa.ArrowInvalid:
            lists = values.cast(pa.list_(pa.binary())).to_pylist()
            return pa.array([_list(name, row, values_, flaws) for row, values_ in enumerate(lists)], kind)
    return values


def _texts(name: str, values: list[bytes | None], flaws: list[list[str]]) -> list[str | None]:
    texts = [None if value is None else decoded(value) for value in values]
    for row, text in enumerate(texts):
        if text is not None and MARK in text and text.encode() != values[row]:
            flaws[row].append(f"not UTF-8: {name}")
    return texts


def _list(
    name: str, row: int, values: list[bytes | None] | None, flaws: list[list[str]]
) -> list[str | None] | None:
    if values is None:
        return None
    found: list[list[str]] = [[] for _ in values]
    texts = _texts(name, values, found)
    flaws[row] += list(dict.fromkeys(flaw for flaws_ in found for flaw in flaws_))
    return texts
