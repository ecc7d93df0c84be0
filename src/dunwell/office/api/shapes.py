"""What the API takes and gives, as in its OpenAPI description. Money is decimal text with its currency, never a float."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from dunwell.office.desk.contact import Outcome

Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,13}(\.[0-9]{1,4})?$")]
Channel = Literal["call", "sms", "email", "letter", "visit", "app"]


class Body(BaseModel):
    """What a request says: an object with these names and no others, so that a misspelt one is told and not passed over."""

    model_config = ConfigDict(extra="forbid")


class Me(Schema):
    """Who the token is."""

    name: str
    acts_as: str
    role: str
    scopes: list[str]
    jurisdictions: list[str]


class CaseRow(Schema):
    """A case of the queue."""

    customer_id: str
    stage: str
    since: date | None
    opened_on: date | None
    closed_on: date | None
    jurisdiction: str
    language: str
    past_due_days: int
    currency: str
    past_due_total: str
    bucket: str
    channel: str
    treatment: str
    decision_id: str
    planned_at: datetime | None
    is_held_back: bool
    held_by: list[str]
    not_before: datetime | None
    needs_person: bool
    why: list[str]
    team: str | None
    assigned_to: str | None


class CasePage(Schema):
    """Some cases, and where the next ones begin."""

    cases: list[CaseRow]
    next_cursor: str | None


class Position(Schema):
    """What is owed on an account, in the columns of positions; money as decimal text."""

    account_id: str
    as_of: date
    currency: str
    status: str
    past_due_days: int
    delinquent_days: int
    oldest_due_on: date | None
    past_due_total: str
    outstanding_principal: str
    payoff_total: str
    unallocated_credit: str
    penalty: str
    waived_by_cap: str
    bucket: str
    asset_class: str | None
    ifrs_stage: int | None
    in_default: bool | None
    last_paid_on: date | None
    limitation_ends_on: date | None


class Promise(Schema):
    """A promise and how it stands."""

    promise_id: str
    account_id: str
    account_ids: list[str]
    state: str
    currency: str
    amount: str
    credited: str
    made_at: datetime
    due_on: date
    reason: str


class CaseWhole(Schema):
    """A customer's case, debts and promises, worked out as of this moment."""

    case: CaseRow | None
    accounts: list[Position]
    promises: list[Promise]


class HoldNow(Schema):
    """A state that binds contacts today; ``debts`` empty: of the whole person."""

    kind: str
    since: date
    until: date | None
    debts: list[str]


class Wish(Schema):
    """What the customer asked for, in words; ``since``: when it came in, null where the records tell it."""

    kind: str
    detail: str
    since: datetime | None


class NoticeGiven(Schema):
    """A notice that was given."""

    kind: str
    at: datetime


class ConsentGiven(Schema):
    """A consent to a channel, and when it was withdrawn."""

    channel: str
    given_at: datetime | date | None
    withdrawn_at: datetime | None
    source: str | None


class PointMasked(Schema):
    """A contact point, masked, with the consents for it."""

    contact_point_id: str
    kind: str
    party: str
    place: str | None
    value: str
    not_theirs_from: datetime | date | None
    consents: list[ConsentGiven]


class Records(Schema):
    """Who the customer is, masked, and what is recorded of them beside debts and events."""

    name: str
    language: str | None
    jurisdiction: str
    region: str | None
    timezone: str
    points: list[PointMasked]
    holds: list[HoldNow]
    wishes: list[Wish]
    notices: list[NoticeGiven]


class RuleSaid(Schema):
    """A rule that rules something out, where it stands and its sentence."""

    rule: str
    citation: str
    words: str


class OptionOut(Schema):
    """A treatment as it stood in the last run; money as decimal text. ``is_over_waiting``: its value is that of doing it today
    over waiting and choosing again tomorrow, else over doing nothing. ``why``: why it was not chosen.
    """

    treatment: str
    channel: str | None
    value: str
    value_sd: float
    is_over_waiting: bool
    cost: str
    price: str
    net: str
    why: str
    rules: list[RuleSaid]


class OptionsOut(Schema):
    """Why this treatment: the chosen one (null: no strategy decided), the others, and how a lot decided."""

    chosen: OptionOut | None
    others: list[OptionOut]
    by_lot: str
    currency: str


