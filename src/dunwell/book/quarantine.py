"""Rows that cannot be used: which rule each broke, where it stands, how to mend it, and the row itself as
text. Nothing is lost.

While a tape is read only (table, row, rule) is kept; the rows' own texts are fetched from the file at the
end.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dunwell.book.sources import ROW, Rows, Source

_PART_ROWS = 400_000

PARENT_IN_QUARANTINE = "parent in quarantine"
DIFFERS = "duplicate key with different content"

_MENDS: tuple[tuple[str, str], ...] = (
    (
        r"^(annual_rate|value_lost) (is not a number|is too large|has more than)",
        "Write the rate as a part of 1, like 0.18 for 18 %",
    ),
    (r"is missing$", "Fill the field in"),
    (r"is not a day$", "Write the day like 2026-11-23"),
    (r"is outside 1900 to 2199$", "Mend the year"),
    (r"is not an instant", "Write the instant with its offset, like 2026-11-23T18:00:00+08:00"),
    (r"is not a number$", "Write the amount like 1234.50, without separators or currency signs"),
    (r"is a float", "Export money as text or as a decimal type, so that no cent is lost"),
    (r"more decimals", "Round the amount to the currency's minor unit at the source"),
    (r"is too large$", "Check the amount"),
    (r"must be above 0$", "Send amounts above 0; money going back is a reversal or a chargeback"),
    (r"is negative$", "Send 0 or more"),
    (r"is not one of", "Use one of the values named"),
    (r"is not an IANA time zone$", "Write a name like Asia/Shanghai"),
    (r"is not a whole number$", "Write a whole number"),
    (r"is not in (accounts|customers)$", "Send the row it belongs to, or mend the id"),
    (rf"^{PARENT_IN_QUARANTINE}$", "Mend the account or customer it belongs to"),
    (rf"^{DIFFERS}$", "Keep one row a key; send corrections as the one row that holds now"),
    (r"^exact repeat of ", "Remove the repeat"),
    (r"is not ISO 4217$", "Write a code like CNY, USD or EUR"),
    (r"has no terms$", "Add a file for the product to the terms"),
    (r"differs from the product's$", "Mend the account's currency or the product's terms"),
    (r"^annual_rate is missing", "Send the contract's rate; the product's penalty is a multiple of it"),
    (r"^reverses", "Name the payment_id of a payment of the same account"),
    (r"^pause overlaps", "End the earlier pause before the later begins"),
    (r"^(to_on|first_due_on) is before", "Mend the days"),
    (r"is not true or false$", "Write true or false"),
    (r"^not UTF-8", "Save the file as UTF-8"),
    (r"^wrong number of fields$", "Quote fields that hold commas or line ends; send every field"),
)


def mend_of(rule: str) -> str:
    """What to do about a broken rule."""
    return next(
        (mend for pattern, mend in _MENDS if re.search(pattern, rule)),
        "Mend the row at the source and send it again",
    )


def mends_of(rules: Iterable[str]) -> str:
    """What to do about a row that broke several rules: each mend once."""
    return ". ".join(dict.fromkeys(mend_of(rule) for rule in rules))


@dataclass(frozen=True, slots=True)
class _Noted:
    """Rows that broke one rule; ``firsts``: the row that each of them repeats, which its rule names."""

    rule: str
    rows: NDArray[np.uint32]
    firsts: NDArray[np.uint32] | None = None

    def within(self, first: int, last: int) -> pl.DataFrame:
        """The rows from first to last with their rule."""
        is_within = (self.rows >= first) & (self.rows <= last)
        rows = pl.DataFrame({ROW: self.rows[is_within]}, schema={ROW: pl.UInt32})
        if self.firsts is None:
            return rows.with_columns(rules=pl.lit(self.rule))
        firsts = pl.Series(self.firsts[is_within], dtype=pl.UInt32)
        return rows.with_columns(rules=pl.format("exact repeat of row {}", firsts))


class Faults:
    """The rows found bad so far: rules by table and row number (1 is the first after the header).

    Kept as arrays, a few bytes for each rule and row, so that a file which is bad throughout fits as well.
    """

    def __init__(self) -> None:
        self._noted: dict[str, list[_Noted]] = defaultdict(list)

    def add(self, table: str, rows: Rows, rule: str) -> None:
        """Note a rule that these rows broke."""
        if len(rows):
            self._noted[table].append(_Noted(rule, np.asarray(rows, np.uint32)))

    def add_repeats(self, table: str, rows: NDArray[np.uint32], firsts: NDArray[np.uint32]) -> None:
        """Note rows that say what an earlier row, the first, said."""
        if len(rows):
            self._noted[table].append(_Noted("exact repeat of an earlier row", rows, firsts))

    def forget(self, table: str) -> None:
        """Drop what was found about a table."""
        self._noted.pop(table, None)

    def tables(self) -> list[str]:
        """The tables that have bad rows."""
        return sorted(self._noted)

    def rows(self, table: str) -> NDArray[np.uint32]:
        """The bad rows of a table, in order."""
        return np.unique(
            np.concatenate([np.empty(0, np.uint32), *(n.rows for n in self._noted.get(table, ()))])
        )

    def frame(self, table: str, first: int, last: int) -> pl.DataFrame:
        """The bad rows from first to last: ROW, and ``rules`` in the order they were found."""
        schema = {ROW: pl.UInt32, "rules": pl.String}
        noted = [noted.within(first, last) for noted in self._noted.get(table, ())]
        found = pl.concat([pl.DataFrame(schema=schema), *noted])
        return (
            found.group_by(ROW, maintain_order=True)
            .agg(pl.col("rules").unique(maintain_order=True))
            .sort(ROW)
        )

    def rules(self, table: str, most: int | None = None) -> dict[int, list[str]]:
        """Each bad row's rules (of the first ``most`` rows)."""
        rows = self.rows(table)[:most]
        return dict(self.frame(table, int(rows[0]), int(rows[-1])).iter_rows()) if len(rows) else {}

    def counted(self, table: str) -> list[tuple[str, int, int]]:
        """Each broken rule with the number of its rows and the first of them, most rows first; rules that
        name a row or hold are counted together.
        """
        broken: dict[str, list[NDArray[np.uint32]]] = defaultdict(list)
        for noted in self._noted.get(table, ()):
            broken[_general(noted.rule)].append(noted.rows)
        rows = {rule: np.unique(np.concatenate(parts)) for rule, parts in broken.items()}
        return sorted(
            ((rule, len(found), int(found[0])) for rule, found in rows.items()), key=lambda r: (-r[1], r[2])
        )


