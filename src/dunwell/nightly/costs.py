"""Cost to collect: what the contacts of a span of days cost by policy, beside what was paid in it on accounts past due.

A call or visit costs the minutes it took, by how it ended, at the price of a minute; a message its price. Prices are the
lender's (``policy/costs.toml``), in the currency of the account that is most days past due; contacts in a currency without a
price are counted apart, and what they cost is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.ledger.arrays import known
from dunwell.money import CURRENCIES
from dunwell.policy import PolicyError, PolicyText, read_policy

FILE_NAME = "costs.toml"
OWN_FILE = Path(__file__).with_name(FILE_NAME)
COLLECTED = "collected"
"""The key of the rows that tell what was paid."""
PARTS = 1000
"""Costs are counted in thousandths of the minor unit, so that sums over partitions are exact."""
UNPRICED = ".unpriced"
"""The end of the key of contacts by a channel for which the policy has no price."""
DAYS = 90
"""Contacts and payments of so many days are counted."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Prices as of a day, in thousandths of the minor unit: of contacts by channel, outcome and currency; of messages by channel
    and currency.
    """

    contacts: Mapping[tuple[str, str, str], int]
    messages: Mapping[tuple[str, str], int]
    source_quality: str


def read_costs(policy: Path, day: date) -> Costs:
    """The lender's prices in force on a day, dunwell's made-up ones where there are none. Raises PolicyError."""
    own = policy / FILE_NAME
    text = read_policy(own if own.is_file() else OWN_FILE)
    rates = {
        entry.values["currency"]: _amount(text, f"{entry.key}.per_minute", entry.values.get("per_minute"))
        for entry in text.entries("agent", day)
    }
    contacts = {}
    for entry in text.entries("minutes", day):
        for outcome, minutes in entry.values["outcome"].items():
            took = _amount(text, f"{entry.key}.outcome.{outcome}", minutes)
            for currency, rate in rates.items():
                contacts[(str(entry.values["channel"]), outcome, currency)] = _parts(took * rate, currency)
    messages = {
        (channel, entry.values["currency"]): _parts(
            _amount(text, f"{entry.key}.each.{channel}", price), entry.values["currency"]
        )
        for entry in text.entries("message", day)
        for channel, price in entry.values["each"].items()
    }
    for currency in {*rates, *(currency for _channel, currency in messages)}:
        if currency not in CURRENCIES:
            raise PolicyError(text.file, "currency", f"{currency} is not known", "Write an ISO 4217 code")
    return Costs(contacts, messages, text.source_quality)


def _amount(text: PolicyText, key: str, value: Any) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise PolicyError(text.file, key, f"is {value!r}", 'Write a number in quotes, like "0.45"') from error
    if not found.is_finite() or found < 0:
        raise PolicyError(text.file, key, f"is {value!r}", "Write a number that is not negative")
    return found


def _parts(amount: Decimal, currency: str) -> int:
    minor = amount * 10 ** CURRENCIES.get(currency, 2)
    return int((minor * PARTS).quantize(Decimal(1), ROUND_HALF_EVEN))


def contact_costs(
    tables: Mapping[str, pl.DataFrame],
    people: pl.DataFrame,
    costs: Costs,
    as_of: date,
    known_at: datetime | None,
) -> pl.DataFrame:
    """The contacts of DAYS, each with its cost in PARTS: segment columns, ``channel`` (ending with UNPRICED where no price is
    known) and ``cost``.

    ``people``: customer_id with the segment's columns (currency among them). Messages out count, and every call and visit.
    """
    end = datetime.combine(as_of, time(), UTC) + timedelta(days=1)
    is_call = pl.col("channel").is_in(["call", "visit"])
    rows = (
        known(tables["contacts"], known_at)
        .filter((pl.col("at") < end) & (pl.col("at") >= end - timedelta(days=DAYS)))
        .select(
            "customer_id", *(pl.col(name).cast(pl.String) for name in ("channel", "outcome", "direction"))
        )
        .filter(is_call | (pl.col("direction") == "out"))
        .join(people, on="customer_id", how="left")
    )
    spoken = _priced(costs.contacts, ("channel", "outcome", "currency"), "§spoken")
    sent = _priced(costs.messages, ("channel", "currency"), "§sent")
    return (
        rows.join(spoken, on=["channel", "outcome", "currency"], how="left")
        .join(sent, on=["channel", "currency"], how="left")
        .with_columns(pl.when(is_call).then("§spoken").otherwise("§sent").alias("cost"))
        .with_columns(
            pl.when(pl.col("cost").is_null())
            .then(pl.col("channel") + UNPRICED)
            .otherwise("channel")
            .alias("channel"),
            pl.col("cost").fill_null(0),
        )
        .drop("§spoken", "§sent")
    )


def _priced(prices: Mapping[Any, int], names: tuple[str, ...], price: str) -> pl.DataFrame:
    schema: dict[str, Any] = dict.fromkeys(names, pl.String) | {price: pl.Int64}
    return pl.DataFrame([(*key, value) for key, value in prices.items()], schema=schema, orient="row")


def collected(
    tables: Mapping[str, pl.DataFrame], late: pl.DataFrame, as_of: date, known_at: datetime | None
) -> pl.DataFrame:
    """The payments of DAYS that came while their account was past due: ``account`` (its row) and ``amount_minor``.

    ``late``: stretches past due (account, began_on, over_on). A payment that was taken back is none; the day on which a
    stretch ended counts, for a payment ended it.
    """
    payments = known(tables["payments"], known_at)
    taken_back = payments["reverses"].drop_nulls().to_list()
    paid = payments.filter(
        (pl.col("kind").cast(pl.String) == "payment")
        & ~pl.col("payment_id").is_in(taken_back)
        & (pl.col("paid_on") <= as_of)
        & (pl.col("paid_on") > as_of - timedelta(days=DAYS))
    ).select(pl.col("account_row").cast(pl.Int64).alias("account"), "payment_id", "paid_on", "amount_minor")
    return (
        paid.join(late, on="account", how="inner")
        .filter((pl.col("paid_on") >= pl.col("began_on")) & (pl.col("paid_on") <= pl.col("over_on")))
        .unique("payment_id", keep="any")
        .select("account", "amount_minor")
    )
