"""Recordings of calls: kept under the person's own key beside the call they belong to, heard by who may, every time on record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from dunwell.journal.attachments import NewFile, NotKept, keep_file, read_file
from dunwell.journal.signing import kept_folder
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile, Happened
from dunwell.office.desk.opening import open_case, opened_until
from dunwell.office.desk.screen import zone_of

BYTES_MAX = 64 << 20
"""The largest recording that is taken over the web; `dunwell evidence attach` takes larger ones."""
_LOOKED_AT = 12
_SPOKEN = ("call", "visit")


@dataclass(frozen=True, slots=True)
class Call:
    """A call or visit, and the events by which its recordings were kept."""

    message_id: str
    at: datetime
    outcome: str
    by: str
    recordings: Sequence[Happened]


def kind_of(data: bytes) -> tuple[str, str] | None:
    r"""The media type and usual ending of a recording by its first bytes; None for what is no sound we know.

    >>> kind_of(b"RIFF\x00\x00\x00\x00WAVEfmt "), kind_of(b"<html>")
    (('audio/wav', 'wav'), None)
    """
    head = data[:_LOOKED_AT]
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav", "wav"
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "audio/mpeg", "mp3"
    known = (
        (b"OggS", 0, "audio/ogg", "ogg"),
        (b"fLaC", 0, "audio/flac", "flac"),
        (b"ftyp", 4, "audio/mp4", "m4a"),
        (b"\x1a\x45\xdf\xa3", 0, "audio/webm", "webm"),
    )
    return next(
        ((media, ending) for mark, place, media, ending in known if head[place : place + 4] == mark), None
    )


def calls_of(file: CaseFile) -> list[Call]:
    """The customer's calls and visits that were logged here, the latest first, each with its recordings."""
    kept: dict[str, list[Happened]] = {}
    for event in file.events:
        if event.kind == "file.kept" and event.body["what"] == "recording" and "message_id" in event.body:
            kept.setdefault(event.body["message_id"], []).append(event)
    return [
        Call(
            str(event.body["message_id"]),
            event.at,
            str(event.body["outcome"]),
            str(event.body.get("by", "")),
            kept.get(event.body["message_id"], ()),
        )
        for event in file.events
        if event.kind == "contact.made" and event.body["channel"] in _SPOKEN and "message_id" in event.body
    ]


def keep(file: CaseFile, staff: Staff, message_id: str, name: str, data: bytes) -> bool:
    """Keep a recording of one of the customer's calls; whether it is new: the same sound of the same call counts once.

    Raises NotKept.
    """
    if message_id not in {call.message_id for call in calls_of(file)}:
        raise NotKept(_("That is no call of this customer's that was logged."))
    found = kind_of(data)
    if found is None:
        raise NotKept(_("That is no recording. Known: WAV, MP3, Ogg, FLAC, M4A, WebM."))
    if len(data) > BYTES_MAX:
        raise NotKept(_("The recording is too large. `dunwell evidence attach` takes it."))
    new = NewFile("recording", name[-100:], data, file.place.clock(), staff.username, message_id)
    return keep_file(file.place.journal, kept_folder(file.place.settings), file.customer_id, new).is_new


def heard(file: CaseFile, staff: Staff, event_id: str, why: str) -> tuple[str, bytes]:
    """A recording's media type and sound; who listened and why is recorded first, each time. Raises Http404, NotKept."""
    for event in file.events:
        if event.event_id == event_id and event.kind == "file.kept" and event.body["what"] == "recording":
            folder = kept_folder(file.place.settings)
            _name, data = read_file(
                file.place.journal, folder, file.customer_id, event.body, by=staff.username, why=why
            )
            return (kind_of(data) or ("application/octet-stream", ""))[0], data
    raise Http404(event_id)


@needs("case.work")
@require_http_methods(["GET", "POST"])
def recordings(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The calls of a customer with their recordings; POST keeps another."""
    file = open_case(request, customer_id)
    if request.method == "POST":
        sent: Any = request.FILES.get("recording")
        try:
            if sent is None or sent.size > BYTES_MAX:
                raise NotKept(_("Choose a recording of at most 64 MB."))
            is_new = keep(file, staff_of(request), request.POST.get("call", ""), sent.name or "", sent.read())
        except NotKept as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Recorded.") if is_new else _("This recording was kept already."))
        return redirect("recordings", customer_id)
    context = {
        "customer_id": customer_id,
        "calls": calls_of(file),
        "is_open": opened_until(request, file) is not None,
        "zone": zone_of(file),
    }
    return render(request, "office/recordings.html", context)


@needs("case.reveal")
@require_GET
def recording(request: HttpRequest, customer_id: str, event_id: str) -> HttpResponse:
    """The sound of a recording, for somebody to whom the customer's data are open."""
    file = open_case(request, customer_id)
    if opened_until(request, file) is None:
        messages.error(request, _("Open personal data on the case first, for a reason."))
        return redirect("recordings", customer_id)
    try:
        media, data = heard(file, staff_of(request), event_id, "recording")
    except NotKept as error:
        raise Http404(str(error)) from error
    return HttpResponse(data, content_type=media, headers={"Cache-Control": "no-store"})
