"""The last run into the queue: a case a row, with its place in the queue; what people did about a case stays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
from django.db import transaction

from dunwell.office.cases.models import Case
from dunwell.office.cases.queue import Standing, rank, why
from dunwell.office.cases.routing import reroute_waiting
from dunwell.office.cases.valued import valued, worth_of_chosen
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import Mark
from dunwell.office.workplace import Workplace

_BATCH = 2000
_RUN = "run"
_BROKEN_DAYS = 3
_BY_STRATEGY = "strategy."
"""How the run's reasons begin that are the strategy's and not the law's."""
_SPOKEN = ("conversation", "refused")
_FROM_RUN = (
    *("stage", "since", "opened_on", "closed_on", "jurisdiction", "language", "past_due_days", "currency"),
    *("past_due_total", "bucket", "account_count", "channel", "treatment", "decision_id", "planned_at"),
    *("is_held_back", "held_by", "not_before", "left_because", "net", "is_extra", "broken_on", "run_id"),
    *("rank", "why"),
)

_NOTHING_PAST_DUE: Mapping[str, Any] = {
    "stage": "closed",
    "past_due_days": 0,
    "past_due_total": 0,
    "bucket": "",
    "channel": "",
    "treatment": "",
    "decision_id": "",
    "planned_at": None,
    "is_held_back": False,
    "held_by": [],
    "not_before": None,
    "left_because": "",
    "net": None,
    "is_extra": False,
}


def publish(place: Workplace) -> None:
    """Bring the queue up to the last run. Does nothing when it is up to date. Raises NoBook."""
    run_id = json.loads((place.settings.book_folder / "run.json").read_text(encoding="utf-8"))["run_id"]
    mark, _ = Mark.objects.get_or_create(name=_RUN)
    if mark.said == run_id:
        return
    now = place.clock()
    day = date.fromisoformat(place.shelf.as_of)
    bring_in_who_wrote(place)
    for rows in _batches(place, day):
        gone = place.journal.vault.forgotten(row["customer_id"] for row in rows)
        rows = [row for row in rows if row["customer_id"] not in gone]
        with transaction.atomic():  # people work on while a large queue is brought up
            known = Case.objects.select_for_update().in_bulk([row["customer_id"] for row in rows])
            cases = [_case(row, known.get(row["customer_id"]), run_id, now) for row in rows]
            Case.objects.bulk_create(
                cases, update_conflicts=True, unique_fields=["customer_id"], update_fields=_FROM_RUN
            )
    with transaction.atomic():
        for case in Case.objects.select_for_update().filter(needs_person=True).exclude(run_id=run_id):
            for name, value in {**_NOTHING_PAST_DUE, "run_id": run_id}.items():
                setattr(case, name, value)
            place_in_queue(case, now)
            case.save()
        Case.objects.exclude(run_id=run_id).delete()
        Mark.objects.filter(name=_RUN).update(said=run_id)
    reroute_waiting(place)


def bring_in_who_wrote(place: Workplace) -> None:
    """Give those who wrote since the last time and wait for a person their place in the queue, with arrears or without; who was
    spoken to since waits no more.
    """
    follow("who wrote", ("contact.replied", "contact.made"), place.clock(), partial(_bring_in, place))


def _bring_in(place: Workplace, events: Sequence[Read]) -> None:
    latest, vault = last_words(events), place.journal.vault
    names = vault.customer_ids({subject for subject, (needs_person, _) in latest.items() if needs_person})
    if latest:  # of those who need nobody only who waited until now matters
        waited = vault.references(Case.objects.filter(needs_person=True).values_list("pk", flat=True))
        names |= {subject: customer for customer, subject in waited.items()}
    asked = {names[subject]: told for subject, told in latest.items() if subject in names}
    known = Case.objects.select_for_update().in_bulk(list(asked))
    for customer, (needs_person, is_urgent) in asked.items():
        case = known.get(customer) or (new_case(place, customer) if needs_person else None)
        if case is None or (case.needs_person, case.is_urgent) == (needs_person, is_urgent):
            continue
        if needs_person and case.needs_person and case.is_urgent:
            continue  # urgent until somebody has spoken with them
        case.needs_person, case.is_urgent = needs_person, is_urgent
        place_in_queue(case, place.clock())
        case.save()


def new_case(place: Workplace, customer_id: str) -> Case | None:
    """A case, not saved yet, for somebody in whose debts nothing is past due; None when the book does not know them."""
    file = place.shelf.file(customer_id)
    if file is None:
        return None
    customer = file.tables["customers"].row(0, named=True)
    return Case(
        customer_id=customer_id,
        stage="closed",
        jurisdiction=customer["jurisdiction"],
        language=customer["language"] or "",
        account_count=file.tables["accounts"].height,
        run_id=Case.objects.values_list("run_id", flat=True).first() or "",
    )


