"""What providers say later about a message becomes events: arrived, came back, opened, no longer wanted.

A receipt may come twice, late, in any order, or before our own record of the message is complete; it is recorded once. One
that says that the person no longer wants the channel acts at once.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from dunwell.journal.recording import Journal, NewEvent
from dunwell.law.addresses import plain_address
from dunwell.outreach.channel import Receipt
from dunwell.outreach.models import EarlyReceipt, ProviderReference, Work
from dunwell.outreach.records import Known

_KINDS = {
    "delivered": "contact.delivered",
    "bounced": "contact.bounced",
    "returned": "contact.bounced",
    "delayed": "contact.delayed",
    "opened": "contact.opened",
    "unsubscribed": "consent.withdrawn",
}
_NAME_MAX = 120


def take_receipts(journal: Journal, provider: str, receipts: Sequence[Receipt], records: Known) -> int:
    """Record receipts, in one transaction; how many were new and of messages of ours.

    Those of messages that are not known yet wait (``take_early``).
    """
    with transaction.atomic():
        works = _works(provider, receipts)
        events, early = [], []
        for receipt in receipts:
            work = next((works[name] for name in _names(receipt) if name in works), None)
            if work is not None:
                events.append(_event(receipt, work, provider, _address(journal, records, receipt, work)))
                if receipt.kind == "unsubscribed":
                    events += _elsewhere(journal, records, receipt, work, provider)
            elif receipt.provider_reference is not None:
                early.append(_waiting(receipt, provider, journal.clock()))
        EarlyReceipt.objects.bulk_create(early, ignore_conflicts=True)
        recorded = journal.record(events)
    # The worker may have recorded the name while we wrote that it is not known: whoever comes second looks again.
    return sum(one.is_new for one in recorded) + take_early(
        journal, provider, [one.reference for one in early], records
    )


def _elsewhere(
    journal: Journal, records: Known, receipt: Receipt, work: Work, provider: str
) -> Sequence[NewEvent]:
    """Where else the records hold the address at which messages were ended, of this person and of others: whoever reads there
    asked for no more, and was told that no more come.
    """
    subject = str(work.subject_id)
    customer_id = journal.vault.customer_ids([subject]).get(subject)
    if customer_id is None:
        return []
    try:
        addresses = records.customer(customer_id).addresses
    except KeyError:
        return []
    journal.vault.open_keys([subject])
    own = {point: journal.vault.pseudonym(subject, "point", point) for point in addresses}
    ended = [address for point, address in addresses.items() if own[point] == work.contact_point]
    others = sorted({owner for address in ended for owner in records.owners(work.channel, address)})
    others = [(who, point) for who, point in others if own.get(point) != work.contact_point]
    key = _key(receipt, provider)
    return [
        shared_stop(work.channel, receipt.at, who, point, plain_address(ended[0]) or None, f"{key}:{number}")
        for number, (who, point) in enumerate(others)
    ]


def _address(journal: Journal, records: Known, receipt: Receipt, work: Work) -> str | None:
    """The number or address at which messages are ended, as it is compared; None where nothing is ended or it is not known."""
    if receipt.kind != "unsubscribed" or work.contact_point is None:
        return None
    return address_at(journal, records, str(work.subject_id), work.contact_point)


def address_at(journal: Journal, records: Known, subject: str, point: str) -> str | None:
    """The number or address that a person's contact point (by its pseudonym) has now, as it is compared. A stop keeps it, so that
    it holds for the number whatever id the records give it later.
    """
    customer_id = journal.vault.customer_ids([subject]).get(subject)
    person = None if customer_id is None else records.people([customer_id]).get(customer_id)
    if person is None:
        return None
    journal.vault.open_keys([subject])
    for name, known in person.contact_points.items():
        if journal.vault.pseudonym(subject, "point", name) == point:
            return known.address
    return None


def shared_stop(
    channel: str, at: datetime, customer_id: str, point: str, address: str | None, key: str
) -> NewEvent:
    """A channel is ended at a contact point because it was at another that has the same address."""
    body = {"channel": channel, "source": "said at the same address"}
    return NewEvent(
        "consent.withdrawn", at, customer_id, contact_point=point, address=address, body=body, key=key
    )


def take_early(journal: Journal, provider: str, references: Iterable[str], records: Known) -> int:
    """Record the receipts that waited for these of the provider's names, where the names are known now; how many.

    Called after the names were committed.
    """
    wanted = [stored_name(reference) for reference in references]
    return _take_early(journal, provider, Q(reference__in=wanted), records) if wanted else 0


def take_all_early(journal: Journal, provider: str, records: Known) -> int:
    """Record every receipt that waited though its message is known: what a worker left that stopped between the two."""
    return _take_early(journal, provider, Q(), records)


def _take_early(journal: Journal, provider: str, which: Q, records: Known) -> int:
    named = ProviderReference.objects.filter(provider=provider, reference=OuterRef("reference"))
    with transaction.atomic():
        waiting = EarlyReceipt.objects.filter(which, Exists(named), provider=provider)
        rows = list(waiting.select_for_update())
        if not rows:
            return 0
        count = take_receipts(journal, provider, [_receipt(row.receipt) for row in rows], records)
        EarlyReceipt.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return count


def _names(receipt: Receipt) -> list[tuple[str, str]]:
    """By what a receipt names its message: our id, and the provider's."""
    ours = [] if receipt.message_id is None else [("ours", receipt.message_id)]
    if receipt.provider_reference is None:
        return ours
    return [*ours, ("theirs", stored_name(receipt.provider_reference))]


