"""The strategy's pages: what is in force, what is proposed, the two side by side, and the decision by somebody else."""

import json
from functools import lru_cache
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dunwell.nightly.report.decided import stopped_tables, turned_tables
from dunwell.nightly.report.language import read_language
from dunwell.nightly.report.page import Table
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.strategies.acting import (
    CannotPropose,
    ask_for_decision,
    compare_anew,
    decide_about,
    propose_text,
)
from dunwell.office.strategies.comparing import ANSWER, folder_of, read_answer
from dunwell.office.strategies.models import DONE, FAILED, Proposal
from dunwell.office.strategies.proposing import (
    TEXT_BYTES_MAX,
    Read,
    is_outdated,
    read_text,
    text_in_force,
    why_not,
)
from dunwell.office.strategies.telling import (
    PICTURES,
    draw,
    floor_lines,
    gap_lines,
    is_breached,
    measure_lines,
    treatment_rows,
)
from dunwell.office.strategies.wording import change_told, conditions_told
from dunwell.office.workplace import workplace
from dunwell.strategy.differing import differences
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.turning import Turned

_SHOWN = 50


@needs("strategy.read")
@require_GET
def strategies(request: HttpRequest) -> HttpResponse:
    """The strategy in force, and the proposals, the latest first."""
    context = _context(text_in_force(workplace()))
    return render(request, "office/strategies.html", context | {"noticed": _noticed(staff_of(request))})


def _noticed(staff: Staff) -> list[Table]:
    """The arms of experiments that are stopped, and the treatments for which times have turned, as the last run says; nothing to
    who may see a part of the portfolio alone.
    """
    file = workplace().settings.book_folder / "run.json"
    if staff.is_bound or not file.is_file():
        return []
    decided = json.loads(file.read_text(encoding="utf-8")).get("decided") or {}
    words = read_language("zh" if (get_language() or "en").startswith("zh") else "en")
    return [
        *stopped_tables([Stopped.of(told) for told in decided.get("stopped", ())], words),
        *turned_tables([Turned.of(told) for told in decided.get("turned", ())], words),
    ]


def _context(typed: str, why: str = "", problem: Read | None = None) -> dict[str, Any]:
    """What the page of all strategies shows. ``typed``, ``why``: what stands in the form."""
    current = read_text(text_in_force(workplace()))
    strategy = current.strategy
    segments = []
    if strategy is not None:
        segments = [
            (
                segment.name,
                conditions_told(segment.when),
                [t.name for t in strategy.treatments if segment.name in t.segments],
            )
            for segment in strategy.segments
        ]
    return {
        "current": current,
        "strategy": strategy,
        "segments": segments,
        "proposals": Proposal.objects.select_related("proposed_by", "decided_by")[:_SHOWN],
        "typed": typed,
        "why": why,
        "problem": problem.error if problem is not None else None,
        "once": str(uuid4()),
    }


