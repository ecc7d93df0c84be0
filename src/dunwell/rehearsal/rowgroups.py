"""Writing tables larger than memory: batches go in, row groups of one size come out, in the same order."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

ROWS_PER_GROUP = 250_000


class ParquetTable:
    """A Parquet file that grows by batches; zstd, row groups of ``rows_per_group`` rows whatever the batches' sizes.

    ``rows`` counts what was added. Use it as a context manager, or call ``close``.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        unique: tuple[str, ...] = (),
        rows_per_group: int = ROWS_PER_GROUP,
    ) -> None:
        """``unique`` names columns whose values hardly repeat: a dictionary would only cost time there."""
        self.rows, self.schema = 0, schema
        self._rows_per_group = rows_per_group
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[n for n in schema.names if n not in unique],
        )

    def add(self, table: pa.Table) -> None:
        """Append rows; whole row groups are written at once."""
        self.rows += len(table)
        self._waiting.append(table)
        self._waiting_rows += len(table)
        while self._waiting_rows >= self._rows_per_group:
            self._write(self._rows_per_group)

    def close(self) -> None:
        """Write what is left and end the file."""
        if self._waiting_rows or not self.rows:
            self._write(self._waiting_rows)
        self._writer.close()

    def _write(self, rows: int) -> None:
        joined = pa.concat_tables(self._waiting) if self._waiting else self._writer.schema.empty_table()
        self._writer.write_table(joined.slice(0, rows), row_group_size=max(rows, 1))
        self._waiting = [joined.slice(rows)]
        self._waiting_rows -= rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