def stored_name(text: str) -> str:
    """What a provider calls a message or a receipt, as we keep it: as it is, or a digest of it where it is too long."""
    return text if len(text) <= _NAME_MAX else sha256(text.encode()).hexdigest()


def _works(provider: str, receipts: Sequence[Receipt]) -> dict[tuple[str, str], Work]:
    names = [name for receipt in receipts for name in _names(receipt)]
    ours = Work.objects.in_bulk([name for kind, name in names if kind == "ours"])
    found = {("ours", message_id): work for message_id, work in ours.items()}
    theirs = ProviderReference.objects.filter(
        provider=provider, reference__in=[name for kind, name in names if kind == "theirs"]
    )
    found.update((("theirs", row.reference), row.work) for row in theirs.select_related("work"))
    return found


def _event(receipt: Receipt, work: Work, provider: str, address: str | None) -> NewEvent:
    kind = _KINDS[receipt.kind]
    body: dict[str, Any] = {"message_id": work.message_id, "channel": work.channel, "provider": provider}
    if kind == "contact.bounced":
        body |= {"is_permanent": receipt.permanent, "why": receipt.detail[:300]}
    elif kind == "contact.delayed":
        body |= {"why": receipt.detail[:300]}
    elif kind == "consent.withdrawn":
        body = {
            "channel": work.channel,
            "message_id": work.message_id,
            "source": "the channel's own way to say so",
        }
    pseudonyms = {} if work.contact_point is None else {"contact_point": work.contact_point}
    return NewEvent(
        kind,
        receipt.at,
        subject=str(work.subject_id),
        address=address,
        body=body,
        pseudonyms=pseudonyms,
        key=_key(receipt, provider),
    )


def _key(receipt: Receipt, provider: str) -> str:
    return f"receipt:{provider}:{_digest(receipt.receipt_id)}"


def _digest(receipt_id: str) -> str:
    """The same for the same receipt, and telling nothing of it."""
    return sha256(receipt_id.encode()).hexdigest()[:32]


def _waiting(receipt: Receipt, provider: str, now: datetime) -> EarlyReceipt:
    values = asdict(receipt) | {"at": receipt.at.isoformat()}
    return EarlyReceipt(
        provider=provider,
        reference=stored_name(receipt.provider_reference or ""),
        receipt_id=_digest(receipt.receipt_id),
        receipt=json.dumps(values),
        received_at=now,
    )


def _receipt(text: str) -> Receipt:
    values = json.loads(text)
    return Receipt(**(values | {"at": datetime.fromisoformat(values["at"])}))