def last_words(events: Sequence[Read]) -> dict[str, tuple[bool, bool]]:
    """Whether each person's last answer waits for a person, and whether it is urgent; who was not reached waits still."""
    latest: dict[str, tuple[bool, bool]] = {}
    for one in sorted(events, key=lambda one: (one.at, one.number)):
        told = json.loads(one.body)
        is_reply = one.kind == "contact.replied"
        if is_reply or told["outcome"] in _SPOKEN:
            needs_person = is_reply and bool(told.get("needs_person"))
            latest[str(one.subject)] = (needs_person, needs_person and bool(told.get("is_urgent")))
    return latest


def _batches(place: Workplace, day: date) -> Iterator[Sequence[dict[str, Any]]]:
    """The run's cases with what it planned for them, some thousands at a time."""
    shelf, found = place.shelf, valued(place)
    worth = None if found is None else worth_of_chosen(found)
    parts = zip(
        shelf.results("cases"),
        shelf.results("worklist"),
        shelf.results("decisions"),
        shelf.whole("customers"),
        shelf.results("positions"),
        shelf.results("promises"),
        strict=True,
    )
    for cases, work, decided, customers, positions, promises in parts:
        owed = (
            positions.filter(pl.col("past_due_days") > 0)
            .sort("past_due_total", descending=True)
            .group_by("customer_id", maintain_order=True)
            .agg(pl.col("currency").first(), pl.col("past_due_total").first(), pl.col("bucket").first())
        )
        broken = (
            promises.filter(pl.col("broken_on") >= day - timedelta(days=_BROKEN_DAYS))
            .group_by("customer_id")
            .agg(pl.col("broken_on").max())
        )
        planned = work.select(
            "customer_id",
            "channel",
            "is_held_back",
            "not_before",
            pl.col("at").alias("planned_at"),
            pl.col("reasons").list.eval(pl.element().struct.field("rule")).alias("held_by"),
        )
        rows = (
            cases.join(planned, on="customer_id", how="left")
            .join(decided.select("customer_id", "decision_id", "treatment"), on="customer_id", how="left")
            .join(customers.select("customer_id", "jurisdiction", "language"), on="customer_id", how="left")
            .join(owed, on="customer_id", how="left")
            .join(broken, on="customer_id", how="left")
        )
        rows = (
            rows.with_columns(net=pl.lit(None, pl.Float64))
            if worth is None
            else rows.join(worth, on="customer_id", how="left")
        )
        for part in rows.iter_slices(_BATCH):
            yield part.to_dicts()


def _case(row: dict[str, Any], before: Case | None, run_id: str, now: datetime) -> Case:
    held_by = row["held_by"] or []
    left_because = next((rule for rule in held_by if rule.startswith(_BY_STRATEGY)), "")
    case = Case(
        customer_id=row["customer_id"],
        stage=row["stage"],
        since=row["since"],
        opened_on=row["opened_on"],
        closed_on=row["closed_on"],
        jurisdiction=row["jurisdiction"],
        language=row["language"] or "",
        past_due_days=row["past_due_days"],
        currency=row["currency"] or "",
        past_due_total=row["past_due_total"] or 0,
        bucket=row["bucket"] or "",
        account_count=len(row["account_ids"]),
        channel="" if left_because else row["channel"] or "",
        treatment=row["treatment"] or "",
        decision_id=row["decision_id"] or "",
        planned_at=row["planned_at"],
        is_held_back=bool(row["is_held_back"]) and not left_because,
        held_by=[] if left_because else held_by,
        not_before=row["not_before"],
        left_because=left_because,
        net=None if row["net"] is None else Decimal(str(row["net"])),
        needs_person=before.needs_person if before else False,
        is_urgent=before.is_urgent if before else False,
        broken_on=row["broken_on"],
        come_back_at=before.come_back_at if before else None,
        run_id=run_id,
    )
    place_in_queue(case, now)
    return case


def place_in_queue(case: Case, now: datetime) -> None:
    """Give a case its place in the queue and the reasons for it, from what stands in it."""
    standing = Standing(
        case.is_urgent,
        case.needs_person,
        case.come_back_at,
        case.broken_on,
        case.channel,
        case.planned_at,
        case.is_held_back,
        case.past_due_total,
        case.net,
        case.left_because,
    )
    case.rank, case.why = rank(standing, now), list(why(standing, now))
