"""Whose telephone may ring at this hour: who comes next in the queue waits for their morning."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from dunwell.law.people import zones_of
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.desk.screen import WAYS_OF
from dunwell.office.workplace import Workplace

_HOURS = ".hours"
"""How the rules are called that open and close everybody's telephones by the clock alone."""
_KEPT_FOR = timedelta(minutes=5)
_Place = tuple[Path, str, tuple[str, ...]]
_asleep: dict[_Place, tuple[datetime, datetime]] = {}
"""Where the gate said a moment ago that it is no hour for calls, by jurisdiction and zones: when it said so, and until when that
is believed of others who live there.
"""


def waits_for_an_hour(place: Workplace, customer_id: str) -> bool:
    """Whether nobody may call the customer now and somebody may within a day, by the gate.

    That it is night where somebody lives is asked once in some minutes. Whoever the book does not know does not wait.
    """
    rows = place.shelf.rows(customer_id, ["customers", "contact_points"])
    if rows is None:
        return False
    (row,) = rows["customers"].iter_rows(named=True)
    zones = zones_of(row, rows["contact_points"].iter_rows(named=True))
    here, now = (place.settings.root, str(row["jurisdiction"]), tuple(zones)), place.clock()
    since, until = _asleep.get(here, (now, now))
    if since <= now < until:
        return True
    opens_at, is_by_the_clock = _opens_at(place, customer_id)
    if opens_at is None or opens_at > now + timedelta(days=1):
        return False
    if is_by_the_clock:
        _asleep[here] = (now, min(opens_at, now + _KEPT_FOR))
    return True


def _opens_at(place: Workplace, customer_id: str) -> tuple[datetime | None, bool]:
    """When a customer may be called, where nobody may call them now (else None), and whether the clock alone forbids it now."""
    try:
        file = CaseFile(place, customer_id)
    except UnknownCustomer:
        return None, False
    own = file.tables["contact_points"].filter(pl.col("party").fill_null("self") == "self")
    numbers = own.filter(pl.col("kind").is_in([kind for kind, ways in WAYS_OF.items() if "call" in ways]))
    verdicts = file.ask_each([("call", name) for name in numbers["contact_point_id"]])
    if any(one.allowed for one in verdicts):
        return None, False
    opens_at = min((one.not_before for one in verdicts if one.not_before is not None), default=None)
    return opens_at, all(reason.rule.endswith(_HOURS) for one in verdicts for reason in one.reasons)
