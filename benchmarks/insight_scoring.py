"""How long it takes to score every account with all models of a book: ``python -m benchmarks.insight_scoring``.

A timing tape; the models are learned from a part of it: whether accounts stay late, whether they fall 30 days behind (with their
reasons), when overdue ones pay, and when people are reached. Then, on the clock: the features of all accounts, every model over
all it is asked of, and what the daily run foretells with them: the late of the months to come (learned and held against what
came), and the losses to expect. Learning of models that are kept is not timed.

The tape has no contacts. So some of its people are given six in the last ninety days (``--reached-people``, a tenth of the
accounts when not given: most of the tape's accounts are past due, and of a book a few in a hundred are), and for each of them
the best of four channels and thirteen hours is found, and the chance to have reached them after three tries.
"""

import argparse
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.insight_features import timing_partitions
from benchmarks.measuring import load, say, today
from dunwell.book import Partition
from dunwell.insight.contacts import ContactModel, asks_of, attempts
from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.hazards import Periods, RepaymentHazards, repayment_rows
from dunwell.insight.scoring import MODELS, Model
from dunwell.insight.scoring.inputs import PSI_UNLIMITED
from dunwell.insight.training import OUTCOMES, RISK, known_at_end_of, outcome_rows
from dunwell.ledger import Terms, kernel, read_terms
from dunwell.ledger.positions import settle_partition
from dunwell.nightly.late_stock import LateStock
from dunwell.nightly.losses import DayLosses
from dunwell.rehearsal import TERMS_FOLDER
from dunwell.rehearsal.benchmark import AS_OF

_HORIZON = 30
_LEARNED_MAX = 60_000
_TRIES = 6
CHANNELS = ("call", "sms", "email", "app")
HOURS = range(8, 21)


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
    parser.add_argument("--reached-people", type=int)
    asked = parser.parse_args(words)
    terms = read_terms(TERMS_FOLDER)
    partitions = timing_partitions(asked.accounts, terms)
    models, pays = _learned(partitions[0], terms, asked.kind)
    reached = asked.accounts // 10 if asked.reached_people is None else asked.reached_people
    spoken_to = [
        _with_contacts(part.tables, -(-reached // len(partitions)), seed)
        for seed, part in enumerate(partitions)
    ]
    tries = attempts(spoken_to[0], AS_OF)
    contacts = ContactModel(psi_max=PSI_UNLIMITED).fit(tries.head(_LEARNED_MAX))
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
    asks = 0
    for tables in spoken_to:
        people = tables["contacts"]["customer_id"].unique().sort().to_list()
        grid = asks_of(tables, people, known_at_end_of(AS_OF), CHANNELS, HOURS)
        best = contacts.best(grid)
        chosen = best.join(grid, on=["customer_id", "channel", "hour"], how="left", maintain_order="left")
        contacts.within(chosen, 3)
        asks += grid.height
    clock.tell(f"best channel and hour of {reached:,} people, {asks:,} asks; reached within three tries")
    with TemporaryDirectory() as name:
        stock, losses = LateStock(terms, AS_OF, None), DayLosses(terms, AS_OF, None, Path(name) / "aside")
        for part in partitions:
            stock.add(part.tables)
        stock.finish()
        clock.tell("late in 1, 3, 6 and 12 months, and how such forecasts fared")
        for part in partitions:
            losses.add(part.tables)
        told = losses.finish(Path(name), stock.panel)
        clock.tell(f"losses to expect{f': not told, {told.problem}' if told.problem else ''}")
    whole.tell("all")


def _with_contacts(tables: Mapping[str, pl.DataFrame], people: int, seed: int) -> dict[str, pl.DataFrame]:
    """The tables with six contacts of each of so many people; three in ten reach them."""
    draw = np.random.default_rng(seed)
    ids = tables["customers"]["customer_id"].head(people)
    count = len(ids) * _TRIES
    schema = tables["contacts"].schema
    at = datetime.combine(AS_OF, time_of_day(12), UTC)
    made = pl.DataFrame(
        {
            "contact_id": [f"K{seed}-{k}" for k in range(count)],
            "customer_id": pl.Series(np.repeat(ids.to_numpy(), _TRIES)),
            "at": [at - timedelta(minutes=int(m)) for m in draw.integers(1440, 90 * 1440, count)],
            "channel": draw.choice(CHANNELS, count),
            "direction": draw.choice(["out", "in"], count, p=[0.9, 0.1]),
            "party": ["self"] * count,
            "outcome": draw.choice(["no_answer", "conversation", "bounced"], count, p=[0.6, 0.3, 0.1]),
        }
    ).with_columns(
        recorded_at="at",
        account_ids=pl.lit([], pl.List(pl.String)),
        contact_point_id=pl.lit(""),
        in_reply_to=pl.lit(""),
    )
    zoned = tables["customers"].with_columns(
        timezone=pl.lit("Asia/Shanghai", tables["customers"].schema["timezone"])
    )
    return {
        **tables,
        "customers": zoned,
        "contacts": made.select(pl.col(c).cast(t) for c, t in schema.items()),
    }


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
