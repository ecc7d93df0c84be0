"""Notes and lines are read by the language review as they are typed: what may not be said, where, and what to say instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.law.language import Review, review
from dunwell.law.language.spelling import has_han
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk import working
from dunwell.office.desk.forms import NOTE_MAX
from dunwell.office.desk.opening import once_of, open_case


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reviewed text: found is whether a finding covers it."""

    text: str
    found: bool


def review_note(file: CaseFile, text: str) -> Review:
    """What the review says of a note or a line about this customer, under the packs that bind contacts with them."""
    if not text.strip():
        return Review(True, (), (), None)
    packs = [pack.key for pack in file.gate.packs if not pack.is_house_policy]
    return review(
        text[:NOTE_MAX],
        language="zh" if has_han(text) else "en",
        channel="call",
        packs=packs,
        actor=file.gate.actor,
        on=file.day,
    )


def pieces(text: str, found: Review) -> Sequence[Piece]:
    """The text cut where findings begin and end, so that they can be marked."""
    covered = [False] * len(text)
    for finding in found.findings:
        for place in range(finding.start, min(finding.end, len(text))):
            covered[place] = True
    cut: list[Piece] = []
    for letter, is_found in zip(text, covered, strict=True):
        if cut and cut[-1].found == is_found:
            cut[-1] = Piece(cut[-1].text + letter, is_found)
        else:
            cut.append(Piece(letter, is_found))
    return cut


@needs("case.work")
@require_POST
def check(request: HttpRequest, customer_id: str) -> HttpResponse:
    """What the review says of what is being typed, as a piece of the page."""
    file = open_case(request, customer_id)
    text = (request.POST.get("note") or request.POST.get("line") or "")[:NOTE_MAX]
    found = review_note(file, text)
    context = {
        "review": found,
        "pieces": pieces(text, found),
        "text": text,
        "is_line": "line" in request.POST,
    }
    return render(request, "office/review.html", context)


@needs("case.work")
@require_POST
def save_note(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Keep a note. One in which the review finds something is kept only when its writer says that it is to stay."""
    file, text = open_case(request, customer_id), request.POST.get("note", "").strip()
    if not text or len(text) > NOTE_MAX:
        messages.error(request, _("Write a note of 1 to 4,000 characters."))
        return redirect("case", customer_id)
    found = review_note(file, text)
    if found.findings and request.POST.get("acknowledged") != "on":
        context = {
            "file": file,
            "customer_id": customer_id,
            "text": text,
            "review": found,
            "pieces": pieces(text, found),
            "once": once_of(request),
        }
        return render(request, "office/note.html", context, status=422)
    working.note(file, staff_of(request), text, found.categories, once_of(request))
    messages.success(request, _("The note is kept."))
    return redirect("case", customer_id)
