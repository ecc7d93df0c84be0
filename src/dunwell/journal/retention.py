"""How long what is kept of a person must be kept, and from when it may be erased: the law packs' clocks over the journal.

Each clock runs from the last event of its kinds. As long as one runs the person is kept; when all have run out they may be
erased; where no clock is held for the law that binds them, that is said and a person decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from django.db.models import Max, Q

from dunwell.journal.models import Event, Subject


@dataclass(frozen=True, slots=True)
class Clock:
    """A duty to keep: so many years from the last event whose kind begins with one of ``after``."""

    rule: str
    citation: str
    years: int
    after: tuple[str, ...] = ("contact.", "notice.", "promise.", "hold.")


@dataclass(frozen=True, slots=True)
class Kept:
    """What retention says of one person: until when they must be kept (None: no clock is held), and why."""

    customer_id: str
    last_event_at: datetime
    keep_until: date | None
    why: str

    def may_be_erased(self, today: date) -> bool:
        """Whether every duty to keep has run out."""
        return self.keep_until is not None and self.keep_until < today


def after_years(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes 1 March where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def retention(
    subjects: Mapping[str, str],
    clocks_of: Mapping[str, Sequence[Clock]],
    notes_of: Mapping[str, str] = MappingProxyType({}),
) -> list[Kept]:
    """What must be kept of these people and until when. ``subjects``: customer_id by reference; ``clocks_of``: by customer_id;
    ``notes_of``: what the law that binds them says where it names no period, by customer_id.
    """
    rows = dict(
        Event.objects.filter(subject_id__in=subjects).values_list("subject_id").annotate(Max("happened_at"))
    )
    return [
        _kept(reference, customer, rows[reference], clocks_of.get(customer, ()), notes_of.get(customer, ""))
        for reference, customer in sorted(subjects.items(), key=lambda pair: pair[1])
        if reference in rows
    ]


def clock_ends(reference: str, clocks: Iterable[Clock]) -> list[tuple[date | None, Clock]]:
    """The clocks of a person, each with the day until which it demands that they are kept; None where nothing began it."""
    ends: list[tuple[date | None, Clock]] = []
    for clock in clocks:
        kinds = Q()
        for prefix in clock.after:
            kinds |= Q(kind__startswith=prefix)
        found = Event.objects.filter(kinds, subject_id=reference).aggregate(at=Max("happened_at"))["at"]
        ends.append((None if found is None else after_years(found.date(), clock.years), clock))
    return ends


def _kept(reference: str, customer: str, last: datetime, clocks: Sequence[Clock], note: str) -> Kept:
    has_clock = bool(clocks)
    ends = [(until, clock) for until, clock in clock_ends(reference, clocks) if until is not None]
    if ends:
        until, clock = max(ends, key=lambda pair: pair[0])
        return Kept(
            customer,
            last,
            until,
            f"{clock.rule}: {clock.years} years from the last activity [{clock.citation}]",
        )
    if has_clock:
        return Kept(customer, last, date.min, "nothing happened that a duty to keep speaks of")
    return Kept(
        customer,
        last,
        None,
        note or "no period is held for the law that binds this person: decide, and say why when erasing",
    )


def alive_subjects() -> list[str]:
    """The references of everybody who was not erased."""
    return list(
        Subject.objects.filter(erased_at__isnull=True)
        .order_by("reference")
        .values_list("reference", flat=True)
    )
