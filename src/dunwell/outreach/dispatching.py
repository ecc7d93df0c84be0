"""The dispatcher: takes due work, asks the gate, permits and claims in one transaction, sends, and records what became of it.

A crash between any two steps loses nothing and sends nothing twice. The order makes it so: the permission and the claim are
one transaction; the wire record says which messages may have left; the outcome is a transaction again. What was claimed and
never begun is due again; what was begun and has no outcome is ``unknown`` and is not retried, unless the provider knows our
message ids and takes the same one only once.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from dunwell.journal.keys import KeyMissing
from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.rows import update
from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.in_hand import in_hand, locks_rows
from dunwell.outreach.judging import Judge, Judged
from dunwell.outreach.models import ProviderReference, State, Work
from dunwell.outreach.pacing import QuietHours, Rate, available, take
from dunwell.outreach.permitting import (
    CANNOT_BE_MADE,
    Compose,
    Permitted,
    refused,
)
from dunwell.outreach.receipts import stored_name, take_all_early, take_early
from dunwell.outreach.records import Known
from dunwell.outreach.texts import TextsRefused
from dunwell.outreach.wire import WireRecord
from dunwell.policy import PolicyError

_log = logging.getLogger(__name__)

UNREADABLE = (PolicyError, TextsRefused)
"""The lender's own law or texts, which were changed, cannot be used."""
_OF_ALL = (OperationalError, InterfaceError, KeyMissing, *UNREADABLE)
"""What stops every message alike, whichever was at hand."""
_WHY_MAX = 300


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
        self._journal, self._known, self._judge = journal, known, Judge(journal, known, compose)
        self._wire, self._limits = wire, limits
        self._is_idempotent = is_idempotent

    # --- after a crash

    def recover(self) -> int:
        """What this worker had claimed when it stopped: due again, or in doubt; how many were in doubt.

        Never call it while a batch of this worker is on the wire.
        """
        now = self._journal.clock()
        with transaction.atomic():
            mine = Work.objects.filter(worker=self.name, channel=self.channel, state=State.CLAIMED)
            rows = list(mine.select_for_update())
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
                    row.in_doubt |= self._wire.may_have_left(row.message_id)
                    row.why = "the worker stopped before it was sent"
                    said = {"why": row.why, "attempt": row.attempt_count, **_doubt(row)}
                    events.append(self._event(row, "contact.deferred", now, **said))
            self._journal.record(events)
            _save(rows, now)
        take_all_early(self._journal, self.provider, self._known)
        self._wire.clear()
        return doubtful_count

    # --- the claim

    def claim(self) -> Claimed:
        """Due work, each permitted by the gate and claimed, in one transaction.

        Where one message of a batch cannot be made, the others do not wait for it: they are claimed one by one, and it is put
        off with its reason, and given up after as many tries as any. Raises DatabaseError when the database is away, and what
        stops every message alike (``keys.KeyMissing``, texts or policy that cannot be read).
        """
        began = self._journal.clock()
        if self._limits.quiet.wakes_at(began) is not None:
            return Claimed()
        try:
            return self._claim(began)
        except _OF_ALL:
            raise
        except Exception as error:
            _log.warning("%s: a batch could not be claimed (%s); one by one", self.channel, _where(error))
        return self._one_by_one(began)

    def _one_by_one(self, began: datetime) -> Claimed:
        """A batch claimed a message at a time."""
        rows = self._due_now(began)[: self._limits.batch].values_list("message_id", flat=True)
        found = Claimed()
        for message_id in list(rows):
            try:
                one = self._claim(began, message_id)
            except _OF_ALL:
                raise
            except Exception as error:
                _log.error("message %s could not be made (%s)", message_id, _where(error))
                self._put_off(message_id, type(error).__name__)
                one = Claimed(not_now_count=1)
            found = Claimed(found.messages + one.messages, found.not_now_count + one.not_now_count)
        return found

    def _put_off(self, message_id: str, what: str) -> None:
        """A message that could not be made: tried again later, and given up after as many tries as any."""
        now = self._journal.clock()
        with transaction.atomic():
            row = Work.objects.select_for_update().filter(pk=message_id, state=State.DUE).first()
            if row is None:
                return
            row.attempt_count += 1
            next_at = now + timedelta(seconds=self._back_off(row, None))
            reason = replace(CANNOT_BE_MADE, detail=f"{CANNOT_BE_MADE.detail} ({what})")
            answer = refused(row, (reason,), next_at, now)
            answer.put_off()
            events = [answer.event]
            if row.attempt_count >= self._limits.attempts_max:
                row.state = State.FAILED
                events.append(
                    self._event(row, "contact.failed", now, why=row.why, attempts=row.attempt_count)
                )
            self._journal.record(events)
            _save([row], now)

    def _claim(self, began: datetime, only: str | None = None) -> Claimed:
        """A batch, or only one message: judged and made before the database's write lock is taken, claimed in one transaction."""
        due = self._due_now(began) if only is None else self._due_now(began).filter(pk=only)
        wanted = available(self.provider, self._limits.rate, self._limits.batch, began)
        with in_hand(due, wanted) as rows:
            if not rows:
                return Claimed()
            judged = self._judge.judge(rows)
            with transaction.atomic():
                judged = judged if locks_rows() else self._judge.as_it_stands(judged)
                granted = take(self.provider, self._limits.rate, len(judged.rows), began)
                return self._record(judged.first(granted))

    def _record(self, judged: Judged) -> Claimed:
        """Write down what was judged, with the claims."""
        now = self._journal.clock()
        for answer in judged.answers:
            if isinstance(answer, Permitted):
                answer.work.state, answer.work.worker, answer.work.why = State.CLAIMED, self.name, ""
                answer.work.attempt_count += 1
        expired = [row for row in judged.rows if row.expires_at <= judged.at]
        for row in expired:
            row.state, row.why = State.EXPIRED, "its day is over; the next run plans anew"
            if row.in_doubt:
                row.state, row.why = State.UNKNOWN, "its day was over before it could be asked for again"
        doubtful = [row for row in judged.rows if row.state == State.UNKNOWN]
        over = [row for row in expired if row.state == State.EXPIRED]
        self._journal.record(
            [answer.event for answer in judged.answers]
            + [self._event(row, "contact.failed", now, why=row.why) for row in over]
            + [self._event(row, "contact.unknown", now, why=row.why) for row in doubtful]
        )
        _save(judged.rows, now)
        permitted = [answer.message for answer in judged.answers if isinstance(answer, Permitted)]
        return Claimed(tuple(permitted), len(judged.rows) - len(permitted))

    def _due_now(self, now: datetime) -> QuerySet[Work]:
        """What is due on the channel, first things first."""
        rows = Work.objects.filter(channel=self.channel, state=State.DUE, due_at__lte=now)
        return rows.order_by("priority", "due_at", "message_id")

    # --- the end

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of messages that were handed over, in one transaction. Called again it changes nothing.

        Where one of them cannot be recorded as the provider answered, the others do not suffer from it: they are recorded one
        by one, and that one without the provider's words.
        """
        try:
            self._settle(outcomes)
        except _OF_ALL:
            raise
        except Exception as error:
            _log.warning("%s: a batch could not be recorded (%s); one by one", self.channel, _where(error))
            for outcome in outcomes:
                self._settle_alone(outcome)
        self._wire.clear()

    def _settle_alone(self, outcome: Outcome) -> None:
        try:
            self._settle([outcome])
        except _OF_ALL:
            raise
        except Exception as error:
            _log.error(
                "the outcome of %s is recorded without its words (%s)", outcome.message_id, _where(error)
            )
            self._settle([Outcome(outcome.message_id, outcome.certainty, "its answer cannot be recorded")])

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
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
            _save(rows, now)
        names = [name for row in rows for name in found[row.message_id].provider_references]
        take_early(self._journal, self.provider, names, self._known)

    def _settled(self, row: Work, outcome: Outcome, now: datetime) -> NewEvent:
        """The row as the outcome leaves it, and the event that says so."""
        row.why = _plain(outcome.detail)[:_WHY_MAX]
        row.in_doubt = outcome.certainty == "deferred" and (row.in_doubt or outcome.in_doubt)
        if outcome.certainty == "accepted":
            row.state = State.SENT
            return self._event(row, "contact.sent", now, references=list(outcome.provider_references))
        if outcome.certainty == "unknown":
            row.state = State.UNKNOWN
            return self._event(row, "contact.unknown", now, why=row.why)
        next_at = now + timedelta(seconds=self._back_off(row, outcome))
        is_last = row.attempt_count >= self._limits.attempts_max or next_at >= row.expires_at
        if is_last and row.in_doubt:
            row.state, row.why = State.UNKNOWN, f"{row.why}; not asked for again"[-_WHY_MAX:]
            return self._event(row, "contact.unknown", now, why=row.why)
        if outcome.certainty == "refused" or is_last:
            row.state = State.FAILED
            return self._event(row, "contact.failed", now, why=row.why, attempts=row.attempt_count)
        row.state, row.due_at, row.worker = State.DUE, next_at, None
        said = {"why": row.why, "attempt": row.attempt_count, "next_at": next_at, **_doubt(row)}
        return self._event(row, "contact.deferred", now, **said)

    def _back_off(self, row: Work, outcome: Outcome | None) -> float:
        """Seconds until the next try: doubling, with a share of its own for each message so that they do not come together."""
        wanted = self._limits.back_off_seconds * float(2 ** (row.attempt_count - 1))
        share = int(row.message_id.replace("-", "")[-4:], 16) / 0xFFFF
        waited = min(wanted, self._limits.back_off_max_seconds) * (0.75 + 0.5 * share)
        return max(waited, (outcome.retry_after_seconds if outcome else None) or 0.0)

    def _event(self, row: Work, kind: str, now: datetime, **body: object) -> NewEvent:
        said = {"message_id": row.message_id, "channel": row.channel, "provider": self.provider, **body}
        return NewEvent(kind, now, subject=str(row.subject_id), body=said)


def _doubt(row: Work) -> dict[str, bool]:
    return {"in_doubt": True} if row.in_doubt else {}


def _plain(words: str) -> str:
    """A provider's words as they can be kept anywhere: bytes that are no text, and unseen characters, are blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in words)


def _where(error: Exception) -> str:
    """An error's kind and place, without its words: they may name a person."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}, {Path(frame.filename).name}:{frame.lineno}"


_CHANGED = ("state", "worker", "why", "attempt_count", "due_at", "in_doubt", "changed_at", "message_id")


def _save(rows: Sequence[Work], now: datetime) -> None:
    """Write back where each row stands."""
    values = [
        (
            str(row.state),
            row.worker,
            row.why,
            row.attempt_count,
            row.due_at,
            row.in_doubt,
            now,
            row.message_id,
        )
        for row in rows
    ]
    update(Work, _CHANGED, values)
