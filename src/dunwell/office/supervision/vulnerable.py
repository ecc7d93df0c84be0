"""Who is vulnerable today: in hardship, not able to decide, insolvent or under a moratorium, by the records and what was told."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from dunwell.journal.models import Event
from dunwell.office.workplace import Workplace

KINDS = ("hardship", "incapacity", "breathing_space", "bankruptcy")
"""The states that make somebody a case for people trained for it."""


def vulnerable(place: Workplace, customer_ids: Sequence[str], day: date) -> set[str]:
    """Those of the customers who are in a state of KINDS on a day; told in a contact, it counts from that moment on."""
    found = {customer for customer in customer_ids if _by_records(place, customer, day)}
    subjects = place.journal.vault.references(customer_ids)
    told: dict[str, set[str]] = defaultdict(set)
    rows = Event.objects.filter(
        subject_id__in=list(subjects.values()), kind__in=("hold.placed", "hold.lifted")
    ).order_by("happened_at", "id")
    for subject, kind, text in rows.values_list("subject_id", "kind", "body"):
        body = json.loads(text)
        until = body.get("until")
        if body["hold"] not in KINDS:
            continue
        if kind == "hold.lifted":
            told[str(subject)].discard(body["hold"])
        elif until is None or date.fromisoformat(until) >= day:
            told[str(subject)].add(body["hold"])
    return found | {customer for customer, subject in subjects.items() if told.get(subject)}


def _by_records(place: Workplace, customer_id: str, day: date) -> bool:
    file = place.shelf.file(customer_id)
    if file is None or not file.tables["holds"].height:
        return False
    rows = file.tables["holds"].select("kind", "from_on", "to_on").iter_rows()
    return any(
        kind in KINDS and begins <= day and (ends is None or ends >= day) for kind, begins, ends in rows
    )
