"""Who was erased stays erased: a tape may name them still, and what a run keeps of its bad rows must not."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import polars as pl

Forgotten = Callable[[Iterable[str]], set[str]]
"""Those of these customers who were erased."""


def nobody(customers: Iterable[str]) -> set[str]:
    """Where nothing was recorded yet nobody was erased."""
    return set()


class Forgetting:
    """The erased customers of one run, and their accounts as the run meets them."""

    def __init__(self, forgotten: Forgotten) -> None:
        self._forgotten = forgotten
        self._accounts: set[str] = set()

    def note(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Learn a partition's accounts of those who were erased."""
        gone = self._forgotten(tables["customers"]["customer_id"])
        if gone:
            accounts = tables["accounts"]
            self._accounts |= set(accounts.filter(pl.col("customer_id").is_in(list(gone)))["account_id"])

    def without(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows without those that name one of them, by customer_id or account_id."""
        is_theirs = pl.lit(False)
        if "customer_id" in rows.columns:
            gone = self._forgotten(rows["customer_id"].drop_nulls().unique())
            is_theirs |= pl.col("customer_id").is_in(list(gone)).fill_null(False)
        if "account_id" in rows.columns:
            is_theirs |= pl.col("account_id").is_in(list(self._accounts)).fill_null(False)
        return rows.filter(~is_theirs)

    def clear(self, folder: Path) -> None:
        """Take their rows out of a quarantine folder's files."""
        files = sorted(folder.glob("*.parquet"))
        for file in files:
            if file.stem == "accounts":  # read first: an account in quarantine is in no partition
                rows = pl.read_parquet(file)
                gone = self._forgotten(rows["customer_id"].drop_nulls().unique())
                named = rows.filter(pl.col("customer_id").is_in(list(gone)))["account_id"].drop_nulls()
                self._accounts |= set(named)
        for file in files:
            rows = pl.read_parquet(file)
            kept = self.without(rows)
            if kept.height < rows.height:
                staging = file.with_suffix(".new")
                kept.write_parquet(staging)
                staging.replace(file)
