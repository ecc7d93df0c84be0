"""How often off-policy intervals cover the truth, on two randomised trials: ``python -m benchmarks.off_policy``.

Each round splits a trial's people in two at random. One half becomes the log of a skewed strategy: a person is kept with
a chance in proportion to what the strategy would have given the arm they drew (rejection sampling), so those kept are as
if the strategy had chosen. The other half, by its own random arms, says what the strategies under evaluation are truly
worth, and how sure that is. An interval covers when the two differ by no more than both their errors together allow. The
data may not be shipped; what is absent is said to be.
"""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.measuring import load, say, today
from dunwell.strategy.evaluation import (
    Estimate,
    Log,
    direct,
    doubly_robust,
    ips,
    overlap,
    ridge_outcomes,
    snips,
    switch,
)
from dunwell.strategy.inputs import Columns

Floats = NDArray[np.float64]

NOMINAL = 0.95
LOG_COUNT = 4000
PEOPLE_COUNT = 64_000
"""So many people of a trial, drawn anew, take part in a round."""
SKEWS = {"mild": (0.4, 0.15), "skewed": (1.0, 0.08), "strong": (2.0, 0.04)}
"""How steeply the logging strategy's chances depend on the person, and the least chance of an arm."""
METHODS = ("ips", "snips", "direct", "doubly robust", "switch")
TARGETS = ("one arm for all", "an arm by the person", "chances by the person")


@dataclass(frozen=True, slots=True)
class Trial:
    """A randomised trial: who drew which arm, what came of it, what was known before, and the arms' shares."""

    name: str
    treatments: tuple[str, ...]
    given: NDArray[np.int64]
    rewards: Floats
    context: Floats
    shares: Floats

    def rows(self, chosen: NDArray[np.int64]) -> "Trial":
        """The trial of some of its people."""
        own = (self.given[chosen], self.rewards[chosen], self.context[chosen])
        return Trial(self.name, self.treatments, *own, self.shares)


@dataclass(frozen=True, slots=True)
class Trying:
    """One estimate held against the truth: whether its interval covered, alone and with the truth's own error, and how
    far it was off.
    """

    covered: bool
    covered_alone: bool
    error: float
    width: float


def hillstrom(folder: Path) -> Trial:
    """64,000 customers of a shop: no e-mail, men's or women's; whether they came to the site (K. Hillstrom, MineThatData
    2008).
    """
    rows = pl.read_csv(folder / "hillstrom_email_rct.csv.gz")
    inputs = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
    return _trial("hillstrom, visits", rows, "segment", "visit", inputs, "No E-Mail")


def social_pressure(folder: Path) -> Trial:
    """305,866 voters: no letter or one of four; whether they voted (A. Gerber, D. Green, C. Larimer, APSR 2008)."""
    rows = pl.read_csv(folder / "social_pressure_rct.csv.gz")
    inputs = ["sex", "yearofbirth", "primary2004", "hhsize"]
    return _trial("social pressure, votes", rows, "messages", "primary2006", inputs, "Control")


def _trial(name: str, rows: pl.DataFrame, arm: str, reward: str, inputs: list[str], control: str) -> Trial:
    treatments = (control, *sorted(set(rows[arm]) - {control}))
    place = {each: number for number, each in enumerate(treatments)}
    given = rows[arm].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    rewards = rows[reward].cast(pl.Float64).to_numpy()
    context = Columns.of(rows, inputs).matrix(rows)
    return Trial(name, treatments, given, rewards, context, np.bincount(given) / len(given))


def chances(context: Floats, arms: int, steepness: float, least: float, draw: np.random.Generator) -> Floats:
    """A strategy drawn at random: softmax chances by the person, none below ``least``."""
    pull = steepness * (draw.normal(size=arms) + context @ draw.normal(size=(context.shape[1], arms)) / 2)
    raised = np.exp(pull - pull.max(axis=1, keepdims=True))
    found: Floats = least + (1 - arms * least) * raised / raised.sum(axis=1, keepdims=True)
    return found


def targets(trial: Trial, draw: np.random.Generator) -> dict[str, Floats]:
    """The strategies under evaluation, chances for everybody in the trial."""
    arms = len(trial.treatments)
    one = np.zeros((len(trial.given), arms))
    one[:, draw.integers(arms)] = 1.0
    steep = chances(trial.context, arms, 1.0, 0.0, draw)
    by_person = np.eye(arms)[steep.argmax(axis=1)]
    soft = chances(trial.context, arms, 0.7, 0.0, draw)
    return dict(zip(TARGETS, (one, by_person, soft), strict=True))


