"""Arms that are drawn no more: by the text, or since a guard-rail was crossed and nobody has taken them up again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from dunwell.strategy.experiments.design import Experiment


@dataclass(frozen=True, slots=True)
class Stopped:
    """An arm that is stopped on a day. ``why``: what the text says; empty where a guard-rail stopped it, which then is the
    ``event``, with the customers who had it and all customers, in arm and control, on the day that it was crossed.
    """

    experiment: str
    arm: str
    control: str
    since: date
    why: str = ""
    event: str = ""
    arm_events: int = 0
    arm_count: int = 0
    control_events: int = 0
    control_count: int = 0

    @property
    def is_by_guard_rail(self) -> bool:
        """Whether a guard-rail stopped it, and not the text."""
        return bool(self.event)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"since": self.since.isoformat()}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Stopped":
        """From plain values."""
        return cls(**{**told, "since": date.fromisoformat(told["since"])})

    @property
    def sentence(self) -> str:
        """Which arm of what, since when and why."""
        told = f"{self.experiment}: {self.arm!r} is stopped since {self.since}"
        if not self.is_by_guard_rail:
            return f"{told}: {self.why}"
        return (
            f"{told} by its guard-rail: {self.event} of {self.arm_events:,} of {self.arm_count:,} customers, "
            f"{self.control_events:,} of {self.control_count:,} with {self.control!r}"
        )

    def taken_up(self, day: date | str) -> str:
        """What to write below the experiment in the strategy's text to draw the arm again from a day on."""
        return f'stopped = [{{ arm = "{self.arm}", since = {self.since}, until = {day}, why = "..." }}]'


def by_text(experiment: Experiment, day: date) -> list[Stopped]:
    """The arms that the text stops on a day, each once."""
    found = {
        stop.arm: Stopped(experiment.name, stop.arm, experiment.control, stop.since, stop.why)
        for stop in sorted(experiment.stops, key=lambda stop: stop.since, reverse=True)
        if stop.holds_on(day)
    }
    return [found[arm] for arm in experiment.treatments if arm in found]


def still(experiment: Experiment, earlier: Iterable[Stopped], day: date) -> list[Stopped]:
    """Of the arms that guard-rails stopped, those that nobody has taken up again by a day: the text names no stop of the arm
    that has ended since. Each arm once, by the first of its stops.
    """
    found: dict[str, Stopped] = {}
    for one in sorted(earlier, key=lambda one: one.since):
        ended = taken_up_on(experiment, one.arm, day)
        is_mine = one.experiment == experiment.name and one.arm in experiment.treatments[1:]
        if is_mine and one.since <= day and (ended is None or ended <= one.since):
            found.setdefault(one.arm, one)
    return list(found.values())


def taken_up_on(experiment: Experiment, arm: str, day: date) -> date | None:
    """When an arm was last taken up again, by the text, up to a day."""
    ends = [stop.until for stop in experiment.stops if stop.arm == arm and stop.until is not None]
    return max((end for end in ends if end <= day), default=None)


def arms_of(stopped: Iterable[Stopped]) -> dict[str, frozenset[str]]:
    """The stopped arms by experiment."""
    found: dict[str, frozenset[str]] = {}
    for one in stopped:
        found[one.experiment] = found.get(one.experiment, frozenset()) | {one.arm}
    return found
