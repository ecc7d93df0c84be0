"""``dunwell ledger``: positions for any tape, and why they change."""

import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import ROWS_A_SLICE, Detail, NotInOrder, Partition, Tape, mends_of
from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day, parse_instant
from dunwell.cli.parts import COMPRESSION_LEVEL, PartsFile
from dunwell.cli.progress import prepare_kernels, progress
from dunwell.ledger import Terms, positions, read_terms
from dunwell.settings import FILE_NAME, read_settings

LEDGER_TABLES = (
    "customers",
    "accounts",
    "instalments",
    "payments",
    "charges",
    "holds",
    "contacts",
    "promises",
    "modifications",
)
"""The tables that positions rest on."""

_MOST_ROWS_TOLD = 1000

_ALWAYS_KNOWN = datetime(1900, 1, 1, tzinfo=UTC)


def open_tape(
    folder: Path,
    terms: Mapping[str, Terms],
    detail: Detail,
    imported_at: datetime,
    watch: Any,
    rows_a_slice: int | None = None,
) -> Tape:
    """The tape with the tables a ledger needs; the column names of the workspace one stands in hold, if one
    does. ``rows_a_slice``: see Tape.
    """
    here = Path.cwd()
    columns = read_settings(here).tape_columns if (here / FILE_NAME).is_file() else {}
    return Tape(
        folder,
        products={product: text.currency for product, text in terms.items()},
        products_needing_rate=[product for product, text in terms.items() if text.needs_contract_rate],
        columns=columns,
        imported_at=imported_at,
        detail=detail,
        tables=LEDGER_TABLES,
        rows_a_slice=rows_a_slice,
        watch=watch,
    )


