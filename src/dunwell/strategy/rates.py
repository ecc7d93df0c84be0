"""What a unit of another currency is worth in the strategy's own (``policy/rates.toml``): money of different currencies is
added only through these.

Every value, cost and price is in the strategy's currency. Amounts of a currency for which no rate is held are unknown: they
teach nothing, and their customers are valued like the average one. No rate is guessed.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from dunwell.money import CURRENCIES
from dunwell.policy import PolicyError, read_policy

FILE_NAME = "rates.toml"


def read_rates(file: Path, currency: str, day: date) -> Mapping[str, float]:
    """How much of ``currency`` one unit of each currency is, on a day; of itself 1. Without a file nothing else is known.

    Raises PolicyError: for a currency that is not known, a rate that is no number above 0, and two rates for one day.
    """
    rates = {currency: 1.0}
    if not file.is_file():
        return rates
    text = read_policy(file)
    if text.values.get("currency") != currency:
        raise PolicyError(
            text.file,
            "currency",
            f"is {text.values.get('currency')!r}, and the strategy's is {currency!r}",
            f'Write rates into the strategy\'s currency, and currency = "{currency}"',
        )
    for entry in text.entries("rate", day):
        code, worth = str(entry.values.get("currency")), _number(entry.values.get("worth"))
        if code not in CURRENCIES:
            raise PolicyError(
                text.file, f"{entry.key}.currency", f"{code!r} is not known", "Write an ISO 4217 code"
            )
        if worth is None:
            raise PolicyError(
                text.file, f"{entry.key}.worth", "is no number above 0", 'Write it as text, worth = "7.12"'
            )
        if code in rates:
            raise PolicyError(
                text.file,
                entry.key,
                f"{code} has another rate on {day}",
                "Keep one, or give each the days on which it holds (from, until)",
            )
        rates[code] = worth
    return rates


def worth_of(amount: pl.Expr, currency: pl.Expr, rates: Mapping[str, float]) -> pl.Expr:
    """An amount in the strategy's currency, as a float; null where no rate is held."""
    rate = currency.cast(pl.String).replace_strict(dict(rates), default=None, return_dtype=pl.Float64)
    return amount.cast(pl.Float64) * rate


def _number(value: object) -> float | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return float(number) if number.is_finite() and number > 0 else None
