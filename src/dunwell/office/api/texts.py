"""Approved texts for programs: which fit, how one would read, and the one that is queued for the dispatcher."""

import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from dunwell.journal.recording import NewEvent
from dunwell.office.api.cases import file_of
from dunwell.office.api.desk import whys
from dunwell.office.api.once import PERSONAL
from dunwell.office.api.paging import Cursor, Limit, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes_desk import Preview, Queued, TextPage, TextWay, WayIn
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk import texts, working
from dunwell.outreach.channels import Opened, channels_set_up, open_channel
from dunwell.settings import SettingsError

router = Router(tags=["texts"])


@router.get("/cases/{customer_id}/texts", response=TextPage, auth=Scoped("case.work"))
def fitting(request: HttpRequest, customer_id: str, cursor: Cursor = None, limit: Limit = 50) -> TextPage:
    """The approved texts that may go to this customer, each to each of their own addresses."""
    file = file_of(request, customer_id)
    ways = texts.fitting(file, _channels(file), is_open=False)
    shown, following = page_of(ways, lambda one: one.name, cursor, limit)
    return TextPage(
        texts=[
            TextWay(
                way=one.name,
                channel=one.channel,
                contact_point_id=one.point_id,
                stage=one.text.stage,
                text_id=one.text.id,
                version=one.text.version,
                language=one.text.language,
            )
            for one in shown
        ],
        next_cursor=following,
    )


@router.post("/cases/{customer_id}/texts/preview", response=Preview, auth=Scoped("case.reveal"))
def preview(request: HttpRequest, response: HttpResponse, customer_id: str, wanted: WayIn) -> Preview:
    """The message as the customer would read it (that it was read is recorded each time), and what the gate says now."""
    response[PERSONAL] = "1"
    file = file_of(request, customer_id)
    channels = _channels(file)
    way = _way(file, channels, wanted.way)
    shown = _preview(file, channels, way)
    body = {
        "by": staff_of(request).username,
        "why": "planning",
        "what": "names, numbers, addresses and texts",
    }
    file.place.journal.record([NewEvent("data.read", file.place.clock(), customer_id, body=body)])
    message, verdict = shown["message"], shown["verdict"]
    return Preview(
        subject=None if message is None else message.subject,
        text=None if message is None else message.text,
        why_not=shown["why_not"],
        allowed=bool(shown["can_go"]),
        reasons=whys(verdict.reasons),
        not_before=verdict.not_before,
    )


@router.post("/cases/{customer_id}/texts", response=Queued, auth=Scoped("case.work"))
def send(request: HttpRequest, customer_id: str, wanted: WayIn) -> Queued:
    """Queue an approved text for the dispatcher, if the gate allows it now; it is asked again when it goes out."""
    file = file_of(request, customer_id)
    channels = _channels(file)
    way = _way(file, channels, wanted.way)
    shown = _preview(file, channels, way)
    once = str(uuid.uuid4())
    with transaction.atomic():
        working.lock(file)
        verdict = texts.ask(CaseFile(file.place, customer_id), way)
        if verdict.allowed and shown["can_go"]:
            texts.queue(file, staff_of(request), way, once)
            return Queued(message_id=once)
    reasons = [one.model_dump() for one in whys(verdict.reasons)]
    why = str(shown["why_not"]) or "the gate refuses this text now"
    raise Problem(422, why, reasons=reasons, not_before=_instant(verdict.not_before))


def _instant(at: Any) -> str | None:
    return None if at is None else str(at.isoformat())


def _channels(file: CaseFile) -> dict[str, Opened]:
    settings = file.place.settings
    try:
        return {
            name: open_channel(name, settings, settings.environment, file.place.clock)
            for name in channels_set_up(settings)
        }
    except SettingsError as error:
        raise Problem(422, f"no text can be sent: {error}") from error


def _way(file: CaseFile, channels: dict[str, Opened], name: str) -> texts.Way:
    for one in texts.fitting(file, channels, is_open=False):
        if one.name == name:
            return one
    raise Problem(422, "way is none of this customer's. Take one of GET .../texts")


def _preview(file: CaseFile, channels: dict[str, Opened], way: texts.Way) -> dict[str, Any]:
    try:
        return texts.preview(file, channels[way.channel], way)
    except SettingsError as error:
        raise Problem(422, f"no text can be sent: {error}") from error
