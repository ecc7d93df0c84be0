"""The day's work list becomes due work: one transaction a batch, and planning the same day twice plans it once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.vault import Erased
from dunwell.outreach.models import Work

_BATCH = 500
_URGENT_DAYS = 90
"""Contacts about debts later than this go first: a letter before action before a reminder."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How many contacts of a work list became due work, how many had been planned before, and how many need a person or a
    channel that is not set up. ``failed``: the customer_id and the error's kind of each that could not be planned; who was erased
    meanwhile is in none of these.
    """

    new_count: int
    known_count: int
    elsewhere_count: int
    failed: tuple[tuple[str, str], ...] = ()


def plan(
    work: pl.DataFrame, as_of: date, channels: tuple[str, ...], journal: Journal, new_id: Callable[[], str]
) -> Planned:
    """Make due work of the planned contacts on these channels. ``work``: the columns of the run's work list, and of each contact
    its ``decision_id`` and ``receipt`` (the digest of the decision as it was kept).

    Each is due at its instant and expires at the end of its day on the person's clock. Who was erased since the run is left out.
    """
    gone = list(journal.vault.forgotten(work["customer_id"]))
    planned = work.filter(~pl.col("is_held_back"), ~pl.col("customer_id").is_in(gone))
    ours = planned.filter(pl.col("channel").is_in(channels))
    new_count = gone_count = 0
    failed: list[tuple[str, str]] = []
    for start in range(0, ours.height, _BATCH):
        rows = ours[start : start + _BATCH].to_dicts()
        count, bad = _plan_rows(rows, as_of, journal, new_id)
        new_count += count
        failed += [one for one in bad if one[1] != Erased.__name__]
        gone_count += sum(kind == Erased.__name__ for _, kind in bad)
    known_count = ours.height - new_count - len(failed) - gone_count
    return Planned(new_count, known_count, planned.height - ours.height, tuple(failed))


def _plan_rows(
    rows: list[dict[str, Any]], as_of: date, journal: Journal, new_id: Callable[[], str]
) -> tuple[int, list[tuple[str, str]]]:
    """A batch at once; one by one where that fails: somebody else plans the same day, somebody was erased meanwhile, or a row
    cannot be planned.
    """
    try:
        return _plan_batch(rows, as_of, journal, new_id), []
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if len(rows) == 1 and not isinstance(error, IntegrityError):
            return 0, [(str(rows[0]["customer_id"]), type(error).__name__)]
    count, failed = 0, []
    for row in rows:
        try:
            count += _plan_batch([row], as_of, journal, new_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            failed.append((str(row["customer_id"]), type(error).__name__))
    return count, failed


def _plan_batch(rows: list[dict[str, Any]], as_of: date, journal: Journal, new_id: Callable[[], str]) -> int:
    now = journal.clock()
    with transaction.atomic():
        subjects = journal.vault.admit([row["customer_id"] for row in rows], now)
        journal.vault.open_keys(list(subjects.values()))
        # In the order in which the dispatcher locks people: on PostgreSQL the two would wait for each other.
        in_order = sorted(rows, key=lambda row: subjects[row["customer_id"]])
        keys = {_key(as_of, row, subjects): row for row in in_order}
        known = set(Work.objects.filter(key__in=list(keys)).values_list("key", flat=True))
        made, events = [], []
        for key, row in keys.items():
            if key not in known:
                one = _work(row, key, subjects[row["customer_id"]], journal, new_id(), now)
                made.append(one)
                events.append(_event(row, one, as_of, now))
        Work.objects.bulk_create(made, batch_size=_BATCH)
        journal.record(events)
    return len(made)


def _key(as_of: date, row: dict[str, Any], subjects: dict[str, str]) -> str:
    return f"{as_of}:{row['channel']}:{row['stage']}:{subjects[row['customer_id']]}"


def _work(
    row: dict[str, Any], key: str, subject: str, journal: Journal, message_id: str, now: datetime
) -> Work:
    at: datetime = row["at"]
    clock = ZoneInfo(row["timezone"])
    ends = datetime.combine(at.astimezone(clock).date() + timedelta(days=1), time(), clock)
    vault = journal.vault
    return Work(
        message_id=message_id,
        key=key,
        subject_id=subject,
        channel=row["channel"],
        stage=row["stage"],
        purpose=row["purpose"],
        contact_point=vault.pseudonym(subject, "point", row["contact_point_id"]),
        accounts=";".join(vault.pseudonym(subject, "account", name) for name in row["account_ids"]),
        priority=0 if row["past_due_days"] > _URGENT_DAYS else 1,
        due_at=at,
        expires_at=ends,
        changed_at=now,
    )


def _event(row: dict[str, Any], work: Work, as_of: date, now: datetime) -> NewEvent:
    return NewEvent(
        "contact.planned",
        now,
        row["customer_id"],
        accounts=tuple(row["account_ids"]),
        contact_point=row["contact_point_id"],
        body={
            "message_id": work.message_id,
            "channel": row["channel"],
            "purpose": row["purpose"],
            "stage": row["stage"],
            "at": row["at"],
            "run": as_of.isoformat(),
            "decision": row.get("decision_id"),
            "receipt": row.get("receipt"),
        },
    )
