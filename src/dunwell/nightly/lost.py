"""Whose records are incomplete: rows in quarantine without which nobody can say whether a person may be contacted.

A lost contact makes contacts count too few, a lost hold, wish or promise hides a reason not to contact. So the people whom
such a row names are held back, and everybody when a whole file cannot be read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dunwell.book import Tape

CONTACTS, RECORDS = "house-floor.incomplete-contacts", "house-floor.incomplete-records"

_RULES: Mapping[str, str] = {
    "contacts": CONTACTS,
    "holds": RECORDS,
    "preferences": RECORDS,
    "promises": RECORDS,
}
_SCHEMA = {"rule": pl.String, "customer_id": pl.String, "account_id": pl.String}


@dataclass(frozen=True, slots=True)
class Lost:
    """``rows``: rule, and the customer_id or account_id that a lost row names. ``for_all``: rules that hold everybody back."""

    rows: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))
    for_all: tuple[str, ...] = ()

    def customers(self, rule: str, accounts: pl.DataFrame) -> pl.Series:
        """The customers whom lost rows name, themselves or by an account of ``accounts`` (account_id, customer_id)."""
        named = self.rows.filter(pl.col("rule") == rule)
        by_account = named.select("account_id").drop_nulls().join(accounts, on="account_id")["customer_id"]
        return pl.concat([named["customer_id"].drop_nulls(), by_account]).unique().sort()


def lost_rows(tape: Tape) -> Lost:
    """What of a tape is lost so. A pause stops a clock and no contact, and of repeats the first is kept: neither counts."""
    unreadable = {Path(error.file).stem for error in tape.unreadable}
    rules = sorted({rule for table, rule in _RULES.items() if table in unreadable})
    found = pl.concat([pl.DataFrame(schema=_SCHEMA), *_named(tape)])
    return Lost(found.unique(maintain_order=True), tuple(rules))


def _named(tape: Tape) -> Iterator[pl.DataFrame]:
    for table, rule in _RULES.items():
        if table not in tape.sources or table not in tape.faults.tables():
            continue
        rows = tape.quarantined(table)
        is_repeat = pl.col("rules").list.eval(pl.element().str.starts_with("exact repeat of ")).list.all()
        is_pause = pl.col("kind") == "pause" if table == "holds" and "kind" in rows.columns else pl.lit(False)
        yield rows.filter(~is_repeat, ~is_pause.fill_null(False)).select(
            pl.lit(rule).alias("rule"),
            *(
                (pl.col(name) if name in rows.columns else pl.lit(None)).cast(pl.String).alias(name)
                for name in ("customer_id", "account_id")
            ),
        )
