"""The dispatcher: takes due work, asks the gate, permits and claims in one transaction, sends, and records what became of it.

A crash between any two steps loses nothing and sends nothing twice. The order makes it so: the permission and the claim are
one transaction; the wire record says which messages may have left; the outcome is a transaction again. What was claimed and
never begun is due again; what was begun and has no outcome is ``unknown`` and is not retried, unless the provider knows our
message ids and takes the same one only once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from django.db import connection, transaction

from dunwell.journal.models import Subject
from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.rows import update
from dunwell.law import Gate, Person
from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.knowing import decoded, promised_until, seen_by_subject, undeliverable, with_journal
from dunwell.outreach.models import ProviderReference, State, Work
from dunwell.outreach.pacing import QuietHours, Rate, take
from dunwell.outreach.permitting import UNKNOWN_PERSON, Compose, Permitted, Refused, permit, refused
from dunwell.outreach.receipts import stored_name, take_early
from dunwell.outreach.wire import WireRecord

_WHY_MAX = 300
_NEXT = timedelta(microseconds=1)


class Known(Protocol):
    """What the lender's records say of people, and which gate judges contacts to each."""

    def people(self, customer_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of them that the records know."""
        ...

    def gate(self, customer_id: str) -> Gate:
        """The gate of the packs that bind this person."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How a channel is worked. ``batch``: messages claimed together, which is also how many a crash can leave in doubt."""

    batch: int = 50
    attempts_max: int = 6
    back_off_seconds: float = 30.0
    back_off_max_seconds: float = 3600.0
    rate: Rate = field(default_factory=Rate)
    quiet: QuietHours = field(default_factory=QuietHours)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch that may go out, and how many were held back, put off or expired on the way."""

    messages: tuple[Message, ...] = ()
    not_now_count: int = 0


class Dispatcher:
    """One worker of one channel. ``name`` is the same after a restart, so that it finds what it left behind."""

    def __init__(
        self,
        channel: str,
        name: str,
        *,
        journal: Journal,
        known: Known,
        compose: Compose,
        wire: WireRecord,
        limits: Limits,
        provider: str,
        is_idempotent: bool = False,
    ) -> None:
        """``is_idempotent``: the provider takes a message id only once, so what is in doubt may be handed over again."""
        self.channel, self.name, self.provider = channel, name, provider
        self._journal, self._known, self._compose = journal, known, compose
        self._wire, self._limits = wire, limits
        self._is_idempotent = is_idempotent
        self._customers: dict[str, str] = {}

    # --- after a crash

    def recover(self) -> int:
        """What this worker had claimed when it stopped: due again, or in doubt; how many were in doubt.

        Never call it while a batch of this worker is on the wire.
        """
        now = self._journal.clock()
        with transaction.atomic():
            rows = list(Work.objects.select_for_update().filter(worker=self.name, state=State.CLAIMED))
            events, doubtful_count = [], 0
            for row in rows:
                if not self._is_idempotent and self._wire.may_have_left(row.message_id):
                    row.state, row.why = (
                        State.UNKNOWN,
                        "the worker stopped before the answer came; not retried",
                    )
                    events.append(self._event(row, "contact.unknown", now, why=row.why))
                    doubtful_count += 1
                else:
                    row.state, row.worker = State.DUE, None
                    row.why = "the worker stopped before it was sent"
                    said = {"why": row.why, "attempt": row.attempt_count}
                    events.append(self._event(row, "contact.deferred", now, **said))
            self._journal.record(events)
            _save(rows, now)
        self._wire.clear()
        return doubtful_count

    # --- the claim

    def claim(self) -> Claimed:
        """Due work, each permitted by the gate and claimed, in one transaction."""
        began = self._journal.clock()
        if self._limits.quiet.wakes_at(began) is not None:
            return Claimed()
        with transaction.atomic():
            rows = self._due(began)
            rows = rows[: take(self.provider, self._limits.rate, len(rows), began)]
            if not rows:
                return Claimed()
            alive = self._locked(sorted({str(row.subject_id) for row in rows}))
            # Read only now: what others recorded while we waited for the locks lies before the instant that is judged.
            now = self._journal.clock()
            answers = self._judge([row for row in rows if row.expires_at > now], alive, now)
            permitted = [answer for answer in answers if isinstance(answer, Permitted)]
            for answer in permitted:
                answer.work.state, answer.work.worker, answer.work.why = State.CLAIMED, self.name, ""
                answer.work.attempt_count += 1
            expired = [row for row in rows if row.expires_at <= now]
            for row in expired:
                row.state, row.why = State.EXPIRED, "its day is over; the next run plans anew"
            self._journal.record(
                [answer.event for answer in answers]
                + [self._event(row, "contact.failed", now, why=row.why) for row in expired]
            )
            _save(rows, now)
        return Claimed(tuple(one.message for one in permitted), len(rows) - len(permitted))

    def _due(self, now: datetime) -> list[Work]:
        """A batch of due work, locked; what other workers hold is passed over."""
        rows = Work.objects.filter(channel=self.channel, state=State.DUE, due_at__lte=now)
        rows = rows.order_by("priority", "due_at", "message_id")
        if connection.vendor == "postgresql":
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        return list(rows[: self._limits.batch])

    def _judge(
        self, rows: Sequence[Work], alive: Mapping[str, str], now: datetime
    ) -> list[Permitted | Refused]:
        """Each with the gate's answer under everything known now. ``alive``: the persons who were not erased, locked.

        So no other worker judges a contact to one of them before this one is recorded. Of several messages to one person in a
        batch the first is judged; the others wait for the next round.
        """
        first: dict[str, Work] = {}
        for row in rows:
            if str(row.subject_id) in first:
                row.due_at = now + timedelta(seconds=1)
            else:
                first[str(row.subject_id)] = row
        known = [subject for subject in first if subject in alive]
        self._journal.vault.open_keys(known)
        people = self._known.people([alive[subject] for subject in known])
        seen = seen_by_subject(known)
        answers = []
        for subject, row in first.items():
            answer = self._answer(row, subject, alive.get(subject), people, seen.get(subject, []), now)
            if isinstance(answer, Refused):
                answer.put_off()
            answers.append(answer)
        return answers

    def _answer(
        self,
        row: Work,
        subject: str,
        customer: str | None,
        people: Mapping[str, Person],
        seen: Sequence[tuple[str, str, datetime, str]],
        now: datetime,
    ) -> Permitted | Refused:
        person = None if customer is None else people.get(customer)
        if customer is None or person is None:
            return refused(row, (UNKNOWN_PERSON,), None, now)

        def pseudonym(kind: str, name: str) -> str:
            return self._journal.vault.pseudonym(subject, kind, name)

        # Another machine's clock may be ahead of ours: what it permitted before still lies before this instant.
        latest = max((at for _, kind, at, _ in seen if kind == "contact.permitted"), default=now)
        now = latest + _NEXT if latest > now else now
        person = with_journal(person, decoded(seen, person, pseudonym))
        gate = self._known.gate(customer)
        return permit(
            row,
            customer,
            person,
            gate,
            self._compose,
            pseudonym,
            undeliverable(seen),
            now,
            promised_until(seen),
        )

    def _locked(self, subjects: Sequence[str]) -> dict[str, str]:
        """The customer_id of each of these persons who was not erased; their rows locked, always in the same order."""
        rows = Subject.objects.select_for_update().filter(reference__in=subjects).order_by("reference")
        alive = [name for name, erased_at in rows.values_list("reference", "erased_at") if erased_at is None]
        new = [subject for subject in alive if subject not in self._customers]
        self._customers.update(self._journal.vault.customer_ids(new) if new else {})
        return {subject: self._customers[subject] for subject in alive}

    # --- the end

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of messages that were handed over, in one transaction. Called again it changes nothing."""
        now = self._journal.clock()
        found = {outcome.message_id: outcome for outcome in outcomes}
        with transaction.atomic():
            rows = list(Work.objects.select_for_update().filter(pk__in=list(found), state=State.CLAIMED))
            self._journal.record([self._settled(row, found[row.message_id], now) for row in rows])
            ProviderReference.objects.bulk_create(
                [
                    ProviderReference(provider=self.provider, reference=stored_name(reference), work=row)
                    for row in rows
                    for reference in found[row.message_id].provider_references
                ],
                ignore_conflicts=True,
            )
            take_early(
                self._journal,
                self.provider,
                [name for row in rows for name in found[row.message_id].provider_references],
            )
            _save(rows, now)
        self._wire.clear()

    def _settled(self, row: Work, outcome: Outcome, now: datetime) -> NewEvent:
        """The row as the outcome leaves it, and the event that says so."""
        row.why = outcome.detail[:_WHY_MAX]
        if outcome.certainty == "accepted":
            row.state = State.SENT
            return self._event(row, "contact.sent", now, references=list(outcome.provider_references))
        if outcome.certainty == "unknown":
            row.state = State.UNKNOWN
            return self._event(row, "contact.unknown", now, why=row.why)
        next_at = now + timedelta(seconds=self._back_off(row, outcome))
        is_last = row.attempt_count >= self._limits.attempts_max or next_at >= row.expires_at
        if outcome.certainty == "refused" or is_last:
            row.state = State.FAILED
            return self._event(row, "contact.failed", now, why=row.why, attempts=row.attempt_count)
        row.state, row.due_at, row.worker = State.DUE, next_at, None
        said = {"why": row.why, "attempt": row.attempt_count, "next_at": next_at}
        return self._event(row, "contact.deferred", now, **said)

    def _back_off(self, row: Work, outcome: Outcome) -> float:
        """Seconds until the next try: doubling, with a share of its own for each message so that they do not come together."""
        wanted = self._limits.back_off_seconds * float(2 ** (row.attempt_count - 1))
        share = int(row.message_id.replace("-", "")[-4:], 16) / 0xFFFF
        waited = min(wanted, self._limits.back_off_max_seconds) * (0.75 + 0.5 * share)
        return max(waited, outcome.retry_after_seconds or 0.0)

    def _event(self, row: Work, kind: str, now: datetime, **body: object) -> NewEvent:
        said = {"message_id": row.message_id, "channel": row.channel, "provider": self.provider, **body}
        return NewEvent(kind, now, subject=str(row.subject_id), body=said)


_CHANGED = ("state", "worker", "why", "attempt_count", "due_at", "changed_at", "message_id")


def _save(rows: Sequence[Work], now: datetime) -> None:
    """Write back where each row stands."""
    values = [
        (str(row.state), row.worker, row.why, row.attempt_count, row.due_at, now, row.message_id)
        for row in rows
    ]
    update(Work, _CHANGED, values)
