"""The daily run: the tape into the book, every account settled as of the day, the figures, the report; then
swapped in whole.

Everything is written beside the old book and takes its place in one step at the end, so a run that stops
half-way leaves the last one as it was. Each partition is read, settled and counted by itself and needs
nothing from the others.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell import __version__
from dunwell.book import Partition, StagedBook, Tape, mend_of, writing
from dunwell.ledger import positions
from dunwell.nightly.about import BrokenRule, Quarantine, RunFacts, TapeFile, UnreadableFile
from dunwell.nightly.analytics import arrears_analytics, contact_analytics, cost_analytics, merge_analytics
from dunwell.nightly.cases import case_counts, merge_cases
from dunwell.nightly.costs import Costs, read_costs
from dunwell.nightly.decided import DecidedFigures
from dunwell.nightly.figures import Figures, bucket_order, merge_figures, partition_figures
from dunwell.nightly.forgetting import Forgetting, nobody
from dunwell.nightly.guarding import Guard
from dunwell.nightly.keeping import (
    earlier_prices,
    erase_kept,
    finish_keeping,
    keep_decisions,
    kept_model,
    kept_policy,
)
from dunwell.nightly.losses import DayLosses, LossFigures
from dunwell.nightly.lost import lost_rows
from dunwell.nightly.planned import Appended, Planned, PlannedDay
from dunwell.nightly.promises import PromiseFigures, merge_promises, promise_figures
from dunwell.nightly.scores import DayScorer, ScoreFigures
from dunwell.nightly.strategist import DayStrategy, valuer_of
from dunwell.nightly.summary import summary_dict
from dunwell.nightly.worklist import WorkFigures, merge_work
from dunwell.resolution import cases_as_of, promises_as_of
from dunwell.settings import Settings

Watch = Callable[[str, int, int], None]
ToldSince = Callable[[Mapping[str, pl.DataFrame]], dict[str, pl.DataFrame]]
"""A partition's tables with what the journal and the desk have seen of its people."""
Forgotten = Callable[[Iterable[str]], set[str]]
"""Those of some customers who were erased."""


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
    decided: DecidedFigures | None
    losses: LossFigures
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
            self.decided,
            self.losses,
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
    forgotten: Forgotten | None = None,
) -> RunResult:
    """Run a day for a workspace. ``now`` is the instant of import for rows that do not say when they were
    recorded. ``told_since``: puts what was told of since the tape into a partition's tables. ``forgotten``: those of some
    customers who were erased, also while the run went on.

    Writes ``book/``: the partitions, ``positions.parquet``, ``promises.parquet``, ``cases.parquet``, ``worklist.parquet``,
    ``decisions.parquet``, ``options.parquet`` and ``capacities.parquet`` where a strategy is in force, ``analytics.parquet``,
    ``scores.parquet`` where a model is in use, ``losses.parquet`` where the book's past tells what to expect, ``quarantine/``,
    ``report.html`` and ``run.json``; and keeps the decisions in ``evidence/``. Raises BookInUse while another run goes on,
    TapeUnusable, TermsError and PolicyError, each before the book is touched.
    """
    with writing(settings.book_folder):
        return _run_day(settings, tape_folder, as_of, known_at, now, watch, told_since, forgotten)


def _run_day(
    settings: Settings,
    tape_folder: Path,
    as_of: date,
    known_at: datetime | None,
    now: datetime,
    watch: Watch,
    told_since: ToldSince | None,
    forgotten: Forgotten | None,
) -> RunResult:
    finish_keeping(settings)
    policy = kept_policy(settings)
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
        losses = DayLosses(terms, as_of, known_at, staged.staging / ".losses")
        valuer, problem = valuer_of(policy, as_of, kept_model(settings))
        aside = staged.staging / ".offers"
        strategic = (
            None
            if valuer is None
            else DayStrategy(
                valuer,
                policy.hash,
                as_of,
                known_at,
                aside,
                problem,
                Guard(settings, valuer.strategy, as_of, known_at),
            )
        )
        earlier = None if strategic is None else earlier_prices(settings, as_of)
        lost, forgetting = lost_rows(tape), Forgetting(forgotten or nobody)
        day = _Day(
            as_of,
            known_at,
            policy,
            settings.actor,
            lost,
            strategic,
            earlier,
            scorer,
            losses,
            told_since,
            costs,
            forgetting,
        )
        counted = _settle_all(tape, staged, day, watch)
        scores = scorer.finish(staged.staging)
        expected = losses.finish(staged.staging, scorer.panel)
        merge_analytics([counted.analytics, expected.analytics]).write_parquet(
            staged.staging / "analytics.parquet"
        )
        tape.write_quarantine(staged.staging / "quarantine")
        forgetting.clear(staged.staging / "quarantine")
        lost = replace(lost, rows=forgetting.without(lost.rows))
        facts = replace(
            facts, files=_files_written(settings.book_folder, tape, strategic, not expected.problem)
        )
        result = RunResult(
            counted.figures,
            quarantine_of(tape),
            facts,
            bucket_order(terms),
            counted.work,
            counted.promises,
            counted.cases,
            scores,
            counted.decided,
            expected,
            tape.exit_code,
        )
        watch("writing the report", tape.partition_count, tape.partition_count)
        _write_report(result, staged.staging, settings.locale)
        knows_until = max(now, counted.last_recorded_at or now)
        keep_decisions(settings, facts, staged.staging, policy, lost, knows_until, strategic)
        staged.commit(as_of.isoformat())
    finish_keeping(settings)
    if forgotten is not None:
        decided = pl.read_parquet(settings.book_folder / "decisions.parquet", columns=["customer_id"])
        if gone := forgotten(decided["customer_id"]):
            erase_kept(settings, gone)
    return result


