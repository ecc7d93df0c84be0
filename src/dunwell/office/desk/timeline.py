"""Everything that happened with a customer, in words, the latest first: the journal, and what the lender's records tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django.utils.translation import gettext as _

from dunwell.office.cases.casefile import CaseFile, Happened
from dunwell.office.desk.templatetags.shown import day, minor, moment, money, sentence, word
from dunwell.office.desk.words import channel_name, hold_name, outcome_name

_LEFT_OUT = {"data.read", "contact.planned", "contact.deferred", "contact.delayed", "decision.made"}
"""What tells of our own bookkeeping: compliance searches it; a collector's day does not need it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened: when, in a few words, more of it, and the text kept of it where the data are open.

    ``is_day``: only the day is known. ``tone``: good, warn, bad or nothing. ``hidden``: a text is kept and masked.
    """

    at: datetime
    title: str
    detail: str = ""
    text: str = ""
    tone: str = ""
    is_day: bool = False
    hidden: bool = False


def timeline(file: CaseFile, texts: Mapping[str, str]) -> list[Entry]:
    """Everything about the customer. ``texts``: notes and messages that may be shown, by their reference in the vault."""
    entries = [*_journal(file, texts), *_contacts(file), *_payments(file), *_promises(file), *_notices(file)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _journal(file: CaseFile, texts: Mapping[str, str]) -> Iterator[Entry]:
    settled = {
        event.body.get("message_id")
        for event in file.events
        if event.kind in ("contact.made", "contact.sent")
    }
    for event in file.events:
        if event.kind in _LEFT_OUT:
            continue
        if event.kind == "contact.permitted" and event.body.get("message_id") in settled:
            continue
        title, detail, tone = told(event)
        kept = event.body.get("personal", {})
        if event.kind == "file.kept":
            kept = {}  # its name and digest are for the verifier
        said = [_in_words(name, texts[one["item"]]) for name, one in kept.items() if one["item"] in texts]
        yield Entry(event.at, title, detail, "\n".join(said), tone, hidden=bool(kept) and not said)


def _in_words(name: str, text: str) -> str:
    """A text that was kept, as the timeline shows it."""
    return _("verified by %(how)s") % {"how": text} if name == "verified_by" else text


def told(event: Happened) -> tuple[str, str, str]:
    """An event in words: the title, more of it, and its tone."""
    telling = _TELLINGS.get(event.kind)
    if telling is None:
        return event.kind.replace(".", " "), "", ""
    return telling(event)


def _by(event: Happened, *more: str) -> str:
    who = event.body.get("by")
    return "; ".join([*(part for part in more if part), *([_("by %(who)s") % {"who": who}] if who else [])])


def _channel(event: Happened) -> str:
    return channel_name(event.body.get("channel", ""))


def _permitted(event: Happened) -> tuple[str, str, str]:
    return _("Permitted by the gate: %(channel)s") % {"channel": _channel(event)}, _by(event), ""


def _refused(event: Happened) -> tuple[str, str, str]:
    rules = ", ".join(reason["rule"] for reason in event.body.get("reasons", ()))
    return _("Refused by the gate: %(channel)s") % {"channel": _channel(event)}, _by(event, rules), "warn"


def _sent(event: Happened) -> tuple[str, str, str]:
    return _("Sent: %(channel)s") % {"channel": _channel(event)}, event.body.get("text") or "", ""


def _made(event: Happened) -> tuple[str, str, str]:
    way = _("They contacted us") if event.body["direction"] == "in" else _channel(event)
    return _told(way, event.body["outcome"]), _by(event), ""


def _replied(event: Happened) -> tuple[str, str, str]:
    urgent = _("needs a person") if event.body.get("needs_person") else ""
    return _("They wrote: %(channel)s") % {"channel": _channel(event)}, urgent, "warn" if urgent else ""


def _held(event: Happened) -> tuple[str, str, str]:
    until = event.body.get("until")
    detail = _("until %(day)s") % {"day": day(datetime.fromisoformat(until).date())} if until else ""
    return _("Hold: %(hold)s") % {"hold": hold_name(event.body["hold"])}, _by(event, detail), "warn"


def _lifted(event: Happened) -> tuple[str, str, str]:
    return _("Hold lifted: %(hold)s") % {"hold": hold_name(event.body["hold"])}, _by(event), ""


def _promised(event: Happened) -> tuple[str, str, str]:
    parts = event.body["parts"]
    told_parts = [
        f"{minor(part['amount_minor'], part['currency'])} {_day_of(part)}".strip()
        for part in parts
        if part.get("amount_minor") and part.get("currency")
    ]
    is_made = event.kind == "promise.made"
    title = _("Promise to pay") if is_made else _("Reads like a promise; not confirmed")
    about = ", ".join(event.accounts) if is_made else ""
    return title, _by(event, ", ".join(told_parts), about), "good" if is_made else ""


def _day_of(part: Mapping[str, Any]) -> str:
    due = part.get("due_on")
    return day(date.fromisoformat(due)) if due else ""


def _withdrawn(event: Happened) -> tuple[str, str, str]:
    by_later = event.body.get("superseded_by")
    title = _("Promise replaced by a later one") if by_later else _("Promise withdrawn")
    return title, _by(event, word(event.body["reason"], "WITHDRAWALS")), ""


def _checked(event: Happened) -> tuple[str, str, str]:
    passed = event.body["passed"]
    title = _("Identity confirmed") if passed else _("Identity not confirmed")
    how = event.body.get("verified_by")  # written in the body once; since then it is kept apart, as a text
    return title, _by(event, _("verified by %(how)s") % {"how": how} if how else ""), "" if passed else "warn"


def _agreed(event: Happened) -> tuple[str, str, str]:
    waits = event.body.get("approval") and not event.body.get("seconded_by")
    title = _("Plan waits for a second person") if waits else _("Plan agreed")
    return title, _by(event, word(event.body["plan"], "PLANS")), ""


def _offered(event: Happened) -> tuple[str, str, str]:
    body = event.body
    count = len(body["parts"])
    detail = f"{word(body['plan'], 'PLANS')}, {count} x {minor(body['parts'][0]['amount_minor'], body['currency'])}"
    return _("Plan offered"), _by(event, detail), ""


def _corrected(event: Happened) -> tuple[str, str, str]:
    what = word(event.body["what"], "CORRECTED")
    return _("Records corrected: %(what)s") % {"what": what}, _by(event, event.body["why"]), ""


def _filed(event: Happened) -> tuple[str, str, str]:
    return _("Kept: %(what)s") % {"what": word(event.body["what"], "FILES")}, _by(event), ""


def _paid(event: Happened) -> tuple[str, str, str]:
    if event.body.get("sort") in ("reversal", "chargeback"):
        return _("A payment was taken back"), _by(event), "bad"
    return _("A payment was seen"), _by(event), "good"


def _put_off(event: Happened) -> tuple[str, str, str]:
    until = datetime.fromisoformat(event.body["until"])
    return _("To come back to the case"), _by(event, f"{moment(until)} UTC"), ""


def _plain(title: Callable[[], str], tone: str = "") -> Callable[[Happened], tuple[str, str, str]]:
    return lambda event: (title(), _by(event, event.body.get("why") or ""), tone)


_TELLINGS: Mapping[str, Callable[[Happened], tuple[str, str, str]]] = {
    "contact.permitted": _permitted,
    "contact.refused": _refused,
    "contact.sent": _sent,
    "contact.failed": _plain(lambda: _("A message or a call did not take place"), "warn"),
    "contact.unknown": _plain(lambda: _("It is not known whether a message went out"), "warn"),
    "contact.delivered": _plain(lambda: _("A message arrived")),
    "contact.bounced": _plain(lambda: _("A message came back"), "warn"),
    "contact.opened": _plain(lambda: _("A message was opened")),
    "contact.replied": _replied,
    "contact.made": _made,
    "consent.given": _plain(lambda: _("Agreed to be contacted")),
    "consent.withdrawn": _plain(lambda: _("Asked not to be contacted this way"), "warn"),
    "hold.placed": _held,
    "hold.lifted": _lifted,
    "point.not_theirs": _plain(lambda: _("A number or address is somebody else's"), "warn"),
    "promise.proposed": _promised,
    "promise.made": _promised,
    "promise.withdrawn": _withdrawn,
    "plan.offered": _offered,
    "plan.agreed": _agreed,
    "identity.checked": _checked,
    "notice.sent": _plain(lambda: _("A required notice was sent")),
    "payment.seen": _paid,
    "data.corrected": _corrected,
    "data.erased": _plain(lambda: _("Personal data were erased")),
    "case.note": _plain(lambda: _("Note")),
    "case.put_off": _put_off,
    "file.kept": _filed,
}


def _contacts(file: CaseFile) -> Iterator[Entry]:
    """The contacts of the lender's tape."""
    for row in file.tables["contacts"].iter_rows(named=True):
        way = _("They contacted us") if row["direction"] == "in" else channel_name(row["channel"])
        yield Entry(row["at"], _told(way, row["outcome"]), _("from the lender's records"))


