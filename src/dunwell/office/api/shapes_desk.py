"""What the desk's own operations take and give: texts, notes, plans, searches, approvals, complaints, corrections."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Field, Schema
from pydantic import AwareDatetime, StringConstraints

from dunwell.office.api.shapes import Amount, Body, Ended, Id, Why

Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
Note = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Amounts = Annotated[dict[Annotated[str, StringConstraints(max_length=40)], Amount], Field(max_length=60)]


class Next(Schema):
    """The case that is next; null when everything was worked on."""

    customer_id: str | None


class Sought(Body):
    """A customer_id or account_id; or, with the scope case.reveal, a name, the end of a number, a whole e-mail address."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Found(Schema):
    """A customer who may be meant, masked."""

    customer_id: str
    name: str
    jurisdiction: str
    region: str | None


class FoundPage(Schema):
    """Some who may be meant, and where the next ones begin."""

    found: list[Found]
    next_cursor: str | None


class Reveal(Body):
    """Why personal data are opened; it is recorded."""

    reason: Literal["contacting", "answering", "planning", "correcting", "complaint"]


class Address(Schema):
    """A contact point in the clear."""

    contact_point_id: str
    kind: str
    party: str
    value: str


class PersonalData(Schema):
    """Who somebody is, and what was written and noted, by the event it belongs to."""

    name: str
    born_on: date | None
    language: str
    addresses: list[Address]
    texts: dict[str, str]


class WayNow(Schema):
    """Whether a contact point may be used this way now, and if not why, and from when."""

    contact_point_id: str
    kind: str
    channel: str
    allowed: bool
    reasons: list[Why]
    not_before: datetime | None


class LawNow(Schema):
    """What the law allows at this moment, and the packs that bind."""

    at: datetime
    timezone: str
    packs: list[str]
    ways: list[WayNow]


class Entry(Schema):
    """Something that happened, in words; texts are masked."""

    at: datetime
    title: str
    detail: str
    tone: str
    is_day: bool


class Timeline(Schema):
    """Some entries, the latest first, and where the next ones begin."""

    entries: list[Entry]
    next_cursor: str | None


class Said(Body):
    """A line or a note to be read by the language review."""

    text: Note


class Finding(Schema):
    """What the review finds: where, which rule, and what to say instead."""

    category: str
    start: int
    end: int
    rule: str
    citation: str
    suggestion: str


class Reviewed(Schema):
    """Whether the text may be said, and what was found in it."""

    allowed: bool
    findings: list[Finding]


class NoteIn(Body):
    """A note. One in which the review finds something is kept only when ``acknowledged``."""

    note: Note
    acknowledged: bool = False


class Incoming(Ended):
    """A call that the customer made to us: how it ended and what came of it."""

    outcome: Literal["conversation", "wrong_party", "refused", "dropped"]
    began_at: AwareDatetime | None = None


class Facts(Body):
    """What somebody on the line said, by fact."""

    facts: dict[Literal["born", "account", "address", "email", "phone", "opened"], Line] = Field(
        ..., min_length=1
    )


class Identity(Schema):
    """Whether they showed that they are the customer, by which facts so far, and how many tries are left."""

    passed: bool
    facts: list[str]
    tries_left: int


class Withdrawal(Body):
    """Why a promise no longer holds."""

    reason: Literal["customer_withdrew", "circumstances_changed", "settled_otherwise", "recorded_wrongly"]


class BudgetForm(Schema):
    """The form of the customer's place: each category's kind; key null: say only what is left."""

    key: str | None
    currency: str
    categories: dict[str, str]


class BudgetIn(Body):
    """A household's month by the form's categories; only what is ``left`` where the place has no form that protects a minimum.
    Amounts of the plan's currency. ``improves_on`` and ``income_then``: from when the month's income in all is another, and how
    much; what is left then is worked out by the form.
    """

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    left: Amount | None = None
    entries: Amounts = Field(default={})
    adults: int = Field(1, ge=1, le=20)
    dependents: int = Field(0, ge=0, le=20)
    other_debts: Amount = "0"
    lump_sum: Amount = "0"
    improves_on: date | None = None
    income_then: Amount | None = None


class PlanPartOut(Schema):
    """A part: when, how much, and how much of it for which account."""

    due_on: date
    amount: str
    by_account: dict[str, str]


