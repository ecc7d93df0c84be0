"""The world's debtors: the same whoever is beside them, true to the ledger's money, moved by contacts as declared."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.book import Tape
from dunwell.ledger import positions
from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.effect_measures import (
    INSTALMENT_MINOR,
    Contacting,
    calls_every,
    cured_share,
    late_cohort,
    live_through,
    nothing,
    once,
)
from dunwell.rehearsal.effects import Effects, read_effects
from dunwell.rehearsal.happenings import add_to_tape
from dunwell.rehearsal.moving_in import Census, read_census
from dunwell.rehearsal.usual_contacts import at_working_hours, usual_contacts
from tests.rehearsal.portfolios import AS_OF, Portfolio

TERMS = read_terms(TERMS_FOLDER)
EFFECTS = read_effects()


@pytest.fixture(scope="module")
def lender(make_portfolio: Callable[..., Portfolio]) -> Portfolio:
    return make_portfolio(3_000, stress=6.0)


@pytest.fixture(scope="module")
def census(lender: Portfolio) -> Census:
    return read_census(lender.folder, TERMS, AS_OF)


def lived(census: Census, days: int, seed: int = 5) -> tuple[DebtorWorld, list[Events]]:
    """A world after so many days of the usual contacts, and what happened."""
    world = DebtorWorld(census, EFFECTS, seed, AS_OF)
    return world, [world.step(usual_contacts(world)) for _ in range(days)]


def half_of(census: Census) -> Census:
    """Every other customer with their accounts."""
    customers = census.customers.gather_every(2)
    accounts = census.accounts.with_row_index("old").join(customers, on="customer_id", how="semi")
    renumbered = accounts.select(pl.col("old").alias("debt")).with_row_index("new")
    schedule = census.schedule.join(renumbered, on="debt", maintain_order="left")
    return Census(
        customers, accounts.drop("old"), schedule.with_columns(pl.col("new").alias("debt")).drop("new")
    )


def all_rows(events: list[Events], table: str) -> pl.DataFrame:
    return pl.concat([day.tables[table] for day in events])


@pytest.mark.slow
def test_the_same_seed_brings_the_same_days(census: Census) -> None:
    first, second, other = (lived(census, 12, seed=seed)[1] for seed in (5, 5, 6))
    for table in first[0].tables:
        assert_frame_equal(all_rows(first, table), all_rows(second, table))
    assert not all_rows(first, "payments").equals(all_rows(other, "payments"))


def test_nobodys_luck_depends_on_the_others(census: Census) -> None:
    whole, half = lived(census, 12)[1], lived(half_of(census), 12)[1]
    people = half_of(census)
    for table, key, owners in (
        ("payments", "account_id", people.accounts),
        ("contacts", "customer_id", people.customers),
        ("promises", "account_id", people.accounts),
    ):
        rows = all_rows(whole, table).join(owners.select(key), on=key, how="semi")
        assert rows.height
        assert_frame_equal(rows, all_rows(half, table), check_row_order=False)


def test_what_is_paid_is_what_debts_lose(make_portfolio: Callable[..., Portfolio]) -> None:
    """Where no penalty accrues: money in = what went toward instalments and fees, to a minor unit of rounding a payment."""
    made = make_portfolio(1_500, jurisdictions=["us"], stress=6.0)
    world = DebtorWorld.from_tape(made.folder, TERMS, AS_OF, seed=2)
    paid, extra = world.debts.paid_minor.copy(), world.debts.extra_minor.copy()
    events = [world.step(usual_contacts(world)) for _ in range(40)]
    money = all_rows(events, "payments").group_by("account_id").agg(pl.col("amount").sum())
    fees = all_rows(events, "charges").group_by("account_id").agg(pl.col("amount").sum().alias("fees"))
    told = (
        world.accounts.join(money, on="account_id", how="left", maintain_order="left")
        .join(fees, on="account_id", how="left", maintain_order="left")
        .select((pl.col("amount", "fees").fill_null(0) * 100).cast(pl.Float64))
    )
    went = (world.debts.paid_minor - paid) + (extra - world.debts.extra_minor) + told["fees"].to_numpy()
    assert told["amount"].sum() > 10_000
    assert told["fees"].sum() > 0
    assert np.abs(went - told["amount"].to_numpy()).max() <= 2


def test_the_ledger_sees_the_same_lateness(
    lender: Portfolio, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After twenty-four days on the tape the ledger and the world agree about nearly every account: days late and sum owed."""
    folder = tmp_path_factory.mktemp("lived")
    for file in lender.folder.glob("*.parquet"):
        (folder / file.name).write_bytes(file.read_bytes())
    world = DebtorWorld.from_tape(folder, TERMS, AS_OF, seed=5)
    for _ in range(24):
        events = world.step(usual_contacts(world))
        add_to_tape(folder, events.tables, events.statuses)
    tape = Tape(
        folder,
        products={product: text.currency for product, text in TERMS.items()},
        products_needing_rate=[product for product, text in TERMS.items() if text.needs_contract_rate],
        imported_at=datetime.combine(world.today + timedelta(days=1), datetime.min.time(), UTC),
        partition_count=1,
    )
    with tape:
        assert tape.exit_code == 0
        tables = next(iter(tape.partitions())).tables
    owed = positions(tables, TERMS, world.today).frame
    both = world.standing().join(owed, on="account_id", suffix="_ledger").filter(pl.col("status") == "active")
    is_same_day = both["past_due_days"] == both["past_due_days_ledger"]
    assert both.height > 500
    assert is_same_day.sum() / both.height > 0.985
    money = both.filter(is_same_day & (pl.col("past_due_days") > 0) & (pl.col("currency") != "JPY"))
    unit = pl.when(pl.col("currency") == "KWD").then(1000).otherwise(100)
    ratio = money.select(
        pl.col("owed_minor") / (pl.col("past_due_total").cast(pl.Float64) * unit)
    ).to_series()
    assert ratio.median() == pytest.approx(1.0, abs=0.01)
    statuses = pl.read_parquet(folder / "accounts.parquet").join(world.accounts, on="account_id")
    assert set(statuses["status"]) <= {"active", "closed", "charged_off", "sold"}


