"""The effects of contacts in the world, measured as the published experiments did: by lot, some contacted and some not.

Both groups are the same made debtors in two copies of the world with the same luck, so that only the contact differs.
"""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.draws import Ints
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.usual_contacts import at_working_hours

INSTALMENT_MINOR = 10_000
_FIRST_DAY = date(2026, 6, 1)


def late_cohort(count: int, late_days: int, as_of: date = _FIRST_DAY, status: str = "active") -> Census:
    """People with one loan each of 24 monthly instalments, all of them so many days late with the twelfth."""
    names = pl.Series([f"{number:07d}" for number in range(count)])
    customers = pl.DataFrame({"customer_id": "CU" + names}).with_columns(
        pl.lit("gb").alias("jurisdiction"),
        pl.lit("Europe/London").alias("timezone"),
        pl.lit(0.0).alias("seen"),
        pl.lit(False).alias("is_deceased"),
    )
    oldest_due_on = as_of - timedelta(days=late_days)
    months = pl.Series([f"{month}mo" for month in range(-11, 13)])
    due_on = pl.select(pl.lit(oldest_due_on).dt.offset_by(pl.lit(months))).to_series()
    unpaid = int((due_on <= as_of).sum()) - 11
    accounts = customers.select(
        ("LN" + names).alias("account_id"),
        "customer_id",
        pl.lit("GBP").alias("currency"),
        pl.lit(status).alias("status"),
        pl.lit("closed_end").alias("credit"),
        pl.lit(oldest_due_on).alias("oldest_due_on"),
        pl.lit(unpaid * INSTALMENT_MINOR, pl.Int64).alias("unpaid_minor"),
        *(pl.lit(0.0).alias(name) for name in ("penalty_minor", "penalty_a_day")),
        *(pl.lit(0, pl.Int64).alias(name) for name in ("credit_minor", "late_fee_minor", "late_fee_days")),
    )
    sums = np.tile(np.arange(1, 25) * INSTALMENT_MINOR, count)
    schedule = pl.DataFrame(
        {
            "debt": np.repeat(np.arange(count), 24),
            "due_on": due_on.gather(np.tile(np.arange(24), count)),
            "number": np.tile(np.arange(1, 25), count),
            "is_known": np.ones(24 * count, dtype=np.bool_),
            "sum_minor": sums,
            "basis_sum_minor": sums,
        }
    )
    return Census(customers, accounts, schedule)


Contacting = Callable[[DebtorWorld, int], pl.DataFrame | None]
"""The contacts of a cohort's next day, the first being day 0: customer_id, timezone, channel and what else ``step`` takes."""


def live_through(
    cohort: Census, effects: Effects, seed: int, days: int, contacting: Contacting, as_of: date = _FIRST_DAY
) -> tuple[DebtorWorld, Ints]:
    """A cohort after so many days: its world, and what each debt brought in, in minor units."""
    world = DebtorWorld(cohort, effects, seed, as_of)
    brought = np.zeros(len(world.debts.keys), dtype=np.int64)
    for day in range(days):
        contacts = contacting(world, day)
        paid_before, extra_before = world.debts.paid_minor.copy(), world.debts.extra_minor.copy()
        world.step(None if contacts is None else at_working_hours(world, contacts))
        brought += world.debts.paid_minor - paid_before
        brought += np.rint(np.maximum(extra_before - world.debts.extra_minor, 0)).astype(np.int64)
    return world, brought


def _late(world: DebtorWorld) -> pl.DataFrame:
    """The people of a cohort who are late still, as the lender sees them."""
    return world.standing().filter(pl.col("past_due_days") > 0).select("customer_id", "timezone")


def once(channel: str) -> Contacting:
    """One contact by a channel, on the first day."""
    return lambda world, day: (
        _late(world).with_columns(pl.lit(channel).alias("channel")) if day == 0 else None
    )


def calls_every(days: int, *, is_automated: bool) -> Contacting:
    """A call every so many days to whoever is late still, by a person or by an automated voice."""

    def contacting(world: DebtorWorld, day: int) -> pl.DataFrame | None:
        if day % days:
            return None
        return _late(world).with_columns(
            pl.lit("call").alias("channel"), pl.lit(is_automated).alias("is_automated")
        )

    return contacting


def nothing(world: DebtorWorld, day: int) -> None:
    """Nobody is contacted."""


def cured_share(world: DebtorWorld) -> float:
    """Of a cohort, those who are not past due."""
    return 1 - world.standing().filter(pl.col("past_due_days") > 0).height / len(world.debts.keys)


def effect_figures(effects: Effects, count: int, seed: int) -> dict[str, tuple[float, int]]:
    """The effects that experiments have published, by the names of ``facts.EFFECT_TARGETS``, each with its number of debtors.

    A message at 30 days late: the share up to date 30 days later, more than without it. Calls every other day from the first
    day of lateness: what has come of the sum owed by day 30, by people more than by an automated voice. Charged-off debts
    left alone for three years: the share of what is owed that is recovered, and of debts that yield something.
    """
    month_late, just_late = late_cohort(count, 30), late_cohort(count, 1)
    reminded, _ = live_through(month_late, effects, seed, 30, once("sms"))
    left, _ = live_through(month_late, effects, seed, 30, nothing)
    _, by_people = live_through(just_late, effects, seed, 30, calls_every(2, is_automated=False))
    _, by_voice = live_through(just_late, effects, seed, 30, calls_every(2, is_automated=True))
    lost = late_cohort(count // 4, 400, status="charged_off")
    _, recovered = live_through(lost, effects, seed, 1080, nothing)
    exposure = 13 * INSTALMENT_MINOR
    owed = INSTALMENT_MINOR

    def collected(brought: Ints) -> float:
        return float(np.minimum(brought / owed, 1).mean())

    return {
        "cured by a message, more than without": (cured_share(reminded) - cured_share(left), count),
        "collected by people by day 30, more than by an automated voice": (
            collected(by_people) - collected(by_voice),
            count,
        ),
        "recovered of what was owed at charge-off": (float(recovered.mean() / exposure), count // 4),
        "charged-off debts that yield something": (float((recovered > 0).mean()), count // 4),
        **_plan_figures(effects, count, seed),
    }


def _plan_figures(effects: Effects, count: int, seed: int) -> dict[str, tuple[float, int]]:
    """Of plans agreed in one call to people three instalments behind, those that will break, by their length."""
    world, _ = live_through(late_cohort(count, 70), effects._replace(plan_share=1.0), seed, 1, once("call"))
    parts, kept = world.debts.parts_left, world.debts.parts_kept
    figures = {}
    for name, least, most in (("2 to 6", 2, 6), ("7 to 12", 7, 12)):
        of_length = (parts >= least) & (parts <= most)
        broken = float((kept[of_length] < parts[of_length]).mean()) if of_length.any() else float("nan")
        figures[f"plans of {name} months that break"] = (broken, int(of_length.sum()))
    return figures
