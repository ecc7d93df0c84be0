"""Times turn half-way: calls stop working and texts work better. How long does the product's learner take to be as good as one
who had learned the new times beforehand, from its own log and told nothing?

In every world a lender learns for some weeks; then the world's effects turn, for good. Every so many days the late customers of
its day are decided for by ours, by ours as it was on the day of the turn (stubborn), by the same learner on the same log with no
eye for turns, and by one that has learned the new times in another world for as long as ours had learned the old. The world's own
effects say what each of these is truly worth: the same customers, the same lots. Recovered is who stays within a tenth of the
gap that the turn opened (that of the stubborn).
Run: ``python -m benchmarks.learning_turn [--accounts N] [--lots near|even] [--worlds N] [--before DAYS] [--after DAYS]
[--every DAYS]``.
"""

import argparse
import time
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning_lender import LOTS, Lender, Valuer, by_text, strategy_of
from benchmarks.learning_truth import interval, look_at, worth
from benchmarks.measuring import load, say, today
from dunwell.rehearsal.comparing import hard_pressed
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.policy_trial import Trial
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]

OURS, BLIND, STUBBORN, KNEW = (
    "ours",
    "ours with no eye for turns",
    "stubborn",
    "who had learned the new times",
)
ELSEWHERE = 500
WITHIN = 0.1


def old_times(effects: Effects) -> Effects:
    """A lender whose calls are their best: a talk does twice what it does elsewhere."""
    return effects._replace(talk_gain=effects.talk_gain * 2)


def turned(effects: Effects) -> Effects:
    """The new times: a talk does a tenth of what it does elsewhere, few promise on the phone; a text does four times as much."""
    return effects._replace(
        talk_gain=effects.talk_gain / 10,
        promise_share=effects.promise_share / 10,
        message_gain=effects.message_gain * 4,
    )


@dataclass
class Life:
    """What a world showed: the worth of each policy by day after the turn (a dict a look), and every alarm: the day of the
    training (from the turn on; below 0 before it), the treatment, and the day it is thought to have turned.
    """

    days: list[int] = field(default_factory=list)
    worth: list[dict[str, float]] = field(default_factory=list)
    alarms: list[tuple[int, str, int]] = field(default_factory=list)


def main() -> None:
    """Live through the worlds and print the days after the turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=60_000)
    parser.add_argument("--lots", choices=sorted(LOTS), default="near")
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("--before", type=int, default=60)
    parser.add_argument("--after", type=int, default=90)
    parser.add_argument("--every", type=int, default=10, help="days between trainings, and between looks")
    parser.add_argument("--copies", type=int, default=4, help="copies of each customer, for the truth")
    parser.add_argument("--first", type=int, default=0, help="the first world's seed")
    asked = parser.parse_args()
    busy = time.process_time()
    trial, strategy = hard_pressed(asked.accounts, 1, 1), strategy_of(asked.accounts, "fair", asked.lots)
    lives = []
    for seed in range(asked.first, asked.first + asked.worlds):
        lives.append(life(trial, strategy, seed, asked.before, asked.after, asked.every, asked.copies))
        own = ", ".join(
            f"{row[KNEW]:.2f}/{row[OURS]:.2f}/{row[BLIND]:.2f}/{row[STUBBORN]:.2f}" for row in lives[-1].worth
        )
        say(f"world {seed}: {told_alarms(lives[-1])}; {own}")
    for line in told(lives):
        say(line)
    say(
        f"{today()}, load {load():.1f}: {asked.accounts:,} accounts, {asked.worlds} worlds, {asked.before} days and "
        f"{asked.after} after the turn, {time.process_time() - busy:.0f} CPU s"
    )


def life(
    trial: Trial, strategy: Strategy, seed: int, before: int, after: int, every: int, copies: int
) -> Life:
    """A world lived through over its turn."""
    new_times = turned(trial.effects)
    knew = _taught_elsewhere(trial, strategy, new_times, ELSEWHERE + seed, before, every)
    lender = Lender.of(trial.census, old_times(trial.effects), seed, strategy, trial.as_of)
    blind = replace(strategy, learning=replace(strategy.learning, alarm=0.0))
    ours = stubborn = by_text(strategy)
    found, seen = Life(), set()
    for number in range(before + after + 1):
        since = number - before
        if since == 0:
            lender.world.effects = new_times
        if number and number % every == 0:
            learned = lender.learned()
            ours = by_text(strategy, learned)
            if learned is not None and learned.over_waiting is not None:
                for name, change in learned.over_waiting.changes.items():
                    if name not in seen:
                        seen.add(name)
                        day = trial.as_of + timedelta(days=before)
                        turned_on = (date(1970, 1, 1) + timedelta(days=change.day) - day).days
                        found.alarms.append((since, name, turned_on))
            if since <= 0:
                stubborn = ours
            if since >= 0:
                look = look_at(lender, copies, seed=number)
                own, turned_ones = lender.strategy, lender.turned
                lender.strategy = blind
                others = by_text(strategy, lender.learned())
                lender.strategy, lender.turned = own, turned_ones
                policies = {OURS: ours, BLIND: others, STUBBORN: stubborn, KNEW: knew}
                found.days.append(since)
                found.worth.append({name: worth(look, strategy, one).money for name, one in policies.items()})
        late = lender.late()
        lender.live_a_day(late, lender.settled(late, ours))
    return found


def _taught_elsewhere(
    trial: Trial, strategy: Strategy, effects: Effects, seed: int, days: int, every: int
) -> Valuer:
    """What the same learner knows after so many days of a world in which the new times have always been."""
    lender = Lender.of(trial.census, effects, seed, strategy, trial.as_of)
    valuer = by_text(strategy)
    for number in range(days):
        if number and number % every == 0:
            valuer = by_text(strategy, lender.learned())
        late = lender.late()
        lender.live_a_day(late, lender.settled(late, valuer))
    return by_text(strategy, lender.learned())


def told_alarms(life: Life) -> str:
    """A world's alarms in words."""
    return (
        "; ".join(f"{name}: seen on day {day}, since day {since}" for day, name, since in life.alarms)
        or "no alarm"
    )