def one_round(trial: Trial, skew: str, seed: int) -> dict[tuple[str, str], Trying]:
    """Every target by every estimator, by target and method. A target that the log cannot carry is left out."""
    draw = np.random.default_rng(seed)
    trial = trial.rows(draw.permutation(len(trial.given))[:PEOPLE_COUNT])
    arms = len(trial.treatments)
    is_log = draw.random(len(trial.given)) < 0.5
    logging = chances(trial.context, arms, *SKEWS[skew], draw)
    own = logging[np.arange(len(trial.given)), trial.given]
    ratio = own / trial.shares[trial.given]
    # The most that the ratio could be for anybody, whichever arm they drew: so that being kept depends on the chances alone.
    accepted = is_log & (draw.random(len(ratio)) < ratio / (logging / trial.shares).max())
    kept = draw.permutation(np.flatnonzero(accepted))[:LOG_COUNT]
    log = _log(trial, kept, own, logging)
    truth_rows = np.flatnonzero(~is_log)
    truth_log = _log(trial, truth_rows, trial.shares[trial.given], None)
    foretold, truly_foretold = ridge_outcomes(log), ridge_outcomes(truth_log)
    tryings: dict[tuple[str, str], Trying] = {}
    for name, target in targets(trial, draw).items():
        if overlap(log, target[kept]).problems:
            continue
        truth = doubly_robust(truth_log, target[truth_rows], truly_foretold)
        mine = target[kept]
        estimates = [ips(log, mine), snips(log, mine), direct(log, mine)]
        estimates += [estimator(log, mine, foretold) for estimator in (doubly_robust, switch)]
        tryings |= {(name, each.method): _held_against(each, truth) for each in estimates}
    return tryings


def _log(trial: Trial, rows: NDArray[np.int64], probability: Floats, logging: Floats | None) -> Log:
    return Log(
        treatments=trial.treatments,
        given=trial.given[rows],
        probability=probability[rows],
        rewards=trial.rewards[rows],
        context=trial.context[rows],
        allowed=np.ones((len(rows), len(trial.treatments)), dtype=bool),
        chances=None if logging is None else logging[rows],
    )


def _held_against(estimate: Estimate, truth: Estimate) -> Trying:
    off = estimate.value - truth.value
    both = estimate.interval(other_error=truth.standard_error)
    alone = estimate.interval()
    return Trying(both.covers(truth.value), alone.covers(truth.value), off, alone.high - alone.low)


def coverage(trial: Trial, rounds: int, first_seed: int = 0) -> Mapping[tuple[str, str, str], list[Trying]]:
    """All rounds of a trial, by skew, target and method."""
    found: dict[tuple[str, str, str], list[Trying]] = {}
    for skew in SKEWS:
        for seed in range(first_seed, first_seed + rounds):
            for (target, method), trying in one_round(trial, skew, seed).items():
                found.setdefault((skew, target, method), []).append(trying)
    return found


def report(trial: Trial, rounds: int) -> None:
    """Print a table of a trial."""
    found = coverage(trial, rounds)
    say(
        f"\n## {trial.name}: {len(trial.given):,} people, {len(trial.treatments)} arms, {rounds} rounds a skew\n"
    )
    say(
        f"| estimator | covered: {' / '.join(SKEWS)} | cells, from and to | truth as certain | RMSE / ips | width / ips |"
    )
    say("|---|---|---|---|---|---|")
    cells = sorted({key[:2] for key in found})
    for method in METHODS:
        by_skew = [
            share([one.covered for cell in cells if cell[0] == skew for one in found[*cell, method]])
            for skew in SKEWS
        ]
        each = [share([one.covered for one in found[*cell, method]]) for cell in cells]
        alone = share([one.covered_alone for cell in cells for one in found[*cell, method]])
        rmse = np.mean([_rmse(found[*cell, method]) / _rmse(found[*cell, "ips"]) for cell in cells])
        width = np.mean([_width(found[*cell, method]) / _width(found[*cell, "ips"]) for cell in cells])
        say(
            f"| {method} | {' / '.join(f'{one:.1%}' for one in by_skew)} | {min(each):.1%}, {max(each):.1%} | {alone:.1%} "
            f"| {rmse:.2f} | {width:.2f} |"
        )
    low, high = by_chance(rounds, len(cells))
    say(
        f"\nIf every cell covered exactly {NOMINAL:.0%}, then in one of twenty such tables some cell would lie outside "
        f"{low:.1%} to {high:.1%}, by the number of rounds alone."
    )
    better = share([_rmse(found[*cell, "doubly robust"]) <= _rmse(found[*cell, "ips"]) for cell in cells])
    kept = sum(len(found[*cell, "ips"]) for cell in cells)
    say(
        f"\nDoubly robust is no worse than ips in {better:.0%} of the cells. {kept:,} of {9 * rounds:,} had overlap enough."
    )


def by_chance(rounds: int, cells: int) -> tuple[float, float]:
    """Between which shares all cells of so many rounds lie, with a chance of 95 %, where each covers exactly NOMINAL: the
    binomial's normal limits, the chance shared among the cells.
    """
    reach = NormalDist().inv_cdf(1 - 0.05 / (2 * cells)) * math.sqrt(NOMINAL * (1 - NOMINAL) / rounds)
    return NOMINAL - reach, min(NOMINAL + reach, 1.0)


def share(said: list[bool]) -> float:
    """The share that is so."""
    return float(np.mean(said))


def _width(tryings: list[Trying]) -> float:
    return float(np.mean([one.width for one in tryings]))


def _rmse(tryings: list[Trying]) -> float:
    return float(np.sqrt(np.mean([one.error**2 for one in tryings])))


def main(words: list[str] | None = None) -> None:
    """Print a table a trial."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.off_policy", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=400)
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}; {LOG_COUNT:,} decisions a log, nominal coverage 95 %")
    for make, file in (
        (hillstrom, "hillstrom_email_rct.csv.gz"),
        (social_pressure, "social_pressure_rct.csv.gz"),
    ):
        if not (asked.data / file).is_file():
            say(f"\n{asked.data / file} is absent, not measured")
            continue
        report(make(asked.data), asked.rounds)


if __name__ == "__main__":
    main()
