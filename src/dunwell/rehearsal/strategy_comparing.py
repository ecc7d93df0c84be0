"""Two strategies set side by side, or one looked at alone: money, effort, what it did to people, and among whom.

Every figure is a mean over copies of the same people, each copy with its own nature and luck. Two strategies meet the same
copies, so a difference is taken copy by copy and its interval is Student's over the copies: it tells how much luck there is in
it, and nothing of how true the world's assumptions are. Two strategies that decide alike differ by exactly nothing.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunwell.rehearsal.draws import Flags, Floats
from dunwell.rehearsal.effects import Effects, Figure
from dunwell.rehearsal.policy_trial import t95
from dunwell.rehearsal.strategy_run import UNITS, Choice, Lived, live_with
from dunwell.rehearsal.strategy_setting import GROUPINGS, Setting, copied
from dunwell.strategy.experiments.randomising import numbers_kept
from dunwell.strategy.text import Strategy

GROUP_CUSTOMERS_MIN = 30
"""Fewer customers than this tell nothing of a group."""

SHARE, COUNT, MONEY, MINUTES = "share", "count", "money", "minutes"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the old strategy and the new, their difference (new less old) and its 95 % interval; None where one seed tells
    none.

    ``better``: 1 where more is better, -1 where less is, 0 where it depends. A strategy looked at alone is the ``new``, and its
    own interval stands in ``low`` and ``high``; ``old`` and ``difference`` are None.
    """

    name: str
    kind: str
    better: int
    old: float | None
    new: float
    difference: float | None
    low: float | None
    high: float | None

    @property
    def is_sure(self) -> bool:
        """Whether the interval of a difference leaves out nothing."""
        return (
            self.difference is not None and self.low is not None and (self.low > 0 or (self.high or 0.0) < 0)
        )

    @property
    def is_worse(self) -> bool:
        """Whether the new is worse for sure, as far as luck goes."""
        return self.is_sure and self.better * (self.difference or 0.0) < 0


@dataclass(frozen=True, slots=True)
class Gap:
    """How a group fares beside everybody else under each strategy: its mean less theirs, and what the change does to that."""

    grouping: str
    group: str
    customers: int
    measured: Measured


@dataclass(frozen=True, slots=True)
class Floor:
    """One of the objective's floors. ``state``: kept, breached, or open where the days rehearsed are too few to say."""

    name: str
    bound: float
    old: float | None
    new: float
    state: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A rehearsal's answer. ``treatments``: name, and how often it was given to a thousand customers under the old (None when
    alone) and the new strategy.
    """

    days: int
    window_days: int
    copies: int
    customers: int
    share: float
    source: str
    currency: str
    measures: tuple[Measured, ...]
    gaps: tuple[Gap, ...]
    floors: tuple[Floor, ...]
    treatments: tuple[tuple[str, float | None, float], ...]

    def record(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        told = asdict(self)
        rows = [*told["measures"], *(gap["measured"] for gap in told["gaps"])]
        for row, measure in zip(rows, [*self.measures, *(gap.measured for gap in self.gaps)], strict=True):
            row["is_sure"], row["is_worse"] = measure.is_sure, measure.is_worse
        return told


def rehearse(
    setting: Setting,
    strategies: Sequence[Strategy],
    choice: Choice,
    effects: Effects,
    seed: int,
    copies: int,
    days: int,
) -> Comparison:
    """One strategy alone, or the old and the new, through so many days with so many copies of a setting's people. ``choice``: how
    each day is decided.
    """
    everybody = copied(setting, copies)

    def live(place: tuple[Context, Strategy]) -> Lived:
        return place[0].run(live_with, everybody, place[1], choice, effects, seed, days)

    # Two strategies know nothing of each other, and a day's work is mostly done outside of Python's lock.
    with numbers_kept(setting.people["customer_id"]), ThreadPoolExecutor(len(strategies)) as pool:
        lived = list(pool.map(live, [(copy_context(), strategy) for strategy in strategies]))
    new, old = strategies[-1], lived[0] if len(lived) == 2 else None
    measures = _measures(everybody, strategies, lived, copies)
    return Comparison(
        days=days,
        window_days=new.objective.window_days,
        copies=copies,
        customers=setting.people.height,
        share=setting.share,
        source=setting.source,
        currency=new.currency,
        measures=tuple(measures),
        gaps=tuple(_gaps(setting, lived, copies)),
        floors=tuple(_floors(new, measures, days)),
        treatments=tuple(_treatments(strategies, old, lived[-1], everybody.people.height)),
    )


def paired(name: str, kind: str, better: int, figures: Sequence[Floats], half_least: float = 0.0) -> Measured:
    """A measure from each strategy's figures, one a copy; its interval reaches at least so far to either side."""
    new = figures[-1]
    told = Measured(name, kind, better, None, float(new.mean()), None, None, None)
    values = new
    if len(figures) == 2:
        values = new - figures[0]
        told = replace(told, old=float(figures[0].mean()), difference=float(values.mean()))
    if len(values) < 2:
        return told
    half = max(t95(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values)), half_least)
    return replace(told, low=float(values.mean()) - half, high=float(values.mean()) + half)


