"""Opening a case: who may see it, what is recorded of that, and for how long personal data stay open to who gave a reason."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from dunwell.book import NoBook
from dunwell.journal.recording import NewEvent
from dunwell.office.access.entering import CASE, note_refusal
from dunwell.office.access.guard import staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.workplace import workplace

OPEN_FOR = timedelta(minutes=15)
"""How long personal data stay open after a reason was given, and how often looking at a case is recorded anew."""

REASONS: Mapping[str, Lazy | str] = {
    "contacting": _("I am about to contact them"),
    "answering": _("They contacted us"),
    "planning": _("I prepare a plan or an answer"),
    "correcting": _("I check or correct the records"),
    "complaint": _("I work on a complaint or a request of theirs"),
}
"""Why somebody may open personal data; the journal keeps the name."""

OPENED = "opened"


def open_case(request: HttpRequest, customer_id: str) -> CaseFile:
    """A customer's file for somebody who may see it; that they looked is recorded once in a quarter of an hour.

    Raises Http404 for a customer who does not exist or whom this person may not see.
    """
    staff, place = staff_of(request), workplace()
    try:
        file = CaseFile(place, customer_id)
    except (UnknownCustomer, NoBook) as error:
        raise Http404(str(error)) from error
    if not may_see(staff, file):
        note_refusal(staff, CASE, customer_id=customer_id)
        raise Http404(customer_id)
    record_look(file, staff, "case opened at the desk")
    return file


def may_see(staff: Staff, file: CaseFile) -> bool:
    """Whether a customer is in a person's scope: their jurisdictions, and their agency's cases where they work for one."""
    if staff.scope is not None and file.customer["jurisdiction"] not in staff.scope:
        return False
    if staff.agency_team is not None:
        return file.case is not None and file.case.team_id == staff.team_id
    return True


def record_look(file: CaseFile, staff: Staff, why: str) -> None:
    """Record that somebody looked at a case, once in a quarter of an hour. Whether it was is read from the person's events, not
    kept in the session: a page waits for what is written.
    """
    journal, now = file.place.journal, file.place.clock()
    about = {"by": staff.username, "what": "case"}
    if any(
        event.kind == "data.read" and now - event.at < OPEN_FOR and about.items() <= event.body.items()
        for event in file.events
    ):
        return
    subject = file.subject or journal.vault.admit([file.customer_id], now)[file.customer_id]
    span = int(now.timestamp() // OPEN_FOR.total_seconds())
    key = f"desk:look:{staff.pk}:{subject}:{span}"
    journal.record([NewEvent("data.read", now, subject=subject, body=about | {"why": why}, key=key)])


def open_data(request: HttpRequest, file: CaseFile, reason: str, once: str) -> None:
    """Open the customer's personal data to who asks, for a reason of REASONS that is recorded. Raises ValueError."""
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason. One of: {', '.join(REASONS)}")
    staff, now = staff_of(request), file.place.clock()
    body = {"by": staff.username, "why": reason, "what": "names, numbers, addresses and texts"}
    subject = file.place.journal.vault.admit([file.customer_id], now)[file.customer_id]
    key = f"desk:open:{staff.pk}:{subject}:{UUID(once)}"
    (told,) = file.place.journal.record([NewEvent("data.read", now, file.customer_id, body=body, key=key)])
    if (
        not told.is_new and opened_until(request, file) is None
    ):  # an old form, sent again when its time was over
        file.place.journal.record([NewEvent("data.read", now, file.customer_id, body=body)])
    opened: dict[str, list[str]] = request.session.get(OPENED, {})
    fresh = {name: entry for name, entry in opened.items() if _is_ahead(entry[0], now)}
    request.session[OPENED] = fresh | {file.customer_id: [(now + OPEN_FOR).isoformat(), reason]}


def opened_until(request: HttpRequest, file: CaseFile) -> datetime | None:
    """Until when the customer's personal data are open to who asks; None when they are masked."""
    entry: list[str] | None = request.session.get(OPENED, {}).get(file.customer_id)
    if entry is None or not staff_of(request).may("case.reveal"):
        return None
    return datetime.fromisoformat(entry[0]) if _is_ahead(entry[0], file.place.clock()) else None


def kept_texts(request: HttpRequest, file: CaseFile) -> Mapping[str, str]:
    """Notes and messages kept of a customer whose data are open, by their reference in the vault.

    Which of them were read is recorded, once while the data stay open.
    """
    until = opened_until(request, file)
    items = sorted(
        {kept["item"] for event in file.events for kept in event.body.get("personal", {}).values()}
    )
    if until is None or not items:
        return {}
    staff = staff_of(request)
    reason: str = request.session[OPENED][file.customer_id][1]
    key = f"desk:texts:{staff.pk}:{items[-1]}:{len(items)}:{int(until.timestamp())}"
    return file.place.journal.reveal(
        items, by=staff.username, why=reason, customer_id=file.customer_id, key=key
    )


def once_of(request: HttpRequest) -> str:
    """The form's own token, by which a second sending is known; a new one where it is missing or broken."""
    try:
        return str(UUID(request.POST.get("once", "")))
    except ValueError:
        return str(uuid4())


def _is_ahead(instant: str | None, now: datetime) -> bool:
    return instant is not None and datetime.fromisoformat(instant) > now
