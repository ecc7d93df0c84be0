"""The order of the queue and its reasons, read from ``queue.toml``; a pure function of what is known of a case."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("queue.toml")
_STEP = 10**12
_MINUTE_SPAN = 10**6
_BROKEN_DAYS = 3


@cache
def reasons() -> Mapping[str, Mapping[str, str]]:
    """The reasons in their order, with their words by language."""
    told = tomllib.loads(_FILE.read_text(encoding="utf-8"))["reason"]
    return {entry["name"]: {"en": entry["en"], "zh": entry["zh"]} for entry in told}


@dataclass(frozen=True, slots=True)
class Standing:
    """What the place of a case in the queue depends on."""

    is_urgent: bool = False
    needs_person: bool = False
    come_back_at: datetime | None = None
    broken_on: date | None = None
    channel: str = ""
    planned_at: datetime | None = None
    is_held_back: bool = False
    past_due_total: Decimal = Decimal(0)


def why(case: Standing, now: datetime) -> Sequence[str]:
    """Every reason that fits, the first of them decides."""
    fits: dict[str, Any] = {
        "urgent": case.is_urgent,
        "asked_for_person": case.needs_person,
        "called_back": case.come_back_at is not None and case.come_back_at <= now,
        "promise_broken": case.broken_on is not None
        and now.date() - case.broken_on <= timedelta(days=_BROKEN_DAYS),
        "call_planned": case.channel == "call" and not case.is_held_back,
        "contact_planned": case.channel not in ("", "call") and not case.is_held_back,
        "held_back": case.is_held_back,
        "nothing_planned": True,
    }
    return [name for name in reasons() if fits[name]]


def rank(case: Standing, now: datetime) -> int:
    """The place in the queue, the lowest first: by reason, then by the minute of the planned contact, then the larger amount."""
    first = list(reasons()).index(why(case, now)[0])
    minute = _MINUTE_SPAN - 1
    if case.planned_at is not None:
        away = int((case.planned_at - now).total_seconds() // 60)
        minute = min(max(away + _MINUTE_SPAN // 2, 0), _MINUTE_SPAN - 1)
    amount = min(int(case.past_due_total), _MINUTE_SPAN - 1)
    return first * _STEP + minute * _MINUTE_SPAN + (_MINUTE_SPAN - 1 - amount)
