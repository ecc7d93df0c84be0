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
FULL = "strategy.capacity"
"""The run's reason for leaving somebody in peace whose call did not fit into the day."""


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
    net: Decimal | None = None
    left_because: str = ""


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
        "next_in_line": case.left_because == FULL,
        "left_in_peace": case.left_because not in ("", FULL),
        "held_back": case.is_held_back,
        "nothing_planned": True,
    }
    return [name for name in reasons() if fits[name]]


def rank(case: Standing, now: datetime) -> int:
    """The place in the queue, the lowest first: by reason, then by the planned contact, then by what it is worth.

    Where values are known: by the hour of the planned contact, those whose hour has come together, then the larger value net of
    price (for each agent minute). Where they are not: by its minute, then the larger amount.
    """
    first = list(reasons()).index(why(case, now)[0])
    minute = _MINUTE_SPAN - 1
    if case.planned_at is not None:
        away = int((case.planned_at - now).total_seconds() // 60)
        if case.net is not None:
            away = max(away, 0) // 60 * 60
        minute = min(max(away + _MINUTE_SPAN // 2, 0), _MINUTE_SPAN - 1)
    if case.net is None:
        weight = min(int(case.past_due_total), _MINUTE_SPAN - 1)
    else:
        weight = min(max(int(case.net * 100) + _MINUTE_SPAN // 2, 0), _MINUTE_SPAN - 1)
    return first * _STEP + minute * _MINUTE_SPAN + (_MINUTE_SPAN - 1 - weight)