def write_positions(
    tape_folder: Path,
    terms_folder: Path,
    as_of: str | None,
    known_at: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Settle the tape and write its positions to ``out``, whole or not at all; returns the exit code."""
    if out is None:
        raise CommandError("--out is missing. Name the Parquet file to write, like --out positions.parquet")
    now = datetime.now(UTC)
    day, instant = parse_day(as_of, "--as-of") or now.date(), parse_instant(known_at, "--known-at")
    terms = read_terms(terms_folder)
    prepare_kernels("ledger")
    staging = out.with_name(f".{out.name}.new")
    try:
        with progress() as watch:
            quarantine = out.with_name(f"{out.stem}-quarantine")

            def settle(rows_a_slice: int | None) -> tuple[Tape, int, list[Path]]:
                detail = Detail.FIGURES if instant is None else Detail.TIMES
                with open_tape(tape_folder, terms, detail, now, watch, rows_a_slice) as tape:
                    count = _write(tape, terms, day, instant, staging, watch)
                    return tape, count, tape.write_quarantine(quarantine)

            settled = None
            with suppress(NotInOrder):
                settled = settle(ROWS_A_SLICE)
            tape, count, files = settled or settle(None)  # outside, so that what the first try held is let go
        staging.replace(out)
    finally:
        staging.unlink(missing_ok=True)
    _report(tape, count, day, out, quarantine if files else None, as_json)
    if instant is not None and instant < now and not as_json:
        _tell_of_unknown_times(tape, instant)
    return tape.exit_code


def _write(
    tape: Tape, terms: Mapping[str, Terms], as_of: date, known_at: datetime | None, file: Path, watch: Any
) -> int:
    """Write every partition's positions as row groups of one file; returns how many rows there are."""
    if tape.partition_count == 1:
        (frame,) = [
            positions(partition.tables, terms, as_of, known_at).frame for partition in tape.partitions()
        ]
        frame.write_parquet(file, compression_level=COMPRESSION_LEVEL)
        return frame.height
    with PartsFile(file) as parts:
        for number, frame in enumerate(_frames(tape, terms, as_of, known_at)):
            watch("settling the accounts", number, tape.partition_count)
            parts.add(frame)
    return parts.row_count


def _frames(
    tape: Tape, terms: Mapping[str, Terms], as_of: date, known_at: datetime | None
) -> Iterator[pl.DataFrame]:
    """Every partition's positions in turn; slices side by side, a thread a slice, while the next are read."""
    if not tape.is_in_slices:
        for partition in tape.partitions():
            yield positions(partition.tables, terms, as_of, known_at).frame
        return

    def settle(partition: Partition) -> pl.DataFrame:
        return positions(partition.tables, terms, as_of, known_at, threads=1).frame

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[pl.DataFrame]] = deque()
        for partition in tape.partitions():
            waiting.append(pool.submit(settle, partition))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _report(tape: Tape, count: int, as_of: date, out: Path, quarantine: Path | None, as_json: bool) -> None:
    """What was written, and every broken rule with its first place and the mend."""
    bad_count = sum(len(tape.faults.rows(table)) for table in tape.faults.tables())
    broken: list[dict[str, Any]] = [
        {
            "table": table,
            "file": tape.sources[table].path.name,
            "row": row,
            "rules": rules,
            "mend": mends_of(rules),
        }
        for table in tape.faults.tables()
        for row, rules in tape.faults.rules(table, _MOST_ROWS_TOLD).items()
    ]
    unreadable = [{"file": e.file, "problem": e.problem, "mend": e.mend} for e in tape.unreadable]
    if as_json:
        summary = {
            "as_of": as_of.isoformat(),
            "positions": count,
            "out": str(out),
            "quarantined": bad_count,
            "unreadable": unreadable,
        }
        print(
            json.dumps(
                summary
                | {"quarantine": str(quarantine) if quarantine else None, "rows": broken[:_MOST_ROWS_TOLD]},
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    print(f"{count:,} positions as of {as_of} in {out}")
    for error in tape.unreadable:
        print(f"not read: {error}", file=sys.stderr)
    for row in broken[:20]:
        print(
            f"quarantined: {row['file']} row {row['row']}: {'; '.join(row['rules'])}. {row['mend']}",
            file=sys.stderr,
        )
    if broken:
        more = " (the first 20 are above)" if bad_count > 20 else ""
        print(f"{bad_count:,} rows are in quarantine{more}: {quarantine}", file=sys.stderr)


def _tell_of_unknown_times(tape: Tape, known_at: datetime) -> None:
    untimed = [source.path.name for source in tape.sources.values() if "recorded_at" not in source.dtypes]
    if untimed:
        say = "says" if len(untimed) == 1 else "say"
        print(
            f"note: {', '.join(untimed)} {say} not when rows were recorded; such rows are known from this import on, so at "
            f"{known_at.isoformat()} they were not",
            file=sys.stderr,
        )


def explain_changes(
    tape_folder: Path, terms_folder: Path, days: tuple[str, str], out: Path | None, as_json: bool
) -> int:
    """Print (or write) why each account's figures differ between two days; returns the exit code."""
    from dunwell.ledger.changes import explain_changes as explain

    first, second = parse_day(days[0], "--explain-change"), parse_day(days[1], "--explain-change")
    if first is None or second is None or first >= second:
        raise CommandError(f"--explain-change {days[0]} {days[1]}: the first day must lie before the second")
    terms = read_terms(terms_folder)
    prepare_kernels("ledger")
    with progress() as watch, open_tape(tape_folder, terms, Detail.EVERYTHING, _ALWAYS_KNOWN, watch) as tape:
        changes = pl.concat(
            [explain(partition.tables, terms, first, second) for partition in tape.partitions()]
        )
    if out is not None:
        changes.write_parquet(out)
        print(f"{changes.height:,} accounts differ between {first} and {second}: {out}")
    elif as_json:
        print(
            json.dumps(
                {"from": str(first), "to": str(second), "accounts": changes.to_dicts()},
                default=str,
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        _print_changes(changes, first, second)
    return tape.exit_code


def _print_changes(changes: pl.DataFrame, first: date, second: date) -> None:
    print(f"{changes.height:,} accounts differ between {first} and {second}")
    for account in changes.iter_rows(named=True):
        days = account["past_due_days_before"]
        print(f"\n{account['account_id']} ({account['currency']})")
        print(
            f"  past due      {_plain(account['past_due_total_before'])} -> {_plain(account['past_due_total_after'])}"
        )
        print(f"  days past due {'-' if days is None else days} -> {account['past_due_days_after']}")
        print(
            f"  to settle all {_plain(account['payoff_total_before'])} -> {_plain(account['payoff_total_after'])}"
        )
        for reason in account["reasons"] or []:
            on = "" if reason["on"] is None else reason["on"].isoformat()
            print(f"  {reason['reason']:<15} {on:<10} {_plain(reason['amount']):>14}  {reason['detail']}")


def _plain(amount: Any) -> str:
    """An amount without the decimals that its currency does not use."""
    if amount is None:
        return "-"
    text = f"{amount:f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
