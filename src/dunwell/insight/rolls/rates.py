"""Roll rates: the chance that an account in one state is in another so many months later, by segment.

A plain Markov chain takes powers of the one-month matrix and misses two things seen in every book: the
longer an account has been in a state the likelier it stays, and some people never move. So the matrix here
is counted over the wanted number of months at once, and cells may be refined by history (duration, months on
book, late months). What a fine cell has seen little of is drawn towards the coarser cell above it, by as much
as the data's own likelihood asks for; intervals are exact quantiles, without simulation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.problems import CannotScore, TrainingUnusable, extra
from dunwell.insight.rolls.panel import States, next_states
from dunwell.insight.rolls.vintages import Drift

Floats = NDArray[np.float64]
_STRENGTHS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)

CUTS: Mapping[str, tuple[float, ...]] = {
    "duration": (2, 3, 4, 7, 13),
    "months_on_book": (6, 12, 24),
    "months_to_go": (1, 2, 3, 4, 6, 9, 12, 18, 24),
    "late_months_3": (1, 2, 3),
    "late_months_12": (1, 2, 3, 6),
    "late_months": (1, 2, 4, 8),
    "months_since_late": (1, 2, 4, 7, 13),
}
"""Where a number of a panel's history is cut into cells; other columns are taken as they are."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The cells by the first few of the columns: how often each state came next, and the chances after
    drawing towards the level above with ``strength`` rows.
    """

    columns: tuple[str, ...]
    strength: float
    cells: pl.DataFrame
    counts: Floats
    chances: Floats


class RollRates:
    """Roll rates over ``months``, counted over the last ``window`` months of origins.

    ``refine``: columns that refine the state, the most important first; none may be forbidden (ForbiddenInput).
    ``states``: the panel's states.
    Fitted: ``levels_`` from coarse to fine, ``dispersion_``: how much more the months vary than chance alone
    would have them (1: not more).
    """

    def __init__(
        self,
        states: States,
        *,
        months: int = 1,
        refine: Sequence[str] = ("months_on_book",),
        window: int | None = 12,
    ) -> None:
        refuse_forbidden(pl.DataFrame(), refine)
        self.states, self.months, self.refine, self.window = states, months, tuple(refine), window

    def fit(self, panel: pl.DataFrame) -> Self:
        """Count the rolls of a panel (with history, where ``refine`` names it). Raises TrainingUnusable when
        it does not reach that far.
        """
        rows = next_states(self._recent(panel), self.months)
        if rows.is_empty():
            raise TrainingUnusable(
                f"the panel covers {panel['month'].n_unique()} months, too few to see {self.months} months ahead. "
                "Give a longer panel, or look less far"
            )
        return self.fit_rows(rows)

    def fit_rows(self, rows: pl.DataFrame) -> Self:
        """The same of rows that have their ``next_state`` already, one of ``states.all``."""
        if self.window is not None:
            newest = int(rows["month"].to_numpy().max())
            rows = rows.filter(pl.col("month") > newest - self.window)
        cells = ("month", "state", *self.refine, "next_state")
        counted = self._keyed(rows).group_by(cells).agg(pl.len().cast(pl.Int64)).sort(cells)
        self.levels_: list[_Level] = []
        for depth in range(len(self.refine) + 2):
            self.levels_.append(self._level(counted, ("state", *self.refine)[:depth]))
        self._counted = counted
        self.dispersion_ = self._dispersion(self._places(None))
        return self

    def matrix(self) -> pl.DataFrame:
        """The matrix of states: state, next_state, chance, low, high (95 %), rows seen."""
        beta = extra("scipy.stats").beta
        level = self.levels_[1]
        told = []
        for cell, counts, chances in zip(
            level.cells.iter_rows(named=True), level.counts, level.chances, strict=True
        ):
            weight = float(counts.sum()) + level.strength
            for name, count, chance in zip(self.states.all, counts, chances, strict=True):
                low, high = beta.ppf([0.025, 0.975], chance * weight, (1 - chance) * weight)
                told.append(
                    {
                        "state": cell["state"],
                        "next_state": name,
                        "chance": float(chance),
                        "low": float(np.nan_to_num(low)),
                        "high": float(np.nan_to_num(high)),
                        "row_count": int(count),
                    }
                )
        order = pl.Enum(self.states.all)
        return pl.DataFrame(told).sort(pl.col("state").cast(order), pl.col("next_state").cast(order))

    def chances(self, panel: pl.DataFrame) -> Floats:
        """For each row of a panel the chance of each of ``states.all``, ``months`` later."""
        return self._looked_up(panel)[0]

    def stock(
        self,
        panel: pl.DataFrame,
        wanted: frozenset[str] | None = None,
        *,
        odds: float = 1.0,
        drift: Drift | None = None,
    ) -> tuple[float, float, float]:
        """How many of a month's accounts will be in the wanted states (the late ones) ``months`` later: the
        expected number and its 95 % interval. Its variance is that of the accounts' own chances, of the rates
        behind them, and the dispersion of the months. ``odds``: a scenario, by which the odds of the wanted states
        are multiplied. ``drift``: what the odds of lateness are moved by first (``vintages``).
        """
        chances, weights, cell = self._looked_up(panel)
        places = self._places(wanted)
        moved = 0.0 if drift is None else drift.log_odds
        before, chances = chances, tilted(self.drifted(panel, chances, moved), places, odds)
        p = chances[:, places].sum(axis=1)
        expected = float(p.sum())
        by_cell = np.bincount(cell, weights=p)
        seen = np.maximum(1, np.bincount(cell))
        share = by_cell / seen
        in_weight = np.bincount(cell, weights=weights) / seen
        of_rates = float((by_cell**2 * (1 - share) / np.maximum(share, 1e-9) / (in_weight + 1)).sum())
        of_rates *= min(
            self.months, self._counted["month"].n_unique()
        )  # looks that overlap tell the same again
        of_chance = float((p * (1 - p)).sum())
        of_drift = 0.0
        if drift is not None and drift.spread:
            further = self.drifted(panel, before, moved + drift.spread)
            of_drift = float(tilted(further, places, odds)[:, places].sum()) - expected
        dispersion = self.dispersion_ if wanted is None else self._dispersion(places)
        spread = 1.96 * float(np.sqrt(dispersion * (of_chance + of_rates) + of_drift**2))
        return expected, max(0.0, expected - spread), expected + spread

    def drifted(self, panel: pl.DataFrame, chances: Floats, log_odds: float) -> Floats:
        """The chances with the log odds of lateness moved for the rows that are not late yet."""
        if not log_odds:
            return chances
        is_well = panel.select(~self.states.is_late).to_series().to_numpy()
        made = chances.copy()
        made[is_well] = tilted(chances[is_well], self._places(None), float(np.exp(log_odds)))
        return made

    @property
    def mean_month(self) -> float:
        """The mean month it was counted from."""
        return float(np.average(self._counted["month"].to_numpy(), weights=self._counted["len"].to_numpy()))

    @property
    def has_seen_enough(self) -> bool:
        """Whether it counted from at least half as many months as it looks ahead. From fewer it knows a young book's first
        accounts alone, and of made books a year ahead nearly twice as many were foretold as came.
        """
        return 2 * self._counted["month"].n_unique() >= self.months

    def to_dict(self) -> dict[str, Any]:
        """The matrix and its settings as plain values."""
        return {
            "months": self.months,
            "window": self.window,
            "refine": list(self.refine),
            "states": list(self.states.all),
            "dispersion": self.dispersion_,
            "matrix": self.matrix().to_dicts(),
        }

    def _places(self, wanted: frozenset[str] | None) -> list[int]:
        names = self.states.late if wanted is None else wanted
        return [place for place, name in enumerate(self.states.all) if name in names]

    def _recent(self, panel: pl.DataFrame) -> pl.DataFrame:
        """The months that the origins of the window and what came of them lie in."""
        if self.window is None or panel.is_empty():
            return panel
        return panel.filter(pl.col("month") > pl.col("month").max() - self.months - self.window)

    def _keyed(self, panel: pl.DataFrame) -> pl.DataFrame:
        """The panel with its cells named."""
        absent = [name for name in self.refine if name not in panel.columns]
        if absent:
            raise CannotScore(
                f"the panel has no column {absent[0]!r}. Add history to it (with_history), or refine by others"
            )
        names = pl.Enum(self.states.all)
        state = [
            pl.col(name).cast(names, strict=False)
            for name in ("state", "next_state")
            if name in panel.columns
        ]
        return panel.with_columns(*state, *(_cell(name) for name in self.refine))

    def _level(self, rows: pl.DataFrame, columns: tuple[str, ...]) -> _Level:
        by = list(columns)
        counted = rows.group_by(*by, "next_state").agg(pl.col("len").sum())
        names = self.states.all
        if by:
            cells = counted.select(by).unique().sort(by)
            numbered = cells.with_row_index("_cell")
            place = counted.join(numbered, on=by, how="left", nulls_equal=True, maintain_order="left")[
                "_cell"
            ].to_numpy()
        else:
            cells = pl.DataFrame({"_": [0]}).select()
            place = np.zeros(counted.height, np.int64)
        counts = np.zeros((max(1, cells.height), len(names)))
        next_place = counted["next_state"].to_physical().to_numpy()
        np.add.at(counts, (place, next_place), counted["len"].to_numpy())
        if not by:
            whole = (counts + 0.5) / (counts + 0.5).sum()
            return _Level((), 0.0, cells, counts, whole)
        above = self.levels_[-1]
        prior = above.chances[_places_in(above, cells)]
        strength = _likeliest_strength(counts, prior)
        drawn = counts + strength * prior
        return _Level(columns, strength, cells, counts, drawn / drawn.sum(axis=1, keepdims=True))

    def _looked_up(self, panel: pl.DataFrame) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Chances, the rows behind them, and a number of the cell, for each row: the finest cell that was
        seen.
        """
        return self._of_cells(self._keyed(panel))

    def _of_cells(self, keyed: pl.DataFrame) -> tuple[Floats, Floats, NDArray[np.int64]]:
        chances = np.repeat(self.levels_[0].chances, keyed.height, axis=0)
        weights = np.full(keyed.height, self.levels_[0].counts.sum())
        cell = np.zeros(keyed.height, np.int64)
        first = 1
        for level in self.levels_[1:]:
            place = _places_in(level, keyed)
            is_known = place >= 0
            chances[is_known] = level.chances[place[is_known]]
            weights[is_known] = level.counts.sum(axis=1)[place[is_known]] + level.strength
            cell[is_known] = first + place[is_known]
            first += level.cells.height
        return chances, weights, cell

    def _dispersion(self, places: list[int]) -> float:
        """The mean of squared standardised errors of the months' stocks in some states, each against these rates."""
        counted = self._counted
        chances = self._of_cells(counted)[0][:, places].sum(axis=1)
        is_late = np.isin(counted["next_state"].to_physical().to_numpy(), places)
        month, times = counted["month"].to_numpy(), counted["len"].to_numpy()
        # Added up row after row: sums that threads share differ in their last bit from run to run.
        number = month - month.min()
        error = np.bincount(number, weights=times * (is_late - chances))
        variance = np.bincount(number, weights=times * chances * (1 - chances))
        has_any = variance > 0
        told = error[has_any] ** 2 / variance[has_any]
        return max(1.0, float(told.mean())) if len(told) > 1 else 1.0


