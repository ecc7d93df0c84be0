"""A strategy rehearsed for a workspace: its own book, terms and law where it has them, made debtors where it has no book; each
day decided as the nightly run decides it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book import Book, NoBook
from dunwell.law.overlay import LenderLaw, read_law
from dunwell.ledger import read_terms
from dunwell.nightly.market import give_out
from dunwell.nightly.offers import VALUE, Valuer
from dunwell.rehearsal.effects import read_effects, read_figures
from dunwell.rehearsal.strategy_comparing import assumptions, rehearse
from dunwell.rehearsal.strategy_run import Choice
from dunwell.rehearsal.strategy_setting import Setting, setting_of_book, setting_of_made
from dunwell.settings import Settings
from dunwell.strategy.differing import Moves, differences, moves
from dunwell.strategy.eligibility import first_choice
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.exploring import more_after_turn
from dunwell.strategy.learned import FOLDER, LearnedValues, context_of, load, values_of
from dunwell.strategy.over_waiting import HISTORY
from dunwell.strategy.rates import FILE_NAME as RATES_FILE
from dunwell.strategy.rates import read_rates
from dunwell.strategy.text import Strategy
from dunwell.strategy.treatment_rates import with_rates

CUSTOMERS, DAYS, COPIES, SEED = 1_000, 30, 8, 7
"""What is rehearsed unless something else is asked for: two strategies take about half a minute of two cores."""


def setting_for(
    settings: Settings, strategies: Sequence[Strategy], customers: int, today: date, seed: int = SEED
) -> Setting:
    """People past due from the workspace's book; made ones as of ``today`` where there is no book.

    Raises PolicyError, TermsError, NobodyPastDue.
    """
    law = read_law(settings.root / "policy" / "law.toml")
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return made_setting(law, settings.actor, strategies, customers, today, seed)
    asked = _asked(strategies)
    return setting_of_book(book, read_terms(settings.terms_folder), law, settings.actor, customers, asked)


def made_setting(
    law: LenderLaw, actor: str, strategies: Sequence[Strategy], customers: int, today: date, seed: int = SEED
) -> Setting:
    """Made people past due in the last strategy's currency. Raises NobodyPastDue."""
    return setting_of_made(strategies[-1].currency, law, actor, today, customers, seed, _asked(strategies))


def _asked(strategies: Sequence[Strategy]) -> frozenset[str]:
    return frozenset[str]().union(*(strategy.columns_asked() for strategy in strategies))


def choice_with(rates: Mapping[str, float], learned: LearnedValues | None) -> Choice:
    """The nightly run's way to decide a day: values as learned or by the text's priors, lots, assignment under capacities.

    ``rates``: of the strategy's currency; ``learned``: None where nothing was.
    """

    def choice(
        strategy: Strategy,
        late: pl.DataFrame,
        table: pl.DataFrame,
        allowed: NDArray[np.bool_],
        day: date,
        earlier: pl.DataFrame | None,
    ) -> tuple[pl.Series, pl.DataFrame]:
        if learned is not None:
            strategy = more_after_turn(with_rates(strategy, learned.rates), learned.turned, day)
        valuer = Valuer(strategy, rates, learned)
        context = context_of(late, rates).hstack(late.select(HISTORY))
        values = np.where(allowed, values_of(strategy, learned, context).mean, np.nan)
        first = first_choice(strategy, table)
        market = late.select(pl.col("own_id").alias("customer_id"), "currency").hstack(context)
        market = market.with_columns(
            first.set(first == NOTHING, None).alias("first"),
            *(
                pl.Series(VALUE + name, values[:, place]).fill_nan(None)
                for place, name in enumerate(strategy.treatment_names)
                if place
            ),
        )
        given = give_out(strategy, market, day, is_cold=valuer.is_cold, earlier=earlier)
        decided = market.select("customer_id").join(
            given.treatments, on="customer_id", how="left", maintain_order="left"
        )
        return decided["treatment"], given.prices_told(valuer.is_cold).select("capacity", "price")

    return choice


def choice_for(settings: Settings, strategy: Strategy, as_of: date) -> tuple[Choice, str]:
    """The workspace's way to decide, and what it knows of values: learned, priors or text-order.

    Raises PolicyError, and InsightError where learned values are damaged.
    """
    rates = read_rates(settings.root / "policy" / RATES_FILE, strategy.currency, as_of)
    folder = settings.root / "models" / FOLDER
    learned = load(folder) if folder.is_dir() else None
    if learned is not None and learned.currency != strategy.currency:
        learned = None
    return choice_with(rates, learned), Valuer(strategy, rates, learned).basis


def rehearsed(
    setting: Setting,
    strategies: Sequence[Strategy],
    choice: Choice,
    basis: str,
    seed: int = SEED,
    copies: int = COPIES,
    days: int = DAYS,
) -> dict[str, Any]:
    """The whole answer as plain values, to be kept and replayed: which texts (their hashes) were rehearsed with which seed, the
    comparison, how the assumptions are founded, and for two strategies every difference in words and who moves.
    """
    compared = rehearse(setting, strategies, choice, read_effects(), seed, copies, days)
    told: dict[str, Any] = {
        "seed": seed,
        "basis": basis,
        "as_of": setting.as_of.isoformat(),
        "hashes": [strategy.hash for strategy in strategies],
        "assumptions": assumptions(read_figures()),
        **compared.record(),
    }
    if len(strategies) == 2:
        old, new = strategies
        told["changes"] = [str(one) for one in differences(old, new)]
        told["moves"] = moves_record(moves(old, new, setting.people))
    return told


def moves_record(moved: Moves) -> dict[str, Any]:
    """Who moves, as plain values."""
    return {
        "customers": moved.customer_count,
        "changed": moved.changed_count,
        "segments": moved.segments.to_dicts(),
        "treatments": moved.treatments.to_dicts(),
        "first_choices": moved.firsts.to_dicts(),
    }
