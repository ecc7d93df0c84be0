"""Reviewing: a fair draw of messages that went out, notes that were written and recordings of calls, read or listened to with the
machine's findings, and scored.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Min
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from dunwell.journal.attachments import KIND as FILE
from dunwell.journal.attachments import NotKept
from dunwell.journal.models import Event
from dunwell.journal.recording import PERSONAL
from dunwell.law.language import CATEGORIES as UNLAWFUL
from dunwell.law.language import Finding, LanguageUnknown, review
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.compliance.models import Review
from dunwell.office.compliance.sampling import Rate, is_drawn, rate
from dunwell.office.desk.opening import OPEN_FOR
from dunwell.office.desk.recordings import Call, calls_of, heard
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import Drawn, Mark
from dunwell.office.workplace import Workplace, workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

SHARE = 0.05
"""The chance with which an event of the last DAYS is drawn."""
DAYS = 30
KINDS = {"contact.permitted": "text", "case.note": "note", FILE: "file"}
"""What is reviewed, and where its words lie; of the kept files the recordings alone."""
CATEGORIES = (*UNLAWFUL, "wrong_facts", "no_identity_check", "no_empathy")
"""What a reviewer may find: what the language review looks for, and what only a person sees."""
_SHOWN = 50
_PART = 500


def draw(place: Workplace, steps_max: int | None = None) -> bool:
    """Draw from what was recorded since the last time; whether all of it was looked at (``steps_max`` bounds how much is).

    The first time it begins with what is not too old to be reviewed.
    """
    if not Mark.objects.filter(name="reviews").exists():
        since = place.clock() - timedelta(days=DAYS)
        young = Event.objects.filter(kind__in=KINDS, happened_at__gte=since).aggregate(first=Min("id"))[
            "first"
        ]
        Mark.objects.get_or_create(name="reviews", defaults={"event_number": (young or 1) - 1})
    return follow("reviews", tuple(KINDS), place.clock(), _draw_from, steps_max=steps_max)


def _draw_from(events: Sequence[Read]) -> None:
    drawn = [
        Drawn(event_id=one.event_id, kind=one.kind, happened_at=one.at)
        for one in events
        if is_drawn(one.event_id, SHARE) and _words_of(one.kind, one.body) is not None
    ]
    Drawn.objects.bulk_create(drawn, ignore_conflicts=True)


def waiting(place: Workplace) -> "QuerySet[Drawn]":
    """The drawn events of the last DAYS that nobody has reviewed yet, the oldest first."""
    draw(place, steps_max=1)
    since = place.clock() - timedelta(days=DAYS)
    return Drawn.objects.filter(is_done=False, happened_at__gte=since).order_by("happened_at", "event_id")


def _words_of(kind: str, body: str) -> str | None:
    """Where an event's words lie in the vault; None when it has none."""
    told = json.loads(body)
    if kind == FILE and told["what"] != "recording":
        return None
    kept = told.get(PERSONAL, {}).get(KINDS[kind])
    return None if kept is None else str(kept["item"])


@dataclass(frozen=True, slots=True)
class Reviewing:
    """The state of the reviews as somebody sees it: what waits, what was reviewed in the last DAYS (the latest first), and
    the rates of findings that follow for all (of any, and of each category that was found).
    """

    waiting: "QuerySet[Drawn]"
    done: Sequence[Review]
    rates: Sequence[tuple[str, Rate]]

    @property
    def mean(self) -> float | None:
        """The mean score; None before the first review."""
        return sum(one.score for one in self.done) / len(self.done) if self.done else None


def reviewing_of(place: Workplace, staff: Staff) -> Reviewing:
    """How far the reviews are."""
    since = place.clock() - timedelta(days=DAYS)
    reviewed = list(Review.objects.filter(happened_at__gte=since).select_related("by").order_by("-at"))
    theirs = _seen(place, staff, [one.event_id for one in reviewed])
    done = [one for one in reviewed if one.event_id in theirs]
    rates = [
        (name, found)
        for name in ("any", *CATEGORIES)
        if (
            found := rate(
                [(bool(one.findings) if name == "any" else name in one.findings, one.share) for one in done]
            )
        )
        and (name == "any" or found.share > 0)
    ]
    left = waiting(place)
    if staff.is_bound:
        drawn = list(left.values_list("event_id", flat=True))
        left = left.filter(pk__in=_seen(place, staff, drawn))
    return Reviewing(left, done, rates)


@needs("compliance.read")
def reviews(request: HttpRequest) -> HttpResponse:
    """What waits for review, and what the reviewed of the last 30 days tell of all."""
    told = reviewing_of(workplace(), staff_of(request))
    context = {
        "waiting": told.waiting[:_SHOWN],
        "waiting_count": told.waiting.count(),
        "done": told.done[:20],
        "rates": told.rates,
        "share": SHARE,
        "days": DAYS,
        "mean": told.mean,
    }
    return render(request, "office/reviews.html", context)


def _seen(place: Workplace, staff: Staff, event_ids: Sequence[str]) -> set[str]:
    """Those of some events that are about customers whom somebody may see; all of them to who may see everybody."""
    if not staff.is_bound:
        return set(event_ids)
    about: dict[str, str] = {}
    for start in range(0, len(event_ids), _PART):
        events = Event.objects.filter(event_id__in=event_ids[start : start + _PART])
        about.update((name, str(subject)) for name, subject in events.values_list("event_id", "subject_id"))
    theirs = visible_subjects(place, staff, set(about.values()))
    return {name for name, subject in about.items() if subject in theirs}


