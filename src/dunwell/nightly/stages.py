"""What the run itself holds back, and the ladder of stages as the run uses it.

The ladder is the resolution room's (``dunwell.resolution.stages``); the run's own reasons are dated text (``holds_back.toml``).
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from dunwell.policy import read_policy
from dunwell.resolution.stages import STAGES_FILE, Stage, read_stages

__all__ = ["HOLDS_BACK_FILE", "STAGES_FILE", "HouseReason", "Ladder", "Stage", "read_ladder"]

HOLDS_BACK_FILE = Path(__file__).parent / "holds_back.toml"


@dataclass(frozen=True, slots=True)
class HouseReason:
    """Why the run itself holds a contact back: its id, where it stands, and a plain sentence in English and Chinese."""

    rule: str
    citation: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """What holds on a day: the stages, lowest first, and the run's own reasons by id."""

    stages: tuple[Stage, ...]
    reasons: dict[str, HouseReason]


@cache
def read_ladder(day: date, file: Path = HOLDS_BACK_FILE) -> Ladder:
    """The ladder in force on a day, with the reasons of a text. Raises PolicyError."""
    reasons = [
        HouseReason(entry.values["id"], entry.citation, entry.values["en"], entry.values["zh"])
        for entry in read_policy(file).entries("holds_back", day)
    ]
    return Ladder(read_stages(day).rungs, {reason.rule: reason for reason in reasons})
