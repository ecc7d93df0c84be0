"""What analytics and strategies take and give."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import StringConstraints

from dunwell.office.api.shapes import Body
from dunwell.office.api.shapes_desk import Line


class Tile(Schema):
    """A section in one figure (null: nothing was counted), with its unit and what its figures mean."""

    name: str
    title: str
    figure: float | None
    unit: str
    meaning: str


class TilePage(Schema):
    """The sections, and by what they can be narrowed."""

    sections: list[Tile]
    filters: dict[str, list[str]]
    next_cursor: str | None


class Column(Schema):
    """A column of a table: its heading, and whether it holds text, counts or shares."""

    heading: str
    kind: str


class SectionOut(Schema):
    """A section: what its figures mean, and its table, shares unrounded."""

    name: str
    title: str
    meaning: str
    columns: list[Column]
    rows: list[list[Any]]
    why: str


class ForetoldTable(Schema):
    """A table of what the last run foretold, under its caption."""

    caption: str
    columns: list[str]
    rows: list[list[Any]]
    note: str


class ForetoldOut(Schema):
    """What the last run foretold, in the words of its report; empty where there was none, or to who may see a part alone."""

    title: str
    lead: list[str]
    tables: list[ForetoldTable]


class ProposalOut(Schema):
    """A proposed strategy. ``comparing``: waiting, running, done or failed (``problem``); ``why_not``: why this token's
    person may not decide it now.
    """

    id: int
    title: str
    why: str
    proposed_by: str
    proposed_at: datetime
    comparing: str
    problem: str
    asked_at: datetime | None
    decision: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str
    text_hash: str


class ProposalPage(Schema):
    """The strategy in force (``hash`` and text; null where there is none or it cannot be read), some proposals, the latest
    first, and where the next ones begin.
    """

    in_force_hash: str | None
    in_force_from: date | None
    in_force_text: str
    proposals: list[ProposalOut]
    next_cursor: str | None


class ProposalWhole(ProposalOut):
    """A proposal with both texts and the comparison as ``dunwell strategy diff --json`` tells it (null: not there)."""

    text: str
    based_on: str
    cautions: list[str]
    comparison: dict[str, Any] | None
    why_not: str | None


class ProposeIn(Body):
    """The whole text of a strategy, and why it is proposed."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=500_000, pattern=r"^[^\x00]+$")]
    why: Line


class StrategyDecision(Body):
    """Agree or refuse, and why."""

    decision: Literal["approved", "refused"]
    reason: Line
