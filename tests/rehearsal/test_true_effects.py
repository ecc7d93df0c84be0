"""The truth by which policies are judged: the world's own, and the world is not touched by asking for it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.rehearsal.comparing import AS_OF
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.effects import Effects, read_effects
from dunwell.rehearsal.moving_in import Census, read_census
from dunwell.rehearsal.true_effects import true_effects
from dunwell.rehearsal.usual_contacts import at_working_hours

DAYS = 40


def made(folder: Path, accounts: int) -> Census:
    write_portfolio(folder, accounts, 11, AS_OF, jurisdictions=["us"], stress=6.0)
    return read_census(folder, read_terms(TERMS_FOLDER), AS_OF)


@pytest.fixture(scope="module")
def census(tmp_path_factory: pytest.TempPathFactory) -> Census:
    return made(tmp_path_factory.mktemp("tape"), 1_500)


def late_people(world: DebtorWorld) -> NDArray[np.int64]:
    late = world.standing().filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    persons = late.join(world.customers.select("customer_id", "person"), on="customer_id")["person"]
    return np.sort(persons.unique().cast(pl.Int64).to_numpy())


def lived(census: Census, effects: Effects, seed: int, channel: str | None) -> float:
    """What comes in from the late within DAYS in the world itself, with everybody contacted on the first day or nobody."""
    world = DebtorWorld(census, effects, seed, AS_OF)
    persons = late_people(world)
    people = (
        world.customers[persons]
        .select("customer_id", "timezone")
        .with_columns(pl.lit(channel).alias("channel"))
    )
    is_theirs = np.isin(world.debts.owners, persons)
    before = world.debts.paid_minor[is_theirs].sum()
    for day in range(DAYS):
        world.step(at_working_hours(world, people) if channel and not day else None)
    return float(world.debts.paid_minor[is_theirs].sum() - before)


@pytest.mark.slow
def test_the_truth_is_what_the_world_itself_shows_on_average(tmp_path: Path) -> None:
    census, effects = made(tmp_path, 6_000), read_effects()
    seen, told = [], []
    for seed in range(8):
        world = DebtorWorld(census, effects, seed, AS_OF)
        truth = true_effects(world, late_people(world), ("sms",), copies=6, days=DAYS)
        told.append(truth.money_minor["sms"].sum())
        seen.append(lived(census, effects, seed, "sms") - lived(census, effects, seed, None))
    off = np.array(seen) - np.array(told)
    assert abs(off.mean()) < 3 * off.std(ddof=1) / np.sqrt(len(off))
    assert np.mean(told) > 2 * np.std(told, ddof=1) / np.sqrt(len(told))


def test_asking_for_the_truth_changes_nothing(census: Census) -> None:
    worlds = [DebtorWorld(census, read_effects(), 3, AS_OF) for _ in range(2)]
    true_effects(worlds[0], late_people(worlds[0]), ("call",), copies=2, days=5)
    for one in worlds:
        one.step()
    assert (worlds[0].debts.paid_minor == worlds[1].debts.paid_minor).all()
    assert (worlds[0].persons.fatigue == worlds[1].persons.fatigue).all()


def test_contacts_that_do_nothing_bring_nothing(census: Census) -> None:
    deaf = read_effects()._replace(message_gain=0.0, reply_promise_share=0.0)
    world = DebtorWorld(census, deaf, 1, AS_OF)
    persons = late_people(world)
    truth = true_effects(world, persons, ("sms",), copies=2, days=20)
    assert (truth.money_minor["sms"] == 0).all()
    again = true_effects(world, persons, ("sms",), copies=2, days=20)
    assert (again.complaints["sms"] == truth.complaints["sms"]).all()
    assert 0 < truth.complaints["sms"].mean() < truth.stops["sms"].mean() < 0.01
