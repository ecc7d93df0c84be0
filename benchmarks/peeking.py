"""Does looking every day do harm? ``python -m benchmarks.peeking``: arms that do not differ, looked at after every customer.

Prints how many trials are ever flagged, from the first look to the end, by the interval that holds always and by the usual one.
"""

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import load, say, today
from dunwell.strategy.experiments.sequential import critical_value

Outcome = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]

FIRST_LOOK = 500
ALPHA = 0.05
USUAL = 1.96
BATCH = 100

OUTCOMES: Mapping[str, Outcome] = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "a twentieth pay": lambda draw, shape: (draw.random(shape) < 0.05).astype(np.float64),
    "a third pay": lambda draw, shape: (draw.random(shape) < 0.33).astype(np.float64),
    "a fifth pay, log-normal amounts": lambda draw, shape: np.where(
        draw.random(shape) < 0.2, draw.lognormal(4, 1, shape), 0.0
    ),
}


def flagged_share(
    outcome: Outcome, effect: float = 0.0, *, trials: int = 300, customers: int = 8000, share: float = 0.5
) -> tuple[float, float]:
    """The share of trials ever flagged when looked at after every customer from the first look on: by the interval that
    holds always, and by the usual one. ``share``: of the customers, in the arm.
    """
    draw = np.random.default_rng(3)
    counts = range(FIRST_LOOK, customers + 1)
    critical = np.array([critical_value(count / FIRST_LOOK, ALPHA) for count in counts])
    always = usual = 0
    for _ in range(trials // BATCH):
        is_arm = draw.random((BATCH, customers)) < share
        size = _sizes(is_arm, outcome(draw, is_arm.shape) + effect * is_arm)
        always += int((size > critical).any(axis=1).sum())
        usual += int((size > USUAL).any(axis=1).sum())
    return always / trials, usual / trials


def _sizes(is_arm: NDArray[np.bool_], paid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The difference of means in standard errors after each customer from the first look on, a row a trial."""
    difference, variance = np.zeros(1), np.zeros(1)
    for sign, mine in ((1, is_arm), (-1, ~is_arm)):
        count, total, squares = (
            np.cumsum(part * mine, axis=1)[:, FIRST_LOOK - 1 :]
            for part in (np.ones_like(paid), paid, paid**2)
        )
        difference = difference + sign * total / count
        variance = variance + (squares / count - (total / count) ** 2) / (count - 1)
    size: NDArray[np.float64] = np.abs(difference) / np.sqrt(variance)
    return size


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peeking", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="in hundreds")
    parser.add_argument("--customers", type=int, default=20_000)
    asked = parser.parse_args(words)
    say(
        f"{today()}, load average {load():.1f}; {asked.trials:,} trials, looks {FIRST_LOOK:,} to {asked.customers:,}\n"
    )
    say("| outcome | ever flagged | by an interval made for one look |\n|---|---|---|")
    for name, outcome in OUTCOMES.items():
        always, usual = flagged_share(outcome, trials=asked.trials, customers=asked.customers)
        say(f"| {name} | {always:.1%} | {usual:.1%} |")


if __name__ == "__main__":
    main()
