"""``dunwell outreach preview``: one message as its reader would see it, and what the gate says of it now."""

import getpass
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dunwell.cli.errors import CommandError
from dunwell.law import Attempt, Person, Reason
from dunwell.outreach.channel import Message
from dunwell.outreach.channels import Opened
from dunwell.outreach.composing import Composer
from dunwell.outreach.knowing import decoded, seen_by_subject, with_journal
from dunwell.outreach.permitting import Asked
from dunwell.outreach.records import BookRecords
from dunwell.outreach.since import NOTHING, Since, held_for, since
from dunwell.outreach.texts.text import PURPOSES_BY_STAGE

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal

_POINTS = {"email": ("email",), "sms": ("mobile",), "letter": ("postal",)}


def preview(
    journal: "Journal",
    records: BookRecords,
    composer: Composer,
    opened: Opened,
    customer_id: str,
    stage: str,
    at: datetime,
    out: Path | None,
) -> int:
    """Print it; 1 when it would not go out now. Raises CommandError."""
    from dunwell.outreach.models import Work

    person = records.people([customer_id]).get(customer_id)
    if person is None:
        raise CommandError(
            f"the book has no customer {customer_id!r}. Look for them in the tape, and in book/quarantine"
        )
    person, told = seen_now(journal, person, records)
    points = own_points(person, opened.name)
    if not points:
        raise CommandError(
            f"{customer_id} has no {' or '.join(_POINTS[opened.name])} of their own in the book"
        )
    late = {name for name, account in (person.accounts or {}).items() if (account.past_due_days or 0) > 0}
    accounts = tuple(sorted(late)) or tuple(sorted(person.accounts or ()))
    purpose = PURPOSES_BY_STAGE.get(stage.replace(" ", "_"), ("remind",))[0]
    subject = journal.vault.references([customer_id]).get(customer_id)
    work = Work(message_id="preview", channel=opened.name, stage=stage, purpose=purpose)
    if subject is not None:
        work.subject_id = subject
    asked = Asked(work, customer_id, person, points[0], accounts, at, told.withdrawn)
    attempt = Attempt(
        customer_id=customer_id,
        at=at,
        channel=opened.name,
        account_ids=accounts,
        contact_point_id=points[0],
        purpose=purpose,
        automated=True,
    )
    verdict = records.gate(customer_id).check(attempt, person)
    if (held := held_for(told, person, purpose, work.stage, at)) is not None:
        verdict = replace(verdict, allowed=False, reasons=(*verdict.reasons, held), not_before=None)
    composed = composer(asked)
    if isinstance(composed, Reason):
        print(f"no message: {composed.detail}\n")
    else:
        message = composed.message
        _record_look(journal, customer_id, opened.name)
        print(
            f"To: {message.to}\n"
            + (f"Subject: {message.subject}\n" if message.subject else "")
            + f"\n{message.text}\n"
        )
        print(f"(text {composed.text_id})")
        if out is not None:
            out.write_bytes(_page(opened, message))
            print(f"written to {out}")
    for reason in verdict.reasons:
        print(f"NOT NOW  {reason.rule}: {reason.detail} [{reason.citation}]")
    if verdict.allowed:
        print("allowed now")
    elif verdict.not_before is not None:
        print(f"allowed from {verdict.not_before.isoformat()}")
    return 0 if verdict.allowed and not isinstance(composed, Reason) else 1


def _record_look(journal: "Journal", customer_id: str, channel: str) -> None:
    """Whoever sees a preview sees a name and an address: that is an event, recorded before it is shown."""
    from dunwell.journal.recording import NewEvent

    body = {
        "by": getpass.getuser(),
        "why": "preview",
        "what": f"a message by {channel} as they would read it",
    }
    journal.record([NewEvent("data.read", journal.clock(), customer_id, body=body)])


def _page(opened: Opened, message: Message) -> bytes:
    if opened.page is None:
        raise CommandError(f"a message by {opened.name} has no page to write. Leave out --out")
    return opened.page(message)


def own_points(person: Person, channel: str) -> list[str]:
    """The contact points of a channel that are the person's own, as far as we know."""
    return [
        name
        for name, point in person.contact_points.items()
        if point.kind in _POINTS[channel] and point.party == "self" and point.not_theirs_from is None
    ]


def seen_now(journal: "Journal", person: Person, records: BookRecords) -> tuple[Person, Since]:
    """The person with what the journal has seen of them, and what of it happened since the run of the records."""
    known_until = records.known_until()
    subject = journal.vault.references([person.customer_id]).get(person.customer_id)
    if subject is None:
        return with_journal(person, ()), NOTHING
    journal.vault.open_keys([subject])
    rows = seen_by_subject([subject])[subject]
    seen = decoded(rows, person, lambda kind, name: journal.vault.pseudonym(subject, kind, name), known_until)
    promises = records.customer(person.customer_id).promises
    return with_journal(person, seen), since(rows, known_until, promises)
