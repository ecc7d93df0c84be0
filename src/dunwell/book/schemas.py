"""The frames that the book hands to other rooms, as contracts one can read aloud.

``Partition.tables[name]`` has the columns of ``SCHEMAS[name]`` (and the lender's own after them). Days are
civil days, instants UTC, money whole minor units of the account's currency, rates parts per billion a year;
``account_row`` is a row of the partition's accounts. On the bulk path the reader's own rules hold all this;
``check`` proves it, in tests and at the door of code that makes such frames by other means.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dataframely as dy
import polars as pl

from dunwell.book.tables import TABLES
from dunwell.calendars import DAY_MAX, DAY_MIN

_MONEY_MAX = 10**17
_RATE_MAX = 1000 * 10**9


def _day(*, nullable: bool = False) -> dy.Date:
    return dy.Date(nullable=nullable, min=DAY_MIN, max=date(DAY_MAX.year, DAY_MAX.month, DAY_MAX.day))


def _instant(*, nullable: bool = False) -> dy.Datetime:
    return dy.Datetime(nullable=nullable, time_unit="us", time_zone="UTC")


def _text() -> dy.String:
    return dy.String(nullable=True)


def _money(least: int = 0) -> dy.Int64:
    return dy.Int64(min=least, max=_MONEY_MAX)


def _choice(table: str, column: str, *, nullable: bool = False) -> dy.Enum:
    return dy.Enum(TABLES[table].by_name[column].choices, nullable=nullable)


def _ids() -> dy.List:
    return dy.List(dy.String(nullable=True), nullable=True)


class Customers(dy.Schema):
    """A person who owes."""

    customer_id = dy.String(primary_key=True)
    name = _text()
    language = _text()
    jurisdiction = dy.String(min_length=1)
    region = _text()
    timezone = _text()
    born_on = _day(nullable=True)
    deceased_on = _day(nullable=True)
    recorded_at = _instant()


class Accounts(dy.Schema):
    """A debt. ``is_incomplete``: some of its money rows are in quarantine."""

    account_id = dy.String(primary_key=True)
    customer_id = dy.String()
    product = dy.String(min_length=1)
    currency = dy.String(regex="^[A-Z]{3}$")
    principal_minor = _money()
    annual_rate_ppb = dy.Int64(nullable=True, min=0, max=_RATE_MAX)
    opened_on = _day()
    status = _choice("accounts", "status")
    group = _text()
    is_incomplete = dy.Bool()
    recorded_at = _instant()


class Instalments(dy.Schema):
    """What falls due, by account, due day and number."""

    account_row = dy.UInt32(primary_key=True)
    number = dy.Int64(primary_key=True, min=0)
    due_on = _day()
    principal_minor = _money()
    interest_minor = _money()
    fees_minor = _money()
    recorded_at = _instant()


class Payments(dy.Schema):
    """Money that came in, and what took it back, by account, day and id."""

    account_row = dy.UInt32()
    payment_id = dy.String(primary_key=True)
    paid_on = _day()
    amount_minor = _money(1)
    kind = _choice("payments", "kind")
    reverses = _text()
    recorded_at = _instant()

    @dy.rule()
    def a_reversal_names_what_it_reverses(cls) -> pl.Expr:  # noqa: N805 - dataframely hands rules the class
        """A reversal without its payment would be nobody's."""
        return (pl.col("kind") != "reversal") | pl.col("reverses").is_not_null()


class Charges(dy.Schema):
    """Fees and costs put on an account, by account, day and id."""

    account_row = dy.UInt32()
    charge_id = dy.String(primary_key=True)
    charged_on = _day()
    kind = _choice("charges", "kind")
    amount_minor = _money()
    recorded_at = _instant()


class Holds(dy.Schema):
    """What stops or marks an account, from and to; a hold of a customer stands at each of the accounts."""

    account_row = dy.UInt32(primary_key=True)
    hold_id = dy.String(primary_key=True)
    customer_id = _text()
    kind = _choice("holds", "kind")
    from_on = _day()
    to_on = _day(nullable=True)
    recorded_at = _instant()

    @dy.rule()
    def ends_no_earlier_than_it_begins(cls) -> pl.Expr:  # noqa: N805 - dataframely hands rules the class
        """An open hold has no end."""
        return pl.col("to_on").is_null() | (pl.col("to_on") >= pl.col("from_on"))


