"""Policies compared in the world: the same people, the same luck, the same number of calls a day; who brings in more?

What counts is the money beyond doing nothing, less what the calls cost; and beside it what it cost people: how tired of
contact they are, how many complain, and how it goes for the tenth who find it hardest to repay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.debtors import seeded
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.policies import LONG_AGO, CallLog, Policy, View, cells_of
from dunwell.rehearsal.usual_contacts import at_working_hours

PILOT_OUTCOME_DAYS = 14


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
    ``hardest_fatigue`` how tired of contact they are; ``most_calls`` are the calls to each of the tenth most called.
    """

    money_minor: float
    calls: int
    complaints: int
    stops: int
    fatigue: float
    hardest_money_minor: float
    hardest_fatigue: float
    most_calls: float
    late_30: int


class _Desk:
    """What a lender remembers of each person: calls, talks, promises, wishes."""

    def __init__(self, world: DebtorWorld, census: Census) -> None:
        count = len(world.persons.keys)
        self.world = world
        self.seen: Floats = census.customers["seen"].to_numpy()
        self.called_on, self.talked_on = (np.full(count, -LONG_AGO, dtype=np.int64) for _ in range(2))
        self.promised_until, self.rests_until = (np.zeros(count, dtype=np.int64) for _ in range(2))
        self.calls, self.total = (np.zeros(count, dtype=np.float64) for _ in range(2))
        self.complaints = self.stops = 0

    def view(self) -> View:
        """Those who are late and may be called tomorrow."""
        day = day_number(self.world.today) + 1
        standing = self.world.standing().filter(
            (pl.col("past_due_days") > 0) & (pl.col("status") == "active")
        )
        late = standing.join(self.world.customers.select("customer_id", "person"), on="customer_id")
        by_person = (
            late.group_by("person")
            .agg(pl.col("past_due_days").max(), pl.col("owed_minor").sum())
            .sort("person")
        )
        persons = by_person["person"].cast(pl.Int64).to_numpy()
        may = self.rests_until[persons] <= day
        persons = persons[may]
        return View(
            persons,
            by_person["past_due_days"].to_numpy()[may].astype(np.int64),
            by_person["owed_minor"].to_numpy()[may],
            np.rint(self.calls[persons]).astype(np.int64),
            np.minimum(day - self.called_on[persons], LONG_AGO),
            np.minimum(day - self.talked_on[persons], LONG_AGO),
            self.promised_until[persons] >= day,
            self.seen[persons],
        )

    def remember(self, called: Ints, events: Events) -> None:
        """Take in what a day brought."""
        day = day_number(events.day)
        self.calls *= 1 - 1 / 30
        self.calls[called] += 1
        self.total[called] += 1
        self.called_on[called] = day
        people = self.world.customers.select("customer_id", "person")

        def persons(rows: pl.DataFrame) -> Ints:
            return (
                rows.join(people, on="customer_id", maintain_order="left")["person"].cast(pl.Int64).to_numpy()
            )

        contacts, holds = events.tables["contacts"], events.tables["holds"]
        self.talked_on[persons(contacts.filter(pl.col("outcome") == "conversation"))] = day
        promises = events.tables["promises"].join(
            self.world.accounts.select("account_id", "customer_id"), on="account_id", maintain_order="left"
        )
        due = promises["due_on"].to_physical().to_numpy()
        np.maximum.at(self.promised_until, persons(promises), due)
        until = holds["to_on"].to_physical().fill_null(2**30).to_numpy()
        np.maximum.at(self.rests_until, persons(holds), until + 1)
        self.complaints += holds.filter(pl.col("kind") == "complaint").height
        self.stops += holds.filter(pl.col("kind") == "cease").height


