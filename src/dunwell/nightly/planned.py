"""What is done about the overdue, written to the book as it is made: by the ladder a partition at a time, or by the strategy for
everybody at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from dunwell.nightly.analytics import segments_of, work_analytics
from dunwell.nightly.capacities import capacities_told
from dunwell.nightly.decided import DecidedFigures, decided_figures, treatment_counts
from dunwell.nightly.decisions import decisions, inputs_digests
from dunwell.nightly.lost import Lost
from dunwell.nightly.offers import offers_of
from dunwell.nightly.policies import RunPolicy
from dunwell.nightly.strategist import DayStrategy, Earlier
from dunwell.nightly.worklist import WorkFigures, plan_contacts, work_figures


@dataclass(frozen=True, slots=True)
class PlannedDay:
    """What a day is planned under. ``strategic``: the strategy in force, None for the ladder; ``earlier``: the prices that it
    starts from; ``lost``: whose records are incomplete.
    """

    as_of: date
    known_at: datetime | None
    policy: RunPolicy
    actor: str
    lost: Lost
    strategic: DayStrategy | None
    earlier: Earlier | None


class Planned:
    """The day's work list and decisions, written as they are made: by the ladder at once, by a strategy in a second pass."""

    def __init__(self, staging: Path, day: PlannedDay) -> None:
        self._day, self._staging = day, staging
        self._listed, self._decided, self._options = (
            Appended(staging / f"{name}.parquet") for name in ("worklist", "decisions", "options")
        )
        self._treatments: list[pl.DataFrame] = []
        self._count = 0
        self.work: list[WorkFigures] = []
        self.analytics: list[pl.DataFrame] = []

    def __enter__(self) -> "Planned":
        return self

    def add(self, tables: Mapping[str, pl.DataFrame], today: pl.DataFrame, promises: pl.DataFrame) -> None:
        """Plan a partition, or gather what the strategy will decide from."""
        day, segments = self._day, segments_of(tables, today)
        if day.strategic is None:
            work = plan_contacts(
                tables,
                today,
                day.policy.law,
                day.actor,
                day.as_of,
                known_at=day.known_at,
                lost=day.lost,
                promises=promises,
            )
            inputs = inputs_digests(tables, today, promises, work["customer_id"], day.known_at)
            decided = decisions(work, inputs, day.as_of, day.known_at, day.policy.hash)
            self._add(work, decided, segments)
            return
        offered = offers_of(
            tables,
            today,
            day.policy,
            day.strategic.valuer,
            day.actor,
            day.as_of,
            known_at=day.known_at,
            lost=day.lost,
            promises=promises,
        )
        inputs = inputs_digests(tables, today, promises, offered.people["customer_id"], day.known_at)
        mine = segments.join(offered.people, on="customer_id", how="semi")
        day.strategic.add(tables, offered, inputs, mine)
        self._count += 1

    def decide(self) -> DecidedFigures | None:
        """Under a strategy: settle the day for everybody and lay it out; what it came to. None under the ladder."""
        strategic = self._day.strategic
        if strategic is None:
            return None
        settled = strategic.settle(self._day.earlier)
        for number in range(self._count):
            made, segments = strategic.part(number)
            self._add(made.work, made.decisions, segments)
            self._options.add(made.options)
            self._treatments.append(treatment_counts(made.decisions))
        strategic.finish()
        strategy = strategic.valuer.strategy
        learned = strategic.valuer.learned
        capacities = capacities_told(strategy, settled, () if learned is None else learned.rates)
        capacities.write_parquet(self._staging / "capacities.parquet")
        return decided_figures(
            self._treatments,
            settled,
            capacities,
            strategy.currency,
            strategic.valuer.basis,
            strategic.problem,
            strategic.stopped,
            () if strategic.valuer.learned is None else strategic.valuer.learned.turned,
        )

    def _add(self, work: pl.DataFrame, decided: pl.DataFrame, segments: pl.DataFrame) -> None:
        self._listed.add(work)
        self._decided.add(decided)
        self.work.append(work_figures(work))
        self.analytics.append(work_analytics(work, segments))

    def __exit__(self, *_: object) -> None:
        for file in (self._listed, self._decided, self._options):
            file.close()


class Appended:
    """A Parquet file written frame by frame."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "Appended":
        return self

    def add(self, frame: pl.DataFrame) -> None:
        """Write a frame as a row group."""
        rows = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        self._writer = self._writer or pq.ParquetWriter(self._file, rows.schema, compression="zstd")
        self._writer.write_table(rows)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
