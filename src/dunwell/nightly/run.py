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
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from dunwell import __version__
from dunwell.book import Partition, StagedBook, Tape, mend_of
from dunwell.ledger import positions
from dunwell.nightly.about import BrokenRule, Quarantine, RunFacts, TapeFile, UnreadableFile
from dunwell.nightly.analytics import arrears_analytics, contact_analytics, cost_analytics, merge_analytics
from dunwell.nightly.cases import case_counts, merge_cases
from dunwell.nightly.costs import Costs, read_costs
from dunwell.nightly.decisions import decisions, inputs_digests, keep_decisions
from dunwell.nightly.figures import Figures, bucket_order, merge_figures, partition_figures
from dunwell.nightly.lost import lost_rows
from dunwell.nightly.policies import RunPolicy, read_run_policy
from dunwell.nightly.promises import PromiseFigures, merge_promises, promise_figures
from dunwell.nightly.scores import DayScorer, ScoreFigures
from dunwell.nightly.summary import summary_dict
from dunwell.nightly.worklist import WorkFigures, merge_work, plan_contacts, work_figures
from dunwell.resolution import cases_as_of, promises_as_of
from dunwell.settings import Settings

Watch = Callable[[str, int, int], None]
ToldSince = Callable[[Mapping[str, pl.DataFrame]], dict[str, pl.DataFrame]]
"""A partition's tables with what the journal and the desk have seen of its people."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run found: its figures, what is in quarantine, and its facts. ``exit_code``: 0 clean, 2 some
    rows were not used.
    """

    figures: Figures
    quarantine: Quarantine
    facts: RunFacts
    bucket_order: tuple[str, ...]
    work: WorkFigures
    promises: PromiseFigures
    cases: pl.DataFrame
    scores: ScoreFigures | None
    exit_code: int

    def summary(self) -> dict[str, Any]:
        """The summary as plain values, for ``--json`` and ``book/run.json``."""
        return summary_dict(
            self.figures,
            self.quarantine,
            self.facts,
            self.bucket_order,
            self.work,
            self.promises,
            self.cases,
            self.scores,
        )