@dataclass(frozen=True, slots=True)
class _Day(PlannedDay):
    """What a day is run under."""

    scorer: DayScorer
    losses: DayLosses
    told_since: ToldSince | None
    costs: Costs
    forgetting: Forgetting


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a day's partitions hold, counted. ``last_recorded_at``: of all rows; a tape of a fast clock puts it after the run."""

    figures: Figures
    work: WorkFigures
    promises: PromiseFigures
    cases: pl.DataFrame
    analytics: pl.DataFrame
    decided: DecidedFigures | None
    last_recorded_at: datetime | None


def _settle_all(tape: Tape, staged: StagedBook, day: _Day, watch: Watch) -> _Counted:
    """Every partition: written to the book, settled as of the day and the day before, its positions, promises and cases
    appended and counted; and what is done about it, partition by partition by the ladder, or by the strategy for all at once.
    """
    counted: list[tuple[Figures, PromiseFigures, pl.DataFrame, pl.DataFrame]] = []
    planned = Planned(staged.staging, day)
    recorded: list[datetime] = []
    with (
        planned,
        Appended(staged.staging / "positions.parquet") as settled,
        Appended(staged.staging / "promises.parquet") as judged,
        Appended(staged.staging / "cases.parquet") as staged_cases,
    ):
        for partition in tape.partitions():
            watch("settling the accounts", partition.number, tape.partition_count)
            day.forgetting.note(partition.tables)
            if day.told_since is not None:
                partition = Partition(partition.number, day.told_since(partition.tables))
            partition = staged.write(partition)
            recorded += _last_recorded(partition.tables)
            day.scorer.add(partition.tables)
            day.losses.add(partition.tables)
            today, cases, figures, arrears = _settle_one(partition, day)
            settled.add(today)
            staged_cases.add(cases)
            promises = promises_as_of(partition.tables, day.as_of, day.known_at, day.policy.promised)
            judged.add(promises)
            watch("planning the contacts", partition.number, tape.partition_count)
            planned.add(partition.tables, today, promises)
            contacts = contact_analytics(partition.tables, today, promises, day.as_of, day.known_at)
            counted.append(
                (figures, promise_figures(promises), case_counts(cases), pl.concat([arrears, contacts]))
            )
        watch("deciding the day", tape.partition_count, tape.partition_count)
        decided = planned.decide()
    figures_of, promises_of, cases_of, analytics_of = zip(*counted, strict=True)
    return _Counted(
        merge_figures(figures_of),
        merge_work(planned.work),
        merge_promises(promises_of),
        merge_cases(cases_of),
        merge_analytics([*analytics_of, *planned.analytics]),
        decided,
        max(recorded, default=None),
    )


def _last_recorded(tables: Mapping[str, pl.DataFrame]) -> list[datetime]:
    """The latest instant at which a row of each table was recorded."""
    found = [rows["recorded_at"].max() for rows in tables.values() if "recorded_at" in rows.columns]
    return [at for at in found if isinstance(at, datetime)]


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


def _files_written(book: Path, tape: Tape, strategic: DayStrategy | None, has_losses: bool) -> dict[str, str]:
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
    if strategic is not None:
        files |= {name: str(book / f"{name}.parquet") for name in ("options", "capacities")}
    if has_losses:
        files["losses"] = str(book / "losses.parquet")
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
        result.decided,
        result.losses,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "run.json").write_text(
        json.dumps(result.summary(), indent=2, ensure_ascii=False), encoding="utf-8"
    )
