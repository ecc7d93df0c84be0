"""What the room's tests share: a made tape on disk and what was said about it."""

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

AS_OF = date(2026, 6, 30)


class Portfolio(NamedTuple):
    """A tape on disk and its manifest."""

    folder: Path
    manifest: dict[str, Any]

    def table(self, name: str) -> pl.DataFrame:
        """A table of the tape."""
        return pl.read_parquet(self.folder / f"{name}.parquet")

    def figure(self, name: str) -> dict[str, Any]:
        """What the manifest says of one calibrated figure."""
        return next(entry for entry in self.manifest["calibration"] if entry["figure"] == name)
