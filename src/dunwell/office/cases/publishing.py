"""The last run into the queue: a case a row, with its place in the queue; what people did about a case stays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from django.db import transaction

from dunwell.journal.models import Event
from dunwell.office.cases.models import Case
from dunwell.office.cases.queue import Standing, rank, why
from dunwell.office.cases.valued import valued, worth_of_chosen
from dunwell.office.workplace import Workplace

_BATCH = 2000
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


def publish(place: Workplace) -> int:
    """Bring the queue up to the last run; how many cases it holds. Does nothing when it is up to date. Raises NoBook."""
    run_id = json.loads((place.settings.book_folder / "run.json").read_text(encoding="utf-8"))["run_id"]
    if Case.objects.filter(run_id=run_id).exists():
        return Case.objects.count()
    now = place.clock()
    day = date.fromisoformat(place.shelf.as_of)
    asked = waiting_for_a_person(place)
    with transaction.atomic():
        Case.objects.filter(pk__in=asked).update(
            run_id=run_id, **_NOTHING_PAST_DUE
        )  # the run below says of whom it is not so
        for rows in _batches(place, day):
            kept = Case.objects.in_bulk([row["customer_id"] for row in rows])
            cases = [_case(row, kept.get(row["customer_id"]), run_id, now, asked) for row in rows]
            Case.objects.bulk_create(
                cases,
                update_conflicts=True,
                unique_fields=["customer_id"],
                update_fields=[*_FROM_RUN, "needs_person", "is_urgent"],
            )
        Case.objects.exclude(run_id=run_id).delete()
        bring_in(place, asked)
    return Case.objects.count()


def bring_in(place: Workplace, asked: Mapping[str, bool]) -> None:
    """Give those who wait for a person (whether it is urgent, by customer) their place in the queue, with arrears or without."""
    known = Case.objects.in_bulk(list(asked))
    for customer, is_urgent in asked.items():
        case = known.get(customer) or new_case(place, customer)
        if case is None or (case.needs_person and case.is_urgent >= is_urgent):
            continue
        case.needs_person, case.is_urgent = True, case.is_urgent or is_urgent
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


def waiting_for_a_person(place: Workplace, after: int = 0) -> dict[str, bool]:
    """The customers whose last answer waits for a person, and whether it is urgent; of the events after one of that number."""
    latest: dict[str, tuple[bool, bool]] = {}
    kinds = ("contact.replied", "contact.made")
    events = Event.objects.filter(kind__in=kinds, id__gt=after).order_by("happened_at", "id")
    for subject, kind, body in events.values_list("subject_id", "kind", "body"):
        told = json.loads(body)
        is_reply = kind == "contact.replied"
        if not is_reply and told["outcome"] not in _SPOKEN:
            continue  # who was not reached waits still
        latest[subject] = (
            is_reply and bool(told.get("needs_person")),
            is_reply and bool(told.get("is_urgent")),
        )
    open_ones = {subject: urgent for subject, (needs, urgent) in latest.items() if needs}
    names = place.journal.vault.customer_ids(set(open_ones))
    return {names[subject]: urgent for subject, urgent in open_ones.items() if subject in names}


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


def _case(
    row: dict[str, Any], before: Case | None, run_id: str, now: datetime, asked: dict[str, bool]
) -> Case:
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
        needs_person=row["customer_id"] in asked,
        is_urgent=asked.get(row["customer_id"], False),
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