class PlanOut(Schema):
    """A plan that the customer could afford, and who may grant it."""

    number: int
    kind: str
    total: str
    waived: str
    chance: float | None
    why: str
    parts: list[PlanPartOut]
    may_be_agreed: bool
    needs_second: bool
    authority: str


class Plans(Schema):
    """What is left each month and how that was worked out, and the plans that follow."""

    currency: str
    left: str
    why: list[str]
    plans: list[PlanOut]


class PlanChoice(Body):
    """The budget once more, and the number of the plan that is meant."""

    budget: BudgetIn
    number: int = Field(..., ge=1, le=50)


class Agreed(Schema):
    """Whether the plan holds, or waits for a second person."""

    waits: bool


class TextWay(Schema):
    """An approved text that may go to a contact point; ``way`` names it."""

    way: str
    channel: str
    contact_point_id: str
    stage: str
    text_id: str
    version: int
    language: str


class TextPage(Schema):
    """Some approved texts that may go to a customer, and where the next ones begin."""

    texts: list[TextWay]
    next_cursor: str | None


class WayIn(Body):
    """Which text to which contact point, as ``GET .../texts`` names it."""

    way: Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Preview(Schema):
    """The message as the customer would read it, and whether it may go out now."""

    subject: str | None
    text: str | None
    why_not: str
    allowed: bool
    reasons: list[Why]
    not_before: datetime | None


class Queued(Schema):
    """The message that is due now; the gate is asked again when it goes out."""

    message_id: str


class Disclosed(Schema):
    """Something that must be said, by which rule."""

    line: str
    rule: str
    citation: str


class GuideOut(Schema):
    """How to lead the conversation, in the customer's language."""

    goal: str
    language: str
    opening: list[str]
    disclosures: list[Disclosed]
    matter: list[str]
    branches: list[dict[str, Any]]
    closing: list[str]


class Assign(Body):
    """To whom a case goes; null: to nobody."""

    to: Annotated[str, StringConstraints(min_length=1, max_length=150)] | None


class ApprovalOut(Schema):
    """Something that waits for a second person. ``why_not``: why this token's person may not decide it."""

    id: int
    kind: str
    customer_id: str
    asked_by: str
    asked_at: datetime
    why: str
    payload: dict[str, Any]
    why_not: str | None


class ApprovalPage(Schema):
    """Some of what waits, the oldest first, and where the next ones begin."""

    approvals: list[ApprovalOut]
    next_cursor: str | None


class DecisionIn(Body):
    """Agree or refuse, and why."""

    decision: Literal["approved", "refused"]
    reason: Line


class ComplaintOut(Schema):
    """A complaint and its clock. ``is_recorded``: the lender's records alone tell of it, and end the stop of contact;
    ``is_told_twice``: they tell of it beside what was told to us, and have a stop of their own.
    """

    event_id: str
    customer_id: str
    received_at: datetime
    due_on: date
    citation: str
    source_quality: str
    answered_at: datetime | None
    is_recorded: bool
    is_told_twice: bool


class ComplaintPage(Schema):
    """Some open complaints, those that must be answered soonest first, and where the next ones begin."""

    complaints: list[ComplaintOut]
    next_cursor: str | None


class ComplaintAnswer(Body):
    """What was answered; ``lift`` also ends the stop of contact that came with it."""

    note: Note
    lift: bool = False


class CorrectionIn(Body):
    """What is wrong (``name``, ``language`` or a contact_point_id), what is right, and who said so."""

    what: Id
    new: Line
    why: Line


class ErasureIn(Body):
    """Why somebody is to be erased; where something must stay, the ground in law to do it all the same."""

    why: Line
    despite: Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")] = ""


class HeldData(Schema):
    """What is held of a person, and what must stay by which clause until when."""

    events: dict[str, int]
    text_count: int
    file_count: int
    must_stay: bool
    duties: list[dict[str, Any]]


class Asked(Schema):
    """The approval that a second person decides."""

    approval_id: int


class RecordingOut(Schema):
    """A recording of a call; its sound is at ``/cases/ID/recordings/EVENT``."""

    event_id: str
    contact_id: str
    at: datetime
    by: str


class RecordingPage(Schema):
    """Some recordings, the latest call first, and where the next ones begin."""

    recordings: list[RecordingOut]
    next_cursor: str | None
