"""Policies compared in the world: the same people, the same luck, the same number of calls a day; who brings in more?

What counts is the money beyond doing nothing, less what the calls cost; and beside it what it cost people: how tired of
contact they are, how many complain, and how it goes for the tenth who find it hardest to repay.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.debtors import seeded
from dunwell.rehearsal.desk import Desk
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.policies import Caller, CallLog, Policy, Ranked, View, cells_of, highest
from dunwell.rehearsal.usual_contacts import at_working_hours

PILOT_OUTCOME_DAYS = 14
DAILY = {"day": pl.Int64, "money_minor": pl.Float64, "calls": pl.Int64}
"""A day under a policy, the first being 0: what came in from everybody, and the calls made."""


IDLE = "nobody is called"


class Trial(NamedTuple):
    """The setting: whose world, how many calls a day, for how long, and what a call costs in minor units.

    ``shifts``: from a day on (0 is the first) other effects hold, as when times turn; no policy is told.
    """

    census: Census
    effects: Effects
    as_of: date
    calls_a_day: int
    days: int
    call_cost_minor: float
    shifts: Mapping[int, Effects] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy brought in a world: money in minor units, calls made, and what they did to people.

    ``hardest_money_minor`` is the money of the tenth of late people whose nature makes repayment hardest, and
    ``hardest_fatigue`` how tired of contact they are; ``most_calls`` are the calls to each of the tenth most called;
    ``hardship_calls`` are those to people whom hardship had struck, told or not.
    """

    money_minor: float
    calls: int
    complaints: int
    stops: int
    fatigue: float
    hardest_money_minor: float
    hardest_fatigue: float
    most_calls: float
    hardship_calls: int
    late_30: int


def run_policy(trial: Trial, policy: Policy | None, seed: int) -> Outcome:
    """What a policy brings in a world of that seed; None calls nobody."""
    return run_days(trial, policy, seed)[0]


