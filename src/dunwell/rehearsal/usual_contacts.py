"""The contacts that a lender usually makes: the plan by days late which the portfolio's past was made with."""

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.clocks import DAY_SECONDS, MICROSECONDS
from dunwell.rehearsal.collecting import TOUCHES
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.debtors import seeded

_PLAN_SEED = 31


def usual_contacts(world: DebtorWorld) -> pl.DataFrame:
    """The next day's contacts for a world, by days late and channel; at an hour of the working day on each clock."""
    standing = world.standing()
    late = standing.filter(pl.col("past_due_days") > 0)
    late_days = late["past_due_days"].to_numpy() + 1
    luck = seeded(late["account_id"].hash(_PLAN_SEED).to_numpy(), day_number(world.today))
    lucky = (luck >> np.uint64(11)).astype(np.float64) / 2**53
    parts = [
        late.filter(pl.Series((late_days == days) & (lucky < share))).select(
            "customer_id", "timezone", pl.lit(channel).alias("channel")
        )
        for days, channel, share in TOUCHES
        if channel != "visit"
    ]
    return at_working_hours(world, pl.concat(parts).unique("customer_id", keep="first", maintain_order=True))


def at_working_hours(world: DebtorWorld, contacts: pl.DataFrame) -> pl.DataFrame:
    """The contacts (customer_id, timezone, ...) at a minute between nine and seven of the next day on each person's clock."""
    tomorrow = (day_number(world.today) + 1) * DAY_SECONDS * MICROSECONDS
    minutes = 540 + pl.col("customer_id").hash(day_number(world.today)) % 600
    local = pl.lit(tomorrow).cast(pl.Datetime("us", "UTC")) + pl.duration(minutes=minutes)
    return contacts.with_columns((local - world.offsets()).alias("at")).drop("timezone")
