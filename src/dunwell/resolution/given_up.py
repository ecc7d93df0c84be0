"""What a customer was given up before, so that many small grants are judged as the large one that they are together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from dunwell.resolution.authority import GIVES_UP

GIVING_KINDS = ("plan.agreed", "promise.made", "promise.withdrawn")
"""The journal's events from which it follows."""
A_MISTAKE = "recorded_wrongly"
"""Why a promise is withdrawn that never was one."""


class Told(Protocol):
    """An event of the journal about the customer."""

    @property
    def kind(self) -> str:
        """What sort of event it is."""
        ...

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...

    @property
    def body(self) -> Mapping[str, Any]:
        """What it says."""
        ...


def given_up(events: Sequence[Told], kind: str, currency: str, since: datetime, besides: str = "") -> int:
    """What the customer was given up after ``since``, whoever granted it, in minor units; 0 for a kind that gives nothing up: an
    arrangement is about all their debts in a currency, so that a later one takes the place of the earlier.

    ``events``: all of theirs of GIVING_KINDS, in any order. ``besides``: a plan's name that does not count. What a second person
    refused, or has not agreed to yet, is not granted: its promises are made when they agree. Nor is a plan that was recorded
    wrongly.
    """
    if kind not in GIVES_UP:
        return 0
    made = Counter(plan_of(event) for event in events if event.kind == "promise.made")
    taken_back = Counter(
        plan_of(event)
        for event in events
        if event.kind == "promise.withdrawn" and event.body.get("reason") == A_MISTAKE
    )
    found = 0
    for event in events:
        if event.kind != "plan.agreed" or event.at <= since:
            continue
        grant, plan = event.body.get("grant") or {}, event.body.get("promise")
        waits = event.body.get("approval") and not (plan is not None and made[plan])
        is_mistake = plan is not None and 0 < made[plan] <= taken_back[plan]
        is_counted = not waits and not is_mistake and not (besides and plan == besides)
        if grant.get("kind") in GIVES_UP and grant.get("currency") == currency and is_counted:
            found += int(grant["amount_minor"])
    return found


def plan_of(event: Told) -> str:
    """The plan that a promise stands for, by its id; a promise that is no plan's is nobody's."""
    return str(event.body.get("promise", "")).rpartition("-")[0]