@needs("strategy.propose")
@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Take a proposed text, pasted or as a file; refused at once with the place and the mend where it cannot be read."""
    why, text = request.POST.get("why", "").strip(), _given(request)
    try:
        made = propose_text(workplace(), staff_of(request), text, why, request.POST.get("once", ""))
    except CannotPropose as error:
        messages.error(request, str(error))
        return render(request, "office/strategies.html", _context(text, why, error.read), status=422)
    return redirect("strategy", made.pk)


def _given(request: HttpRequest) -> str:
    """The text of the file that was sent, else what was pasted; lines end as in a file."""
    sent = request.FILES.get("file")
    if sent is not None:
        return bytes(sent.read(TEXT_BYTES_MAX + 1)).decode("utf-8", errors="replace")
    return request.POST.get("text", "").replace("\r\n", "\n")


@needs("strategy.read")
@require_GET
def one(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """A proposal beside the strategy it was compared with; asked by the page itself, only the comparison."""
    place, staff = workplace(), staff_of(request)
    proposal = get_object_or_404(Proposal.objects.select_related("proposed_by", "decided_by"), pk=proposal_id)
    if request.headers.get("HX-Request") and proposal.comparing not in (DONE, FAILED):
        return render(request, "office/strategy_waiting.html", {"proposal": proposal})
    if request.headers.get("HX-Request"):
        response = HttpResponse()
        response["HX-Refresh"] = (
            "true"  # all of the page has changed: the comparison and what may be done about it
        )
        return response
    told, new = read_answer(place, proposal), read_text(proposal.text)
    old = read_text(proposal.based_on) if proposal.based_on else Read(None)
    context = {
        "proposal": proposal,
        "cautions": new.cautions,
        "changes": [change_told(change) for change in differences(old.strategy, new.strategy)]
        if old.strategy and new.strategy
        else [],
        "told": told,
        "is_mine": proposal.proposed_by_id == staff.pk,
        "outdated": None if proposal.decision else is_outdated(proposal, place),
        "no": why_not(proposal, staff, place),
        "compared": proposal.comparing in (DONE, FAILED),
    }
    if told is not None:
        context |= {
            "measures": measure_lines(told),
            "gaps": gap_lines(told),
            "floors": floor_lines(told),
            "is_breached": is_breached(told),
            "treatments": treatment_rows(told),
            "assumed": sum(told["assumptions"].values()),
            "pictures": [
                name
                for name in PICTURES
                if _drawn(proposal.pk, _stamp(proposal), name, get_language() or "en")
            ],
        }
    return render(request, "office/strategy.html", context)


@needs("strategy.propose")
@require_POST
def compare_again(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Compare a proposal with the strategy that is in force now."""
    get_object_or_404(Proposal, pk=proposal_id)
    compare_anew(workplace(), proposal_id)
    return redirect("strategy", proposal_id)


@needs("strategy.propose")
@require_POST
def ask(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Ask for a second person's decision: the proposer, once the comparison has been seen."""
    get_object_or_404(Proposal, pk=proposal_id)
    try:
        ask_for_decision(workplace(), staff_of(request), proposal_id)
    except CannotPropose as error:
        messages.error(request, str(error))
    return redirect("strategy", proposal_id)


@needs("strategy.approve")
@require_POST
def decide(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Agree or refuse, with a reason. What is agreed to is in force from today on, and the next run decides by it."""
    place, staff = workplace(), staff_of(request)
    decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "").strip()
    if decision not in ("approved", "refused") or not reason:
        messages.error(request, _("Choose whether you agree, and write why."))
        return redirect("strategy", proposal_id)
    get_object_or_404(Proposal, pk=proposal_id)
    try:
        decide_about(place, staff, proposal_id, decision, reason)
    except CannotPropose as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Recorded."))
    return redirect("strategy", proposal_id)


@needs("strategy.read")
@require_GET
def answer(request: HttpRequest, proposal_id: int) -> HttpResponseBase:
    """The comparison as it was kept."""
    proposal = get_object_or_404(Proposal, pk=proposal_id)
    file = folder_of(workplace(), proposal) / ANSWER
    if proposal.comparing != DONE or not file.is_file():
        raise Http404(str(proposal_id))
    return FileResponse(file.open("rb"), as_attachment=True, filename=f"strategy-{proposal.pk}.json")


@needs("strategy.read")
@require_GET
def picture(request: HttpRequest, proposal_id: int, name: str) -> HttpResponse:
    """A chart of the comparison as an SVG file."""
    proposal = get_object_or_404(Proposal, pk=proposal_id)
    drawn = _drawn(proposal.pk, _stamp(proposal), name, get_language() or "en") if name in PICTURES else None
    if drawn is None:
        raise Http404(name)
    return HttpResponse(drawn, content_type="image/svg+xml; charset=utf-8")


def _stamp(proposal: Proposal) -> str:
    return "" if proposal.compared_at is None else proposal.compared_at.isoformat()


@lru_cache(maxsize=64)
def _drawn(proposal_id: int, stamp: str, name: str, language: str) -> str | None:
    """The chart of a comparison (``stamp``: when it was computed) in a language; kept, for drawing takes longest."""
    told = read_answer(workplace(), Proposal.objects.get(pk=proposal_id))
    return None if told is None else draw(name, told)