class Happening(Schema):
    """An event of the journal about the customer."""

    event_id: str
    kind: str
    at: datetime
    accounts: list[str]
    contact_point_id: str | None
    body: dict[str, Any]


class EventPage(Schema):
    """Some events of a customer, the latest first, and where the next ones begin."""

    events: list[Happening]
    next_cursor: str | None


class Ask(Body):
    """A contact that somebody would like to make."""

    customer_id: Id
    channel: Channel
    contact_point_id: Id | None = None
    account_ids: list[Id] | None = Field(None, max_length=100)
    purpose: Literal["remind", "demand", "notice", "service", "locate"] = "remind"
    at: AwareDatetime | None = None


class Why(Schema):
    """Why a contact is refused."""

    rule: str
    citation: str
    effect: str
    detail: str


class Owes(Schema):
    """A notice that a contact makes due."""

    notice: str
    due_by: date


class Answered(Schema):
    """The gate's verdict."""

    allowed: bool
    reasons: list[Why]
    not_before: datetime | None
    owes: list[Owes]


class Begin(Body):
    """A contact that begins now: the gate is asked, and its answer recorded."""

    customer_id: Id
    channel: Literal["call", "visit", "app"] = "call"
    contact_point_id: Id
    purpose: Literal["remind", "demand", "notice", "service", "locate"] = "remind"


class Begun(Answered):
    """The verdict, and the name under which the contact is told afterwards."""

    contact_id: str


class PartIn(Body):
    """A part of a promise."""

    amount: Amount
    due_on: date


class PromiseIn(Body):
    """A promise that was made in the contact, for one debt (``account_id``) or one sum for several in one currency.

    ``identity_verified_by``: who or what verified that it is the customer, where the contact's own check did not.
    """

    account_id: Id | None = None
    account_ids: list[Id] | None = Field(None, min_length=1, max_length=100)
    identity_verified_by: (
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80)] | None
    ) = None
    parts: list[PartIn] = Field(..., min_length=1, max_length=12)


class Ended(Body):
    """How a contact ended and what came of it."""

    outcome: Outcome
    came: list[
        Literal["hardship", "dispute", "complaint", "attorney", "stop", "stop_channel", "wrong_number"]
    ] = Field(default=[], max_length=7)
    promise: PromiseIn | None = None
    come_back_at: AwareDatetime | None = None
    note: Annotated[str, StringConstraints(max_length=4000)] = ""


class Recorded(Schema):
    """Whether it was recorded now; false when it had been."""

    recorded: bool


class PaymentIn(Body):
    """A payment the lender saw; the columns of the tape."""

    payment_id: Id
    account_id: Id
    paid_on: date
    amount: Amount
    kind: Literal["payment", "reversal", "chargeback"] = "payment"
    reverses: Id | None = None


class HoldIn(Body):
    """A state of a customer or an account; the columns of the tape."""

    hold_id: Id
    account_id: Id | None = None
    customer_id: Id | None = None
    kind: Literal[
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
    ]
    from_on: date
    to_on: date | None = None


class RowRefused(Schema):
    """A row that could not be used."""

    row: int
    why: str


class TakenIn(Schema):
    """What became of the rows."""

    new: int
    known: int
    refused: list[RowRefused]


class HookIn(Body):
    """An address to be told; ``kinds`` empty: of everything."""

    url: Annotated[str, StringConstraints(max_length=500)]
    kinds: list[str] = Field(default=[], max_length=50)


class Hook(Schema):
    """An address that is told."""

    id: int
    url: str
    kinds: list[str]
    is_active: bool
    due: int
    given_up: int


class HookAgain(Schema):
    """How many messages that were given up are due again."""

    due: int


class HookPage(Schema):
    """Some addresses that are told, and where the next ones begin."""

    webhooks: list[Hook]
    next_cursor: str | None


class HookMade(Hook):
    """A new one, with the secret that signs what it is told; it is shown this once."""

    secret: str


def text_of(amount: Decimal | None) -> str:
    """Money as decimal text, without a float on the way."""
    return "0" if amount is None else format(amount.normalize(), "f")