def run_policy(trial: Trial, policy: Policy | None, seed: int) -> Outcome:
    """What a policy brings in a world of that seed; None calls nobody."""
    world = DebtorWorld(trial.census, trial.effects, seed, trial.as_of)
    desk = _Desk(world, trial.census)
    at_first = desk.view().persons
    hardest = _hardest(world, at_first)
    priority = policy(world) if policy is not None else None
    brought = np.zeros(len(world.persons.keys))
    for number in range(trial.days):
        world.effects = trial.shifts.get(number, world.effects)
        called = np.zeros(0, dtype=np.int64)
        if priority is not None:
            view = desk.view()
            called = view.persons[_highest(priority(view), trial.calls_a_day)]
        paid, extra = world.debts.paid_minor.copy(), world.debts.extra_minor.copy()
        desk.remember(called, world.step(_calls(world, called)))
        came = world.debts.paid_minor - paid + np.maximum(extra - world.debts.extra_minor, 0)
        brought += np.bincount(world.debts.owners, weights=came, minlength=len(brought))
    standing = world.standing().filter(pl.col("status") == "active")
    was_called = desk.total[desk.total > 0]
    tenth = np.sort(was_called)[-max(len(was_called) // 10, 1) :] if len(was_called) else np.zeros(1)
    return Outcome(
        money_minor=float(brought.sum()),
        calls=int(desk.total.sum()),
        complaints=desk.complaints,
        stops=desk.stops,
        fatigue=float(world.persons.fatigue[at_first].mean()),
        hardest_money_minor=float(brought[hardest].sum()),
        hardest_fatigue=float(world.persons.fatigue[hardest].mean()),
        most_calls=float(tenth.mean()),
        late_30=standing.filter(pl.col("past_due_days") >= 30).height,
    )


def pilot(trial: Trial, seed: int) -> CallLog:
    """A pilot in another world: each day's calls are drawn by lot among the late, and two weeks later one looks what came in."""
    world = DebtorWorld(trial.census, trial.effects, seed, trial.as_of)
    desk = _Desk(world, trial.census)
    views: list[tuple[View, Flags]] = []
    came_by_day: list[Floats] = []
    for number in range(trial.days + PILOT_OUTCOME_DAYS):
        world.effects = trial.shifts.get(number, world.effects)
        view = desk.view()
        lots = seeded(world.persons.keys[view.persons], day_number(world.today)).astype(np.float64)
        chosen = _highest(lots, trial.calls_a_day)
        is_called = np.zeros(len(view.persons), dtype=np.bool_)
        is_called[chosen] = True
        views.append((view, is_called))
        paid, extra = world.debts.paid_minor.copy(), world.debts.extra_minor.copy()
        desk.remember(view.persons[chosen], world.step(_calls(world, view.persons[chosen])))
        came = world.debts.paid_minor - paid + np.maximum(extra - world.debts.extra_minor, 0)
        came_by_day.append(
            np.bincount(world.debts.owners, weights=came, minlength=len(world.persons.keys)).astype(
                np.float64
            )
        )
    cells, called, shares = [], [], []
    for day, (view, is_called) in enumerate(views[: trial.days]):
        came = np.sum(came_by_day[day : day + PILOT_OUTCOME_DAYS], axis=0)[view.persons]
        free = ~view.has_promise
        cells.append(cells_of(view)[free])
        called.append(is_called[free])
        shares.append(np.minimum(came / np.maximum(view.owed_minor, 1), 1.0)[free])
    return CallLog(np.concatenate(cells), np.concatenate(called), np.concatenate(shares))


def compare(trial: Trial, policies: Mapping[str, Policy], seeds: Sequence[int]) -> pl.DataFrame:
    """Every policy in every world: policy, seed, ``net_minor`` (money beyond doing nothing, less the cost of calls) and the
    fields of Outcome.
    """
    rows = []
    for seed in seeds:
        idle = run_policy(trial, None, seed)
        for name, policy in {"nobody is called": None, **policies}.items():
            outcome = idle if policy is None else run_policy(trial, policy, seed)
            net = outcome.money_minor - idle.money_minor - trial.call_cost_minor * outcome.calls
            fields = {field: getattr(outcome, field) for field in Outcome.__dataclass_fields__}
            rows.append({"policy": name, "seed": seed, "net_minor": net, **fields})
    return pl.DataFrame(rows)


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
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
)
"""Student's t at 97.5 % for 1, 2, ... degrees of freedom."""


def t95(freedom: int) -> float:
    """Student's t at 97.5 % for so many degrees of freedom."""
    return _T95[freedom - 1] if freedom <= len(_T95) else 2.1


def _highest(priorities: Floats, count: int) -> Ints:
    """Rows of the highest priorities above 0, at most so many; ties by row."""
    order = np.argsort(-priorities, kind="stable")[:count]
    return np.asarray(order[priorities[order] > 0], dtype=np.int64)


def _calls(world: DebtorWorld, persons: Ints) -> pl.DataFrame | None:
    if not len(persons):
        return None
    people = world.customers[persons].select("customer_id", "timezone")
    return at_working_hours(world, people.with_columns(pl.lit("call").alias("channel")))


def _hardest(world: DebtorWorld, persons: Ints) -> Ints:
    """The tenth of these people whose first debt is slowest by nature."""
    order = np.argsort(world.debts.ease[world.persons.first_debts[persons]], kind="stable")
    return np.asarray(persons[order[: max(len(persons) // 10, 1)]], dtype=np.int64)