def test_strangers_and_wrong_columns(census: Census) -> None:
    world = DebtorWorld(census, EFFECTS, 5, AS_OF)
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    events = world.step(pl.DataFrame({"customer_id": ["nobody"], "channel": ["call"], "at": [at]}))
    assert "nobody" not in events.tables["contacts"]["customer_id"]
    with pytest.raises(ValueError, match="'at'"):
        world.step(pl.DataFrame({"customer_id": ["x"], "channel": ["call"]}))
    with pytest.raises(ValueError, match="'fax' is not a channel"):
        world.step(pl.DataFrame({"customer_id": ["x"], "channel": ["fax"], "at": [at]}))


def test_moving_in_brings_no_rush_of_payments(census: Census) -> None:
    """Who moves in has a past: the first days are like the later ones."""
    _, events = lived(census, 28)
    counts = [day.tables["payments"].height for day in events]
    assert sum(counts[:7]) == pytest.approx(sum(counts) / 4, rel=0.3)


def cured_under(
    contacting: Contacting, *, count: int = 3_000, days: int = 30, effects: Effects = EFFECTS
) -> float:
    """Of people a month late, those up to date after so many days."""
    return cured_share(live_through(late_cohort(count, 30), effects, 3, days, contacting)[0])


def test_people_help_more_than_voices_and_voices_more_than_nothing() -> None:
    untreated = cured_under(nothing)
    by_voice = cured_under(calls_every(4, is_automated=True))
    by_people = cured_under(calls_every(4, is_automated=False))
    assert by_people > by_voice + 0.02
    assert by_voice > untreated
    assert cured_under(once("sms")) > untreated


