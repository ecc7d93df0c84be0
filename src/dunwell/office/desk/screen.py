"""The customer's screen: who they are, what is owed and promised, what happened, and what the law allows now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import uuid4

import polars as pl
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dunwell.law import Verdict
from dunwell.ledger.statement import AccountNotOpen, Statement
from dunwell.ledger.statement_pdf import statement_pdf
from dunwell.ledger.statement_text import COMPONENT_NAMES, MONEY_COLUMNS
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.masks import masked_address, masked_name
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile, waits_for_promise
from dunwell.office.cases.models import Approval
from dunwell.office.desk.contact import OUTCOMES_OF_CONTACTS, Current, current, outcomes_of
from dunwell.office.desk.forms import CAME_KEYS, PARTS_MAX, LogForm, came_of, usual_accounts
from dunwell.office.desk.guide import guide_for
from dunwell.office.desk.identity import FACTS, TRIES_MAX, known_facts
from dunwell.office.desk.opening import REASONS, kept_texts, open_case, open_data, opened_until
from dunwell.office.desk.options import house_reasons, options_of
from dunwell.office.desk.templatetags.shown import weekday
from dunwell.office.desk.timeline import shortened, timeline
from dunwell.office.desk.words import CAME, OUTCOMES, channel_name
from dunwell.office.desk.working import open_promises
from dunwell.resolution.restructuring import NOT_FORBORNE

WAYS_OF: Mapping[str, Sequence[str]] = {
    "mobile": ("call", "sms"),
    "landline": ("call",),
    "email": ("email",),
    "postal": ("letter",),
    "app": ("app",),
}
"""By which channels a kind of contact point can be used."""

_TIMELINE = 25


@needs("case.read")
@require_GET
def case(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The whole customer on one screen."""
    file = open_case(request, customer_id)
    return render(request, "office/case.html", context_of(request, file))


