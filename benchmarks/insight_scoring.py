"""How long it takes to score every account with all models of a book: ``python -m benchmarks.insight_scoring``.

A timing tape; the models are learned from a part of it: whether accounts stay late, whether they fall 30 days behind (with their
reasons), and when overdue ones pay. Then, on the clock: the features of all accounts, and every model over all it is asked of.
The tape has no contacts, so the model of contacts has nobody to be asked of. Learning is not timed.
"""

import argparse
import time
from datetime import timedelta

import polars as pl

from benchmarks.insight_features import timing_partitions
from benchmarks.measuring import load, say, today
from dunwell.book import Partition
from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.hazards import Periods, RepaymentHazards, repayment_rows
from dunwell.insight.scoring import MODELS, Model
from dunwell.insight.scoring.inputs import PSI_UNLIMITED
from dunwell.insight.training import OUTCOMES, RISK, outcome_rows
from dunwell.ledger import Terms, kernel, read_terms
from dunwell.ledger.positions import settle_partition
from dunwell.rehearsal import TERMS_FOLDER
from dunwell.rehearsal.benchmark import AS_OF

_HORIZON = 30
_LEARNED_MAX = 60_000


class _Clock:
    """CPU and wall seconds of what lies between two looks."""

    def __init__(self) -> None:
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def tell(self, what: str) -> tuple[float, float]:
        """Say what took how long since the last look."""
        now, cpu = time.perf_counter(), time.process_time()
        took = now - self._began, cpu - self._cpu
        say(f"| {what} | {took[1]:.1f} | {took[0]:.1f} |")
        self._began, self._cpu = now, cpu
        return took


def main(words: list[str] | None = None) -> None:
    """Read a timing tape, learn the models from a part of it, and time the scores of all of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_scoring", description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=sorted(MODELS), default="scorecard")
    asked = parser.parse_args(words)
    terms = read_terms(TERMS_FOLDER)
    partitions = timing_partitions(asked.accounts, terms)
    models, pays = _learned(partitions[0], terms, asked.kind)
    say(f"{today()}, load average {load():.1f}, {asked.accounts:,} accounts, {asked.kind}\n")
    say("| what | CPU s | wall s |\n|---|---|---|")
    clock, whole = _Clock(), _Clock()
    known = pl.concat(
        [
            features(part.tables, terms, AS_OF).with_columns(overdue_minor=_overdue(part, terms))
            for part in partitions
        ]
    )
    clock.tell(f"{len(CATALOGUE)} features of {known.height:,}")
    for outcome, model in models.items():
        rows = known.filter(OUTCOMES[outcome].is_asked_of)
        model.explain(rows, most=3, keys=["account_id"])
        clock.tell(f"{outcome} of {rows.height:,}, with reasons")
    late = known.filter(pl.col("past_due_days") > 0)
    pays.predict_frame(late, ["account_id"])
    clock.tell(f"pays within 7, 30, 90 days, of {late.height:,}")
    whole.tell("all")


def _overdue(part: Partition, terms: dict[str, Terms]) -> pl.Series:
    return pl.Series(settle_partition(part.tables, terms, AS_OF).figures[:, kernel.OUT_PAST_DUE_TOTAL])


def _learned(
    part: Partition, terms: dict[str, Terms], kind: str
) -> tuple[dict[str, Model], RepaymentHazards]:
    """The models, learned from one partition as of earlier days; drift is let pass, for the book is a made one."""
    origins = [AS_OF - timedelta(days=_HORIZON * k) for k in (3, 2)]
    models: dict[str, Model] = {}
    for outcome in OUTCOMES.values():
        rows = outcome_rows(part.tables, terms, origins, _HORIZON, outcome)
        rows = rows.sample(min(rows.height, _LEARNED_MAX), seed=1)
        inputs = [name for name in CATALOGUE if rows[name].drop_nulls().n_unique() > 1]
        risk = {name: way for name, way in RISK.items() if name in inputs}
        models[outcome.name] = MODELS[kind](risk=risk, psi_max=PSI_UNLIMITED).fit(
            rows.select(inputs), rows["has_come"]
        )
    periods = Periods()
    made = repayment_rows(part.tables, terms, [AS_OF - timedelta(days=120)], AS_OF, periods)
    made = made.sample(min(made.height, _LEARNED_MAX), seed=1)
    silent = [name for name in CATALOGUE if made[name].drop_nulls().n_unique() < 2]
    return models, RepaymentHazards(periods, psi_max=PSI_UNLIMITED).fit(made.drop(silent))


if __name__ == "__main__":
    main()