def test_too_many_calls_do_harm() -> None:
    every_day = live_through(late_cohort(2_500, 30), EFFECTS, 3, 45, calls_every(1, is_automated=False))[0]
    twice_a_week = live_through(late_cohort(2_500, 30), EFFECTS, 3, 45, calls_every(4, is_automated=False))[0]
    assert cured_share(twice_a_week) > cured_share(every_day)
    assert every_day.debts.ease.mean() < twice_a_week.debts.ease.mean()
    assert every_day.persons.is_stopped.sum() > twice_a_week.persons.is_stopped.sum()


def harmful(**columns: pl.Expr) -> Contacting:
    """Five text messages on five days, changed in some respect."""

    def contacting(world: DebtorWorld, day: int) -> pl.DataFrame | None:
        if day >= 5:
            return None
        late = world.standing().filter(pl.col("past_due_days") > 0).select("customer_id", "timezone")
        return late.with_columns(pl.lit("sms").alias("channel"), **columns)

    return contacting


def test_telling_others_of_the_debt_makes_it_worse_than_silence() -> None:
    assert cured_under(harmful(party=pl.lit("employer"))) < cured_under(nothing) - 0.05


def test_the_night_makes_it_worse_than_silence() -> None:
    cohort = late_cohort(3_000, 30)
    worlds = [DebtorWorld(cohort, EFFECTS, 3, date(2026, 6, 1)) for _ in range(2)]
    for day in range(30):
        for world, hour in zip(worlds, (2, 14), strict=True):
            late = world.standing().filter(pl.col("past_due_days") > 0).select("customer_id")
            at = datetime(2026, 6, 2, hour, tzinfo=UTC) + timedelta(days=day)
            calls = late.with_columns(pl.lit("sms").alias("channel"), pl.lit(at).alias("at"))
            world.step(calls if day < 5 else None)
    by_night, by_day = (cured_share(world) for world in worlds)
    assert by_night < cured_under(nothing, count=3_000)
    assert by_day > by_night
    assert worlds[0].persons.is_stopped.sum() > 3 * worlds[1].persons.is_stopped.sum()


def test_promises_are_kept_as_declared_and_less_to_a_voice() -> None:
    """By people who would not have paid by that day: one who is moved by nothing else keeps the declared share."""
    unmoved = EFFECTS._replace(
        entry_intensity=0.0, resting_intensity=0.0, talk_gain=0.0, part_promise_share=0.0
    )

    def kept(is_automated: bool, effects: Effects) -> float:
        world = DebtorWorld(late_cohort(4_000, 50), effects, 4, date(2026, 6, 1))
        late = world.standing().filter(pl.col("past_due_days") > 0).select("customer_id", "timezone")
        calls = late.with_columns(pl.lit("call").alias("channel"), pl.lit(is_automated).alias("is_automated"))
        made = (
            world.step(at_working_hours(world, calls)).tables["promises"].filter(pl.col("part_of").is_null())
        )
        paid = pl.concat([world.step().tables["payments"] for _ in range(16)])
        held = made.join(paid, left_on=["account_id", "due_on"], right_on=["account_id", "paid_on"]).filter(
            pl.col("amount_right") >= pl.col("amount")
        )
        assert made.height > 100
        return held.height / made.height

    assert kept(False, unmoved) == pytest.approx(EFFECTS.promise_kept, abs=0.1)
    assert kept(True, unmoved) == pytest.approx(EFFECTS.promise_kept_automated, abs=0.1)
    assert kept(False, EFFECTS) > kept(True, EFFECTS)


def test_plans_break_by_their_length_as_the_settlements_did() -> None:
    from dunwell.rehearsal.contact_kernel import plan_break

    assert [plan_break(months, EFFECTS) for months in (1, 2, 6, 7, 12, 13, 18, 24)] == pytest.approx(
        [0.038, 0.084, 0.084, 0.169, 0.169, 0.199, 0.199, 0.22]
    )


