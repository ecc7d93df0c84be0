"""Rows that cannot be used: which rule each broke, where it stands, how to mend it, and the row itself as
text. Nothing is lost.

While a tape is read only (table, row, rule) is kept; the rows' own texts are fetched from the file at the
end.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl

from dunwell.book.sources import ROW, Source

PARENT_IN_QUARANTINE = "parent in quarantine"
DIFFERS = "duplicate key with different content"

_MENDS: tuple[tuple[str, str], ...] = (
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
    (r"^to_on is before", "Mend the days"),
    (r"^not UTF-8", "Save the file as UTF-8"),
    (r"^wrong number of fields$", "Quote fields that hold commas or line ends; send every field"),
)


def mend_of(rule: str) -> str:
    """What to do about a broken rule."""
    return next(
        (mend for pattern, mend in _MENDS if re.search(pattern, rule)),
        "Mend the row at the source and send it again",
    )


class Faults:
    """The rows found bad so far: rules by table and row number (1 is the first after the header)."""

    def __init__(self) -> None:
        self._rules: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))

    def add(self, table: str, rows: Iterable[int], rule: str) -> None:
        """Note a rule that these rows broke."""
        found = self._rules[table]
        for row in rows:
            if rule not in found[row]:
                found[row].append(rule)

    def forget(self, table: str) -> None:
        """Drop what was found about a table."""
        self._rules.pop(table, None)

    def rows(self, table: str) -> list[int]:
        """The bad rows of a table, in order."""
        return sorted(self._rules.get(table, {}))

    def rules(self, table: str) -> Mapping[int, list[str]]:
        """Each bad row's rules."""
        return self._rules.get(table, {})

    def tables(self) -> list[str]:
        """The tables that have bad rows."""
        return sorted(table for table, rows in self._rules.items() if rows)


def quarantine_frame(source: Source, faults: Faults) -> pl.DataFrame:
    """The table's bad rows: its columns as text, ``file``, ``row`` and ``rules``."""
    rules = faults.rules(source.table.name)
    rows = sorted(rules)
    texts = source.text_rows(rows)
    own = [name for name in texts.columns if name != ROW]
    return texts.select(
        *(
            pl.col(name).alias(f"attribute:{name}" if name in ("file", "row", "rules") else name)
            for name in own
        ),
        pl.lit(source.path.name).alias("file"),
        pl.col(ROW).cast(pl.Int64).alias("row"),
        pl.Series("rules", [rules[row] for row in rows], dtype=pl.List(pl.String)),
    )


def write_quarantine(sources: Mapping[str, Source], faults: Faults, folder: Path) -> list[Path]:
    """Write ``TABLE.parquet`` for each table with bad rows into the folder (made when needed); returns the
    files.
    """
    written = []
    for table in faults.tables():
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{table}.parquet"
        quarantine_frame(sources[table], faults).write_parquet(file)
        written.append(file)
    return written