def told(lives: list[Life]) -> list[str]:
    """The days after the turn, in lines: what who knew is worth, and by how much the others fall behind; and the recovery."""
    lines = ["day after the turn: US dollars a late customer and day; less by (95 %)"]
    behind: dict[str, list[tuple[float, float, float]]] = {}
    for place, day in enumerate(lives[0].days):
        own = [one.worth[place] for one in lives]
        knew = np.array([one[KNEW] for one in own])
        words = [f"{day:3}: {KNEW} {knew.mean():.3f}"]
        for name in (OURS, BLIND, STUBBORN):
            mean, low, high = interval(knew - np.array([one[name] for one in own]))
            behind.setdefault(name, []).append((mean, low, high))
            words.append(f"{name} {mean:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(", ".join(words))
    gap = float(np.mean([mean for mean, _, _ in behind[STUBBORN]]))
    lines.append(f"the gap ({STUBBORN}, all days): {_pooled(lives, STUBBORN, slice(None))}")
    lines.append(f"{OURS}, days {lives[0].days[:2]}: {_pooled(lives, OURS, slice(0, 2))}")
    for name in (OURS, BLIND):
        since_look = _recovers([mean for mean, _, _ in behind[name]], gap)
        if since_look is None:
            lines.append(f"{name} recovers on no day looked at")
        else:
            since = _pooled(lives, name, slice(since_look, None))
            lines.append(
                f"{name} recovers on day {lives[0].days[since_look]}; from then on it is behind by {since}"
            )
    early = sum(day <= 0 for life in lives for day, _, _ in life.alarms)
    lines.append(f"alarms up to the turn, all worlds: {early}")
    return lines


def _pooled(lives: list[Life], name: str, looks: slice) -> str:
    """By how much a policy is behind who knew over some looks, in words."""
    less = [np.mean([one[KNEW] - one[name] for one in life.worth[looks]]) for life in lives]
    mean, low, high = interval(np.array(less))
    return f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _recovers(behind: list[float], gap: float) -> int | None:
    """The first look from which the mean stays within a tenth of the gap; None where there is none."""
    within = [mean <= WITHIN * gap for mean in behind]
    return next((place for place in range(len(within)) if all(within[place:])), None)


if __name__ == "__main__":
    main()
