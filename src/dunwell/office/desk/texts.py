"""An approved text sent from the desk: chosen, read as the customer would read it, asked of the gate, queued for the dispatcher.

The dispatcher asks the gate again and writes the message anew at the moment of sending; what the desk shows is a preview.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dunwell.journal.recording import NewEvent
from dunwell.law import Attempt, Gate, Reason, Verdict
from dunwell.ledger import Terms
from dunwell.ledger.statement import AccountEvents, account_events
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.masks import masked_address
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk import working
from dunwell.office.desk.opening import once_of, open_case, opened_until
from dunwell.office.desk.screen import is_hidden, reasons_of, zone_of
from dunwell.office.workplace import Stamp, Workplace, stamp_of
from dunwell.outreach.answering import proposed
from dunwell.outreach.channels import Opened, channels_set_up, open_channel
from dunwell.outreach.composing import Composer
from dunwell.outreach.confirming import STAGE as CHANNEL_STOPPED
from dunwell.outreach.models import Work
from dunwell.outreach.offering import last_offer
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.records import Customer
from dunwell.outreach.texts import STAGES, NoText, Text, choose
from dunwell.outreach.texts.reading import read_text
from dunwell.outreach.texts.text import PURPOSES_BY_STAGE
from dunwell.outreach.writing_as import sender_of
from dunwell.settings import SettingsError

_KINDS = {"email": ("email",), "sms": ("mobile",), "letter": ("postal",)}


class FileRecords:
    """One customer's records as the composer asks for them."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    def customer(self, customer_id: str) -> Customer:
        """What a text may say of the customer: the file's own figures, as of today."""
        points = self._file.tables["contact_points"]
        addresses = dict(points.select("contact_point_id", "value").iter_rows())
        positions = tuple(self._file.positions.iter_rows(named=True))
        promises = tuple(self._file.promises.iter_rows(named=True))
        return Customer(self._file.customer, addresses, positions, promises)

    def account(self, account_id: str) -> tuple[AccountEvents, Terms] | None:
        """An account's own events and its product's terms; None where rows of it are in quarantine."""
        accounts = self._file.tables["accounts"]
        for number, row in enumerate(accounts.iter_rows(named=True)):
            if row["account_id"] == account_id and not row["is_incomplete"]:
                terms = self._file.place.terms.get(row["product"])
                return None if terms is None else (account_events(self._file.tables, number, None), terms)
        return None

    def gate(self, customer_id: str) -> Gate:
        """The gate that binds contacts with the customer."""
        return self._file.gate


@dataclass(frozen=True, slots=True)
class Way:
    """A text that may go to a contact point: by which channel, under which stage, in which version."""

    channel: str
    point_id: str
    shown: str
    text: Text

    @property
    def name(self) -> str:
        """By which a form names it."""
        return f"{self.channel}:{self.text.stage}:{self.point_id}"