def half_of_rare(events: Sequence[NDArray[Any]]) -> float:
    """How far the interval of a mean of rare events must reach, by each strategy's events, a value a person of every copy.

    Where few copies have any, how the copies differ tells too little: nothing at all where none has one. So two persons more are
    thought to have fared otherwise (D. Bonett and R. Price, Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data, JEBS 37, 2012).
    """
    differences = np.asarray(events[-1], dtype=np.float64) - (events[0] if len(events) == 2 else 0.0)
    return 1.96 * math.sqrt(float((differences**2).sum()) + 2.0) / (differences.size + 2)


def _decide_alike(lived: Sequence[Lived]) -> bool:
    """Whether both strategies did the same for everybody: then nothing differs, and not by chance."""
    return len(lived) == 2 and all(
        np.array_equal(getattr(lived[0], name), getattr(lived[1], name)) for name in ("contacts", "cost")
    )


def _measures(
    setting: Setting, strategies: Sequence[Strategy], lived: Sequence[Lived], copies: int
) -> list[Measured]:
    def each(values: NDArray[Any], of: Flags | None = None) -> Floats:
        """The mean of each copy, over everybody or those of a kind."""
        table = np.asarray(values, dtype=np.float64).reshape(copies, -1)
        if of is None:
            return np.asarray(table.mean(axis=1))
        mask = of.reshape(copies, -1)
        return np.asarray(np.where(mask, table, 0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1))

    def told(name: str, kind: str, better: int, figures: Sequence[Floats]) -> None:
        found.append(paired(name, kind, better, figures))

    def told_rare(name: str, each_of: Sequence[NDArray[Any]], of: Sequence[Flags] | None = None) -> None:
        """A measure of events of a thousand, or of a thousand of a kind, that are rare."""
        parts = each_of if of is None else [one[mine] for one, mine in zip(each_of, of, strict=True)]
        half = 0.0 if is_alike else 1000 * half_of_rare(parts)
        figures = [1000 * each(one, None if of is None else of[0]) for one in each_of]
        found.append(paired(name, COUNT, -1, figures, half))

    found: list[Measured] = []
    is_alike = _decide_alike(lived)
    currencies = lived[0].currencies
    cash = [
        [each(one.cash_minor[:, place]) / UNITS[name] for one in lived]
        for place, name in enumerate(currencies)
    ]
    if currencies == (strategies[-1].currency,):
        told("net", MONEY, 1, [got - each(one.cost) for got, one in zip(cash[0], lived, strict=True)])
    for name, figures in zip(currencies, cash, strict=True):
        told(f"cash {name}", MONEY, 1, figures)
    told("repaid", SHARE, 1, [each(one.repaid) for one in lived])
    told("cured", SHARE, 1, [each(one.is_cured) for one in lived])
    told("cost", MONEY, -1, [each(one.cost) for one in lived])
    told("minutes", MINUTES, -1, [each(one.minutes) for one in lived])
    told("contacts", COUNT, -1, [each(one.contacts) for one in lived])
    told_rare("complaints", [one.complains for one in lived])
    told_rare("opt-outs", [one.stops for one in lived])
    told_rare("contacts in hardship", [one.hard_contacts for one in lived])
    told("fatigue", COUNT, -1, [each(one.fatigue) for one in lived])
    told("hardest tenth: repaid", SHARE, 1, [each(one.repaid, one.is_hardest) for one in lived])
    told("hardest tenth: contacts", COUNT, -1, [each(one.contacts, one.is_hardest) for one in lived])
    told_rare(
        "hardest tenth: complaints", [one.complains for one in lived], [one.is_hardest for one in lived]
    )
    told("hardest tenth: fatigue", COUNT, -1, [each(one.fatigue, one.is_hardest) for one in lived])
    return found


