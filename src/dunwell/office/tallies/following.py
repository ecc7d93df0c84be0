"""Reading the journal as it grows, each event by whoever wants it, some thousands at a time and never all of it again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Max, Min, Value
from django.db.models.functions import Concat

from dunwell.journal.models import Event
from dunwell.office.tallies.models import Mark

if TYPE_CHECKING:
    from django.db.models import QuerySet

SETTLED_AFTER = timedelta(minutes=1)
"""An event may become visible after a later one, as long as the transaction that records it is open; none is for so long."""

_STEP = 20_000


class Read(NamedTuple):
    """An event as it is read on: its number, id, kind, whom it is about, when it happened and what it says (JSON)."""

    number: int
    event_id: str
    kind: str
    subject: str | None
    at: datetime
    body: str


def settled_up_to(now: datetime) -> int:
    """The number of the last event before which none can appear any more.

    One that is recorded now may have a number below all that others have recorded since: what is settled ends at the last event
    that is seen before the first young one, and not one number below that.
    """
    last: int = Event.objects.aggregate(last=Max("id"))["last"] or 0
    width = _STEP // 20
    while True:
        window = Event.objects.filter(id__gt=last - width)
        young: int | None = window.filter(recorded_at__gt=now - SETTLED_AFTER).aggregate(n=Min("id"))["n"]
        if young is None:
            return last
        if young > last - width + 1 or young <= 1 or width >= last:
            return Event.objects.filter(id__lt=young).aggregate(last=Max("id"))["last"] or 0
        width *= 4


def recorded_after(number: int, kinds: Sequence[str]) -> "QuerySet[Event]":
    """The events of some kinds after one of that number, in their order.

    By their numbers: the index by kind would be walked through all that ever happened of these kinds.
    """
    said = Event.objects.annotate(said_kind=Concat("kind", Value("")))
    return said.filter(id__gt=number, said_kind__in=kinds).order_by("id")


def follow(
    name: str,
    kinds: Sequence[str],
    now: datetime,
    take: Callable[[Sequence[Read]], None],
    *,
    steps_max: int | None = None,
    step: int | None = None,
) -> bool:
    """Hand the events of some kinds that were recorded since the last time to ``take``, in their order; whether all were read.

    The latest come again until no earlier one can appear: ``take`` must do nothing twice. ``steps_max`` bounds how much is
    read (so many times ``step`` events, 20,000 without it).
    """
    step = step or _STEP
    mark, _ = Mark.objects.get_or_create(name=name)
    after = mark.event_number
    last: int = Event.objects.aggregate(last=Max("id"))["last"] or 0
    settled = settled_up_to(now) if last > after else last
    steps = 0
    while after < last:
        if steps == steps_max:
            return False
        upto = min(after + step, last)
        rows = recorded_after(after, kinds).filter(id__lte=upto)
        columns = ("id", "event_id", "kind", "subject_id", "happened_at", "body")
        with transaction.atomic():
            take([Read(*row) for row in rows.values_list(*columns)])
            Mark.objects.filter(name=name, event_number__lt=min(upto, settled)).update(
                event_number=min(upto, settled)
            )
        after, steps = upto, steps + 1
    return True
