"""What compliance takes and gives: decisions, reviews, the regulator's report, the law's packs, the audit, evidence."""

from datetime import date, datetime
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import StringConstraints

from dunwell.office.api.shapes import Body
from dunwell.office.api.shapes_desk import Line
from dunwell.office.compliance.reviewing import CATEGORIES

Category = Annotated[
    str,
    StringConstraints(pattern=f"^({'|'.join(CATEGORIES)})$"),
    Field(json_schema_extra={"enum": [*CATEGORIES]}),
]
Sought = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class RuleNamed(Schema):
    """A rule, where it stands, and its sentence as its pack has it today."""

    rule: str
    citation: str
    sentence: str


class RuledOut(Schema):
    """A treatment that was ruled out, and by what."""

    treatment: str
    rules: list[RuleNamed]


class DecisionOut(Schema):
    """A kept decision with its receipt: the policy's hash, what was known (``inputs_hash``), the models and the chance."""

    decision_id: str
    customer_id: str
    account_id: str | None
    as_of: date
    treatment: str
    channel: str | None
    contact_point_id: str | None
    scheduled_at: datetime | None
    segment: str | None
    arm: str | None
    probability: float | None
    value: str | None
    price: str | None
    policy_hash: str
    inputs_hash: str
    models: list[dict[str, Any]]
    ruled_out: list[RuledOut]


class DecisionPage(Schema):
    """Some decisions, the latest run's first, and where the next ones begin."""

    decisions: list[DecisionOut]
    next_cursor: str | None


class VerdictOut(Schema):
    """What the gate answered, with its receipt: who asked, the packs and the hash of the law it was judged by, why not, and the
    seal that covers the event (None before one does).
    """

    event_id: str
    at: datetime
    is_permitted: bool
    customer_id: str
    channel: str
    purpose: str
    message_id: str
    point: str
    by: str
    packs: list[str]
    reasons: list[RuleNamed]
    not_before: datetime | None
    law_hash: str
    seal: int | None


class VerdictPage(Schema):
    """Some of the gate's answers, the latest recorded first, and where the next ones begin."""

    verdicts: list[VerdictOut]
    next_cursor: str | None


class ReplayedOut(Schema):
    """A decision made again from what was known: whether it is the same, else what was kept and what came out, by column.
    ``why_not``: why it cannot be made again.
    """

    is_same: bool
    kept: dict[str, Any]
    again: dict[str, Any]
    erased_count: int
    beside_erased: list[str]
    why_not: str | None


class DrawnOut(Schema):
    """An event that was drawn and waits for review."""

    event_id: str
    kind: str
    at: datetime


class DrawnPage(Schema):
    """Some of what waits for review, the oldest first, and where the next ones begin."""

    drawn: list[DrawnOut]
    next_cursor: str | None


class RateOut(Schema):
    """The share of all events with a finding, with its 95 % interval and the number of reviews it stands on. ``of``: any, or a
    category.
    """

    of: str
    share: float
    low: float
    high: float
    count: int


class RatesOut(Schema):
    """What the reviewed of the last days tell of all. ``share``: the chance with which an event is drawn."""

    days: int
    share: float
    waiting: int
    reviewed: int
    mean_score: float | None
    rates: list[RateOut]


class FoundIn(Schema):
    """What the language review finds in the words."""

    category: str
    quoted: str
    rule: str
    citation: str


class DrawnWords(Schema):
    """A drawn event in the clear, and what the language review finds in it. A recording has no ``text``: it is listened to."""

    event_id: str
    kind: str
    channel: str
    at: datetime
    customer_id: str | None
    text: str
    found: list[FoundIn]


class ReviewIn(Body):
    """What a reviewer found, and their score of 0 to 100."""

    score: int = Field(..., ge=0, le=100)
    findings: list[Category] = Field(default=[], max_length=len(CATEGORIES))
    note: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""


class SpanIn(Body):
    """The first and last day of a report, at most a year."""

    first: date
    last: date


class ReportLine(Schema):
    """A figure of the report: ``what`` of ``of`` in a section and jurisdiction."""

    section: str
    jurisdiction: str
    what: str
    of: str
    count: int


class ReportPage(Schema):
    """The report so far: ``state`` is done, waiting, running or failed (``problem``), or asked_for_first: many contacts fall
    into these days, POST that they are counted. ``at``: as of when it was counted, or asked for.
    """

    state: str
    problem: str
    at: datetime
    rows: list[ReportLine]
    next_cursor: str | None


class PackOut(Schema):
    """A pack of the law."""

    key: str
    jurisdiction: str
    regions: list[str]
    rules: int


class PackPage(Schema):
    """Some packs by key, and where the next ones begin."""

    packs: list[PackOut]
    next_cursor: str | None


class RuleOut(Schema):
    """A rule in force, in sentences."""

    rule: str
    lines: list[str]
    citation: str
    source_quality: str


class ChangeOut(Schema):
    """A rule that differs between two days: it began, ended or changed; the figures that did, before and after."""

    rule: str
    what: str
    figures: dict[str, list[Any]]


class PackRules(Schema):
    """The rules of a pack in force on a day, and what changed since another."""

    key: str
    on: date
    rules: list[RuleOut]
    since: date | None
    changes: list[ChangeOut]


class EvidenceIn(Body):
    """Why the evidence is needed; it is recorded, and stands in the pack."""

    why: Line


class AuditRow(Schema):
    """Who looked at what, or changed what. ``about``: reason, subject and change as the journal keeps them."""

    event_id: str
    at: datetime
    kind: str
    by: str
    customer_id: str | None
    about: dict[str, Any]


class AuditPage(Schema):
    """Some of what was looked at and changed, the latest first, and where the next ones begin. A page may hold fewer rows
    than asked for: what is out of the token's scope is left out.
    """

    rows: list[AuditRow]
    next_cursor: str | None