def tilted(chances: Floats, places: Sequence[int], odds: float) -> Floats:
    """Chances of states in which the odds of the ``places`` together are multiplied; within them and among the others the
    proportions stay.
    """
    if odds == 1.0:
        return chances.copy()
    wanted = chances[:, list(places)].sum(axis=1, keepdims=True)
    becomes = wanted * odds / (1 - wanted + wanted * odds)
    made = chances * (1 - becomes) / np.maximum(1 - wanted, 1e-12)
    made[:, list(places)] = chances[:, list(places)] * becomes / np.maximum(wanted, 1e-12)
    return np.asarray(made)


def _cell(name: str) -> pl.Expr:
    """A column as the name of its cell: how many cuts it has reached, or what it says."""
    if name not in CUTS:
        return pl.col(name).cast(pl.String).fill_null("").alias(name)
    reached = pl.sum_horizontal((pl.col(name) >= cut).cast(pl.Int32) for cut in CUTS[name])
    return pl.when(pl.col(name).is_not_null()).then(reached.cast(pl.String)).otherwise(pl.lit("")).alias(name)


def _places_in(level: _Level, rows: pl.DataFrame) -> NDArray[np.int64]:
    """The cell of each row; -1 where the level has none."""
    if not level.columns:
        return np.zeros(rows.height, np.int64)
    found = rows.select(level.columns).join(
        level.cells.with_row_index("_cell"), on=list(level.columns), how="left", maintain_order="left"
    )
    return found["_cell"].cast(pl.Int64).fill_null(-1).to_numpy()


def _likeliest_strength(counts: Floats, prior: Floats) -> float:
    """How many rows the prior should weigh: the likeliest under a Dirichlet-multinomial of all cells."""
    gammaln = extra("scipy.special").gammaln
    rows = counts.sum(axis=1)

    def likelihood(strength: float) -> float:
        alpha = strength * np.clip(prior, 1e-9, None)
        cells = gammaln(strength) - gammaln(strength + rows)
        return float(cells.sum() + (gammaln(alpha + counts) - gammaln(alpha)).sum())

    return max(_STRENGTHS, key=likelihood)
