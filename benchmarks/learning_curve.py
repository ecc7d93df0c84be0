"""Does the product's learner get better from its own log alone? Rounds of days, values trained between them, and what the
decisions are truly worth after each.

In every world a lender decides by the text's priors, then by what its log has taught after each round. On days of a fresh world,
the same for all, it is then asked what each would decide, and the world's own effects say what that is worth, in money a late
customer and day: without lots and hold-out, as a rule is used, which tells what was learned; and with them, which tells what
learning costs. Differences are paired over the worlds; complaints, wishes to be left alone, and the tenth for whom repaying is
hardest stand beside them. The seasons are also lived through to the end, learning and not learning, with the same luck.
Run: ``python -m benchmarks.learning_curve [--priors fair|wrong] [--lots near|even] [--accounts N] [--worlds N] [--rounds N]
[--days N] [--copies N] [--first SEED]``.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning_lender import (
    LOTS,
    PRIORS,
    RULES,
    Lender,
    Valuer,
    by_text,
    in_amounts,
    strategy_of,
    without_hold_out,
    without_lots,
)
from benchmarks.learning_truth import Look, Worth, interval, look_at, with_the_truth, worth
from benchmarks.measuring import load, say, today
from dunwell.rehearsal.comparing import hard_pressed
from dunwell.rehearsal.policy_trial import Trial
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]
Found = dict[tuple[str, str], list[Worth]]
"""Of each policy and setting what it is worth, a world each."""

AMOUNTS, COLD, TRUTH = (
    "the priors as amounts",
    "the text's priors (a cold start)",
    "the same form, with the truth",
)
ALONE, LOTS_ONLY, EVEN, OWN = "no lots", "lots", "even lots", "lots and hold-out"
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
    parser.add_argument("--lots", choices=sorted(LOTS), default="near")
    parser.add_argument("--accounts", type=int, default=40_000)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--days", type=int, default=20, help="days a round")
    parser.add_argument("--copies", type=int, default=48, help="copies of each customer, for the truth")
    parser.add_argument("--first", type=int, default=0, help="the first world's seed")
    asked = parser.parse_args()
    busy = time.process_time()
    strategy = strategy_of(asked.accounts, asked.priors, asked.lots)
    seeds = range(asked.first, asked.first + asked.worlds)
    say(f"{asked.priors} priors, {asked.lots} lots, worlds {seeds[0]} to {seeds[-1]}")
    for line in curve(strategy, asked.accounts, seeds, asked.rounds, asked.days, asked.copies):
        say(line)
    say(f"{today()}, load {load():.1f}, {time.process_time() - busy:.0f} CPU s")


def curve(
    strategy: Strategy, accounts: int, seeds: Sequence[int], rounds: int, days: int, copies: int
) -> list[str]:
    """The lines of a comparison."""
    trial = hard_pressed(accounts, 1, 1)
    seasons = [season(trial, strategy, seed, rounds, days) for seed in seeds]
    looks = [looks_of(trial, strategy, FRESH + seed, copies) for seed in seeds]
    found = found_of(strategy, seasons, looks)
    late = np.mean([look.late.height for own in looks for look in own])
    return [
        f"{accounts:,} accounts, {late:,.0f} late, {rounds} rounds of {days} days, {len(seeds)} worlds",
        *told(found, rounds),
        *told_lived(seasons),
    ]


def found_of(strategy: Strategy, seasons: Sequence[Season], looks: Sequence[list[Look]]) -> Found:
    """What everybody's decisions are truly worth, with lots and without."""
    even = replace(without_hold_out(strategy), explore_rate=0.2, explore_spend=None)
    settings = {
        ALONE: without_lots(strategy),
        LOTS_ONLY: without_hold_out(strategy),
        EVEN: even,
        OWN: strategy,
    }
    found: Found = {}
    for place, (own, lived) in enumerate(zip(looks, seasons, strict=True)):
        others = [look for number, those in enumerate(looks) if number != place for look in those] or own
        typical = float(own[0].late["past_due_total"].to_numpy().mean())
        asked = {AMOUNTS: in_amounts(strategy, typical), COLD: by_text(strategy)}
        asked |= {after(number): valuer for number, valuer in enumerate(lived.rounds, start=1)}
        asked |= {TRUTH: with_the_truth(others)} | RULES
        for name, valuer in asked.items():
            for setting, text in settings.items():
                if setting in (ALONE, OWN) or name in RULES or name == after(len(lived.rounds)):
                    found.setdefault((name, setting), []).append(mean_worth(own, text, valuer))
    return found


def told(found: Found, rounds: int) -> list[str]:
    """What decisions are worth, and how far they differ, in lines."""
    best = max(RULES, key=lambda name: mean_of(found[name, ALONE], "money"))
    learned = [after(number) for number in range(1, rounds + 1)]
    last, cold = learned[-1], found[COLD, ALONE]
    lines = [
        "US dollars a late customer and day without lots; more than the cold start (95 %); with lots and hold-out"
    ]
    for name in (AMOUNTS, COLD, *learned, TRUTH, best):
        own, rule = found[name, ALONE], ", the best rule in hindsight" if name == best else ""
        words = [f"{name + rule:34} {mean_of(own, 'money'):6.3f}", difference(own, cold, "money")]
        lines.append("  ".join([*words, f"{mean_of(found[name, OWN], 'money'):6.3f}"]))
    harm = ("money", "complaints", "stops", "hardest")
    for setting in (ALONE, OWN):
        less = [difference(found[last, setting], found[best, ALONE], field) for field in harm]
        lines.append(f"{last}, {setting}, less the best rule without: {'  '.join(less)}")
        less = [difference(found[last, setting], found[COLD, setting], field) for field in harm]
        lines.append(f"{last} less the cold start, both {setting}: {'  '.join(less)}")
    lines.append(
        f"{last} less {learned[0]}: {difference(found[last, ALONE], found[learned[0], ALONE], 'money')}"
    )
    for name in (last, best):
        for setting in (LOTS_ONLY, EVEN, OWN):
            lines.append(
                f"{name}: {setting} cost {difference(found[name, ALONE], found[name, setting], 'money')} of "
                f"{mean_of(found[name, ALONE], 'money'):.3f}"
            )
    cheaper = difference(found[last, LOTS_ONLY], found[last, EVEN], "money")
    return [*lines, f"{last}: with these lots more than with even lots: {cheaper}"]


def told_lived(seasons: Sequence[Season]) -> list[str]:
    """What the seasons brought, learning less not learning, in lines."""
    lived = np.array([one.learning - one.cold for one in seasons])
    cold = np.mean([one.cold for one in seasons], axis=0)
    names = ("money less cost", "complaints", "stops", "money of the hardest tenth", "their fatigue")
    lines = []
    for place, name in enumerate(names):
        mean, low, high = interval(lived[:, place])
        lines.append(
            f"the whole season, {name}: {cold[place]:,.2f} not learning, {mean:+,.2f} ({low:+,.2f} to {high:+,.2f}) learning"
        )
    return lines


def after(rounds: int) -> str:
    """The name of what was learned after so many rounds."""
    return f"after round {rounds}"


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
                valuer = by_text(strategy, lender.learned())
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
