"""From the chances of each stretch to the chances by any day, and to the money expected by then.

One chain gives all of it: an account has paid nothing yet, once, or oftener; in each stretch something comes,
by the hazards of where it stands, or nothing. So no horizon can contradict another: what has come within 7
days has come within 30.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.hazards.periods import PAYMENTS_TOLD_MAX, Cause, Periods
from dunwell.insight.problems import CannotScore

Floats = NDArray[np.float64]

STANDINGS = PAYMENTS_TOLD_MAX + 1
"""Where an account can stand: no part payment yet, one, or more."""

Shares = Mapping[str, Floats]
"""By cause: for each standing, the mean of the paid share of what was overdue, and the mean of its square."""


@dataclass(frozen=True, slots=True)
class Curves:
    """What is to come of each row, at the end of each stretch, from the origin on.

    ``came[cause]``: the chance that it has come at least once; ``paid``: that any money has come. ``share``
    and ``share_square``: the mean, and the mean square, of all that was paid by then as a share of what was
    overdue at the origin. Arrays with a row an account and a column a stretch.
    """

    periods: Periods
    came: Mapping[str, Floats]
    paid: Floats
    share: Floats
    share_square: Floats

    def by_day(self, values: Floats, day: int) -> Floats:
        """``values`` by the end of a day, spread evenly over the days of a stretch. Raises CannotScore beyond
        the last.
        """
        edges = self.periods.edges
        if not 0 <= day <= self.periods.last_day:
            raise CannotScore(
                f"day {day} is not foretold: the model reaches 0 to {self.periods.last_day} days. "
                "Ask for fewer days, or train one with longer periods"
            )
        k = max(0, int(np.searchsorted(np.array(edges[1:]), day, side="left")))
        before = values[:, k - 1] if k else np.zeros(len(values))
        part = (day - edges[k]) / (edges[k + 1] - edges[k])
        return before + part * (values[:, k] - before)


def chained(
    hazard: Callable[[int, int], Floats],
    causes: Sequence[Cause],
    shares: Shares,
    periods: Periods,
    row_count: int,
) -> Curves:
    """The curves of rows whose chances in stretch k, standing s, ``hazard(k, s)`` tells: a column a cause."""
    here = np.zeros((3, STANDINGS, row_count))  # chance, paid so far and its square, while standing there
    here[0, 0] = 1.0
    gone = np.zeros((3, row_count))
    not_yet = {
        cause.name: np.ones((STANDINGS, row_count)) * (np.arange(STANDINGS) == 0)[:, None] for cause in causes
    }
    count = len(periods)
    came = {cause.name: np.zeros((row_count, count)) for cause in causes}
    paid, share, square = (np.zeros((row_count, count)) for _ in range(3))
    for k in range(count):
        now = np.zeros_like(here)
        still = {name: np.zeros_like(rows) for name, rows in not_yet.items()}
        for s in range(STANDINGS):
            chances = hazard(k, s)
            nothing = 1 - chances.sum(axis=1)
            now[:, s] += nothing * here[:, s]
            for name, rows in still.items():
                rows[s] += nothing * not_yet[name][s]
            paid[:, k] += here[0, s] * _paying(chances, causes) * (s == 0)
            for c, cause in enumerate(causes):
                moved = _with_money(here[:, s], chances[:, c], shares.get(cause.name), s)
                to = s if not cause.pays else min(s + 1, STANDINGS - 1)
                if cause.ends:
                    gone += moved
                else:
                    now[:, to] += moved
                came[cause.name][:, k] += chances[:, c] * not_yet[cause.name][s]
                for name, rows in still.items():
                    if name != cause.name and not cause.ends:
                        rows[to] += chances[:, c] * not_yet[name][s]
        here, not_yet = now, still
        share[:, k] = here[1].sum(axis=0) + gone[1]
        square[:, k] = here[2].sum(axis=0) + gone[2]
    return Curves(
        periods,
        {name: rows.cumsum(axis=1) for name, rows in came.items()},
        paid.cumsum(axis=1),
        share,
        square,
    )


def _paying(chances: Floats, causes: Sequence[Cause]) -> Floats:
    return np.asarray(chances[:, [c for c, cause in enumerate(causes) if cause.pays]].sum(axis=1))


def _with_money(here: Floats, chance: Floats, shares: Floats | None, standing: int) -> Floats:
    """What a cause carries on: the chance, the money so far with its own added, and the square of that."""
    mean, mean_square = (0.0, 0.0) if shares is None else shares[standing]
    return np.stack(
        [
            chance * here[0],
            chance * (here[1] + mean * here[0]),
            chance * (here[2] + 2 * mean * here[1] + mean_square * here[0]),
        ]
    )


def cash_by_day(curves: Curves, overdue_minor: pl.Series, shock: float) -> pl.DataFrame:
    """The money to come from all rows together: day, expected_minor (on the day), by_then_minor, and the 95 %
    interval of that.

    The variance is that of each account's own chances and amounts, and of a common ``shock``: by which share
    whole portfolios came out above or below what was expected of them.
    """
    owed = overdue_minor.cast(pl.Float64).to_numpy()
    rows, before = [], 0.0
    for day in range(1, curves.periods.last_day + 1):
        means = curves.by_day(curves.share, day)
        squares = curves.by_day(curves.share_square, day)
        expected = float((owed * means).sum())
        own = float((owed**2 * np.clip(squares - means**2, 0, None)).sum())
        spread = 1.96 * float(np.sqrt(own + (shock * expected) ** 2))
        rows.append((day, expected - before, expected, max(0.0, expected - spread), expected + spread))
        before = expected
    return pl.DataFrame(
        rows, schema=["day", "expected_minor", "by_then_minor", "low_minor", "high_minor"], orient="row"
    )
