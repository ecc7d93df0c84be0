"""What of a batch of due work may go out: each message judged by the gate under everything known now, and made.

The making takes longer than all else and needs no write lock. So a batch is judged before the lock is taken, and what others
recorded meanwhile is found before it is claimed (``Judge.as_it_stands``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dunwell.journal.models import Subject
from dunwell.journal.recording import Journal
from dunwell.law import Person
from dunwell.outreach.in_hand import locks_rows
from dunwell.outreach.knowing import (
    decoded,
    last_event,
    seen_by_subject,
    subjects_since,
    undeliverable,
    with_journal,
)
from dunwell.outreach.models import State, Work
from dunwell.outreach.permitting import UNKNOWN_PERSON, Compose, Permitted, Refused, permit, refused
from dunwell.outreach.records import Known
from dunwell.outreach.since import since

_NEXT = timedelta(microseconds=1)
_STANDS = timedelta(seconds=2)
"""So long the gate's answer stands while the database's write lock is waited for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch with the gate's answers (none for what is over, or waits for another message to the same person), as it was at an
    instant, and the last event that was recorded then.
    """

    rows: tuple[Work, ...]
    answers: tuple[Permitted | Refused, ...]
    at: datetime
    seen_until: int

    def first(self, count: int) -> "Judged":
        """So many of them: what the provider's rate allows."""
        rows = self.rows[:count]
        kept = {row.pk for row in rows}
        return replace(self, rows=rows, answers=tuple(one for one in self.answers if one.work.pk in kept))


class Judge:
    """Judges a worker's batches."""

    def __init__(self, journal: Journal, known: Known, compose: Compose) -> None:
        self._journal, self._records, self._compose = journal, known, compose
        self._customers: dict[str, str] = {}

    def judge(self, rows: Sequence[Work]) -> Judged:
        """Each with the gate's answer under everything known now.

        On PostgreSQL the persons are locked, so no other worker judges a contact to one of them before this one is recorded; on
        SQLite what was recorded meanwhile is found before the claim. Of several messages to one person in a batch the first is
        judged; the others wait for the next round.
        """
        seen_until = 0 if locks_rows() else last_event()
        alive = self._locked(sorted({str(row.subject_id) for row in rows}))
        # Read only now: what others recorded while we waited for the locks lies before the instant that is judged.
        now = self._journal.clock()
        first: dict[str, Work] = {}
        for row in rows:
            if row.expires_at <= now:
                continue
            if str(row.subject_id) in first:
                row.due_at = now + timedelta(seconds=1)
            else:
                first[str(row.subject_id)] = row
        known = [subject for subject in first if subject in alive]
        self._journal.vault.open_keys(known)
        people = self._records.people([alive[subject] for subject in known])
        seen = seen_by_subject(known)
        answers = []
        for subject, row in first.items():
            answer = self._answer(row, subject, alive.get(subject), people, seen.get(subject, []), now)
            if isinstance(answer, Refused):
                answer.put_off()
            answers.append(answer)
        return Judged(tuple(rows), tuple(answers), now, seen_until)

    def as_it_stands(self, judged: Judged) -> Judged:
        """What was judged before the write lock, held against what others recorded until we had it: who they recorded anything
        of is judged anew, and everybody where we waited long.
        """
        waited = self._journal.clock() - judged.at
        changed = subjects_since(judged.seen_until) if waited <= _STANDS else None
        is_due = set(
            Work.objects.filter(pk__in=[row.pk for row in judged.rows], state=State.DUE).values_list(
                "pk", flat=True
            )
        )
        standing = [row for row in judged.rows if row.pk in is_due]
        stale = [row.pk for row in standing if changed is None or str(row.subject_id) in changed]
        if len(standing) == len(judged.rows) and not stale:
            return judged
        anew = self.judge(
            list(Work.objects.filter(pk__in=stale).order_by("priority", "due_at", "message_id"))
        )
        kept = is_due.difference(stale)
        return Judged(
            tuple(row for row in standing if row.pk in kept) + anew.rows,
            tuple(answer for answer in judged.answers if answer.work.pk in kept) + anew.answers,
            judged.at,
            judged.seen_until,
        )

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

        person = with_journal(person, decoded(seen, person, pseudonym, self._records.known_until()))
        if row.in_doubt:  # handed over again it is the same message, not a second one
            others = tuple(one for one in person.contacts if one.contact_id != row.message_id)
            person = replace(person, contacts=others)
        gate = self._records.gate(customer)

        def permitted(at: datetime) -> Permitted | Refused:
            return permit(
                row,
                customer,
                person,
                gate,
                self._compose,
                pseudonym,
                undeliverable(seen),
                at,
                since(seen, self._records.known_until(), self._records.customer(customer).promises),
            )

        answer = permitted(now)
        # Another machine's clock may be ahead of ours: what it permitted before must lie before the instant that is judged. What
        # our own clock forbids stays forbidden.
        latest = max((at for _, kind, at, _ in seen if kind == "contact.permitted"), default=now)
        return permitted(latest + _NEXT) if latest > now and isinstance(answer, Permitted) else answer

    def _locked(self, subjects: Sequence[str]) -> dict[str, str]:
        """The customer_id of each of these persons who was not erased; their rows locked, always in the same order."""
        rows = Subject.objects.select_for_update().filter(reference__in=subjects).order_by("reference")
        alive = [name for name, erased_at in rows.values_list("reference", "erased_at") if erased_at is None]
        new = [subject for subject in alive if subject not in self._customers]
        self._customers.update(self._journal.vault.customer_ids(new) if new else {})
        return {subject: self._customers[subject] for subject in alive}
