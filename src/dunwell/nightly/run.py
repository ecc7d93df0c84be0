"""The daily run: the tape into the book, every account settled as of the day, the figures, the report; then
swapped in whole.

Everything is written beside the old book and takes its place in one step at the end, so a run that stops
half-way leaves the last one as it was. Each partition is read, settled and counted by itself and needs
nothing from the others.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from dunwell import __version__
from dunwell.book import Partition, StagedBook, Tape, mend_of
from dunwell.ledger import Terms, positions, read_terms
from dunwell.nightly.about import BrokenRule, Quarantine, RunFacts, TapeFile, UnreadableFile
from dunwell.nightly.figures import Figures, bucket_order, merge_figures, partition_figures
from dunwell.nightly.summary import summary_dict
from dunwell.settings import Settings

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found: its figures, what is in quarantine, and its facts. ``exit_code``: 0 clean, 2 some
    rows were not used.
    """

    figures: Figures
    quarantine: Quarantine
    facts: RunFacts
    bucket_order: tuple[str, ...]
    exit_code: int

    def summary(self) -> dict[str, Any]:
        """The summary as plain values, for ``--json`` and ``book/run.json``."""
        return summary_dict(self.figures, self.quarantine, self.facts, self.bucket_order)


def run_day(
    settings: Settings,
    tape_folder: Path,
    as_of: date,
    *,
    known_at: datetime | None,
    now: datetime,
    watch: Watch = lambda what, done, total: None,
) -> RunResult:
    """Run a day for a workspace. ``now`` is the instant of import for rows that do not say when they were
    recorded.

    Writes ``book/``: the partitions, ``positions.parquet``, ``quarantine/``, ``report.html`` and
    ``run.json``. Raises TapeUnusable and TermsError before anything is written.
    """
    terms = read_terms(settings.terms_folder)
    facts = RunFacts(
        run_id=f"{as_of.isoformat()}-{now.strftime('%Y%m%dT%H%M%SZ')}",
        as_of=as_of,
        previous_as_of=as_of - timedelta(days=1),
        policy_hash=_hash_of(settings.terms_folder),
        known_at=known_at,
        lender=settings.acts_for,
        versions={"dunwell": __version__, "polars": pl.__version__},
    )
    tape = Tape(
        tape_folder,
        products={product: text.currency for product, text in terms.items()},
        products_needing_rate=[product for product, text in terms.items() if text.needs_contract_rate],
        columns=settings.tape_columns,
        imported_at=now,
        partition_count=settings.partition_count,
        watch=watch,
    )
    with tape, StagedBook(settings.book_folder, tape.partition_count, now) as staged:
        figures = _settle_all(tape, staged, terms, as_of, known_at, watch)
        tape.write_quarantine(staged.staging / "quarantine")
        facts = replace(facts, files=_files_written(settings.book_folder, tape))
        result = RunResult(figures, quarantine_of(tape), facts, bucket_order(terms), tape.exit_code)
        watch("writing the report", tape.partition_count, tape.partition_count)
        _write_report(result, staged.staging, settings.locale)
        staged.commit(as_of.isoformat())
    return result


def _settle_all(
    tape: Tape,
    staged: StagedBook,
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None,
    watch: Watch,
) -> Figures:
    """Every partition: written to the book, settled as of the day and the day before, its positions appended
    and counted.
    """
    counted: list[Figures] = []
    writer: pq.ParquetWriter | None = None
    try:
        for partition in tape.partitions():
            watch("settling the accounts", partition.number, tape.partition_count)
            partition = staged.write(partition)
            today, figures = _settle_one(partition, terms, as_of, known_at)
            counted.append(figures)
            rows = today.to_arrow(compat_level=pl.CompatLevel.oldest())
            writer = writer or pq.ParquetWriter(
                staged.staging / "positions.parquet", rows.schema, compression="zstd"
            )
            writer.write_table(rows)
    finally:
        if writer is not None:
            writer.close()
    return merge_figures(counted)


def _settle_one(
    partition: Partition, terms: Mapping[str, Terms], as_of: date, known_at: datetime | None
) -> tuple[pl.DataFrame, Figures]:
    """Today's positions of a partition, and its figures against the day before."""
    tables = partition.tables
    today = positions(tables, terms, as_of, known_at, keeps_timeline=True)
    before = positions(tables, terms, as_of - timedelta(days=1), known_at)
    figures = partition_figures(
        today.frame, before.frame, tables["accounts"], tables["customers"], today.timeline_frame(), as_of
    )
    return today.frame, figures


def quarantine_of(tape: Tape) -> Quarantine:
    """What of a tape could not be used, as the report tells it: rules that name a row or hold are counted
    together.
    """
    files, rules = [], []
    for table, source in tape.sources.items():
        file = source.path.name
        files.append(TapeFile(table, file, tape.read_counts[table], len(tape.faults.rows(table))))
        rules += [
            BrokenRule(table, rule, count, file, first_row, mend_of(rule))
            for rule, count, first_row in tape.faults.counted(table)
        ]
    unreadable = tuple(UnreadableFile(error.file, error.problem, error.mend) for error in tape.unreadable)
    return Quarantine(tuple(files), tuple(rules), unreadable, tuple(tape.ignored))


def _files_written(book: Path, tape: Tape) -> dict[str, str]:
    files = {
        "positions": str(book / "positions.parquet"),
        "report": str(book / "report.html"),
        "summary": str(book / "run.json"),
    }
    return files | ({"quarantine": str(book / "quarantine")} if tape.faults.tables() else {})


def _write_report(result: RunResult, folder: Path, locale: str) -> None:
    from dunwell.nightly.report import render_report

    page = render_report(
        result.figures, result.quarantine, result.facts, result.bucket_order, language=locale
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "run.json").write_text(
        json.dumps(result.summary(), indent=2, ensure_ascii=False), encoding="utf-8"
    )


def _hash_of(folder: Path) -> str:
    """The content hash of the policy texts a run was made under."""
    digest = sha256()
    for file in sorted(folder.glob("*.toml")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
