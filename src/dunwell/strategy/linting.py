"""What in a strategy can be read but is likely not meant."""

from datetime import timedelta

from dunwell.strategy.columns import COLUMNS
from dunwell.strategy.eligibility import run_cases
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.floors import untold_floors
from dunwell.strategy.text import CAPACITY_KINDS, LEGAL, Strategy

_AMOUNTS = ("past_due_total", "outstanding_principal")


def cautions(strategy: Strategy) -> list[str]:
    """Sentences, each with the place and what to look at; empty when there is nothing to say. Broken worked cases are
    among them.
    """
    return [
        *_of_segments(strategy),
        *_of_capacities(strategy),
        *_of_experiments(strategy),
        *_of_money(strategy),
        *(
            f"case {result.case.name!r}: {problem}"
            for result in run_cases(strategy, strategy.cases)
            for problem in result.problems
        ),
    ]


def _of_segments(strategy: Strategy) -> list[str]:
    found = []
    for number, segment in enumerate(strategy.segments):
        for earlier in strategy.segments[:number]:
            if set(earlier.when) <= set(segment.when):
                found.append(
                    f"segment {segment.name!r} is never reached: {earlier.name!r} before it takes everybody"
                )
                break
        if not any(segment.name in treatment.segments for treatment in strategy.treatments):
            found.append(f"segment {segment.name!r} has no treatment: its customers are left in peace")
    return found


def _of_capacities(strategy: Strategy) -> list[str]:
    found = []
    for name in untold_floors(strategy):
        found.append(
            f"objective.floors.{name}: no treatment says what it brings (expects), so the daily run is not held to it"
        )
    skills = {capacity.skill for capacity in strategy.capacities if capacity.kind == "agent_minutes"}
    for treatment in strategy.treatments:
        if not treatment.prior_sd:
            found.append(
                f"treatment {treatment.name!r} has no prior: what it is worth cannot be learned until it has"
            )
        if treatment.minutes and treatment.skill not in skills:
            found.append(
                f"treatment {treatment.name!r} takes minutes of {treatment.skill!r}, of which no capacity tells"
            )
        if treatment.channel == "call" and not treatment.automated and not treatment.minutes:
            found.append(f"treatment {treatment.name!r} is a call by a person that takes no minutes")
        if treatment.channel in ("visit", LEGAL) and not any(
            treatment.channel in CAPACITY_KINDS[capacity.kind] for capacity in strategy.capacities
        ):
            found.append(f"treatment {treatment.name!r} has no capacity that bounds it")
    return found


def _of_experiments(strategy: Strategy) -> list[str]:
    found = []
    for experiment in strategy.experiments:
        events = {rail.event for rail in experiment.guard_rails}
        if "complaint" not in events:
            found.append(f"experiment {experiment.name!r} has no guard-rail on complaints")
        ends_on = experiment.starts_on + timedelta(days=experiment.enrol_days)
        for stop in experiment.stops:
            if not stop.since < ends_on or (stop.until is not None and stop.until <= experiment.starts_on):
                found.append(
                    f"experiment {experiment.name!r}: the stop of {stop.arm!r} since {stop.since} stops nothing: "
                    f"lots are drawn from {experiment.starts_on} to before {ends_on}"
                )
        if {stop.arm for stop in experiment.stops if stop.until is None} >= set(experiment.treatments[1:]):
            found.append(
                f"experiment {experiment.name!r}: every arm is stopped, so all get the control and nothing is learned: "
                "end it, or take an arm up again (until)"
            )
        groups = [
            set(treatment.segments)
            for treatment in strategy.treatments
            if treatment.name in experiment.treatments
        ]
        if groups and not set.intersection(*groups):
            found.append(f"experiment {experiment.name!r} compares treatments that no segment has in common")
    if strategy.explore_spend is not None and not strategy.explore_rate:
        found.append("exploring: spend without a rate: nothing is drawn by lot")
    if not strategy.hold_out.share:
        found.append("no hold_out: what the whole strategy brings can never be known")
    elif strategy.hold_out.treatment != NOTHING:
        found.append(
            f"the hold-out gets {strategy.hold_out.treatment!r}: it tells what the rest brings beyond that alone"
        )
    return found


def _of_money(strategy: Strategy) -> list[str]:
    found = []
    for kind, entries in (("segment", strategy.segments), ("treatment", strategy.treatments)):
        for entry in entries:
            asked = {condition.column for condition in entry.when}
            for name in _AMOUNTS:
                if name in asked and "currency" not in asked:
                    found.append(
                        f"{kind} {entry.name!r} asks for the {COLUMNS[name].meaning} whatever the currency: add one, "
                        "like currency = CNY"
                    )
    return found