def _gaps(setting: Setting, lived: Sequence[Lived], copies: int) -> list[Gap]:
    """Contacts and cures of each group that is large enough, beside everybody else's."""
    found = []
    for grouping in GROUPINGS:
        values = setting.people[f"group_{grouping}"].fill_null("not known").to_numpy()
        for group in sorted(set(values.tolist())):
            mine = values == group
            if min(mine.sum(), (~mine).sum()) < GROUP_CUSTOMERS_MIN:
                continue
            for name, kind in (("cured", SHARE), ("contacts", COUNT)):
                figures = []
                for one in lived:
                    table = np.asarray(one.is_cured if name == "cured" else one.contacts, dtype=np.float64)
                    table = table.reshape(copies, -1)
                    figures.append(np.asarray(table[:, mine].mean(axis=1) - table[:, ~mine].mean(axis=1)))
                found.append(Gap(grouping, group, int(mine.sum()), paired(name, kind, 0, figures)))
    return found


_FLOOR_MEASURES = {
    "cure_share_min": "cured",
    "complaints_per_thousand_max": "complaints",
    "opt_outs_per_thousand_max": "opt-outs",
    "contacts_per_customer_max": "contacts",
}


def _floors(strategy: Strategy, measures: Sequence[Measured], days: int) -> list[Floor]:
    """The objective's floors held against the measures, the breached ones first. They are set for the whole window: what may not
    be exceeded in it may not be exceeded sooner, and what must be reached by its end need not be reached before.
    """
    by_name = {one.name: one for one in measures}
    is_whole = days >= strategy.objective.window_days
    found = []
    for name, limit in strategy.objective.floors.items():
        measure, bound = by_name[_FLOOR_MEASURES[name]], float(limit)
        is_missed = measure.new < bound if name.endswith("_min") else measure.new > bound
        is_told = is_whole or (is_missed and not name.endswith("_min"))
        state = ("breached" if is_missed else "kept") if is_told else "open"
        found.append(Floor(name, bound, measure.old, measure.new, state))
    return sorted(found, key=lambda floor: (floor.state != "breached", floor.name))


def _treatments(
    strategies: Sequence[Strategy], old: Lived | None, new: Lived, people: int
) -> list[tuple[str, float | None, float]]:
    names = dict.fromkeys(name for strategy in strategies for name in strategy.treatment_names[1:])
    return [
        (
            name,
            None if old is None else 1000 * old.treatments.get(name, 0) / people,
            1000 * new.treatments.get(name, 0) / people,
        )
        for name in names
    ]


def assumptions(figures: Sequence[Figure]) -> dict[str, int]:
    """How many of the world's effects rest on what: data, papers, calibration, or nothing but the house's word."""
    counts = dict.fromkeys(("data", "paper", "calibrated", "house"), 0)
    for figure in figures:
        counts[figure.source_quality] += 1
    return counts
