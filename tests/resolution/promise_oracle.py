"""How promises stand, said again in the plainest way: lists, loops and Fractions, day by day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from dunwell.resolution.promises import Cancelled, Part, Promise, Received


@dataclass
class Judged:
    """One promise and what became of it."""

    promise: Promise
    ended: Cancelled | None
    credited: list[int] = field(default_factory=list)
    kept_on: list[date | None] = field(default_factory=list)
    broken_on: date | None = None
    state: str = ""


@dataclass(frozen=True)
class Rule:
    """What may be missing (a share, an amount) and how many days late it may be."""

    share: Fraction = Fraction(0)
    tolerance_minor: int = 0
    grace_days: int = 0

    def required(self, part: Part) -> int:
        whole = Fraction(part.amount_minor)
        missing = min(max(whole * self.share, Fraction(self.tolerance_minor)), whole / 5)
        # The least whole number of minor units that is no less than what is required.
        return max(1, -((-(whole - missing)).__floor__()))


def judge(
    promises: Sequence[Promise],
    payments: Sequence[Received],
    cancellations: Sequence[Cancelled],
    as_of: date,
    rule: Rule,
    zone: str | None,
    known_at: datetime | None,
) -> dict[str, Judged]:
    """Each promise by its id, walked one day after another."""

    def day(instant: datetime) -> date:
        return instant.astimezone(ZoneInfo(zone) if zone else UTC).date()

    def is_known(recorded_at: datetime) -> bool:
        return known_at is None or recorded_at <= known_at

    judged = {}
    for promise in promises:
        if not is_known(promise.recorded_at or promise.made_at) or day(promise.made_at) > as_of:
            continue
        ends = [c for c in cancellations if c.promise_id == promise.promise_id]
        ends = [c for c in ends if is_known(c.recorded_at or c.at)]
        first = min(ends, key=lambda c: c.at, default=None)
        if first is not None and day(first.at) > as_of:
            first = None
        count = len(promise.parts)
        judged[promise.promise_id] = Judged(promise, first, [0] * count, [None] * count)

    undone = {p.reverses for p in payments if p.kind == "reversal" and is_known(p.recorded_at)}
    money = [p for p in payments if p.kind == "payment" and is_known(p.recorded_at)]
    money = [p for p in money if p.payment_id not in undone and p.paid_on <= as_of]
    waiting = [(one, number) for one in judged.values() for number in range(len(one.promise.parts))]
    waiting.sort(
        key=lambda w: (
            w[0].promise.parts[w[1]].due_on,
            w[0].promise.made_at,
            w[0].promise.promise_id,
            w[0].promise.parts[w[1]].amount_minor,
        )
    )
    days = [p.paid_on for p in money] + [as_of]
    today = min(days)
    while today <= as_of:
        _break(judged, today, rule, day)
        for payment in sorted((p for p in money if p.paid_on == today), key=lambda p: p.payment_id):
            left = payment.amount_minor
            for one, number in waiting:
                if _may_take(one, number, payment, rule, day):
                    part = one.promise.parts[number]
                    taken = min(left, part.amount_minor - one.credited[number])
                    one.credited[number] += taken
                    left -= taken
                    if taken and one.credited[number] >= rule.required(part):
                        one.kept_on[number] = today
        today += timedelta(days=1)
    for one in judged.values():
        one.state = _state(one)
    return judged


def _break(judged: dict[str, Judged], today: date, rule: Rule, day: object) -> None:
    for one in judged.values():
        for number, part in enumerate(one.promise.parts):
            deadline = part.due_on + timedelta(days=rule.grace_days)
            was_withdrawn = one.ended is not None and day(one.ended.at) <= deadline  # type: ignore[operator]
            if one.kept_on[number] is None and deadline < today and not was_withdrawn:
                missed = deadline + timedelta(days=1)
                one.broken_on = missed if one.broken_on is None else min(one.broken_on, missed)


def _may_take(one: Judged, number: int, payment: Received, rule: Rule, day: object) -> bool:
    part, made_on = one.promise.parts[number], day(one.promise.made_at)  # type: ignore[operator]
    if payment.account_id not in one.promise.account_ids:
        return False
    if one.broken_on is not None or one.kept_on[number] is not None:
        return False
    if payment.paid_on > part.due_on + timedelta(days=rule.grace_days):
        return False
    if payment.paid_on < made_on:
        return False
    if payment.paid_on == made_on and payment.recorded_at <= one.promise.made_at:
        return False
    if one.ended is None:
        return True
    ended_on = day(one.ended.at)  # type: ignore[operator]
    return payment.paid_on < ended_on or (payment.paid_on == ended_on and payment.recorded_at <= one.ended.at)


def _state(one: Judged) -> str:
    if one.broken_on is not None:
        return "partly_kept" if sum(one.credited) else "broken"
    if all(one.kept_on):
        return "kept"
    return "cancelled" if one.ended is not None else "open"
