"""What happened to a person since the run, of which its figures cannot tell: for what they promised or paid they are not dunned
until a run has counted it, and what no longer holds is not told to them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dunwell.law import Person, Reason
from dunwell.outreach.knowing import TAKING_IN

OPEN_PROMISE = Reason(
    "house-floor.open-promise",
    "house policy",
    "prohibited",
    "The person promised to pay, and the day of it has not passed.",
)
PAID_SINCE = Reason(
    "house-floor.paid-since",
    "house policy",
    "prohibited",
    "Money of the person's came in since the run. What is left to pay the next run knows.",
)
_DUNNING = ("remind", "demand")


@dataclass(frozen=True, slots=True)
class Since:
    """What the last run could not know of a person.

    ``promised_until``: until when they are left in peace for what they promised, in writing or to a collector: the first day of
    each promise that was not withdrawn, the latest of these; from then on the runs know whether it was kept. None where they
    promised nothing that is still waited for: what was kept early is not. ``withdrawn``: the promises that no longer hold.
    ``has_paid``: whether money came in that no run counted.
    """

    promised_until: date | None = None
    withdrawn: frozenset[str] = frozenset()
    has_paid: bool = False


NOTHING = Since()


def since(
    rows: Iterable[tuple[str, str, datetime, str]],
    known_until: datetime,
    promises: Iterable[Mapping[str, Any]] = (),
    *,
    are_of_now: bool = False,
) -> Since:
    """What a person's events (event_id, kind, happened_at and body) tell. ``known_until``: the instant of the last run.

    ``promises``: how each stood for the run, or stands now (``are_of_now``): promise_id, state and parts. One that was kept holds
    nothing back, unless a payment was taken back since: then it is waited for again, to the last of its days.
    """
    told = [(event_id, kind, at, json.loads(body)) for event_id, kind, at, body in rows if kind in _TELLING]
    gone = frozenset(body["promise"] for _, kind, _, body in told if kind == "promise.withdrawn")
    last_days = {
        one["promise_id"]: max(part["due_on"] for part in one["parts"]).isoformat()
        for one in promises
        if one["state"] == "kept"
    }
    is_taken_back = not are_of_now and any(
        kind == "payment.seen" and body.get("sort") == "reversal" and at > known_until - TAKING_IN
        for _, kind, at, body in told
    )
    ended = gone if is_taken_back else gone | last_days.keys()
    waited_for = [
        min(days)
        for event_id, kind, _, body in told
        if kind == "promise.made" and body.get("promise", event_id) not in ended
        if (days := [max(_days_of(part)) for part in body["parts"] if _days_of(part)])
    ]
    waited_for += [day for name, day in last_days.items() if name not in ended]
    has_paid = any(
        kind == "payment.seen" and "sort" not in body and at > known_until - TAKING_IN
        for _, kind, at, body in told
    )
    return Since(date.fromisoformat(max(waited_for)) if waited_for else None, gone, has_paid)


_TELLING = ("promise.made", "promise.withdrawn", "payment.seen")


def _days_of(part: Mapping[str, Any]) -> Sequence[str]:
    """The days on which a part of a promise may be paid: a collector writes one, an answer may name several."""
    return [part["due_on"]] if "due_on" in part else part.get("days", [])


def held_for(since: Since, person: Person, purpose: str, stage: str, now: datetime) -> Reason | None:
    """Why a message is held back for what happened since the run; None where it is not. For a promise nobody is dunned until its
    day has passed on every clock that may be theirs, but for the reminder of the promise itself.
    """
    if purpose not in _DUNNING:
        return None
    if since.has_paid:
        return PAID_SINCE
    if since.promised_until is None or stage == "promise_reminder":
        return None
    zones = person.timezones or ("UTC",)
    today = min(now.astimezone(ZoneInfo(zone)).date() for zone in zones)
    return OPEN_PROMISE if today <= since.promised_until else None