@needs("case.work")
@require_http_methods(["GET", "POST"])
def text(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The texts that fit this customer, one of them as they would read it, and whether it may go out now; POST queues it."""
    file = open_case(request, customer_id)
    if is_hidden(request, file):
        return redirect("case", customer_id)
    try:
        settings = file.place.settings
        channels = {
            name: open_channel(name, settings, settings.environment, file.place.clock)
            for name in channels_set_up(settings)
        }
        ways = fitting(file, channels, is_open=opened_until(request, file) is not None)
        wanted = request.POST.get("way") or request.GET.get("way", "")
        way = next((one for one in ways if one.name == wanted), None)
        shown = preview(file, channels[way.channel], way) if way else {}
    except SettingsError as error:
        messages.error(request, _("No text can be sent: %(why)s") % {"why": str(error)[:300]})
        return redirect("case", customer_id)
    context: dict[str, Any] = {
        "file": file,
        "customer_id": customer_id,
        "once": once_of(request),
        "fitting": ways,
        "way": way,
        "zone": zone_of(file),
        "is_open": opened_until(request, file) is not None,
        **shown,
    }
    if request.method == "GET" or way is None:
        return render(request, "office/text.html", context)
    if not shown["can_go"]:
        return render(request, "office/text.html", context, status=409)
    with transaction.atomic():
        working.lock(file)
        verdict = ask(CaseFile(file.place, customer_id), way)
        if verdict.allowed:
            queue(file, staff_of(request), way, str(context["once"]))
    if not verdict.allowed:
        context |= {"verdict": verdict, "reasons": reasons_of(file, verdict), "can_go": False}
        return render(request, "office/text.html", context, status=409)
    messages.success(request, _("Queued. The gate is asked again when it goes out."))
    return redirect("case", customer_id)


def fitting(file: CaseFile, channels: Mapping[str, Opened], *, is_open: bool) -> list[Way]:
    """The approved texts that may go to the customer's own contact points, stage by stage."""
    found = []
    for row in file.tables["contact_points"].iter_rows(named=True):
        if row["party"] not in (None, "self"):
            continue
        shown = row["value"] if is_open else masked_address(row["value"])
        for channel in channels:
            if row["kind"] in _KINDS[channel]:
                point = row["contact_point_id"]
                found += [Way(channel, point, shown, one) for one in texts_for(file, channel)]
    return found


def texts_for(file: CaseFile, channel: str) -> Sequence[Text]:
    """The text of each stage for this customer and channel, where there is one."""
    place = file.place
    known = approved_texts(place)
    language = file.customer["language"] or place.settings.locale
    packs = tuple(pack.key for pack in file.gate.packs if not pack.is_house_policy)
    found = []
    for stage in STAGES:
        if stage == CHANNEL_STOPPED:
            continue  # only ever the answer to a stop
        try:
            found.append(choose(known, language, channel, stage, packs, file.day, actor=place.settings.actor))
        except NoText:
            continue
    return found


_texts: dict[Path, tuple[Stamp, tuple[Text, ...]]] = {}


def approved_texts(place: Workplace) -> tuple[Text, ...]:
    """The lender's approved texts, read anew when one is written, changed or taken away.

    Each is reviewed when it is filled in for a customer, as they would read it; the dispatcher reviews all of them besides.
    """
    folder = place.settings.root / "policy" / "texts"
    files = sorted(folder.rglob("*.txt"))
    stamp = stamp_of(*files)
    kept = _texts.get(folder)
    if kept is None or kept[0] != stamp:
        read = [read_text(file, file.relative_to(folder).as_posix()) for file in files]
        kept = _texts[folder] = stamp, tuple(one for one, faults in read if one is not None and not faults)
    return kept[1]


def ask(file: CaseFile, way: Way) -> Verdict:
    """May this text go out now, by itself?"""
    attempt = Attempt(
        customer_id=file.customer_id,
        at=file.place.clock(),
        channel=way.channel,
        account_ids=tuple(file.overdue_ids),
        contact_point_id=way.point_id,
        purpose=PURPOSES_BY_STAGE[way.text.stage][0],
        automated=True,
    )
    return file.unless_held(file.gate.check(attempt, file.person), attempt, way.text.stage)


def preview(file: CaseFile, opened: Opened, way: Way) -> dict[str, Any]:
    """The message as the customer would read it, and what the gate says."""
    place = file.place
    composer = Composer(
        way.channel,
        lambda: approved_texts(place),
        FileRecords(file),
        sender_of(place.settings),
        opened.render,
        actor=place.settings.actor,
        locale=place.settings.locale,
        offers=last_offer,
        proposals=proposed,
    )
    draft = Work(
        message_id="preview",
        channel=way.channel,
        stage=way.text.stage,
        purpose=PURPOSES_BY_STAGE[way.text.stage][0],
    )
    if file.subject is not None:
        draft.subject_id = file.subject
    asked = Asked(draft, file.customer_id, file.person, way.point_id, tuple(file.overdue_ids), place.clock())
    composed: Composed | Reason = composer(asked)
    verdict = ask(file, way)
    is_written = isinstance(composed, Composed)
    return {
        "message": composed.message if isinstance(composed, Composed) else None,
        "why_not": composed.detail if isinstance(composed, Reason) else "",
        "verdict": verdict,
        "reasons": reasons_of(file, verdict),
        "can_go": is_written and verdict.allowed,
    }


def queue(file: CaseFile, staff: Staff, way: Way, once: str) -> None:
    """Make due work of it for the dispatcher, until the end of the day on the customer's clock; a second time changes nothing."""
    journal, now = file.place.journal, file.place.clock()
    subject = journal.vault.admit([file.customer_id], now)[file.customer_id]
    journal.vault.open_keys([subject])
    purpose = PURPOSES_BY_STAGE[way.text.stage][0]
    Work.objects.get_or_create(
        key=f"desk:{once}",
        defaults={
            "message_id": once,
            "subject_id": subject,
            "channel": way.channel,
            "stage": way.text.stage,
            "purpose": purpose,
            "contact_point": journal.vault.pseudonym(subject, "point", way.point_id),
            "accounts": ";".join(
                journal.vault.pseudonym(subject, "account", name) for name in file.overdue_ids
            ),
            "due_at": now,
            "expires_at": _end_of_day(now, zone_of(file)),
            "changed_at": now,
        },
    )
    body = {
        "message_id": once,
        "channel": way.channel,
        "purpose": purpose,
        "stage": way.text.stage,
        "text": f"{way.text.id} v{way.text.version}",
        "at": now,
        "source": f"desk:{staff.username}",
    }
    planned = NewEvent(
        "contact.planned",
        now,
        file.customer_id,
        accounts=tuple(file.overdue_ids),
        contact_point=way.point_id,
        body=body,
        key=f"desk:text:{once}",
    )
    journal.record([planned])


def _end_of_day(now: datetime, zone: str) -> datetime:
    clock = ZoneInfo(zone)
    return datetime.combine(now.astimezone(clock).date() + timedelta(days=1), time(), clock)
