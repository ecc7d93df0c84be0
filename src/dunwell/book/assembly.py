"""Putting a partition together: the checks that need an account's rows side by side, and the order in which
rooms want them.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import hash_of, is_sorted
from dunwell.book.partitions import Partition
from dunwell.book.plans import empty_rows
from dunwell.book.repeats import judge_repeats
from dunwell.book.sources import ROW
from dunwell.book.tables import TABLES

if TYPE_CHECKING:
    from dunwell.book.partitions import Buckets
    from dunwell.book.reading import Tape
    from dunwell.book.slices import Slices


def assemble(tape: "Tape", rows_by_table: "Buckets | Slices", number: int) -> Partition:
    """The partition's typed frames; late faults are noted on the tape."""
    held = {name: rows_by_table.take(name, number) for name in TABLES}
    tables: dict[str, pl.DataFrame] = {}
    for name, rows in held.items():
        tables[name] = _empty(tape, name) if rows is None else rows
    accounts = tables["accounts"]
    positions = tape.accounts.members(number)
    tables["instalments"] = _in_order(
        tape, "instalments", _without_repeats(tape, tables["instalments"], accounts, positions)
    )
    tables["payments"] = _in_order(
        tape, "payments", _with_known_reversals(tape, tables["payments"], positions)
    )
    tables["holds"] = _for_accounts(_without_overlaps(tape, tables["holds"]), accounts)
    for name in ("charges", "promises", "modifications"):
        tables[name] = _in_order(tape, name, tables[name])
    tables["accounts"] = accounts.with_columns(
        pl.Series("is_incomplete", tape.accounts.are_incomplete(positions))
    )
    for name, table in TABLES.items():
        if table.parent == "customers" and name != "accounts" and tables[name].height > 1:
            tables[name] = tables[name].sort("customer_id", *table.sort_by, maintain_order=True)
    return Partition(number, {name: shown(rows) for name, rows in tables.items()})


def shown(rows: pl.DataFrame) -> pl.DataFrame:
    """A table as rooms see it: whose its rows are comes first, where they stood in the file is left out."""
    rows = rows.drop(ROW, strict=False)
    return rows.select("account_row", pl.exclude("account_row")) if "account_row" in rows.columns else rows


def _empty(tape: "Tape", name: str) -> pl.DataFrame:
    """A table without rows, with the columns it would have."""
    return empty_rows(name, tape.detail)


