"""Every rival at its best: the free parameters of each rule chosen in worlds of their own, with as many trials for each.

A comparison is worth what the rivals are worth. Each rule has eight settings, and the one that brings in most, the cost of
calls taken off, over the same few worlds goes into the comparison, which is run in others.
"""

from collections.abc import Callable, Mapping, Sequence

from dunwell.rehearsal.learning_policy import Settings
from dunwell.rehearsal.policies import (
    CallLog,
    Policy,
    by_bucket,
    constant_effort,
    highest_balance,
    highest_score,
    marginal_value,
)
from dunwell.rehearsal.policy_trial import Trial, run_policy

BUCKETS = {
    "two and three months first": (1.0, 3.0, 4.0, 2.0),
    "one month first": (1.0, 4.0, 3.0, 2.0),
    "earliest first": (4.0, 3.0, 2.0, 1.0),
    "latest first": (1.0, 2.0, 3.0, 4.0),
}
"""The ranks of up to 30, 60, 90 and more days late."""
SCALES = {"30 days": 30.0, "60 days": 60.0, "120 days": 120.0, "the score alone": 1e9}
RESTS = (3, 7)


def settings_of_rules() -> dict[str, dict[str, Policy]]:
    """Eight settings of each rule, by the rule's name and in words."""
    return {
        "constant effort": {
            f"a call every {days} days": constant_effort(days) for days in (1, 3, 5, 7, 10, 14, 21, 30)
        },
        "bucket rules": {
            f"{words}, rest {rest}": by_bucket(places, rest)
            for words, places in BUCKETS.items()
            for rest in RESTS
        },
        "highest balance first": {
            f"from day {day}, rest {rest}": highest_balance(day, rest)
            for day in (1, 8, 15, 31)
            for rest in RESTS
        },
        "highest score first": {
            f"{words}, rest {rest}": highest_score(scale, rest)
            for words, scale in SCALES.items()
            for rest in RESTS
        },
    }


def settings_of_marginal_value(pilots: Sequence[CallLog]) -> dict[str, Policy]:
    """Eight settings of the marginal value of a call, learned from the same pilots."""
    return {
        f"shrunk by {weight:.0f}, rest {rest}": marginal_value(pilots, weight, rest)
        for weight in (50.0, 150.0, 450.0, 1350.0)
        for rest in RESTS
    }


def settings_of_ours(call_cost_minor: float) -> dict[str, Settings]:
    """Eight settings of ours: how much it explores, how far it thinks people to differ, how far it looks."""
    return {
        f"{even:.0%} even, differs {differs:.3f}, {window} days": Settings(
            call_cost_minor, even_share=even, differs=differs, window_days=window
        )
        for even in (0.1, 0.02)
        for differs in (0.05, 0.003)
        for window in (28, 21)
    }


def tuned(
    trial: Trial,
    families: Mapping[str, Mapping[str, Policy]],
    seeds: Sequence[int],
    report: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, tuple[str, Policy]]:
    """Of each family the setting, in words, that brings in most over these worlds less the cost of calls; the first of equals."""
    total = sum(map(len, families.values()))
    done, chosen = 0, {}
    for family, settings in families.items():
        brought = {}
        for words, policy in settings.items():
            report(f"{family}: {words}", done, total)
            outcomes = [run_policy(trial, policy, seed) for seed in seeds]
            brought[words] = sum(one.money_minor - trial.call_cost_minor * one.calls for one in outcomes)
            done += 1
        best = max(brought, key=brought.__getitem__)
        chosen[family] = (best, settings[best])
    return chosen
