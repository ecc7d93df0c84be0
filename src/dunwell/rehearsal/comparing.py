"""The comparison that proves a policy: a hard-pressed lender, rules, a learned rule, ours, and one who knows everything."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from dunwell.ledger.terms import read_terms
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.learning_policy import learning, piloted, switching
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.policies import CallLog, Policy, clairvoyant
from dunwell.rehearsal.policy_trial import PILOT_OUTCOME_DAYS, Trial, pilot, run_policy
from dunwell.rehearsal.portfolio import write_portfolio
from dunwell.rehearsal.tuning import settings_of_marginal_value, settings_of_ours, settings_of_rules, tuned
from dunwell.rehearsal.world import TERMS_FOLDER

AS_OF = date(2026, 6, 30)
CALL_COST_MINOR = 100.0
LEARNED, OURS, PILOTED, UNLEARNED, HALF, SEER = (
    "marginal value of a call",
    "ours",
    "ours, with the same pilots",
    "ours, never learning",
    "ours, half the calls",
    "knows everything",
)
TOLD, KNOWS_NEW = "ours, told of the turn and forgetting", "ours, knowing the new times"
_PORTFOLIO_SEED, _STRESS = 11, 4.0
_PILOT_SEEDS, _PILOT_DAYS = range(1_000, 1_003), 45
TUNING_SEEDS = range(2_000, 2_003)
AS_TUNED = {
    "constant effort": "a call every 1 days",
    "bucket rules": "earliest first, rest 3",
    "highest balance first": "from day 8, rest 3",
    "highest score first": "60 days, rest 3",
    LEARNED: "shrunk by 50, rest 3",
    OURS: "10% even, differs 0.050, 21 days",
}
"""What each does best with in the worlds of TUNING_SEEDS, 20,000 accounts, 50 calls a day and 90 days (2026-12-01)."""


def hard_pressed(accounts: int, calls_a_day: int, days: int) -> Trial:
    """A lender of US loans and cards with a hard past, and a call at 1.00: some 5 % of the accounts are late."""
    with tempfile.TemporaryDirectory() as folder:
        write_portfolio(Path(folder), accounts, _PORTFOLIO_SEED, AS_OF, jurisdictions=["us"], stress=_STRESS)
        census = read_census(Path(folder), read_terms(TERMS_FOLDER), AS_OF)
    return Trial(census, read_effects(), AS_OF, calls_a_day, days, CALL_COST_MINOR)


def pilots_of(trial: Trial) -> list[CallLog]:
    """Pilots in other worlds, in which calls are drawn by lot: what the marginal value of a call is learned from, for nothing."""
    short = trial._replace(days=min(_PILOT_DAYS, trial.days))
    return [pilot(short, seed) for seed in _PILOT_SEEDS]


def policies_of(trial: Trial, words: Mapping[str, str] = AS_TUNED) -> dict[str, Policy]:
    """Every policy by name, each at the setting that is told in words."""
    settings = settings_of_ours(trial.call_cost_minor)[words[OURS]]
    found = {name: own[words[name]] for name, own in settings_of_all(trial).items() if name != OURS}
    return {
        **found,
        UNLEARNED: learning(settings._replace(learn_every=trial.days + 1)),
        HALF: learning(settings._replace(calls_share=0.5)),
        OURS: learning(settings),
        PILOTED: piloted(settings, [partial(_lived, trial, seed) for seed in _PILOT_SEEDS]),
        SEER: clairvoyant(trial.as_of + timedelta(days=trial.days)),
    }


def _lived(trial: Trial, seed: int, policy: Policy) -> None:
    """Let a policy live through a pilot."""
    days = min(_PILOT_DAYS, trial.days) + PILOT_OUTCOME_DAYS
    run_policy(trial._replace(days=days), policy, seed)


def settings_of_all(trial: Trial) -> dict[str, dict[str, Policy]]:
    """Eight settings of every rival and of ours, by name and in words."""
    ours = {words: learning(one) for words, one in settings_of_ours(trial.call_cost_minor).items()}
    return {**settings_of_rules(), LEARNED: settings_of_marginal_value(pilots_of(trial)), OURS: ours}


def tuned_settings(
    trial: Trial, report: Callable[[str, int, int], None] = lambda what, done, total: None
) -> dict[str, str]:
    """The setting of each, in words, that does best in worlds that are kept for that."""
    found = tuned(trial, settings_of_all(trial), TUNING_SEEDS, report)
    return {name: words for name, (words, _) in found.items()}


def turned(trial: Trial) -> Trial:
    """The same, but half-way those who struggle begin to repay at a quarter of their intensity: times turn hard."""
    effects = trial.effects
    return trial._replace(
        shifts={trial.days // 2: effects._replace(entry_intensity=effects.entry_intensity / 4)}
    )


def policies_of_turned_times(trial: Trial) -> dict[str, Policy]:
    """Ours when times turn half-way (``turned``): forgetting nothing; told of the turn and forgetting all before it, the best
    that any detector could do; with what would have been learned in the new times beforehand, to which it has to recover; and
    the one who knows everything.
    """
    settings, day = settings_of_ours(trial.call_cost_minor)[AS_TUNED[OURS]], trial.days // 2
    new_times = trial._replace(effects=trial.shifts[day], shifts={}, days=day)
    return {
        OURS: learning(settings),
        TOLD: learning(settings._replace(told_on=day)),
        KNOWS_NEW: switching(settings, day, lambda policy: run_policy(new_times, policy, _PILOT_SEEDS[0])),
        SEER: clairvoyant(trial.as_of + timedelta(days=trial.days)),
    }


def by_block(daily: pl.DataFrame, days: int) -> pl.DataFrame:
    """The net of every policy by blocks of so many days: policy, first_day, net_minor (mean over worlds), its standard error,
    and ``share``, of what the one who knows everything brought in.
    """
    blocks = (
        daily.with_columns((pl.col("day") // days * days).alias("first_day"))
        .group_by("policy", "seed", "first_day")
        .agg(pl.col("net_minor").sum())
        .group_by("policy", "first_day")
        .agg(
            pl.col("net_minor").mean(),
            (pl.col("net_minor").std() / np.sqrt(daily["seed"].n_unique())).alias("error_minor"),
        )
    )
    best = blocks.filter(pl.col("policy") == SEER).select("first_day", pl.col("net_minor").alias("best"))
    return (
        blocks.join(best, on="first_day")
        .with_columns((pl.col("net_minor") / pl.col("best")).alias("share"))
        .drop("best")
        .sort("policy", "first_day")
    )
