"""How soon a complaint must be answered, by where the person lives: dunwell's clocks, and the lender's own in their place."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from dunwell.policy import PolicyError

FILE = "complaints.toml"
ANYWHERE = "any"
"""The clock of every place that has none of its own."""
DAYS_MAX = 366
_QUALITIES = ("text", "press", "memory")
_OWN_FILE = Path(__file__).with_name(FILE)


@dataclass(frozen=True, slots=True)
class Clock:
    """``days``: calendar days (UTC) from the day on which the complaint was received; where that stands, and how well it is known
    (``text``, ``press`` or ``memory``).
    """

    days: int
    citation: str
    source_quality: str


def read_clocks(policy: Path) -> Mapping[str, Clock]:
    """The clocks by jurisdiction: of those that the lender names (``complaints.toml`` in the policy's folder) the lender's, else
    dunwell's. Raises PolicyError.
    """
    own = policy / FILE
    return _read(_OWN_FILE) | (_read(own) if own.is_file() else {})


def due_on(clocks: Mapping[str, Clock], received_at: datetime, jurisdiction: str) -> date:
    """By when a complaint must be answered where the person lives."""
    return received_at.date() + timedelta(days=clock_of(clocks, jurisdiction).days)


def clock_of(clocks: Mapping[str, Clock], jurisdiction: str) -> Clock:
    """The clock of a place, or that of anywhere."""
    return clocks.get(jurisdiction, clocks[ANYWHERE])


def _read(file: Path) -> dict[str, Clock]:
    try:
        text = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PolicyError(FILE, "the file", f"cannot be read ({error})", "Write TOML in UTF-8") from error
    return {place: _clock(place, told) for place, told in text.items()}


def _clock(place: str, told: Any) -> Clock:
    mend = f'Write [{place}] with days = 30, citation = "..." and source_quality = "text"'
    if not isinstance(told, Mapping) or set(told) != {"days", "citation", "source_quality"}:
        raise PolicyError(FILE, place, "is no clock", mend)
    days, citation, quality = told["days"], told["citation"], told["source_quality"]
    if type(days) is not int or not 1 <= days <= DAYS_MAX:
        raise PolicyError(FILE, f"{place}.days", f"is {days!r}", f"Write whole days, 1 to {DAYS_MAX}")
    if not isinstance(citation, str) or not citation.strip():
        raise PolicyError(FILE, f"{place}.citation", "is empty", "Write where it stands")
    if quality not in _QUALITIES:
        raise PolicyError(
            FILE, f"{place}.source_quality", f"is {quality!r}", f"One of: {', '.join(_QUALITIES)}"
        )
    return Clock(days, citation, quality)