def test_hardship_is_told_and_asks_for_rest() -> None:
    effects = EFFECTS._replace(hardship_rate=20.0, tell_hardship_share=1.0)
    world = DebtorWorld(late_cohort(500, 30), effects, 5, date(2026, 6, 1))
    late = world.standing().select("customer_id", "timezone").with_columns(pl.lit("call").alias("channel"))
    world.step()
    events = world.step(at_working_hours(world, late))
    told = events.tables["holds"].filter(pl.col("kind") == "hardship")
    talks = events.tables["contacts"].filter(pl.col("outcome") == "conversation")
    assert told.height > 30
    assert told["customer_id"].is_in(talks["customer_id"].implode()).all()
    assert (told["to_on"] == events.day + timedelta(days=int(EFFECTS.hardship_hold_days))).all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("customer_id", None, "contact 2 has no customer_id"),
        ("channel", None, "contact 2 has no channel"),
        ("at", None, "contact 2 has no at"),
        ("at", datetime(2026, 6, 9, 9, tzinfo=UTC), "is not of 2026-06-02"),
        ("party", "cousin", "'cousin' is not a party"),
    ],
)
def test_contacts_that_cannot_be_are_refused_and_no_day_passes(
    column: str, value: object, message: str
) -> None:
    world = DebtorWorld(late_cohort(3, 30), EFFECTS, 1, date(2026, 6, 1))
    rows: dict[str, list[object]] = {
        "customer_id": ["CU0000000", "CU0000001"],
        "channel": ["call", "call"],
        "at": [datetime(2026, 6, 2, 9, tzinfo=UTC)] * 2,
        "party": ["self", "self"],
    }
    rows[column][1] = value
    with pytest.raises(ValueError, match=message):
        world.step(pl.DataFrame(rows))
    assert world.today == date(2026, 6, 1)


def test_who_agrees_to_a_plan_brings_no_less_for_having_been_asked() -> None:
    """People two instalments behind, called once, who all agree to plans: within 90 days no less comes in than from the same
    people, with the same luck, left alone. A plan's parts are the least that comes.
    """
    cohort = late_cohort(1_500, 45)
    effects = EFFECTS._replace(plan_share=1.0, promise_share=1.0, talk_gain=0.0, refuse_share=0.0)
    _, called = live_through(cohort, effects, 1, 90, once("call"))
    _, alone = live_through(cohort, effects, 1, 90, nothing)
    assert (called - alone).mean() / INSTALMENT_MINOR > -0.01


def test_a_plan_that_nobody_helps_along_comes_part_by_part() -> None:
    """Where nothing comes by itself, a plan brings its parts a month apart, and a plan that breaks stops."""
    unmoved = EFFECTS._replace(
        entry_intensity=0.0, resting_intensity=0.0, jump=0.0, jump_per_share=0.0, talk_gain=0.0, voicemail_gain=0.0,
        struggle_share=1.0, plan_share=1.0, promise_share=1.0, inbound_rate=0.0, hardship_rate=0.0,
    )  # fmt: skip
    cohort = late_cohort(400, 70)
    world = DebtorWorld(cohort, unmoved, 3, date(2026, 6, 1))
    calls = world.standing().select("customer_id", "timezone").with_columns(pl.lit("call").alias("channel"))
    made = world.step(at_working_hours(world, calls)).tables["promises"]
    plans = made.filter(pl.col("part_of").is_not_null())
    paid = pl.concat([world.step().tables["payments"] for _ in range(50)])
    by_account = paid.group_by("account_id").agg(pl.len())
    assert plans["account_id"].n_unique() > 60
    assert paid["account_id"].is_in(plans["account_id"].implode()).all()
    assert max(by_account["len"].to_list()) <= 4  # two parts, and what falls due meanwhile
