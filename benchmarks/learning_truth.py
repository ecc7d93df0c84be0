"""What a day's decisions are truly worth, by the world's own effects (``rehearsal.true_effects``): for comparing policies on the
same customers of the same day, with the luck of what came of it taken out. No policy sees any of it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.learning_lender import CHANNELS, Lender, Valuer, decided, places
from dunwell.rehearsal.policy_trial import t95
from dunwell.rehearsal.true_effects import true_effects
from dunwell.strategy.over_waiting import effect_columns
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]

_RIDGE = 1e-3


class Look(NamedTuple):
    """The late customers of a day, and of each treatment of the text (a column, nothing first) what it truly brings them (US
    dollars, net of cost), and the complaints and wishes to be left alone to be expected; 0 for who rests and gets nothing.
    """

    late: pl.DataFrame
    day: date
    money: Floats
    complaints: Floats
    stops: Floats
    is_hardest: NDArray[np.bool_]


class Worth(NamedTuple):
    """A day's decisions for a customer and day: money in US dollars, complaints and stops for 1,000 contacts, the money of the
    tenth for whom repaying is hardest, and contacts.
    """

    money: float
    complaints: float
    stops: float
    hardest: float
    contacts: float


def look_at(lender: Lender, copies: int, seed: int = 0) -> Look:
    """The day that lies before a lender, with its truth."""
    late = lender.late()
    persons, is_free = late["person"].to_numpy(), late["is_free"].to_numpy()
    names = [one.name for one in lender.strategy.treatments]
    channels = tuple(CHANNELS[name] for name in names)
    truth = true_effects(lender.world, persons[is_free], channels, copies=copies, seed=seed)
    costs = {one.name: float(one.cost) for one in lender.strategy.treatments}

    def columns(of: dict[str, Floats], scale: float = 1.0, less: Sequence[float] = (0.0,)) -> Floats:
        found = np.zeros((len(persons), 1 + len(names)))
        found[is_free, 1:] = np.column_stack([of[CHANNELS[name]] * scale for name in names]) - np.array(less)
        return found

    money = columns(truth.money_minor, 0.01, [costs[name] for name in names])
    ease = lender.world.debts.ease[lender.world.persons.first_debts[persons]]
    hardest = np.zeros(len(persons), dtype=np.bool_)
    hardest[np.argsort(ease, kind="stable")[: max(len(persons) // 10, 1)]] = True
    day = lender.world.today + timedelta(days=1)
    return Look(late, day, money, columns(truth.complaints), columns(truth.stops), hardest)


def worth(look: Look, strategy: Strategy, valuer: Valuer) -> Worth:
    """What a policy's decisions for that day are truly worth."""
    given = places(strategy, decided(strategy, look.late, valuer, look.day))
    rows, count = np.arange(len(given)), len(given)
    money, contacts = look.money[rows, given], max(int((given > 0).sum()), 1)
    return Worth(
        float(money.sum()) / count,
        1000 * float(look.complaints[rows, given].sum()) / contacts,
        1000 * float(look.stops[rows, given].sum()) / contacts,
        float(money[look.is_hardest].sum()) / max(int(look.is_hardest.sum()), 1),
        contacts / count,
    )


def with_the_truth(looks: Sequence[Look]) -> Valuer:
    """The learner's own form fitted to the truth of some days instead of a log: what it could learn at best."""
    free = [look.late["is_free"].to_numpy() for look in looks]
    shapes = np.vstack([effect_columns(look.late)[own] for look, own in zip(looks, free, strict=True)])
    shares = np.vstack(
        [(look.money[:, 1:] / _owed(look.late)[:, None])[own] for look, own in zip(looks, free, strict=True)]
    )
    products = shapes.T @ shapes
    slopes = np.linalg.solve(products + _RIDGE * np.diag(np.diag(products)), shapes.T @ shares)

    def values(late: pl.DataFrame) -> Floats:
        told = effect_columns(late) @ slopes * _owed(late)[:, None]
        return np.column_stack([np.zeros(late.height), told])

    return values


def interval(differences: Floats) -> tuple[float, float, float]:
    """The mean of paired differences, a world each, with its 95 % interval (Student's)."""
    mean = float(differences.mean())
    if len(differences) < 2:
        return mean, np.nan, np.nan
    half = t95(len(differences) - 1) * float(differences.std(ddof=1)) / np.sqrt(len(differences))
    return mean, mean - half, mean + half


def _owed(late: pl.DataFrame) -> Floats:
    return np.asarray(late["past_due_total"].to_numpy(), dtype=np.float64)
