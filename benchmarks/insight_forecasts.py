"""How forecasts of a book fared from month to month: ``python -m benchmarks.insight_forecasts``.

At each of several month ends, from nothing later: how many accounts will be in each state, newly late, late of those not opened
yet, and late in all of the book as it then is; beside what came. Of made portfolios (25,000 accounts each, no ``stress``) and of
the panel of monthly card states, where it lies in ``../shared/data``. Origins a month apart share most of their months.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.insight_inputs import delinquency
from benchmarks.insight_models import PANEL
from benchmarks.measuring import PROJECT, load, say, today
from dunwell.book import Tape
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls import (
    BOOK_REFINES,
    BOOK_STATES,
    INFLOW,
    NEW,
    States,
    book_panel,
    forecast_late,
    forecast_states,
)
from dunwell.insight.rolls.panel import with_months_on_book
from dunwell.ledger import read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

LATE = "late"
_LAST_DAY = date(2026, 10, 31)
_MONTHS = 40

Row = tuple[int, str, float, float, float, float]


def main(words: list[str] | None = None) -> None:
    """Print a table a panel."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_forecasts", description=__doc__)
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--only", default="made,cards")
    parser.add_argument("--books", type=int, default=3)
    parser.add_argument("--origins", type=int, default=19)
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}")
    if "made" in asked.only.split(","):
        rows: list[Row] = []
        for seed in range(1, asked.books + 1):
            rows += fared(made_panel(seed), BOOK_STATES, (1, 3, 6), 9, BOOK_REFINES, True)
        tell(f"{asked.books} made books, 9 origins each", rows, BOOK_STATES)
    if "cards" in asked.only.split(","):
        if not (asked.data / "credit_record_monthly.csv.gz").is_file():
            say(f"cards: {asked.data} has no credit_record_monthly.csv.gz, not measured")
            return
        panel = delinquency(asked.data).panel.select("account_id", "month", pl.col("state").cast(pl.String))
        for trend in (False, True):
            title = f"card panel, {asked.origins} origins{', following the vintages' if trend else ''}"
            tell(title, fared(panel, PANEL, (1, 3, 6, 12), asked.origins, ("months_on_book",), trend), PANEL)


def made_panel(seed: int, accounts: int = 25_000) -> pl.DataFrame:
    """The month ends of a made portfolio."""
    terms = read_terms(TERMS_FOLDER)
    with TemporaryDirectory() as folder:
        write_portfolio(Path(folder), accounts, seed, _LAST_DAY, messy=False)
        products = {name: text.currency for name, text in terms.items()}
        with Tape(Path(folder), products=products, imported_at=datetime(2026, 11, 1, tzinfo=UTC)) as tape:
            parts = [book_panel(part.tables, terms, _LAST_DAY, _MONTHS) for part in tape.partitions()]
    return pl.concat(parts).sort("account_id", "month")


def fared(
    panel: pl.DataFrame,
    states: States,
    horizons: Sequence[int],
    origins: int,
    refine: Sequence[str],
    trend: bool,
) -> list[Row]:
    """Months ahead, what, expected, low, high and what came, of each of the last origins from which it is known."""
    known = with_months_on_book(panel, states)
    last, told = int(known["month"].to_numpy().max()), []
    for months in horizons:
        for origin in range(last - months - origins + 1, last - months + 1):
            before = panel.filter(pl.col("month") <= origin)
            now, then = (known.filter(pl.col("month") == month) for month in (origin, origin + months))
            old = then.join(
                now.select("account_id", was=states.is_late), on="account_id", maintain_order="left"
            )
            came = dict(old.group_by("state").len().iter_rows())
            came[INFLOW] = old.filter(~pl.col("was"), states.is_late).height
            came[NEW] = then.filter(pl.col("months_on_book") < months, states.is_late).height
            came[LATE] = old.filter(states.is_late).height
            try:
                by_state = forecast_states(before, states, horizons=[months], refine=refine, trend=trend)
                late = forecast_late(before, states, horizons=[months], refine=refine, trend=trend)
            except TrainingUnusable:
                continue  # a book that young is not foretold
            rows = [*by_state.rows(), (months, LATE, *late.select("expected", "low", "high").row(0))]
            told += [(h, what, e, low, high, float(came.get(what, 0))) for h, what, e, low, high in rows]
    return told


def tell(title: str, rows: list[Row], states: States) -> None:
    """The table: mean error and bias of what came to thirty accounts or more on average, and how often the intervals held."""
    say(
        f"\n## {title}\n\n| months | what | came, mean | mean error | bias | interval held |\n|---|---|---|---|---|---|"
    )
    order = [LATE, INFLOW, NEW, *states.names]
    frame = pl.DataFrame(rows, schema=["months", "what", "expected", "low", "high", "came"], orient="row")
    for (months, what), part in sorted(
        frame.group_by("months", "what"), key=lambda pair: (pair[0][0], order.index(str(pair[0][1])))
    ):
        error = (part["expected"] - part["came"]).to_numpy() / np.maximum(1, part["came"].to_numpy())
        held = int(part.select(pl.col("came").is_between("low", "high").sum()).item())
        mean = float(part["came"].to_numpy().mean())
        off = f"{np.abs(error).mean():.1%} | {error.mean():+.1%}" if mean >= 30 else "- | -"
        say(f"| {months} | {what} | {mean:,.0f} | {off} | {held} of {part.height} |")


if __name__ == "__main__":
    main()
