"""What goes on behind the office's pages: the database brought up to date, the queue after each run, and places that change as
time passes.
"""

import fcntl
from datetime import datetime

from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.db.models import Max

from dunwell.book import NoBook
from dunwell.journal.models import Event
from dunwell.law.language import LANGUAGES, review
from dunwell.law.zones import is_zone, zone_tables
from dunwell.office.api.once import forget as forget_answers
from dunwell.office.api.telling import deliver, plan_deliveries
from dunwell.office.api.telling import forget as forget_deliveries
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.cases.intake import take_in_files
from dunwell.office.cases.models import Case, values_of
from dunwell.office.cases.pacing import redecide_when_due
from dunwell.office.cases.publishing import bring_in_who_wrote, place_in_queue, publish
from dunwell.office.cases.routing import reroute_told
from dunwell.office.compliance.complaints import note_complaints
from dunwell.office.compliance.refusals import note_refusals
from dunwell.office.compliance.reviewing import draw
from dunwell.office.strategies.proposing import finish_decided
from dunwell.office.supervision.board import start_of_day
from dunwell.office.supervision.coaching import note_signs
from dunwell.office.supervision.day import day_so_far
from dunwell.office.workplace import Workplace

_STEPS = 10
"""How much of a long journal a round reads on, in steps of ``follow``."""


def bring_up_to_date(place: Workplace) -> None:
    """Apply what the office's database lacks, one process at a time."""
    place.settings.evidence_folder.mkdir(parents=True, exist_ok=True)
    with (place.settings.evidence_folder / ".database.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)


def warm_up(place: Workplace) -> None:
    """Work out a case of every jurisdiction whole, and one with a promise, so that what is compiled for this machine, the law of
    each place and the clock of every zone in the book are ready before the first page.
    """
    place.shelf.open()
    told = (
        rows["timezone"]
        for name in ("customers", "contact_points")
        for rows in place.shelf.whole(name, ["timezone"])
    )
    zone_tables(sorted({zone for zones in told for zone in zones.unique().to_list() if is_zone(zone)}))
    places = values_of(Case.objects.all(), "jurisdiction")
    first = [
        Case.objects.filter(jurisdiction=one).order_by("rank").values_list("pk", flat=True)[:1]
        for one in places
    ]
    customers = [customer for found in first for customer in found]
    for promises in place.shelf.results("promises", ["customer_id"]):
        if promises.height:
            customers.append(promises["customer_id"][0])
            break
    for customer in customers:
        try:
            file = CaseFile(place, customer)
        except UnknownCustomer:  # erased meanwhile
            continue
        file.promises, file.stage  # noqa: B018 - each is worked out when it is asked for
        points = file.point_ids
        file.ask("call", points[0] if points else None)
    if not customers:
        return
    for language in LANGUAGES:
        review("warm", language=language, channel="call", packs=[], on=place.today())


def keep(place: Workplace, seen: int = 0) -> int:
    """One round: the queue after a new run, what lies in the intake folder, who wrote and waits for a person, the calls
    that are left where something happened, and the cases whose agreed time has come.
    ``seen``: the number of the last event of the round before; returns that of this one.
    """
    try:
        publish(place)
    except NoBook:
        return seen
    take_in_files(place)
    finish_decided(place)
    last: int = Event.objects.aggregate(last=Max("id"))["last"] or 0
    if last > seen:
        bring_in_who_wrote(place)
        reroute_told(place, _STEPS)
        note_complaints(place, _STEPS)
        draw(place, _STEPS)
        note_signs(place, _STEPS)
        note_refusals(place, _STEPS)
        day_so_far(start_of_day(place.clock(), "UTC"), place.clock())
    redecide_when_due(place, last)
    over = Session.objects.filter(expire_date__lt=place.clock())
    if over.exists():
        over.delete()
    forget_answers(place.clock())
    forget_deliveries(place.clock())
    now: datetime = place.clock()
    with transaction.atomic():
        for case in Case.objects.select_for_update().filter(come_back_at__lte=now):
            if "called_back" not in case.why:
                place_in_queue(case, now)
                case.save(update_fields=["rank", "why"])
    return last


def tell_others(place: Workplace) -> None:
    """One round of the webhooks: what was recorded since is sent, and what was not taken is sent again."""
    plan_deliveries(place)
    deliver(place)
