"""Which refusals of the gate a rule was a reason of, noted as they come in: nobody reads all refusals to find them."""

import json
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from dunwell.journal.models import Event
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import Mark, Refusal
from dunwell.office.workplace import Workplace

_NAME = "refusals"
_KIND = "contact.refused"
_RULE_MAX = 200
_STEP_OF_A_PAGE = 1_000
"""So many events a page reads on itself, to tell what just happened; the others are the keeper's work."""


def note_refusals(place: Workplace, steps_max: int | None = None, step: int | None = None) -> bool:
    """Note the rules of what was refused since the last time; whether all of it was looked at."""
    return follow(_NAME, (_KIND,), place.clock(), _note, steps_max=steps_max, step=step)


def _note(events: Sequence[Read]) -> None:
    said = [
        Refusal(rule=rule, event_number=one.number)
        for one in events
        for rule in {str(reason["rule"])[:_RULE_MAX] for reason in json.loads(one.body).get("reasons", ())}
    ]
    Refusal.objects.bulk_create(said, ignore_conflicts=True)


def refusals_by(place: Workplace, rule: str, before: int | None, count: int) -> "QuerySet[Event]":
    """The latest refusals of which a rule was a reason, at least ``count`` where there are so many; of those with a number lower
    than ``before``. Events that were not noted yet are read themselves.
    """
    is_whole = note_refusals(place, steps_max=1, step=_STEP_OF_A_PAGE)
    noted = Refusal.objects.filter(rule=rule[:_RULE_MAX])
    if before is not None:
        noted = noted.filter(event_number__lt=before)
    numbers = list(noted.order_by("-event_number").values_list("event_number", flat=True)[:count])
    found = Q(pk__in=numbers)
    if not is_whole:
        mark = Mark.objects.get(name=_NAME).event_number
        found |= Q(pk__gt=mark, kind=_KIND)
    says_it = f'"rule":{json.dumps(rule, ensure_ascii=False)}'
    events = Event.objects.filter(found, body__contains=says_it)
    return events if before is None else events.filter(pk__lt=before)
