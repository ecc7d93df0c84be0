"""The comparison that proves a policy: a hard-pressed lender, rules, a learned rule, ours, and one who knows everything."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from dunwell.ledger.terms import read_terms
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.learning_policy import Settings, learning
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.policies import RULES, Policy, clairvoyant, marginal_value
from dunwell.rehearsal.policy_trial import Trial, pilot
from dunwell.rehearsal.portfolio import write_portfolio
from dunwell.rehearsal.world import TERMS_FOLDER

AS_OF = date(2026, 6, 30)
CALL_COST_MINOR = 100.0
LEARNED, OURS, UNLEARNED, HALF, SEER = (
    "marginal value of a call",
    "ours",
    "ours, never learning",
    "ours, half the calls",
    "knows everything",
)
_PORTFOLIO_SEED, _STRESS = 11, 4.0
PILOTS, _PILOT_DAYS, _PILOT_SEED = 3, 45, 1_000


def hard_pressed(accounts: int, calls_a_day: int, days: int) -> Trial:
    """A lender of US loans and cards with a hard past, and a call at 1.00: some 5 % of the accounts are late."""
    with tempfile.TemporaryDirectory() as folder:
        write_portfolio(Path(folder), accounts, _PORTFOLIO_SEED, AS_OF, jurisdictions=["us"], stress=_STRESS)
        census = read_census(Path(folder), read_terms(TERMS_FOLDER), AS_OF)
    return Trial(census, read_effects(), AS_OF, calls_a_day, days, CALL_COST_MINOR)


def policies_of(trial: Trial, *, with_pilots: bool = True) -> dict[str, Policy]:
    """Every policy by name. ``with_pilots``: also the marginal value of a call, whose pilots in other worlds cost it nothing."""
    settings = Settings(trial.call_cost_minor)
    found: dict[str, Policy] = dict(RULES)
    if with_pilots:
        pilots = [
            pilot(trial._replace(days=min(_PILOT_DAYS, trial.days)), _PILOT_SEED + number)
            for number in range(PILOTS)
        ]
        found[LEARNED] = marginal_value(pilots)
    return {
        **found,
        UNLEARNED: learning(settings._replace(learn_every=trial.days + 1)),
        HALF: learning(settings._replace(calls_share=0.5)),
        OURS: learning(settings),
        SEER: clairvoyant(trial.as_of + timedelta(days=trial.days)),
    }


def turned(trial: Trial) -> Trial:
    """The same, but half-way those who struggle begin to repay at a quarter of their intensity: times turn hard."""
    effects = trial.effects
    return trial._replace(
        shifts={trial.days // 2: effects._replace(entry_intensity=effects.entry_intensity / 4)}
    )


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
