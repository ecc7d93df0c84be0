"""The plain ladder of contacts and what the run itself holds back, read from their dated text (``stages.toml``)."""

from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path

from dunwell.policy import read_policy

STAGES_FILE = Path(__file__).parent / "stages.toml"


@dataclass(frozen=True, slots=True)
class Stage:
    """A rung of the ladder: from how many days past due, by which channels (the first that can be used), for which purpose,
    and the working window on the person's clock.
    """

    name: str
    name_zh: str
    from_days: int
    channels: tuple[str, ...]
    purpose: str
    opens: time
    closes: time

    def name_in(self, language: str) -> str:
        """Its name in a language of the report ("en" or "zh")."""
        return self.name_zh if language == "zh" else self.name


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
def read_ladder(day: date, file: Path = STAGES_FILE) -> Ladder:
    """The ladder in force on a day. Raises PolicyError."""
    text = read_policy(file)
    stages = [
        Stage(
            name=entry.values["name"],
            name_zh=entry.values["name_zh"],
            from_days=entry.values["from_days"],
            channels=tuple(entry.values["channels"]),
            purpose=entry.values["purpose"],
            opens=time.fromisoformat(entry.values["between"][0]),
            closes=time.fromisoformat(entry.values["between"][1]),
        )
        for entry in text.entries("stages", day)
    ]
    reasons = [
        HouseReason(entry.values["id"], entry.citation, entry.values["en"], entry.values["zh"])
        for entry in text.entries("holds_back", day)
    ]
    return Ladder(
        tuple(sorted(stages, key=lambda stage: stage.from_days)), {reason.rule: reason for reason in reasons}
    )
