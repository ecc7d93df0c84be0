"""What supervision and administration take and give: the board, load, sharing out, coaching, people and teams."""

from datetime import date, datetime
from typing import Annotated

from ninja import Field, Schema
from pydantic import StringConstraints

from dunwell.office.api.shapes import Body

Name = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00]+$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00,]+$")]
Filter = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")]


class DayOf(Schema):
    """What one person did today. Money is not counted by person."""

    name: str
    contacts: int
    conversations: int
    promises: int
    notes: int
    findings: int


class BoardOut(Schema):
    """The day since midnight UTC. ``cash``: by currency, as decimal text; ``refused``: what the law held back, by rule;
    ``moved``: cases that moved by themselves, by why; ``without_skill``: cases that nobody has and that want a skill;
    ``kept`` of ``due``: promises that fell due in 30 days. ``messages_due``, ``messages_unknown`` and ``capacities`` are the
    whole lender's: null to who may see a part.
    """

    at: datetime
    contacts: dict[str, int]
    conversations: int
    right_party: int
    replies: int
    promises: int
    cash: dict[str, str]
    refused: dict[str, int]
    holds: dict[str, int]
    moved: dict[str, int]
    without_skill: int
    kept: int
    due: int
    waiting: int
    urgent: int
    held_back: int
    approvals: int
    messages_due: int | None
    messages_unknown: int | None
    capacities: list[str] | None
    people: list[DayOf]


class LoadOf(Schema):
    """How many open cases somebody has."""

    username: str
    role: str
    team: str | None
    cases: int
    is_away: bool
    on_leave_until: date | None
    languages: list[str]
    skills: list[str]


class LoadPage(Schema):
    """Some people of the team by name; ``free``: how many cases nobody has (``free_is_cut``: that many and more)."""

    people: list[LoadOf]
    free: int
    free_is_cut: bool
    next_cursor: str | None


class ShareIn(Body):
    """How many cases that nobody has are given out, of which stage and jurisdiction (empty: any)."""

    count: int = Field(50, ge=1, le=2000)
    stage: Filter = ""
    jurisdiction: Filter = ""


class CoverIn(Body):
    """Whose cases go to the others."""

    username: Name


class LeaveIn(Body):
    """Who is away, and the last day of it; null: they are here."""

    username: Name
    until: date | None = None


class SharedOut(Schema):
    """How many cases were given out, and how many found nobody with their language, law and skill."""

    given: int
    left: int


class EvidenceOf(Schema):
    """An event that shows an occasion: ``what`` was found, or by which rules it was refused."""

    at: datetime
    customer_id: str
    what: list[str]


class OccasionOut(Schema):
    """Something to talk about with somebody; it is no score. ``kind``: findings or refused; the latest
    events that show it.
    """

    username: str
    kind: str
    count: int
    evidence: list[EvidenceOf]


class OccasionPage(Schema):
    """Some occasions by name, and where the next ones begin."""

    occasions: list[OccasionOut]
    next_cursor: str | None


class PersonOut(Schema):
    """Somebody who works here."""

    id: int
    username: str
    first_name: str
    last_name: str
    role: str
    team: str | None
    jurisdictions: list[str]
    languages: list[str]
    skills: list[str]
    on_leave_until: date | None
    is_active: bool
    has_second_factor: bool


class PersonPage(Schema):
    """Some people by name, and where the next ones begin."""

    people: list[PersonOut]
    next_cursor: str | None


class PersonChange(Body):
    """What changes of somebody; what is not named stays. ``team`` empty: in none."""

    first_name: Annotated[str, StringConstraints(max_length=150, pattern=r"^[^\x00]*$")] | None = None
    last_name: Annotated[str, StringConstraints(max_length=150, pattern=r"^[^\x00]*$")] | None = None
    role: Word | None = None
    team: Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00]*$")] | None = None
    jurisdictions: list[Word] | None = Field(None, max_length=20)
    languages: list[Word] | None = Field(None, max_length=20)
    skills: list[Word] | None = Field(None, max_length=20)
    on_leave_until: date | None = None
    is_active: bool | None = None


class PersonIn(PersonChange):
    """Somebody new. They sign in once an administrator has given them a password on the page."""

    username: Name
    role: Word


class TeamOut(Schema):
    """A team."""

    name: str
    agency: str
    jurisdictions: list[str]


class TeamPage(Schema):
    """Some teams by name, and where the next ones begin."""

    teams: list[TeamOut]
    next_cursor: str | None


class TeamIn(Body):
    """A new team; ``agency`` where it is an agency's; ``jurisdictions`` empty: all."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]
    agency: Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00]*$")] = ""
    jurisdictions: list[Word] = Field(default=[], max_length=20)
