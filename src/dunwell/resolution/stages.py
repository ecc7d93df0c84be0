"""The ladder of stages, read from its dated text (``texts/stages.toml``): the rungs by days past due, and the stages that
follow from events.
"""

from dataclasses import dataclass
from datetime import date, time
from functools import cache
from pathlib import Path

from dunwell.policy import PolicyError, read_policy

STAGES_FILE = Path(__file__).parent / "texts" / "stages.toml"
EVENTS = ("nothing_past_due", "sold", "litigation", "unreached")


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
class EventStage:
    """A stage that follows from what happened (``when``, one of EVENTS). ``from_days`` and ``within_days``: see unreached."""

    name: str
    name_zh: str
    when: str
    from_days: int
    within_days: int


@dataclass(frozen=True, slots=True)
class Stages:
    """What holds on a day: the rungs, lowest first, and the stages by event, the one that counts first in front."""

    rungs: tuple[Stage, ...]
    events: tuple[EventStage, ...]

    def rung(self, past_due_days: int) -> Stage | None:
        """The rung for so many days past due; None below the first."""
        reached = [stage for stage in self.rungs if stage.from_days <= past_due_days]
        return reached[-1] if reached else None


@cache
def read_stages(day: date, file: Path = STAGES_FILE) -> Stages:
    """The stages in force on a day. Raises PolicyError."""
    text = read_policy(file)
    rungs = [
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
    events = []
    for entry in text.entries("event_stages", day):
        if entry.values.get("when") not in EVENTS:
            raise PolicyError(text.file, f"{entry.key}.when", "is not known", f"One of: {', '.join(EVENTS)}")
        events.append(
            EventStage(
                entry.values["name"],
                entry.values["name_zh"],
                entry.values["when"],
                entry.values.get("from_days", 0),
                entry.values.get("within_days", 0),
            )
        )
    return Stages(tuple(sorted(rungs, key=lambda stage: stage.from_days)), tuple(events))
