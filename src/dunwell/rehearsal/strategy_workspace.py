"""A strategy rehearsed for a workspace: its own book, terms and law where it has them, made debtors where it has no book."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from dunwell.book import Book, NoBook
from dunwell.law.overlay import LenderLaw, read_law
from dunwell.ledger import read_terms
from dunwell.rehearsal.effects import read_effects, read_figures
from dunwell.rehearsal.strategy_comparing import assumptions, rehearse
from dunwell.rehearsal.strategy_setting import Setting, setting_of_book, setting_of_made
from dunwell.settings import Settings
from dunwell.strategy.differing import Moves, differences, moves
from dunwell.strategy.text import Strategy

CUSTOMERS, DAYS, COPIES, SEED = 1_500, 30, 8, 7
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


def rehearsed(
    setting: Setting, strategies: Sequence[Strategy], seed: int = SEED, copies: int = COPIES, days: int = DAYS
) -> dict[str, Any]:
    """The whole answer as plain values, to be kept and replayed: which texts (their hashes) were rehearsed with which seed, the
    comparison, how the assumptions are founded, and for two strategies every difference in words and who moves.
    """
    compared = rehearse(setting, strategies, read_effects(), seed, copies, days)
    told: dict[str, Any] = {
        "seed": seed,
        "as_of": setting.as_of.isoformat(),
        "hashes": [strategy.hash for strategy in strategies],
        "assumptions": assumptions(read_figures()),
        **compared.record(),
    }
    if len(strategies) == 2:
        old, new = strategies
        told["changes"] = differences(old, new)
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