def run_days(trial: Trial, policy: Policy | None, seed: int) -> tuple[Outcome, pl.DataFrame]:
    """What a policy brings in a world of that seed, and DAILY, a row a day."""
    world = DebtorWorld(trial.census, trial.effects, seed, trial.as_of)
    desk = Desk(world, trial.census)
    at_first = desk.view().persons
    hardest = _hardest(world, at_first)
    made = Ranked(_nobody) if policy is None else policy(world)
    caller = made if isinstance(made, Caller) else Ranked(made)
    brought = np.zeros(len(world.persons.keys))
    days: list[tuple[int, float, int]] = []
    in_hardship = 0
    for number in range(trial.days):
        world.effects = trial.shifts.get(number, world.effects)
        view = desk.view()
        chosen = caller.choose(view, trial.calls_a_day)
        called = view.persons[chosen]
        day = day_number(world.today) + 1
        in_hardship += int((world.persons.hardship_until[called] > day).sum())
        came, came_late = _lived(world, desk, called)
        caller.hear(came_late)
        brought += came
        days.append((number, float(came.sum()), len(called)))
    standing = world.standing().filter(pl.col("status") == "active")
    was_called = desk.total[desk.total > 0]
    tenth = np.sort(was_called)[-max(len(was_called) // 10, 1) :] if len(was_called) else np.zeros(1)
    outcome = Outcome(
        money_minor=float(brought.sum()),
        calls=int(desk.total.sum()),
        complaints=desk.complaints,
        stops=desk.stops,
        fatigue=float(world.persons.fatigue[at_first].mean()),
        hardest_money_minor=float(brought[hardest].sum()),
        hardest_fatigue=float(world.persons.fatigue[hardest].mean()),
        most_calls=float(tenth.mean()),
        hardship_calls=in_hardship,
        late_30=standing.filter(pl.col("past_due_days") >= 30).height,
    )
    return outcome, pl.DataFrame(days, schema=DAILY, orient="row")


def _nobody(view: View) -> Floats:
    return np.zeros(len(view.persons))


def _lived(world: DebtorWorld, desk: Desk, called: Ints) -> tuple[Floats, Floats]:
    """Live a day with these calls: what came in by person, in all and of debts that were past due."""
    paid, extra, is_late = (
        world.debts.paid_minor.copy(),
        world.debts.extra_minor.copy(),
        world.debts.late_since > 0,
    )
    events = world.step(_calls(world, called))
    came = world.debts.paid_minor - paid + np.maximum(extra - world.debts.extra_minor, 0)
    count = len(world.persons.keys)
    whole = np.bincount(world.debts.owners, weights=came, minlength=count).astype(np.float64)
    late = np.bincount(world.debts.owners, weights=came * is_late, minlength=count).astype(np.float64)
    desk.remember(called, late, events)
    return whole, late


def pilot(trial: Trial, seed: int) -> CallLog:
    """A pilot in another world: each day's calls are drawn by lot among the late, and two weeks later one looks what came in."""
    world = DebtorWorld(trial.census, trial.effects, seed, trial.as_of)
    desk = Desk(world, trial.census)
    views: list[tuple[View, Flags]] = []
    came_by_day: list[Floats] = []
    for number in range(trial.days + PILOT_OUTCOME_DAYS):
        world.effects = trial.shifts.get(number, world.effects)
        view = desk.view()
        lots = seeded(world.persons.keys[view.persons], day_number(world.today)).astype(np.float64)
        chosen = highest(lots * view.may_call, trial.calls_a_day)
        is_called = np.zeros(len(view.persons), dtype=np.bool_)
        is_called[chosen] = True
        views.append((view, is_called))
        came_by_day.append(_lived(world, desk, view.persons[chosen])[0])
    cells, called, shares = [], [], []
    for day, (view, is_called) in enumerate(views[: trial.days]):
        came = np.sum(came_by_day[day : day + PILOT_OUTCOME_DAYS], axis=0)[view.persons]
        free = ~view.has_promise & view.may_call
        cells.append(cells_of(view)[free])
        called.append(is_called[free])
        shares.append(np.minimum(came / np.maximum(view.owed_minor, 1), 1.0)[free])
    return CallLog(np.concatenate(cells), np.concatenate(called), np.concatenate(shares))


def compare(
    trial: Trial,
    policies: Mapping[str, Policy],
    seeds: Sequence[int],
    report: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every policy in every world: policy, seed, ``net_minor`` (money beyond doing nothing, less the cost of calls) and the
    fields of Outcome; and by day policy, seed, day, net_minor. ``report`` hears what is run, how many are done, and of how many.
    """
    rows, days = [], []
    wanted: dict[str, Policy | None] = {IDLE: None, **policies}
    for place, seed in enumerate(seeds):
        idle, idle_days = run_days(trial, None, seed)
        for number, (name, policy) in enumerate(wanted.items()):
            report(name, place * len(wanted) + number, len(wanted) * len(seeds))
            outcome, daily = (idle, idle_days) if policy is None else run_days(trial, policy, seed)
            net = outcome.money_minor - idle.money_minor - trial.call_cost_minor * outcome.calls
            fields = {field: getattr(outcome, field) for field in Outcome.__dataclass_fields__}
            rows.append({"policy": name, "seed": seed, "net_minor": net, **fields})
            cost = trial.call_cost_minor * pl.col("calls")
            days.append(
                daily.select(
                    pl.lit(name).alias("policy"),
                    pl.lit(seed).alias("seed"),
                    "day",
                    (pl.col("money_minor") - idle_days["money_minor"] - cost).alias("net_minor"),
                )
            )
    return pl.DataFrame(rows), pl.concat(days)


def told(results: pl.DataFrame, against: Sequence[str]) -> pl.DataFrame:
    """A row a policy, means over worlds; ``gain`` over the best of ``against`` (by mean net) with its 95 % interval, paired by
    world and by Student's t: the relative difference of the means, the best rule's mean taken as known.
    """
    wide = {name: part.sort("seed") for (name,), part in results.partition_by("policy", as_dict=True).items()}
    best = max(against, key=lambda name: float(wide[name]["net_minor"].to_numpy().mean()))
    base = wide[best]["net_minor"].to_numpy()
    rows = []
    for name, part in wide.items():
        difference = (part["net_minor"].to_numpy() - base) / base.mean()
        half = (
            t95(len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference))
            if len(difference) > 1
            else np.nan
        )
        means = part.select(pl.exclude("policy", "seed").mean()).row(0, named=True)
        rows.append(
            {
                "policy": name,
                **means,
                "gain": float(difference.mean()),
                "gain_low": float(difference.mean() - half),
                "gain_high": float(difference.mean() + half),
                "is_best_rule": name == best,
            }
        )
    return pl.DataFrame(rows).sort("net_minor")


_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101,
    2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t at 97.5 % for 1, 2, ... degrees of freedom."""


def t95(freedom: int) -> float:
    """Student's t at 97.5 % for so many degrees of freedom; beyond the table that of its end, which is a little too wide."""
    return _T95[min(freedom, len(_T95)) - 1]


def _calls(world: DebtorWorld, persons: Ints) -> pl.DataFrame | None:
    if not len(persons):
        return None
    people = world.customers[persons].select("customer_id", "timezone")
    return at_working_hours(world, people.with_columns(pl.lit("call").alias("channel")))


def _hardest(world: DebtorWorld, persons: Ints) -> Ints:
    """The tenth of these people whose first debt is slowest by nature."""
    order = np.argsort(world.debts.ease[world.persons.first_debts[persons]], kind="stable")
    return np.asarray(persons[order[: max(len(persons) // 10, 1)]], dtype=np.int64)
