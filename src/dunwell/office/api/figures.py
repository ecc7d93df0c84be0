"""Analytics and strategies for programs: the figures of the last run, and strategies proposed, compared and decided about."""

import math
import uuid
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Field, Router

from dunwell.nightly.analytics import SECTIONS
from dunwell.nightly.figures import bucket_order
from dunwell.office.analytics.counts import (
    SEGMENT,
    headline,
    is_section,
    offered,
    read_counts,
    section_counts,
)
from dunwell.office.analytics.foretold import foretold_for, why_no_losses
from dunwell.office.analytics.pages import wanted_by
from dunwell.office.analytics.telling import TOLD, table_of
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import Recorded
from dunwell.office.api.shapes_figures import (
    Column,
    ForetoldOut,
    ForetoldTable,
    ProposalOut,
    ProposalPage,
    ProposalWhole,
    ProposeIn,
    SectionOut,
    StrategyDecision,
    Tile,
    TilePage,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.strategies import acting
from dunwell.office.strategies.comparing import read_answer
from dunwell.office.strategies.models import Proposal
from dunwell.office.strategies.proposing import read_text, text_in_force, why_not
from dunwell.office.workplace import workplace

router = Router(tags=["figures"])
Wanted = Annotated[str | None, Field(max_length=60)]


@router.get("/analytics", response=TilePage, auth=Scoped("analytics.read"))
def analytics(
    request: HttpRequest,
    jurisdiction: Wanted = None,
    product: Wanted = None,
    currency: Wanted = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> TilePage:
    """Every section in one figure, narrowed as the page is."""
    counts, _stamp = read_counts(workplace().settings.book_folder)
    wanted = wanted_by(staff_of(request), _asked(jurisdiction, product, currency))
    shown, following = page_of(SECTIONS, str, cursor, limit)
    tiles = [
        Tile(
            name=name,
            title=str(TOLD[name].title),
            figure=_finite(headline(counts, name, wanted)),
            unit=str(TOLD[name].figure),
            meaning=str(TOLD[name].meaning),
        )
        for name in shown
    ]
    return TilePage(sections=tiles, filters=offered(counts, wanted), next_cursor=following)


@router.get("/analytics/foretold", response=ForetoldOut, auth=Scoped("analytics.read"))
def foretold(request: HttpRequest) -> ForetoldOut:
    """What the last run foretold: score bands, reasons, forecast against actual, how many will be late."""
    title, lead, tables = foretold_for(staff_of(request))
    found = [
        ForetoldTable(
            caption=one.caption,
            columns=[str(column.heading) for column in one.columns],
            rows=[[_finite(cell) for cell in row] for row in one.rows],
            note=one.note,
        )
        for one in tables
    ]
    return ForetoldOut(title=title, lead=lead, tables=found)


@router.get("/analytics/{name}", response=SectionOut, auth=Scoped("analytics.read"))
def section(
    request: HttpRequest,
    name: str,
    jurisdiction: Wanted = None,
    product: Wanted = None,
    currency: Wanted = None,
) -> SectionOut:
    """A section's table with its definition."""
    if not is_section(name):
        raise Http404(name)
    place = workplace()
    counts, _stamp = read_counts(place.settings.book_folder)
    wanted = wanted_by(staff_of(request), _asked(jurisdiction, product, currency))
    table = table_of(name, section_counts(counts, name, wanted), bucket_order(place.terms))
    return SectionOut(
        name=name,
        title=str(TOLD[name].title),
        meaning=str(TOLD[name].meaning),
        columns=[Column(heading=str(heading), kind=kind) for heading, kind in table.columns],
        rows=[[_finite(cell) for cell in row] for row in table.rows],
        why=why_no_losses() if name == "losses" and not table.rows else "",
    )


def _asked(*values: str | None) -> dict[str, str | None]:
    return {column: value or None for column, value in zip(SEGMENT, values, strict=True)}


def _finite(value: Any) -> Any:
    """A cell as JSON can hold it: texts of a language as text, a share of nothing as null."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


@router.get("/strategies", response=ProposalPage, auth=Scoped("strategy.read"))
def strategies(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> ProposalPage:
    """The strategy in force, and the proposals, the latest first."""
    text = text_in_force(workplace())
    strategy = read_text(text).strategy
    rows = Proposal.objects.select_related("proposed_by", "decided_by").order_by("-pk")
    if cursor is not None:
        rows = rows.filter(pk__lt=decoded(cursor)[0])
    found = list(rows[: limit + 1])
    shown = found[:limit]
    return ProposalPage(
        in_force_hash=None if strategy is None else strategy.hash,
        in_force_from=None if strategy is None else strategy.policy.from_on,
        in_force_text=text,
        proposals=[ProposalOut(**_proposal(one)) for one in shown],
        next_cursor=encoded(shown[-1].pk, "strategies") if len(found) > limit else None,
    )


def _proposal(one: Proposal) -> dict[str, Any]:
    told = {name: getattr(one, name) for name in ProposalOut.model_fields}
    decided_by = None if one.decided_by is None else one.decided_by.username
    return told | {"proposed_by": one.proposed_by.username, "decided_by": decided_by}


@router.get("/strategies/{proposal_id}", response=ProposalWhole, auth=Scoped("strategy.read"))
def strategy(request: HttpRequest, proposal_id: int) -> ProposalWhole:
    """A proposal with both texts and the comparison."""
    place, one = workplace(), _found(proposal_id)
    return ProposalWhole(
        **_proposal(one),
        text=one.text,
        based_on=one.based_on,
        cautions=list(read_text(one.text).cautions),
        comparison=read_answer(place, one),
        why_not=why_not(one, staff_of(request), place),
    )


def _found(proposal_id: int) -> Proposal:
    rows = Proposal.objects.select_related("proposed_by", "decided_by")
    one = rows.filter(pk=proposal_id).first() if 0 < proposal_id < 2**31 else None
    if one is None:
        raise Http404(str(proposal_id))
    return one


@router.post("/strategies", response=ProposalOut, auth=Scoped("strategy.propose"))
def propose(request: HttpRequest, wanted: ProposeIn) -> ProposalOut:
    """Propose a strategy's whole text; a mistake in it is told with its key, what is wrong and the mend."""
    why = wanted.why.strip()
    try:
        made = acting.propose_text(workplace(), staff_of(request), wanted.text, why, str(uuid.uuid4()))
    except acting.CannotPropose as error:
        if error.read is not None and error.read.error is not None:
            wrong = error.read.error
            faults = [{"place": wrong.key, "why": wrong.problem, "mend": wrong.mend}]
            raise Problem(422, "Mend what `faults` names", faults=faults) from error
        raise Problem(422, str(error)) from error
    return ProposalOut(**_proposal(made))


@router.post("/strategies/{proposal_id}/compare", response=Recorded, auth=Scoped("strategy.propose"))
def compare(request: HttpRequest, proposal_id: int) -> Recorded:
    """Compare a proposal with the strategy that is in force now."""
    return Recorded(recorded=acting.compare_anew(workplace(), _found(proposal_id).pk))


@router.post("/strategies/{proposal_id}/ask", response=Recorded, auth=Scoped("strategy.propose"))
def ask(request: HttpRequest, proposal_id: int) -> Recorded:
    """Ask for a second person's decision, once the comparison is there: the proposer."""
    try:
        is_new = acting.ask_for_decision(workplace(), staff_of(request), _found(proposal_id).pk)
    except acting.CannotPropose as error:
        raise Problem(409, str(error)) from error
    return Recorded(recorded=is_new)


@router.post("/strategies/{proposal_id}/decide", response=Recorded, auth=Scoped("strategy.approve"))
def decide(request: HttpRequest, proposal_id: int, wanted: StrategyDecision) -> Recorded:
    """Agree or refuse, another than the proposer; what is agreed to is in force from today on."""
    one, reason = _found(proposal_id), wanted.reason.strip()
    if not reason:
        raise Problem(422, "reason is empty. Write why")
    try:
        acting.decide_about(workplace(), staff_of(request), one.pk, wanted.decision, reason)
    except acting.CannotPropose as error:
        raise Problem(409, str(error)) from error
    return Recorded(recorded=True)
