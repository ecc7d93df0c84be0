"""Every answer of the gate with its receipt: may this contact be made, by which law, and if not why not, by which clause."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

from dunwell.journal.finding import events_of
from dunwell.journal.models import Event, Seal
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.compliance.refusals import refusals_by
from dunwell.office.compliance.sought import PERMITTED, REFUSED, Sought, customer_of
from dunwell.office.workplace import Workplace
from dunwell.outreach.models import Work

if TYPE_CHECKING:
    from django.db.models import QuerySet

EVENTS = {"contact.permitted": PERMITTED, "contact.refused": REFUSED}
SHOWN = 100
_READ = 500


@dataclass(frozen=True, slots=True)
class RuleSaid:
    """A rule by its id, where it stands, and its sentence as its pack has it today (empty where no pack has it)."""

    rule: str
    citation: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer of the gate. ``by``: the person or worker who asked; ``point``: the contact point as the lender names it, empty
    where it is not known; ``reasons``: why not; ``law_hash``: of the rules it was judged by; ``seal``: the number of the seal
    that covers the event, None before one does.
    """

    event_id: str
    at: datetime
    is_permitted: bool
    customer_id: str
    channel: str
    purpose: str
    message_id: str
    point: str
    by: str
    packs: Sequence[str]
    reasons: Sequence[RuleSaid]
    not_before: datetime | None
    law_hash: str
    seal: int | None


def verdicts(
    place: Workplace, staff: Staff, sought: Sought, limit: int = SHOWN, before: int | None = None
) -> list[tuple[int, Verdict]]:
    """The answers of the gate that fit, of customers whom somebody may see, each with its number in the journal: the latest
    recorded first, at most ``limit``, of those with a number lower than ``before``. Raises NoBook.
    """
    kinds = [kind for kind, name in EVENTS.items() if sought.wants(name)]
    rows = _rows(place, sought, kinds) if kinds else None
    if rows is None:
        return []
    is_by_rule = bool(sought.rule) and not (sought.name or sought.first or sought.last)
    if is_by_rule and not sought.wants(REFUSED):
        return []  # what was permitted has no rule that refused it
    found: list[tuple[int, Verdict]] = []
    while len(found) < limit:
        if is_by_rule:
            later = refusals_by(place, sought.rule, before, _READ)
        else:
            later = rows if before is None else rows.filter(pk__lt=before)
        events = list(later.order_by("-pk")[:_READ])
        if not events:
            break
        found += _told(place, staff, events, sought.name)
        before = events[-1].pk
    return found[:limit]


def _rows(place: Workplace, sought: Sought, kinds: Sequence[str]) -> "QuerySet[Event] | None":
    """The events that may fit; None where the name is nobody's."""
    rows: QuerySet[Event] = Event.objects.filter(kind__in=kinds)
    if sought.name:
        customer = customer_of(place, sought.name)
        if customer is not None:
            subject = place.journal.vault.references([customer]).get(customer)
            if subject is None:
                return None
            rows = events_of([subject], kinds)
        elif Event.objects.filter(event_id=sought.name).exists():
            rows = rows.filter(event_id=sought.name)
        else:
            work = Work.objects.filter(message_id=sought.name).first()
            if work is not None:  # a message of ours: its person's events alone are read, not all
                rows = events_of([str(work.subject_id)], kinds)
            rows = rows.filter(body__contains=f'"message_id":{json.dumps(sought.name)}')
    if sought.rule:
        rows = rows.filter(body__contains=f'"rule":{json.dumps(sought.rule, ensure_ascii=False)}')
    if sought.begins is not None:
        rows = rows.filter(happened_at__gte=sought.begins)
    if sought.ends is not None:
        rows = rows.filter(happened_at__lt=sought.ends)
    return rows


def _told(
    place: Workplace, staff: Staff, events: Sequence[Event], name: str
) -> Iterable[tuple[int, Verdict]]:
    subjects = {str(event.subject_id) for event in events}
    owners = visible_subjects(place, staff, subjects)
    place.journal.vault.open_keys(list(owners))
    points: dict[str, Mapping[str, str]] = {}
    accounts: dict[str, Mapping[str, str]] = {}
    said = rules_said(place)
    for event in events:
        subject = str(event.subject_id)
        customer = owners.get(subject)
        if customer is None:
            continue
        if customer not in points:
            points[customer] = _names(place, subject, customer, "point", "contact_points", "contact_point_id")
            accounts[customer] = _names(place, subject, customer, "account", "accounts", "account_id")
        body = json.loads(event.body)
        point = points[customer].get(body.get("contact_point", ""), "")
        debts = [accounts[customer].get(one, "") for one in body.get("accounts", ())]
        if name in points[customer].values() and point != name:
            continue
        if name in accounts[customer].values() and debts and name not in debts:
            continue
        yield event.pk, _verdict(event, body, customer, point, said)


def _names(
    place: Workplace, subject: str, customer: str, kind: str, table: str, column: str
) -> Mapping[str, str]:
    """The lender's ids of what a customer has, by what stands for them in events."""
    file = place.shelf.file(customer)
    names = [] if file is None else file.tables[table][column].to_list()
    return {place.journal.vault.pseudonym(subject, kind, one): one for one in names}


def _verdict(
    event: Event, body: Mapping[str, Any], customer: str, point: str, said: Mapping[str, str]
) -> Verdict:
    not_before = body.get("not_before")
    return Verdict(
        event_id=event.event_id,
        at=event.happened_at,
        is_permitted=event.kind == "contact.permitted",
        customer_id=customer,
        channel=body["channel"],
        purpose=body.get("purpose", ""),
        message_id=body.get("message_id", ""),
        point=point,
        by=str(body.get("by") or body.get("worker") or "dunwell"),
        packs=body.get("packs", ()),
        reasons=[
            RuleSaid(one["rule"], one.get("citation", ""), one.get("detail") or said.get(one["rule"], ""))
            for one in body.get("reasons", ())
        ],
        not_before=None if not_before is None else datetime.fromisoformat(not_before),
        law_hash=body.get("law_hash", ""),
        seal=_seal_of(event),
    )


def _seal_of(event: Event) -> int | None:
    if event.leaf_index is None:
        return None
    covering = Seal.objects.filter(tree_size__gt=event.leaf_index).order_by("number")
    return covering.values_list("number", flat=True).first()


def rules_said(place: Workplace) -> Mapping[str, str]:
    """The sentence of every rule in the reader's language."""
    is_chinese = (get_language() or "en").startswith("zh")
    return {
        rule.id: rule.zh if is_chinese else rule.en
        for pack in place.law.packs.values()
        for rule in pack.rules
    }
