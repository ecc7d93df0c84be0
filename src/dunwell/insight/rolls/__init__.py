"""How accounts roll from state to state, month by month, and what that says of the months to come.

``RollRates`` counts; ``forecast_late`` looks ahead; ``with_history`` tells what an account's past says;
``book_panel`` makes the panel of a book; ``turning_segments`` warns of segments before they are late.
"""

from dunwell.insight.rolls.ahead import INFLOW, NEW, forecast_states, late_of_new
from dunwell.insight.rolls.book import BOOK_REFINES, BOOK_STATES, book_panel
from dunwell.insight.rolls.card import rolls_card
from dunwell.insight.rolls.forecast import backtest, forecast_late
from dunwell.insight.rolls.panel import (
    HISTORY_INPUTS,
    OTHERS_INPUTS,
    SPELL_INPUTS,
    States,
    next_states,
    with_history,
)
from dunwell.insight.rolls.rates import RollRates
from dunwell.insight.rolls.warning import false_alarms, monthly_steps, turning_counts, turning_segments

__all__ = [
    "BOOK_REFINES",
    "BOOK_STATES",
    "HISTORY_INPUTS",
    "INFLOW",
    "NEW",
    "OTHERS_INPUTS",
    "SPELL_INPUTS",
    "RollRates",
    "States",
    "backtest",
    "book_panel",
    "false_alarms",
    "forecast_late",
    "forecast_states",
    "late_of_new",
    "monthly_steps",
    "next_states",
    "rolls_card",
    "turning_counts",
    "turning_segments",
    "with_history",
]