def _general(rule: str) -> str:
    """The rule without the hold that it names."""
    return re.sub(r"^pause overlaps hold .*$", "pause overlaps an earlier pause", rule, flags=re.DOTALL)


def quarantine_frame(source: Source, faults: Faults) -> pl.DataFrame:
    """The table's bad rows: its columns as text, ``file``, ``row`` and ``rules``."""
    return pl.concat(list(_quarantine_parts(source, faults)))


def write_quarantine(sources: Mapping[str, Source], faults: Faults, folder: Path) -> list[Path]:
    """Write ``TABLE.parquet`` for each table with bad rows into the folder (made when needed); returns the
    files.
    """
    written = []
    for table in faults.tables():
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{table}.parquet"
        writer: pq.ParquetWriter | None = None
        try:
            for part in _quarantine_parts(sources[table], faults):
                rows = part.to_arrow(compat_level=pl.CompatLevel.oldest())
                writer = writer or pq.ParquetWriter(file, rows.schema, compression="zstd")
                writer.write_table(rows)
        finally:
            if writer is not None:
                writer.close()
        written.append(file)
    return written


def _quarantine_parts(source: Source, faults: Faults) -> Iterator[pl.DataFrame]:
    """The bad rows, some hundred thousand at a time."""
    rows = faults.rows(source.table.name)
    for start in range(0, len(rows), _PART_ROWS):
        part = rows[start : start + _PART_ROWS]
        texts = source.text_rows(part)
        rules = faults.frame(source.table.name, int(part[0]), int(part[-1]))["rules"]
        yield texts.select(
            *(
                pl.col(name).alias(f"attribute:{name}" if name in ("file", "row", "rules") else name)
                for name in texts.columns
                if name != ROW
            ),
            pl.lit(source.path.name).alias("file"),
            pl.col(ROW).cast(pl.Int64).alias("row"),
            rules,
        )
