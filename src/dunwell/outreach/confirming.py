"""The one message after a STOP: that it was heard. Only where every law that binds the contact says that it may be sent.

Regulation F (12 CFR 1006.14(h)(2)) and the TCPA's rule (47 CFR 64.1200(a)(12)) allow a single confirmation that holds nothing
else, at once; other packs say nothing of it, and there a stop is obeyed in silence. What a pack allows is a duty of the kind
``confirmation`` in its text.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from dunwell.law import Gate
from dunwell.outreach.answers.meaning import Understanding
from dunwell.outreach.models import Work

STAGE = "channel_stopped"
_KIND = "confirmation"


def minutes_allowed(gate: Gate, channel: str, on: date) -> int | None:
    """How soon a stop must be confirmed on this channel; None where it may not be: not every pack of law allows it."""
    law = [pack for pack in gate.packs if not pack.is_house_policy]
    found: list[int] = []
    for pack in law:
        allowing = [
            rule
            for rule in pack.rules
            if rule.kind == _KIND and rule.holds_on(on) and channel in rule.values["channels"]
        ]
        if not allowing:
            return None
        found += [int(rule.values["within_minutes"]) for rule in allowing]
    return min(found, default=None)


def confirmed_until(
    understood: Understanding,
    gate: Gate,
    channel: str,
    subject: str,
    points: Collection[str],
    said_at: datetime,
) -> datetime | None:
    """Until when the stop of a channel that is all a message says may be confirmed; None where it may not or was before.

    ``points``: the pseudonyms of the number or address that was stopped (several where the records hold it several times).
    """
    if understood.intents != {"stop"} or understood.kinds != {"stop"}:
        return None
    minutes = minutes_allowed(gate, channel, said_at.date())
    told = Work.objects.filter(subject_id=subject, contact_point__in=points, stage=STAGE)
    if minutes is None or told.exists():
        return None
    return said_at + timedelta(minutes=minutes)


def once(points: Collection[str]) -> str:
    """The key of the one confirmation to a number or address: two workers that read two STOPs at once make one of it."""
    return f"stopped:{min(points)}"