def _payments(file: CaseFile) -> Iterator[Entry]:
    names = {
        "payment": _("Payment"),
        "reversal": _("Payment reversed"),
        "chargeback": _("Chargeback"),
    }
    accounts = file.tables["accounts"]
    for row in file.tables["payments"].iter_rows(named=True):
        place = row["account_row"]
        amount = minor(row["amount_minor"], accounts["currency"][place])
        kind = row["kind"] or "payment"
        yield Entry(
            _start(row["paid_on"]),
            f"{names[kind]} {amount}",
            accounts["account_id"][place],
            tone="good" if kind == "payment" else "bad",
            is_day=True,
        )


def _promises(file: CaseFile) -> Iterator[Entry]:
    """The promises of the lender's tape; those of the desk stand in the journal."""
    told_here = {event.body.get("promise") for event in file.events if event.kind == "promise.made"}
    for row in file.promises.iter_rows(named=True):
        if row["promise_id"] in told_here:
            continue
        about = ", ".join(row["account_ids"])
        detail = f"{money(row['amount'], row['currency'])}, {day(row['due_on'])}; {about}"
        yield Entry(row["made_at"], _("Promise to pay"), detail, tone="good")
    for row in file.promises.filter(file.promises["broken_on"].is_not_null()).iter_rows(named=True):
        yield Entry(
            _start(row["broken_on"]), _("Promise broken"), sentence(row["reason"]), tone="bad", is_day=True
        )


def _notices(file: CaseFile) -> Iterator[Entry]:
    for row in file.tables["notices"].iter_rows(named=True):
        title = _("Notice sent: %(kind)s") % {"kind": word(row["kind"], "NOTICES")}
        yield Entry(row["sent_at"], title, _("from the lender's records"))


def _told(way: str, outcome: str) -> str:
    return _("%(way)s: %(outcome)s") % {"way": way, "outcome": outcome_name(outcome)}


def _start(on: Any) -> datetime:
    return datetime.combine(on, time(), UTC)


def shortened(entries: Sequence[Entry], count: int) -> tuple[Sequence[Entry], int]:
    """The latest entries, and how many more there are."""
    return entries[:count], max(len(entries) - count, 0)
