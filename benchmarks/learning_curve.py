"""Does the product's learner get better from its own log alone? Rounds of days, values trained between them, and what the
decisions are truly worth after each.

In every world a lender decides by the text's priors, then by what its log has taught after each round. On days of a fresh world,
the same for all, it is then asked what each would decide, and the world's own effects say what that is worth: a curve in money a
late customer and day, with paired intervals over the worlds; complaints, wishes to be left alone, and the tenth for whom repaying
is hardest beside it. The seasons are also lived through to the end, learning and not learning, with the same luck.
Run: ``python -m benchmarks.learning_curve [--priors fair|wrong] [--accounts N] [--worlds N] [--rounds N] [--days N]``.
"""

import argparse
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning_lender import (
    PRIORS,
    RULES,
    Lender,
    Valuer,
    by_balance,
    by_text,
    strategy_of,
    without_lots,
)
from benchmarks.learning_truth import Look, Worth, interval, look_at, with_the_truth, worth
from benchmarks.measuring import load, say, today
from dunwell.rehearsal.comparing import hard_pressed
from dunwell.rehearsal.policy_trial import Trial
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]

COLD, FORM, TRUTH = "the text's priors", "priors as shares of what is owed", "the same form, with the truth"
ALONE = "after the last round, no lots"
LOOK_DAYS = (14, 28)
FRESH = 1_000


class Season(NamedTuple):
    """What a world taught and brought: the policy after each round; and by ``learning`` or not, what the whole season brought
    (money less cost, complaints, stops, money of the tenth for whom repaying is hardest, their fatigue at the end).
    """

    rounds: list[Valuer]
    learning: Floats
    cold: Floats