@dataclass(frozen=True, slots=True)
class Opened:
    """A drawn event with its words, and what the language review finds in them. ``customer_id`` None: the person was erased.
    A recording has no words here: it is listened to, and ``call`` is the one that it is of.
    """

    event: Event
    body: dict[str, Any]
    customer_id: str | None
    text: str
    found: Sequence[Finding]
    call: Call | None = None

    @property
    def is_recording(self) -> bool:
        """Whether it is listened to and not read."""
        return self.event.kind == FILE

    @property
    def channel(self) -> str:
        """By which way it was said; empty for a note."""
        return "call" if self.is_recording else str(self.body.get("channel", ""))


def open_drawn(place: Workplace, staff: Staff, event_id: str) -> Opened | None:
    """Open an event that was drawn, which is recorded; None where it was not drawn, or is of nobody whom they may see."""
    event = Event.objects.filter(event_id=event_id, kind__in=KINDS).first()
    if event is None or not is_drawn(event.event_id, SHARE) or _words_of(event.kind, event.body) is None:
        return None
    if event.event_id not in _seen(place, staff, [event.event_id]):
        return None
    body = json.loads(event.body)
    owner = place.journal.vault.customer_ids({str(event.subject_id)}).get(str(event.subject_id))
    if event.kind == FILE:
        calls = [] if owner is None or place.shelf.file(owner) is None else calls_of(CaseFile(place, owner))
        call = next((one for one in calls if one.message_id == body.get("message_id")), None)
        return Opened(event, body, owner, "", [], call)
    text = _text_of(place, event, owner, staff.username)
    return Opened(event, body, owner, text, _machine(place, owner, text, body))


def listen(place: Workplace, staff: Staff, opened: Opened) -> tuple[str, bytes]:
    """The media type and the sound of a drawn recording; that it was listened to is recorded each time. Raises NotKept."""
    if not opened.is_recording:
        raise NotKept(_("That is no recording."))
    if opened.customer_id is None or place.shelf.file(opened.customer_id) is None:
        raise NotKept(_("The person was erased, or the book does not know them any more."))
    return heard(CaseFile(place, opened.customer_id), staff, opened.event.event_id, "review")


def record_review(
    place: Workplace, staff: Staff, opened: Opened, findings: Collection[str], score: int, note: str
) -> bool:
    """Keep what somebody found (of CATEGORIES, others are left out) and their score; False when it was reviewed before."""
    event = opened.event
    try:
        with transaction.atomic():
            Review.objects.create(
                event_id=event.event_id,
                kind=event.kind,
                channel=opened.channel,
                happened_at=event.happened_at,
                share=SHARE,
                findings=[name for name in CATEGORIES if name in findings],
                machine=sorted({finding.category for finding in opened.found}),
                score=score,
                note=note[:500],
                by=staff,
                at=place.clock(),
            )
            Drawn.objects.filter(event_id=event.event_id).update(is_done=True)
    except IntegrityError:
        return False
    return True


@needs("compliance.review")
def one(request: HttpRequest, event_id: str) -> HttpResponse:
    """Read one and say what was found. Reading it is an event; it is reviewed once."""
    place, staff = workplace(), staff_of(request)
    opened = open_drawn(place, staff, event_id)
    if opened is None:
        raise Http404(event_id)
    context = {
        "event": opened.event,
        "opened": opened,
        "categories": CATEGORIES,
    }
    if request.method != "POST":
        return render(request, "office/review_one.html", context)
    score = request.POST.get("score", "")
    if not score.isdecimal() or int(score) > 100:
        messages.error(request, _("Give a score from 0 to 100."))
        return render(request, "office/review_one.html", context, status=422)
    findings, note = request.POST.getlist("findings"), request.POST.get("note", "")
    if record_review(place, staff, opened, findings, int(score), note):
        messages.success(request, _("Recorded."))
    else:
        messages.warning(request, _("Somebody reviewed this before you."))
    return redirect("reviews")


@needs("compliance.review")
@require_GET
def sound(request: HttpRequest, event_id: str) -> HttpResponse:
    """The sound of a recording that was drawn."""
    place, staff = workplace(), staff_of(request)
    opened = open_drawn(place, staff, event_id)
    if opened is None:
        raise Http404(event_id)
    try:
        media, data = listen(place, staff, opened)
    except NotKept as error:
        raise Http404(str(error)) from error
    return HttpResponse(data, content_type=media, headers={"Cache-Control": "no-store"})


def _text_of(place: Workplace, event: Event, owner: str | None, by: str) -> str:
    item = _words_of(event.kind, event.body)
    if owner is None or item is None:
        return _("The person was erased; the words are gone.")
    span = int(place.clock().timestamp() // OPEN_FOR.total_seconds())
    key = f"review:{event.event_id}:{span}:{by}"[:120]
    found = place.journal.reveal([item], by=by, why="review", customer_id=owner, key=key)
    return found.get(item, _("The person was erased; the words are gone."))


def _machine(place: Workplace, owner: str | None, text: str, body: dict[str, Any]) -> list[Finding]:
    """What the language review finds in it, as a line that was said or a message that was sent."""
    file = None if owner is None else place.shelf.file(owner)
    if file is None:
        return []
    row = file.tables["customers"].row(0, named=True)
    packs = place.law.packs_for(row["jurisdiction"], row["region"])
    channel = "call" if body.get("channel") is None else str(body["channel"])
    try:
        found_in = review(
            text,
            language=row["language"] or place.settings.locale,
            channel=channel,
            packs=packs,
            actor=place.settings.actor,
            on=place.today(),
        )
    except LanguageUnknown:
        return []
    return list(found_in.findings)