def run_day(
    settings: Settings,
    tape_folder: Path,
    as_of: date,
    *,
    known_at: datetime | None,
    now: datetime,
    watch: Watch = lambda what, done, total: None,
    told_since: ToldSince | None = None,
) -> RunResult:
    """Run a day for a workspace. ``now`` is the instant of import for rows that do not say when they were
    recorded. ``told_since``: puts what was told of since the tape into a partition's tables.

    Writes ``book/``: the partitions, ``positions.parquet``, ``promises.parquet``, ``cases.parquet``, ``worklist.parquet``,
    ``decisions.parquet``, ``analytics.parquet``, ``scores.parquet`` where a model is in use, ``quarantine/``,
    ``report.html`` and ``run.json``; and
    keeps the decisions in ``evidence/``. Raises TapeUnusable, TermsError and PolicyError before anything is written.
    """
    policy = read_run_policy(settings.root / "policy")
    costs = read_costs(settings.root / "policy", as_of)
    terms = policy.terms
    facts = RunFacts(
        run_id=f"{as_of.isoformat()}-{now.strftime('%Y%m%dT%H%M%SZ')}",
        as_of=as_of,
        previous_as_of=as_of - timedelta(days=1),
        policy_hash=policy.hash,
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
        scorer = DayScorer(settings.root / "models", terms, as_of, known_at, settings.locale)
        day = _Day(as_of, known_at, policy, settings.actor, scorer, told_since, costs)
        counted = _settle_all(tape, staged, day, watch)
        scores = scorer.finish(staged.staging)
        counted.analytics.write_parquet(staged.staging / "analytics.parquet")
        tape.write_quarantine(staged.staging / "quarantine")
        facts = replace(facts, files=_files_written(settings.book_folder, tape))
        result = RunResult(
            counted.figures,
            quarantine_of(tape),
            facts,
            bucket_order(terms),
            counted.work,
            counted.promises,
            counted.cases,
            scores,
            tape.exit_code,
        )
        watch("writing the report", tape.partition_count, tape.partition_count)
        _write_report(result, staged.staging, settings.locale)
        keep_decisions(settings, facts, staged.staging / "decisions.parquet", policy, lost_rows(tape), now)
        staged.commit(as_of.isoformat())
    return result


@dataclass(frozen=True, slots=True)
class _Day:
    """What a day is run under."""

    as_of: date
    known_at: datetime | None
    policy: RunPolicy
    actor: str
    scorer: DayScorer
    told_since: ToldSince | None
    costs: Costs


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a day's partitions hold, counted: each of them, or all together."""

    figures: Figures
    work: WorkFigures
    promises: PromiseFigures
    cases: pl.DataFrame
    analytics: pl.DataFrame


def _settle_all(tape: Tape, staged: StagedBook, day: _Day, watch: Watch) -> _Counted:
    """Every partition: written to the book, settled as of the day and the day before, its positions, promises, cases and
    work list appended and counted.
    """
    counted: list[_Counted] = []
    lost = lost_rows(tape)
    with (
        _Appended(staged.staging / "positions.parquet") as settled,
        _Appended(staged.staging / "promises.parquet") as judged,
        _Appended(staged.staging / "cases.parquet") as staged_cases,
        _Appended(staged.staging / "worklist.parquet") as listed,
        _Appended(staged.staging / "decisions.parquet") as decided,
    ):
        for partition in tape.partitions():
            watch("settling the accounts", partition.number, tape.partition_count)
            if day.told_since is not None:
                partition = Partition(partition.number, day.told_since(partition.tables))
            partition = staged.write(partition)
            day.scorer.add(partition.tables)
            today, cases, figures, arrears = _settle_one(partition, day)
            settled.add(today)
            staged_cases.add(cases)
            promises = promises_as_of(partition.tables, day.as_of, day.known_at, day.policy.promised)
            judged.add(promises)
            watch("planning the contacts", partition.number, tape.partition_count)
            work = plan_contacts(
                partition.tables,
                today,
                day.policy.law,
                day.actor,
                day.as_of,
                known_at=day.known_at,
                lost=lost,
                promises=promises,
            )
            listed.add(work)
            inputs = inputs_digests(partition.tables, today, promises, work["customer_id"], day.known_at)
            decided.add(decisions(work, inputs, day.as_of, day.known_at, day.policy.hash))
            contacts = contact_analytics(partition.tables, today, promises, work, day.as_of, day.known_at)
            counted.append(
                _Counted(
                    figures,
                    work_figures(work),
                    promise_figures(promises),
                    case_counts(cases),
                    pl.concat([arrears, contacts]),
                )
            )
    return _Counted(
        merge_figures([one.figures for one in counted]),
        merge_work([one.work for one in counted]),
        merge_promises([one.promises for one in counted]),
        merge_cases([one.cases for one in counted]),
        merge_analytics([one.analytics for one in counted]),
    )


class _Appended:
    """A Parquet file written frame by frame."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "_Appended":
        return self

    def add(self, frame: pl.DataFrame) -> None:
        """Write a frame as a row group."""
        rows = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._writer = self._writer or pq.ParquetWriter(self._file, rows.schema, compression="zstd")
        self._writer.write_table(rows)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _settle_one(partition: Partition, day: _Day) -> tuple[pl.DataFrame, pl.DataFrame, Figures, pl.DataFrame]:
    """Today's positions and cases of a partition, its figures against the day before, and the analytics of its arrears."""
    tables = partition.tables
    today = positions(tables, day.policy.terms, day.as_of, day.known_at, keeps_timeline=True)
    timeline = today.timeline_frame()
    cases = cases_as_of(tables, timeline, day.as_of, day.known_at)
    before = positions(tables, day.policy.terms, day.as_of - timedelta(days=1), day.known_at)
    figures = partition_figures(
        today.frame, before.frame, tables["accounts"], tables["customers"], timeline, day.as_of
    )
    analytics = arrears_analytics(tables, today.frame, before.frame, timeline, day.as_of)
    costs = cost_analytics(tables, today.frame, timeline, day.costs, day.as_of, day.known_at)
    return today.frame, cases, figures, pl.concat([analytics, costs])


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
        "promises": str(book / "promises.parquet"),
        "cases": str(book / "cases.parquet"),
        "worklist": str(book / "worklist.parquet"),
        "decisions": str(book / "decisions.parquet"),
        "analytics": str(book / "analytics.parquet"),
        "report": str(book / "report.html"),
        "summary": str(book / "run.json"),
    }
    return files | ({"quarantine": str(book / "quarantine")} if tape.faults.tables() else {})


def _write_report(result: RunResult, folder: Path, locale: str) -> None:
    from dunwell.nightly.report import render_report

    page = render_report(
        result.figures,
        result.quarantine,
        result.facts,
        result.bucket_order,
        locale,
        result.work,
        result.promises,
        result.cases,
        result.scores,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "run.json").write_text(
        json.dumps(result.summary(), indent=2, ensure_ascii=False), encoding="utf-8"
    )