def main() -> None:
    """Live through the worlds and print the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--priors", choices=sorted(PRIORS), default="fair")
    parser.add_argument("--accounts", type=int, default=40_000)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--days", type=int, default=20, help="days a round")
    parser.add_argument("--copies", type=int, default=16, help="copies of each customer, for the truth")
    asked = parser.parse_args()
    busy = time.process_time()
    for line in curve(asked.priors, asked.accounts, asked.worlds, asked.rounds, asked.days, asked.copies):
        say(line)
    say(f"{today()}, load {load():.1f}, {time.process_time() - busy:.0f} CPU s")


def curve(priors: str, accounts: int, worlds: int, rounds: int, days: int, copies: int) -> list[str]:
    """The lines of a comparison."""
    trial, strategy = hard_pressed(accounts, 1, 1), strategy_of(accounts, priors)
    seasons = [season(trial, strategy, seed, rounds, days) for seed in range(worlds)]
    looks = [looks_of(trial, strategy, FRESH + seed, copies) for seed in range(worlds)]
    late = np.mean([look.late.height for own in looks for look in own])
    found: dict[str, list[Worth]] = {}
    for seed in range(worlds):
        others = [look for place, own in enumerate(looks) if place != seed or worlds == 1 for look in own]
        asked = {COLD: by_text(strategy), FORM: in_shares(strategy, looks[seed][0])}
        asked |= {f"after round {n}": valuer for n, valuer in enumerate(seasons[seed].rounds, start=1)}
        asked[TRUTH] = with_the_truth(others)
        for name, valuer in asked.items():
            found.setdefault(name, []).append(mean_worth(looks[seed], strategy, valuer))
        alone = mean_worth(looks[seed], without_lots(strategy), seasons[seed].rounds[-1])
        found.setdefault(ALONE, []).append(alone)
        for name, valuer in RULES.items():
            found.setdefault(name, []).append(mean_worth(looks[seed], without_lots(strategy), valuer))
    best = max(RULES, key=lambda name: float(np.mean([one.money for one in found[name]])))
    lines = [
        f"{priors} priors: {accounts:,} accounts, {late:,.0f} late, {rounds} rounds of {days} days, {worlds} worlds",
        "US dollars a late customer and day, and what that is more than by the text's priors (95 %)",
    ]
    for name, own in found.items():
        if name in RULES and name != best:
            continue
        told = [
            f"{name + (', the best rule, no lots' if name == best else ''):38} {mean_of(own, 'money'):6.3f}"
        ]
        told += [difference(own, found[COLD], field) for field in ("money", "complaints", "stops", "hardest")]
        lines.append("  ".join(told))
    last = f"after round {rounds}"
    for name in (last, ALONE):
        told_less = [
            difference(found[name], found[best], field) for field in ("money", "complaints", "hardest")
        ]
        lines.append(f"{name} less the best rule: {'  '.join(told_less)}")
    lines.append(f"{last} less the form alone: {difference(found[last], found[FORM], 'money')}")
    lines.append(f"{last} less after round 1: {difference(found[last], found['after round 1'], 'money')}")
    lived = np.array([one.learning - one.cold for one in seasons])
    cold = np.mean([one.cold for one in seasons], axis=0)
    names = ("money less cost", "complaints", "stops", "money of the hardest tenth", "their fatigue")
    for place, name in enumerate(names):
        mean, low, high = interval(lived[:, place])
        lines.append(
            f"the whole season, {name}: {cold[place]:,.2f} not learning, {mean:+,.2f} ({low:+,.2f} to {high:+,.2f}) learning"
        )
    return lines


def season(trial: Trial, strategy: Strategy, seed: int, rounds: int, days: int) -> Season:
    """A world lived through with training after every round, and once without."""
    brought, policies = [], []
    for learns in (True, False):
        lender = Lender.of(trial.census, trial.effects, seed, strategy, trial.as_of)
        valuer, sums = by_text(strategy), np.zeros(3)
        for _ in range(rounds):
            for _ in range(days):
                late = lender.late()
                day = lender.live_a_day(late, lender.settled(late, valuer))
                sums += day.money - day.cost, day.complaints, day.stops
            if learns:
                learned = lender.learned()
                valuer = by_text(strategy, learned)
                policies.append(valuer)
        hardest = lender.hardest
        own = lender.by_person[hardest].sum(), lender.world.persons.fatigue[hardest].mean()
        brought.append(np.array([*sums, *own]))
    return Season(policies, brought[0], brought[1])


def looks_of(trial: Trial, strategy: Strategy, seed: int, copies: int) -> list[Look]:
    """Days of a fresh world that lives under the text's priors, with their truth."""
    lender, valuer = Lender.of(trial.census, trial.effects, seed, strategy, trial.as_of), by_text(strategy)
    looks = []
    for number in range(max(LOOK_DAYS)):
        late = lender.late()
        lender.live_a_day(late, lender.settled(late, valuer))
        if number + 1 in LOOK_DAYS:
            looks.append(look_at(lender, copies))
    return looks


def in_shares(strategy: Strategy, look: Look) -> Valuer:
    """The text's priors as shares of what is typically owed: the learner's form before it has learned anything."""
    typical = float(look.late["past_due_total"].to_numpy().mean())
    text, letter, call = (float(one.prior_value) / typical for one in strategy.treatments)
    return by_balance((text, letter, call))


def mean_worth(looks: Sequence[Look], strategy: Strategy, valuer: Valuer) -> Worth:
    """What a policy's decisions are worth on average over some days."""
    return Worth(*np.mean([worth(look, strategy, valuer) for look in looks], axis=0))


def mean_of(own: Sequence[Worth], field: str) -> float:
    """The mean of a figure over the worlds."""
    return float(np.mean([getattr(one, field) for one in own]))


def difference(own: Sequence[Worth], others: Sequence[Worth], field: str) -> str:
    """A figure's paired difference in words."""
    pairs = zip(own, others, strict=True)
    mean, low, high = interval(
        np.array([getattr(one, field) - getattr(other, field) for one, other in pairs])
    )
    return f"{field} {mean:+.3f} ({low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