def _in_order(tape: "Tape", name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Sorted by account, then as the table's sort_by says; left alone where the file's order was that already."""
    keys = TABLES[name].sort_by
    if rows.height < 2:
        return rows
    if name == "instalments":
        account, due, number = (rows[column].to_physical().to_numpy() for column in ("account_row", *keys))
        is_in_order = is_sorted(account, due, number, False)
        return rows if is_in_order else rows.sort("account_row", *keys, maintain_order=True)
    if name == "payments" and "payment_id" not in rows.columns:
        return _payments_in_order(tape, rows)
    return rows.sort("account_row", *keys, maintain_order=True)


def _payments_in_order(tape: "Tape", payments: pl.DataFrame) -> pl.DataFrame:
    """Payments kept without their ids, by account and day. Only the chargebacks of one day need the order of their ids: it is
    looked up in the file.
    """
    account, day = payments["account_row"].to_numpy(), payments["paid_on"].to_physical().to_numpy()
    is_chargeback = payments["kind"] == "chargeback"
    tied = payments.filter(is_chargeback) if is_chargeback.any() else payments.clear()
    tied = (
        tied.filter(pl.struct("account_row", "paid_on").is_duplicated()) if tied.height > 1 else tied.clear()
    )
    if not tied.height:
        is_in_order = is_sorted(account, day, day, False)
        return payments if is_in_order else payments.sort("account_row", "paid_on", maintain_order=True)
    texts = tape.sources["payments"].text_rows(tied[ROW].to_list()).sort("payment_id")
    ranks = texts.select(ROW).with_row_index("rank")
    ranked = payments.join(ranks, on=ROW, how="left", maintain_order="left")
    return ranked.sort("account_row", "paid_on", "rank", maintain_order=True).drop("rank")


def _without_repeats(
    tape: "Tape", rows: pl.DataFrame, accounts: pl.DataFrame, positions: Any
) -> pl.DataFrame:
    """Instalments whose account and number stand once, also among the rows that are bad for another reason."""
    candidates = _repeat_candidates(tape, rows, accounts)
    if not len(candidates):
        return rows
    bad = judge_repeats(tape.sources["instalments"], candidates, tape.faults)
    is_bad = rows[ROW].is_in(pl.Series(bad).implode())
    tape.accounts.mark_incomplete(positions[rows.filter(is_bad)["account_row"].to_numpy()])
    return rows.filter(~is_bad)


def _repeat_candidates(tape: "Tape", rows: pl.DataFrame, accounts: pl.DataFrame) -> NDArray[np.uint32]:
    account = rows["account_row"].to_numpy()
    number = rows["number"].to_numpy()
    candidates = np.empty(0, np.uint32)
    if not is_sorted(account, number, np.zeros(rows.height, np.int64), True):
        repeated = rows.select(ROW, pl.struct("account_row", "number").is_duplicated().alias("is_repeated"))
        candidates = repeated.filter("is_repeated")[ROW].to_numpy()
    bad_keys = tape.matcher.bad_keys()
    if bad_keys is not None:
        known = bad_keys.join(
            accounts.select(hash_of("account_id").alias("§account")).with_row_index("account_row"),
            on="§account",
        )
        shared = rows.select("account_row", "number", pl.col(ROW).alias("good")).join(
            known, on=["account_row", "number"]
        )
        candidates = np.unique(
            np.concatenate([candidates, shared["good"].to_numpy(), shared[ROW].to_numpy()])
        )
    return candidates


def _with_known_reversals(tape: "Tape", payments: pl.DataFrame, positions: Any) -> pl.DataFrame:
    """Payments whose reversals name a payment or chargeback of the same account."""
    is_reversal = payments["kind"] == "reversal"
    if not is_reversal.any():
        return payments
    key, target = (
        ("payment_id", "reverses") if "payment_id" in payments.columns else ("payment_key", "reverses_key")
    )
    standing = payments.filter(~is_reversal).select("account_row", pl.col(key).alias(target))
    lost = payments.filter(is_reversal).join(standing, on=["account_row", target], how="anti")
    if not lost.height:
        return payments
    tape.lost_reversals.append(lost[ROW].to_numpy())
    tape.accounts.mark_incomplete(positions[lost["account_row"].to_numpy()])
    return payments.filter(~pl.col(ROW).is_in(lost[ROW].implode()))


def judge_lost_reversals(tape: "Tape") -> None:
    """Note why reversals are lost, once all partitions are read: the payment they name is in quarantine, or nobody knows it."""
    if not tape.lost_reversals:
        return
    source, rows = tape.sources["payments"], np.sort(np.concatenate(tape.lost_reversals))
    tape.lost_reversals.clear()
    texts = source.text_rows(rows)
    named = texts["reverses"].unique().implode()
    held = source.collect_texts(
        tape.faults.rows("payments"),
        lambda t: t.filter(pl.col("payment_id").is_in(named)).select("payment_id"),
    )
    is_held = texts["reverses"].is_in(held["payment_id"].implode())
    tape.faults.add("payments", texts.filter(is_held)[ROW].to_numpy(), "reverses a payment in quarantine")
    tape.faults.add("payments", texts.filter(~is_held)[ROW].to_numpy(), "reverses an unknown payment")


def _without_overlaps(tape: "Tape", holds: pl.DataFrame) -> pl.DataFrame:
    """Holds whose pauses do not overlap: of two pauses of one target, the one that begins later is bad."""
    if holds.height < 2:
        return holds
    pauses = holds.filter(pl.col("kind") == "pause").with_columns(
        pl.when(pl.col("account_row") >= 0)
        .then(pl.format("a{}", "account_row"))
        .otherwise(pl.format("c{}", "customer_id"))
        .alias("target")
    )
    bad: list[int] = []
    for group in (
        pauses.filter(pl.col("target").is_duplicated())
        .sort("target", "from_on", ROW)
        .partition_by("target", maintain_order=True)
    ):
        ends_on, holder = None, ""
        for row, hold_id, from_on, to_on in group.select(ROW, "hold_id", "from_on", "to_on").iter_rows():
            # A pause stops the days after its first up to its last, so one may begin on the day the other ends.
            stops_a_day = to_on is None or to_on > from_on
            if holder and stops_a_day and (ends_on is None or from_on < ends_on):
                tape.faults.add("holds", [row], f"pause overlaps hold {holder}")
                bad.append(row)
            elif stops_a_day:
                ends_on, holder = to_on, hold_id
    return holds.filter(~pl.col(ROW).is_in(pl.Series(bad, dtype=pl.UInt32).implode())) if bad else holds


def _for_accounts(holds: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """A row an account: a hold of a customer stands once for each of the customer's accounts."""
    if holds.is_empty():
        return holds.with_columns(pl.col("account_row").cast(pl.UInt32))
    of_account = holds.filter(pl.col("account_row") >= 0)
    of_customer = holds.filter(pl.col("account_row") < 0).drop("account_row")
    spread = of_customer.join(accounts.select("customer_id").with_row_index("account_row"), on="customer_id")
    columns = holds.columns
    both = pl.concat(
        [
            of_account.select(columns),
            spread.with_columns(pl.col("account_row").cast(pl.Int64)).select(columns),
        ]
    )
    return both.with_columns(pl.col("account_row").cast(pl.UInt32)).sort(
        "account_row", "from_on", "hold_id", maintain_order=True
    )
