"""How many accounts will be 30 or more days late in the months to come, and how such forecasts made before fared.

Roll rates of the book's own month ends (``insight.rolls``). Of a large book so many accounts are looked at, each as far from
the next, as ``ACCOUNTS_MAX`` allows; figures are of the whole book, with what looking at a part adds to their intervals.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import polars as pl

from dunwell.insight import InsightError
from dunwell.insight.rolls import BOOK_REFINES, BOOK_STATES, book_panel, forecast_states
from dunwell.insight.rolls.book import month_end
from dunwell.insight.rolls.forecast import backtest_known, forecast_known, with_refining
from dunwell.ledger import Terms

HORIZONS = (1, 3, 6, 12)
HISTORY_MONTHS = 30
ACCOUNTS_MAX = 200_000
_Z_95 = 1.96

COLUMNS = {
    "months": pl.Int64,
    "month_end": pl.Date,
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "expected_then": pl.Float64,
    "actual_then": pl.Float64,
}
"""Of ``LateStock.finish``. ``expected_then``: what was foretold so many months before the last month end, of the accounts in
the book at that time; ``actual_then``: how many of them were late at the last month end. Null where the book is too young."""


class LateStock:
    """Gathers the partitions' month ends, thinned as they grow, then foretells from all of them."""

    def __init__(
        self,
        terms: Mapping[str, Terms],
        as_of: date,
        known_at: datetime | None,
        accounts_max: int = ACCOUNTS_MAX,
        history_months: int = HISTORY_MONTHS,
    ) -> None:
        """``accounts_max``: so many accounts are kept at most, each with ``history_months`` month ends."""
        self._history_months = history_months
        self._terms, self._as_of, self._known_at, self._max = terms, as_of, known_at, accounts_max
        self._panel = pl.DataFrame()
        self._seen, self._every = 0, 1

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take in a partition."""
        panel = book_panel(tables, self._terms, self._as_of, self._history_months, self._known_at)
        numbers = (
            panel.select("account_id")
            .unique(maintain_order=True)
            .with_columns(number=pl.int_range(self._seen, self._seen + pl.len()))
        )
        self._seen += numbers.height
        kept = pl.col("number") % self._every == 0
        panel = panel.join(numbers.filter(kept), on="account_id", maintain_order="left")
        self._panel = pl.concat([self._panel, panel]) if self._panel.width else panel
        while -(-self._seen // self._every) > self._max:
            self._every *= 2
            self._panel = self._panel.filter(pl.col("number") % self._every == 0)

    @property
    def panel(self) -> pl.DataFrame:
        """The month ends gathered: of every account, or of a large book's part."""
        return self._panel.drop("number", strict=False)

    @property
    def late_now(self) -> int:
        """How many accounts were late at the last month end."""
        last = self._panel["month"].max()
        return self._every * self._panel.filter(pl.col("month") == last, BOOK_STATES.is_late).height

    def finish(self) -> pl.DataFrame:
        """A row a horizon of HORIZONS, with COLUMNS; none where the book has too few month ends."""
        if self._panel.is_empty():
            return pl.DataFrame(schema=COLUMNS)
        known = with_refining(self.panel, BOOK_STATES, BOOK_REFINES)
        last = int(known["month"].to_numpy().max())
        try:
            ahead = self._ahead(known, HORIZONS)
        except InsightError:
            return pl.DataFrame(schema=COLUMNS)
        before = [self._before(known, months, last - months) for months in ahead["months"].to_list()]
        return ahead.select(
            "months",
            pl.col("month").map_elements(month_end, return_dtype=pl.Date).alias("month_end"),
            *("expected", "low", "high"),
            expected_then=pl.Series([then for then, _ in before], dtype=pl.Float64),
            actual_then=pl.Series([came for _, came in before], dtype=pl.Float64),
        )

    def ahead(self, horizons: Sequence[int], odds: Sequence[float] = ()) -> pl.DataFrame:
        """``insight.rolls.forecast_late`` of the whole book. Raises TrainingUnusable where its month ends are too few."""
        return self._ahead(with_refining(self.panel, BOOK_STATES, BOOK_REFINES), horizons, odds)

    def states_ahead(self, horizons: Sequence[int]) -> pl.DataFrame:
        """``insight.rolls.forecast_states`` of the whole book. Raises TrainingUnusable where its month ends are too few."""
        panel = self.panel
        told = forecast_states(panel, BOOK_STATES, horizons=horizons, refine=BOOK_REFINES, trend=True)
        last = int(panel["month"].to_numpy().max())
        spread = pl.Series([self._spread(panel, last, one) for one in told["expected"].to_list()])
        return told.with_columns(pl.col("expected", "low", "high") * self._every).with_columns(
            low=(pl.col("low") - spread).clip(0), high=pl.col("high") + spread
        )

    def _ahead(
        self, known: pl.DataFrame, horizons: Sequence[int], odds: Sequence[float] = ()
    ) -> pl.DataFrame:
        last = int(known["month"].to_numpy().max())
        told = []
        ahead = forecast_known(
            known, BOOK_STATES, horizons=horizons, refine=BOOK_REFINES, trend=True, odds=odds
        )
        for row in ahead.iter_rows(named=True):
            spread = self._spread(known, last, row["expected"])
            row["low"] = max(0.0, self._every * row["low"] - spread)
            row["high"] = self._every * row["high"] + spread
            row["expected"] *= self._every
            if odds:
                row["expected_if"] = [self._every * one for one in row["expected_if"]]
            told.append(row)
        return pl.DataFrame(told)

    def _before(self, known: pl.DataFrame, months: int, origin: int) -> tuple[float | None, float | None]:
        """What was foretold from an origin, from nothing later, and what came of it."""
        try:
            told = backtest_known(
                known, BOOK_STATES, months=months, origins=[origin], refine=BOOK_REFINES, trend=True
            )
        except InsightError:
            return None, None
        (row,) = told.rows(named=True)
        return self._every * row["expected"], float(self._every * row["actual"])

    def _spread(self, panel: pl.DataFrame, last: int, expected: float) -> float:
        """Half the interval that comes of looking at one account in so many."""
        if self._every == 1:
            return 0.0
        looked_at = panel.filter(pl.col("month") == last).height
        share = min(1.0, expected / max(1, looked_at))
        part = 1 - 1 / self._every
        return float(_Z_95 * self._every * (looked_at * share * (1 - share) * part) ** 0.5)