@needs("case.reveal")
@require_POST
def reveal(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Open the customer's personal data, for a reason."""
    file = open_case(request, customer_id)
    try:
        open_data(request, file, request.POST.get("reason", ""), request.POST.get("once", ""))
    except ValueError:
        messages.error(request, _("Choose a reason. It is recorded with your name."))
    return redirect("case", customer_id)


@needs("case.read")
@require_GET
def statement(request: HttpRequest, customer_id: str, account_id: str) -> HttpResponse:
    """An account itemised, every line with its clause; ``?as=pdf`` as a file to hand over."""
    file = open_case(request, customer_id)
    if is_hidden(request, file):
        return redirect("case", customer_id)
    told = _statement(file, account_id)
    if request.GET.get("as") == "pdf":
        pdf = statement_pdf(told, file.place.settings.acts_for)
        name = f"statement-{' '.join(account_id.split())}-{told.as_of}.pdf"
        headers = {"Content-Disposition": content_disposition_header(True, name) or ""}
        return HttpResponse(pdf, content_type="application/pdf", headers=headers)
    closing = [(COMPONENT_NAMES[name], getattr(told.closing, name)) for name in MONEY_COLUMNS]
    context = {"file": file, "told": told, "closing": closing, "customer_id": customer_id}
    return render(request, "office/statement.html", context)


def _statement(file: CaseFile, account_id: str) -> Statement:
    try:
        return file.statement(account_id)
    except (KeyError, AccountNotOpen) as error:
        raise Http404(str(error)) from error


def is_hidden(request: HttpRequest, file: CaseFile) -> bool:
    """Whether debts are hidden: somebody is on the line who has not shown who they are."""
    contact = current(request)
    return contact is not None and contact.customer_id == file.customer_id and not contact.passed


def context_of(request: HttpRequest, file: CaseFile, form: LogForm | None = None) -> dict[str, Any]:
    """What the customer's screen shows. ``form``: how the contact ended, where it could not be recorded as it was."""
    until, contact, staff = opened_until(request, file), current(request), staff_of(request)
    texts = kept_texts(request, file)
    count = 10_000 if request.GET.get("timeline") == "all" else _TIMELINE
    entries, more_count = shortened(timeline(file, texts), count)
    hidden = is_hidden(request, file)
    promises = promises_of(file)
    return {
        "file": file,
        "customer_id": file.customer_id,
        "who": who(file, until is not None),
        "opened_until": until,
        "reasons": REASONS,
        "once": str(uuid4()),
        "case": file.case,
        "stage": file.stage,
        "zone": zone_of(file),
        "now": file.place.clock(),
        "contact": contact if contact is not None and contact.customer_id == file.customer_id else None,
        "may_work": staff.may("case.work"),
        "may_reveal": staff.may("case.reveal"),
        "answerable": answerable(file),
        "other_contact": contact if contact is not None and contact.customer_id != file.customer_id else None,
        "hidden": hidden,
        "debts": debts_of(file),
        "total": totals(file),
        "promises": [one for one in promises if len(one["parts"]) == 1],
        "plans": [one for one in promises if len(one["parts"]) > 1],
        "approvals": list(Approval.objects.filter(subject=file.customer_id).select_related("asked_by")[:10]),
        "holds": holds_of(file),
        "preferences": preferences_of(file),
        "notices": sorted(file.person.notices or (), key=lambda one: one.sent_at, reverse=True)[:8],
        "points": points_of(file, until is not None, contact.point_id if contact else None),
        "packs": file.gate.packs,
        "options": None if hidden else options_of(file),
        "timeline": entries,
        "more_count": more_count,
    } | log_context(file, staff, contact, form)


def log_context(
    file: CaseFile, staff: Staff, contact: Current | None, form: LogForm | None
) -> dict[str, Any]:
    """What the form needs that says how a contact ended."""
    if contact is None or contact.customer_id != file.customer_id:
        return {}
    typed: Any = {} if form is None else form.data
    can_come, guide = came_of(contact), guide_for(file, staff, contact.direction)
    facts = [(name, *FACTS[name]) for name in known_facts(file, contact.point_id)]
    return {
        "guide": replace(guide, branches=tuple(one for one in guide.branches if one.then in can_come)),
        "form": form,
        "form_came": [] if form is None else typed.getlist("came"),
        "outcomes": [
            (name, OUTCOMES[name], OUTCOMES_OF_CONTACTS.index(name) + 1)
            for name in outcomes_of(contact.channel, contact.direction)
        ],
        "came": [(name, CAME[name], CAME_KEYS[name]) for name in can_come],
        "promisable": promisable(file, form),
        "promise_total": _owed_in_all(file),
        "has_more_parts": any(
            typed.get(f"{name}_{number}") for name in ("amount", "due") for number in range(2, PARTS_MAX + 1)
        ),
        "open_promise_count": len(open_promises(file, file.overdue_ids)),
        "parts": [
            {
                "number": number,
                "amount": typed.get(f"amount_{number}", ""),
                "due": typed.get(f"due_{number}", ""),
                "amount_is_wrong": form is not None and f"amount_{number}" in form.errors,
                "due_is_wrong": form is not None and f"due_{number}" in form.errors,
            }
            for number in range(1, PARTS_MAX + 1)
        ],
        "facts": facts,
        "first_fact": next((name for name, *_words in facts if name not in contact.facts), None),
        "tries_max": TRIES_MAX,
    }


def promisable(file: CaseFile, form: LogForm | None) -> list[dict[str, Any]]:
    """The debts that a promise may be for, the longest overdue first, and whether each is chosen."""
    is_sent_back = form is not None and "accounts_shown" in form.data
    typed: Any = {} if form is None else form.data
    chosen = typed.getlist("account") if is_sent_back else usual_accounts(file)
    debts = {row["account_id"]: row for row in debts_of(file)}
    return [debts[name] | {"is_chosen": name in chosen} for name in file.overdue_ids if name in debts]


def _owed_in_all(file: CaseFile) -> list[dict[str, Any]]:
    """What is past due, and what settles it all, of the overdue debts of each currency."""
    late = file.positions.filter(pl.col("account_id").is_in(file.overdue_ids))
    summed = late.group_by("currency", maintain_order=True).agg(
        past_due=pl.col("past_due_total").sum(), payoff=pl.col("payoff_total").sum()
    )
    return summed.to_dicts()


def answerable(file: CaseFile) -> str | None:
    """The latest message that the customer wrote, where nothing of ours answered it yet: its id in the journal."""
    replies = [event.event_id for event in file.events if event.kind == "contact.replied"]
    answered = {event.body.get("in_reply_to") for event in file.events}
    return replies[0] if replies and replies[0] not in answered else None


def zone_of(file: CaseFile) -> str:
    """The zone on whose clock the customer's day is told."""
    return file.zone


def who(file: CaseFile, is_open: bool) -> dict[str, Any]:
    """Who the customer is, masked unless their data are open."""
    row = file.customer
    born: date | None = row["born_on"]
    return {
        "name": row["name"] if is_open else masked_name(row["name"]),
        "born": born if is_open else None,
        "is_born_known": born is not None,
        "language": row["language"],
        "jurisdiction": row["jurisdiction"],
        "region": row["region"],
    }


def debts_of(file: CaseFile) -> list[dict[str, Any]]:
    """The accounts with what is owed today, the longest overdue first."""
    accounts = file.tables["accounts"].select("account_id", "product", "opened_on", "is_incomplete")
    rows = file.positions.join(accounts, on="account_id", how="left")
    worst_first = rows.sort("past_due_days", "past_due_total", descending=True).to_dicts()
    return [row | {"observed": observed_of(file, row["account_id"])} for row in worst_first]


def observed_of(file: CaseFile, account_id: str) -> dict[str, Any] | None:
    """The class of a debt that is observed because its contract was changed, and until when as things stand (None: what is
    past due keeps that from ending); None where it is not observed.
    """
    told = file.observed.get(account_id, {})
    forbearance, own = told.get("forbearance", {}), told.get("asset_class", {})
    if forbearance.get("value", NOT_FORBORNE) == NOT_FORBORNE and "until" not in own:
        return None
    # The text of the customer's own place comes first; where that observes nothing, forbearance's.
    until = own["until"] if "until" in own else forbearance["until"]
    return {"asset_class": own["value"], "until": None if until is None else date.fromisoformat(until)}


def totals(file: CaseFile) -> list[dict[str, Any]]:
    """What is past due and owed in all, by currency."""
    summed = file.positions.group_by("currency", maintain_order=True).agg(
        pl.col("past_due_total").sum(), pl.col("payoff_total").sum()
    )
    return summed.sort("past_due_total", descending=True).to_dicts()


def promises_of(file: CaseFile) -> list[dict[str, Any]]:
    """Every promise with its state and reason, the latest first."""
    return file.promises.sort("made_at", descending=True).to_dicts()


def holds_of(file: CaseFile) -> list[dict[str, Any]]:
    """The states that bind contacts today, from the records and the journal."""
    today = file.day
    found = []
    for state in file.person.states:
        until = state.until.date() if isinstance(state.until, datetime) else state.until
        if until is None or until >= today:
            since = state.since.date() if isinstance(state.since, datetime) else state.since
            found.append({"kind": state.kind, "since": since, "until": until, "debts": state.debts})
    return sorted(found, key=lambda one: one["since"], reverse=True)


def preferences_of(file: CaseFile) -> list[dict[str, Any]]:
    """What the customer asked for: the records' wishes, and the opt-outs that came in since."""
    told = [
        {"kind": row["kind"], "detail": wish_in_words(row["detail"])}
        for row in file.tables["preferences"].iter_rows(named=True)
    ]
    opted = [event for event in file.events if event.kind == "consent.withdrawn"]
    return told + [
        {"kind": "not_channel", "detail": channel_name(event.body["channel"]), "since": event.at}
        for event in opted
    ]


def wish_in_words(detail: str) -> str:
    """What a wish of the tape is about: days, times, a place or a channel; as it stands where it cannot be read.

    >>> wish_in_words('{"weekdays": ["sat", "sun"], "from": "12:00", "to": "14:00"}')
    'Sat, Sun, 12:00–14:00'
    """
    if not detail.strip().startswith("{"):
        return channel_name(detail)
    try:
        asked: dict[str, Any] = json.loads(detail)
    except ValueError:
        return detail
    days = ", ".join(weekday(name) for name in asked.get("weekdays", ()))
    start, end = asked.get("from"), asked.get("to")
    hours = f"{start or '00:00'}–{end or '24:00'}" if start or end else ""
    what = [channel_name(asked[name]) for name in ("place", "channel") if asked.get(name)]
    until = _("until %(day)s") % {"day": asked["until"]} if asked.get("until") else ""
    return ", ".join(part for part in (days, hours, *what, until) if part)


def points_of(file: CaseFile, is_open: bool, shown_id: str | None = None) -> list[dict[str, Any]]:
    """The contact points with what each may be used for now. ``shown_id``: the one that is being called, shown in the clear."""
    rows = file.tables["contact_points"].to_dicts()
    own = [row for row in rows if row["party"] in (None, "self")]
    ways = [(way, row["contact_point_id"]) for row in own for way in WAYS_OF.get(row["kind"], ())]
    verdicts = dict(zip(ways, file.ask_each(ways), strict=True))
    found = []
    for row in rows:
        name = row["contact_point_id"]
        is_shown = is_open or name == shown_id
        point = file.person.contact_points.get(name)
        found.append(
            {
                "id": name,
                "kind": row["kind"],
                "party": row["party"] or "self",
                "place": row["place"],
                "value": row["value"] if is_shown else masked_address(row["value"]),
                "not_theirs_from": point.not_theirs_from if point else None,
                "consents": _consents(file, name),
                "ways": [
                    {
                        "channel": way,
                        "verdict": verdict,
                        "reasons": reasons_of(file, verdict),
                        "waits_for_promise": waits_for_promise(verdict),
                    }
                    for (way, where), verdict in verdicts.items()
                    if where == name
                ],
            }
        )
    return found


def _consents(file: CaseFile, point_id: str) -> list[dict[str, Any]]:
    rows = file.tables["consents"].to_dicts()
    return [row for row in rows if row["contact_point_id"] in (None, point_id)]


def reasons_of(file: CaseFile, verdict: Verdict) -> list[dict[str, str]]:
    """A refusal's reasons in the reader's language, each with its rule and where it stands."""
    is_chinese = (get_language() or "").startswith("zh")
    house = {name: reason.zh for name, reason in house_reasons(file.day).items()} if is_chinese else {}
    chinese = house | {rule.id: rule.zh for rule in file.gate.rules} if is_chinese else {}
    return [
        {
            "rule": reason.rule,
            "citation": reason.citation,
            "effect": reason.effect,
            "words": chinese.get(reason.rule, reason.detail),
        }
        for reason in verdict.reasons
    ]
