"""Complaints that the lender's own records tell of: they have their clock like those that were made to us."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from django.db import transaction

from dunwell.book import Book
from dunwell.journal.models import Event
from dunwell.office.cases.intake import key_of
from dunwell.office.compliance.clocks import ANYWHERE, due_on
from dunwell.office.tallies.models import ComplaintClock, Mark
from dunwell.office.workplace import Workplace
from dunwell.outreach.told import without_told

_MARK = "complaints of the book"
_NAMES = uuid.UUID("6d0f2c0a-5f7e-4f56-9d8e-2c1f1b0c7a11")
"""The clock of a row of the book has an id made from the row's."""
_PART = 500


def note_recorded(place: Workplace) -> set[str]:
    """Start the clocks of the complaints in the book, once a run; those whose hold has ended count as answered on its last day.

    A complaint that came in during the day keeps the clock of its event. Whose complaints were looked at (references). Raises
    NoBook.
    """
    run = place.settings.book_folder / "run.json"
    said = hashlib.sha256(run.read_bytes()).hexdigest() if run.is_file() else place.shelf.as_of
    mark, _ = Mark.objects.get_or_create(name=_MARK)
    if mark.said == said:
        return set()
    rows = complaints_in(Book(place.settings.book_folder))
    gone = place.journal.vault.forgotten(rows["customer_id"]) if rows.height else ()
    wanted = [row for row in rows.iter_rows(named=True) if row["customer_id"] not in gone]
    subjects: set[str] = set()
    with transaction.atomic():
        for start in range(0, len(wanted), _PART):
            subjects |= _note(place, wanted[start : start + _PART])
        Mark.objects.filter(name=_MARK).update(said=said)
    return subjects


def complaints_in(book: Book) -> pl.DataFrame:
    """The complaints that the lender's records tell of: hold_id, customer_id, jurisdiction, from_on, to_on, recorded_at."""
    found = []
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        holds = without_told(tables["holds"]).filter(pl.col("kind").cast(pl.String) == "complaint")
        owners = tables["accounts"].select(owner="customer_id").with_row_index("account_row")
        places = tables["customers"].select("customer_id", pl.col("jurisdiction").cast(pl.String))
        found.append(
            holds.join(owners, on="account_row", how="left")
            .with_columns(customer_id=pl.coalesce("customer_id", "owner"))
            .join(places, on="customer_id", how="left")
            .select("hold_id", "customer_id", "jurisdiction", "from_on", "to_on", "recorded_at")
        )
    return pl.concat(found)


def _note(place: Workplace, rows: list[dict[str, Any]]) -> set[str]:
    """Start, or end, the clocks of some complaints; whose they are."""
    keys = {key_of("holds", row["hold_id"]): row["hold_id"] for row in rows}
    events = Event.objects.filter(key__in=keys).values_list("key", "event_id")
    came_in = {keys[str(key)]: event for key, event in events}
    subjects = place.journal.vault.admit([row["customer_id"] for row in rows], place.clock())
    today = place.today()
    clocks = [_clock(place, row, subjects[row["customer_id"]], came_in, today) for row in rows]
    ComplaintClock.objects.bulk_create(clocks, ignore_conflicts=True)
    for one in clocks:
        if one.answered_at is not None:
            ComplaintClock.objects.filter(pk=one.pk, answered_at=None).update(answered_at=one.answered_at)
            known_as = ComplaintClock.objects.filter(pk=one.pk, same_as__isnull=False).values("same_as")
            ended = ComplaintClock.objects.filter(pk__in=known_as, answered_at=None)
            ended.update(answered_at=one.answered_at)
    return set(subjects.values())


def _clock(
    place: Workplace, row: Mapping[str, Any], subject: str, came_in: Mapping[str, str], today: date
) -> ComplaintClock:
    """A row's clock: under the event by which it came in during the day, where it did."""
    received = received_at(row["from_on"], row["recorded_at"])
    jurisdiction = row["jurisdiction"] or ANYWHERE
    ended = row["to_on"]
    return ComplaintClock(
        event_id=came_in.get(row["hold_id"]) or id_of(row["hold_id"]),
        subject=subject,
        jurisdiction=jurisdiction,
        received_at=received,
        due_on=due_on(place.complaint_clocks, received, jurisdiction),
        answered_at=datetime.combine(ended, time(), UTC) if ended is not None and ended <= today else None,
    )


def id_of(hold_id: str) -> str:
    """The id of the clock of a complaint that only the lender's records tell of."""
    return str(uuid.uuid5(_NAMES, hold_id))


def received_at(from_on: date, recorded_at: datetime | None) -> datetime:
    """When a complaint of the lender's was received: in the course of the day it holds from where it was recorded on that day,
    else as that day began (UTC), however late it was recorded.
    """
    begins = datetime.combine(from_on, time(), UTC)
    if recorded_at is None or not begins <= recorded_at < begins + timedelta(days=1):
        return begins
    return recorded_at
