"""A Parquet file written part by part while the next part is still being made."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Full, Queue
from types import TracebackType
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

COMPRESSION_LEVEL = 1
"""Of zstd: two thirds of the work of the usual level, for a file two hundredths larger."""

_ROW_GROUP_ROWS = 1 << 18
_LOOKS_EVERY_S = 0.5


class _GivenUp(Exception):
    """The parts will not be completed."""


class PartsFile:
    """The file; use as a context manager. It is complete when the block ends well, and gone when the block is left by an
    exception.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._parts: Queue[pl.DataFrame | _GivenUp | None] = Queue(1)
        self._pool = ThreadPoolExecutor(1)
        self._written: Future[None] | None = None
        self.row_count = 0

    def add(self, part: pl.DataFrame) -> None:
        """Write these rows after those before; all parts have the same columns. Raises what writing earlier parts raised."""
        if self._written is None:
            self._written = self._pool.submit(self._write, part.schema)
        self.row_count += part.height
        self._put(part)

    def __enter__(self) -> "PartsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._written is None:
                return
            if error is None:
                self._put(None)
                self._written.result()
            else:
                self._put(_GivenUp())
                self._written.exception()
                self._file.unlink(missing_ok=True)  # Polars may have ended it as if it were whole
        finally:
            self._pool.shutdown()

    def _put(self, part: pl.DataFrame | _GivenUp | None) -> None:
        """Hand a part over, unless nobody takes it any more."""
        while True:
            try:
                self._parts.put(part, timeout=_LOOKS_EVERY_S)
                return
            except Full:
                if self._written is not None and self._written.done():
                    if not isinstance(part, _GivenUp):
                        self._written.result()
                    return

    def _write(self, schema: pl.Schema) -> None:
        def parts(*_: Any) -> Iterator[pl.DataFrame]:
            while (part := self._parts.get()) is not None:
                if isinstance(part, _GivenUp):
                    raise part
                yield part

        register_io_source(parts, schema=schema, is_pure=False).sink_parquet(
            self._file,
            compression_level=COMPRESSION_LEVEL,
            row_group_size=_ROW_GROUP_ROWS,
            maintain_order=True,
            engine="streaming",
        )