class ContactPoints(dy.Schema):
    """Where a person, or somebody beside them, can be reached."""

    contact_point_id = dy.String(primary_key=True)
    customer_id = dy.String()
    kind = _choice("contact_points", "kind")
    value = dy.String(min_length=1)
    party = _choice("contact_points", "party")
    timezone = _text()
    place = _choice("contact_points", "place", nullable=True)
    not_theirs_from = _instant(nullable=True)
    recorded_at = _instant()


class Contacts(dy.Schema):
    """A contact that was made or tried, either way."""

    contact_id = dy.String(primary_key=True)
    customer_id = dy.String()
    account_ids = _ids()
    at = _instant()
    channel = _choice("contacts", "channel")
    direction = _choice("contacts", "direction")
    contact_point_id = _text()
    party = _choice("contacts", "party")
    outcome = _choice("contacts", "outcome")
    in_reply_to = _text()
    recorded_at = _instant()


class Promises(dy.Schema):
    """A promise to pay an amount by a day, or one part of a promise (``part_of``), and how it was withdrawn."""

    account_row = dy.UInt32()
    promise_id = dy.String(primary_key=True)
    made_at = _instant()
    due_on = _day()
    amount_minor = _money(1)
    account_ids = _ids()
    part_of = _text()
    contact_id = _text()
    made_by = _text()
    cancelled_at = _instant(nullable=True)
    cancel_reason = _text()
    superseded_by = _text()
    recorded_at = _instant()


class Consents(dy.Schema):
    """What a person agreed to, and until when."""

    customer_id = dy.String()
    channel = _choice("consents", "channel")
    contact_point_id = _text()
    given_at = _instant()
    withdrawn_at = _instant(nullable=True)
    source = _text()
    days = dy.Int64(nullable=True, min=0)
    hours_from = _text()
    hours_to = _text()
    account_ids = _ids()
    recorded_at = _instant()


class Preferences(dy.Schema):
    """How a person wants not to be contacted."""

    customer_id = dy.String()
    kind = _choice("preferences", "kind")
    detail = dy.String(min_length=1)
    recorded_at = _instant()


class Notices(dy.Schema):
    """A notice that was sent."""

    notice_id = dy.String(primary_key=True)
    customer_id = dy.String()
    account_ids = _ids()
    kind = _choice("notices", "kind")
    sent_at = _instant()
    received_at = _instant(nullable=True)
    recorded_at = _instant()


class Modifications(dy.Schema):
    """A contract that was changed, by account and day. ``first_due_on``: the first payment under the new terms;
    ``class_before``: what the lender's books said; ``value_lost_ppb``: how much less the debt is worth by it.
    """

    account_row = dy.UInt32()
    modification_id = dy.String(primary_key=True)
    kind = _choice("modifications", "kind")
    agreed_on = _day()
    first_due_on = _day(nullable=True)
    financial_difficulty = dy.Bool()
    class_before = _choice("modifications", "class_before", nullable=True)
    value_lost_ppb = dy.Int64(nullable=True, min=0, max=_RATE_MAX)
    recorded_at = _instant()

    @dy.rule()
    def is_paid_no_earlier_than_it_was_agreed(cls) -> pl.Expr:  # noqa: N805 - dataframely hands rules the class
        """Without a first day the next instalment is meant."""
        return pl.col("first_due_on").is_null() | (pl.col("first_due_on") >= pl.col("agreed_on"))


SCHEMAS: Mapping[str, type[dy.Schema]] = {
    "customers": Customers,
    "accounts": Accounts,
    "instalments": Instalments,
    "payments": Payments,
    "charges": Charges,
    "holds": Holds,
    "contact_points": ContactPoints,
    "contacts": Contacts,
    "promises": Promises,
    "consents": Consents,
    "preferences": Preferences,
    "notices": Notices,
    "modifications": Modifications,
}
"""The contract of each table, by name."""


def check(tables: Mapping[str, pl.DataFrame]) -> None:
    """Raise dataframely's ValidationError when a table breaks its contract, ValueError when rows name no account."""
    for name, rows in tables.items():
        SCHEMAS[name].validate(rows, cast=False)
        if "account_row" in rows.columns and rows.height:
            last: Any = rows["account_row"].max()
            if last >= tables["accounts"].height:
                raise ValueError(f"{name} names account_row {last} of {tables['accounts'].height} accounts")
