"""What each table of a tape holds: columns, their kinds, keys and parents, as formats.md section 1 lists
them.

One declaration serves reading, checking and the docs. A column's kind says how text or a Parquet type becomes
a value, and which rules a value can break.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """How a column's values are read."""

    ID = "id"
    TEXT = "text"
    CODE = "code"
    DAY = "day"
    INSTANT = "instant"
    MONEY = "money"
    RATE = "rate"
    COUNT = "count"
    CHOICE = "choice"
    ZONE = "zone"
    IDS = "ids"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: ``least`` is the smallest amount allowed in minor units, ``default`` what an absent value
    means.
    """

    name: str
    kind: Kind
    is_required: bool = False
    choices: tuple[str, ...] = ()
    default: str | int | None = None
    least: int = 0

    @property
    def typed_name(self) -> str:
        """The name in the typed frames: money carries its unit, rates are parts per billion."""
        if self.kind is Kind.MONEY:
            return f"{self.name}_minor"
        return f"{self.name}_ppb" if self.kind is Kind.RATE else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table: ``key`` identifies a row (empty: only exact repeats count), ``parent`` is what its rows belong
    to.

    ``sort_by``: the order of the typed frame within an account or customer. ``holds_money``: a quarantined
    row leaves its account incomplete. ``passes_by``: it is so long that a tape in slices never holds it whole.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    parent: str | None
    is_required: bool = False
    holds_money: bool = False
    passes_by: bool = False
    sort_by: tuple[str, ...] = ()
    by_name: Mapping[str, Column] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})


def _id(name: str) -> Column:
    return Column(name, Kind.ID, is_required=True)


def _text(name: str) -> Column:
    return Column(name, Kind.TEXT)


def _day(name: str, *, is_required: bool = False) -> Column:
    return Column(name, Kind.DAY, is_required=is_required)


def _instant(name: str, *, is_required: bool = False) -> Column:
    return Column(name, Kind.INSTANT, is_required=is_required)


def _choice(name: str, *choices: str, default: str | None = None) -> Column:
    return Column(name, Kind.CHOICE, is_required=default is None, choices=choices, default=default)


def _optional_choice(name: str, *choices: str) -> Column:
    return Column(name, Kind.CHOICE, choices=choices)


_CHANNELS = ("call", "sms", "email", "letter", "visit", "app")
_PARTIES = ("self", "spouse", "guarantor", "reference", "employer", "attorney", "other")
HOLD_KINDS = (
    "pause",
    "dispute",
    "hardship",
    "breathing_space",
    "bankruptcy",
    "litigation",
    "complaint",
    "fraud",
    "attorney",
    "cease",
    "incapacity",
    "unreachable",
)
"""Why an account or customer is held: dispute, hardship and the other states that limit contact or stop a clock."""

_OUTCOMES = (
    "no_answer",
    "busy",
    "not_in_service",
    "voicemail",
    "dropped",
    "conversation",
    "delivered",
    "bounced",
    "opened",
    "replied",
    "wrong_party",
    "refused",
)
_CLASSES = (
    *("normal", "special_mention", "substandard", "doubtful", "loss"),
    *("pass", "performing", "non_performing"),
)
_RECORDED = _instant("recorded_at")

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "customers",
            (
                _id("customer_id"),
                _text("name"),
                _text("language"),
                Column("jurisdiction", Kind.CODE, is_required=True),
                _text("region"),
                Column("timezone", Kind.ZONE),
                _day("born_on"),
                _day("deceased_on"),
                _RECORDED,
            ),
            key=("customer_id",),
            parent=None,
            is_required=True,
            sort_by=("customer_id",),
        ),
        Table(
            "accounts",
            (
                _id("account_id"),
                _id("customer_id"),
                Column("product", Kind.CODE, is_required=True),
                Column("currency", Kind.CODE, is_required=True),
                Column("principal", Kind.MONEY, is_required=True),
                Column("annual_rate", Kind.RATE),
                _day("opened_on", is_required=True),
                _choice("status", "active", "closed", "charged_off", "sold", default="active"),
                _text("group"),
                _RECORDED,
            ),
            key=("account_id",),
            parent="customers",
            is_required=True,
            sort_by=("account_id",),
        ),
        Table(
            "instalments",
            (
                _id("account_id"),
                Column("number", Kind.COUNT, is_required=True),
                _day("due_on", is_required=True),
                Column("principal", Kind.MONEY, is_required=True),
                Column("interest", Kind.MONEY, default=0),
                Column("fees", Kind.MONEY, default=0),
                _RECORDED,
            ),
            key=("account_id", "number"),
            parent="accounts",
            is_required=True,
            holds_money=True,
            passes_by=True,
            sort_by=("due_on", "number"),
        ),
        Table(
            "payments",
            (
                _id("payment_id"),
                _id("account_id"),
                _day("paid_on", is_required=True),
                Column("amount", Kind.MONEY, is_required=True, least=1),
                _choice("kind", "payment", "reversal", "chargeback", default="payment"),
                _text("reverses"),
                _RECORDED,
            ),
            key=("payment_id",),
            parent="accounts",
            is_required=True,
            holds_money=True,
            passes_by=True,
            sort_by=("paid_on", "payment_id"),
        ),
        Table(
            "charges",
            (
                _id("charge_id"),
                _id("account_id"),
                _day("charged_on", is_required=True),
                _choice("kind", "late_fee", "legal_cost", "other"),
                Column("amount", Kind.MONEY, is_required=True),
                _RECORDED,
            ),
            key=("charge_id",),
            parent="accounts",
            holds_money=True,
            sort_by=("charged_on", "charge_id"),
        ),
        Table(
            "holds",
            (
                _id("hold_id"),
                _text("account_id"),
                _text("customer_id"),
                _choice("kind", *HOLD_KINDS),
                _day("from_on", is_required=True),
                _day("to_on"),
                _RECORDED,
            ),
            key=("hold_id",),
            parent="accounts or customers",
            sort_by=("from_on", "hold_id"),
        ),
        Table(
            "contact_points",
            (
                _id("contact_point_id"),
                _id("customer_id"),
                _choice("kind", "mobile", "landline", "email", "postal", "app"),
                Column("value", Kind.TEXT, is_required=True),
                _choice("party", *_PARTIES, default="self"),
                Column("timezone", Kind.ZONE),
                _optional_choice("place", "home", "work", "other"),
                _instant("not_theirs_from"),
                _RECORDED,
            ),
            key=("contact_point_id",),
            parent="customers",
            sort_by=("contact_point_id",),
        ),
        Table(
            "contacts",
            (
                _id("contact_id"),
                _id("customer_id"),
                Column("account_ids", Kind.IDS),
                _instant("at", is_required=True),
                _choice("channel", *_CHANNELS),
                _choice("direction", "out", "in", default="out"),
                _text("contact_point_id"),
                _choice("party", *_PARTIES, default="self"),
                _choice("outcome", *_OUTCOMES),
                _text("in_reply_to"),
                _RECORDED,
            ),
            key=("contact_id",),
            parent="customers",
            sort_by=("at", "contact_id"),
        ),
        Table(
            "promises",
            (
                _id("promise_id"),
                _id("account_id"),
                _instant("made_at", is_required=True),
                _day("due_on", is_required=True),
                Column("amount", Kind.MONEY, is_required=True, least=1),
                Column("account_ids", Kind.IDS),
                _text("part_of"),
                _text("contact_id"),
                _text("made_by"),
                _instant("cancelled_at"),
                _text("cancel_reason"),
                _text("superseded_by"),
                _RECORDED,
            ),
            key=("promise_id",),
            parent="accounts",
            sort_by=("made_at", "promise_id"),
        ),
        Table(
            "consents",
            (
                _id("customer_id"),
                _choice("channel", *_CHANNELS),
                _text("contact_point_id"),
                _instant("given_at", is_required=True),
                _instant("withdrawn_at"),
                _text("source"),
                Column("days", Kind.COUNT),
                _text("hours_from"),
                _text("hours_to"),
                Column("account_ids", Kind.IDS),
                _RECORDED,
            ),
            key=(),
            parent="customers",
            sort_by=("given_at",),
        ),
        Table(
            "preferences",
            (
                _id("customer_id"),
                _choice("kind", "not_time", "not_place", "not_channel", "only_time"),
                Column("detail", Kind.TEXT, is_required=True),
                _RECORDED,
            ),
            key=(),
            parent="customers",
            sort_by=("kind", "detail"),
        ),
        Table(
            "notices",
            (
                _id("notice_id"),
                _id("customer_id"),
                Column("account_ids", Kind.IDS),
                _choice("kind", "validation", "placement", "transfer", "assignment", "rights"),
                _instant("sent_at", is_required=True),
                _instant("received_at"),
                _RECORDED,
            ),
            key=("notice_id",),
            parent="customers",
            sort_by=("sent_at", "notice_id"),
        ),
        Table(
            "modifications",
            (
                _id("modification_id"),
                _id("account_id"),
                _choice("kind", "restructuring", "refinancing", "forbearance", "re_ageing"),
                _day("agreed_on", is_required=True),
                _day("first_due_on"),
                Column("financial_difficulty", Kind.FLAG, default=True),
                _optional_choice("class_before", *_CLASSES),
                Column("value_lost", Kind.RATE),
                _RECORDED,
            ),
            key=("modification_id",),
            parent="accounts",
            sort_by=("agreed_on", "modification_id"),
        ),
    )
}
"""Every table of a tape, by name."""

REQUIRED_TABLES = tuple(table.name for table in TABLES.values() if table.is_required)
