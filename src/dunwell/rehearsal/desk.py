"""The desk of a policy trial: what a lender remembers of each late person from what was seen, and nothing more."""

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.draws import Floats, Ints
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.policies import LONG_AGO, View


class Desk:
    """Calls, talks, payments, promises and wishes by person. ``total`` counts calls, ``complaints`` and ``stops`` wishes."""

    def __init__(self, world: DebtorWorld, census: Census) -> None:
        """Nothing has been seen yet."""
        count = len(world.persons.keys)
        self.world = world
        self.seen: Floats = census.customers["seen"].to_numpy()
        self.called_on, self.talked_on, self.paid_on = (
            np.full(count, -LONG_AGO, dtype=np.int64) for _ in range(3)
        )
        self.promised_on, self.promised_until, self.rests_until = (
            np.zeros(count, dtype=np.int64) for _ in range(3)
        )
        self.calls, self.total, self.talks = (np.zeros(count, dtype=np.float64) for _ in range(3))
        self.late_since: Ints = np.zeros(count, dtype=np.int64)
        self.complaints = self.stops = 0

    def view(self) -> View:
        """Those who will be late tomorrow."""
        day = day_number(self.world.today) + 1
        standing = self.world.standing().filter(
            (pl.col("past_due_days") > 0) & (pl.col("status") == "active")
        )
        late = standing.join(self.world.customers.select("customer_id", "person"), on="customer_id")
        by_person = (
            late.group_by("person")
            .agg(pl.col("past_due_days").max(), pl.col("owed_minor").sum())
            .sort("person")
        )
        persons = by_person["person"].cast(pl.Int64).to_numpy()
        past_due_days = by_person["past_due_days"].to_numpy().astype(np.int64)
        self._keep_spells(day, persons, past_due_days)
        promised = self.promised_until[persons]
        return View(
            persons,
            past_due_days,
            by_person["owed_minor"].to_numpy(),
            np.rint(self.calls[persons]).astype(np.int64),
            np.minimum(day - self.called_on[persons], LONG_AGO),
            np.minimum(day - self.talked_on[persons], LONG_AGO),
            promised >= day,
            self.seen[persons],
            self.rests_until[persons] <= day,
            np.minimum(day - self.paid_on[persons], LONG_AGO),
            self.total[persons].astype(np.int64),
            self.talks[persons].astype(np.int64),
            (promised > 0) & (promised < day) & (self.paid_on[persons] < self.promised_on[persons]),
            day - self.late_since[persons],
        )

    def _keep_spells(self, day: int, persons: Ints, past_due_days: Ints) -> None:
        """Who was late the day before goes on being so; for others, and at first, what is past due tells since when."""
        since = self.late_since[persons]
        began = np.where(since > 0, since, day - past_due_days)
        self.late_since[:] = 0
        self.late_since[persons] = began

    def remember(self, called: Ints, came_minor: Floats, events: Events) -> None:
        """Take in what a day brought: whom one called, and what came in by person of what was past due."""
        day = day_number(events.day)
        self.calls *= 1 - 1 / 30
        self.calls[called] += 1
        self.total[called] += 1
        self.called_on[called] = day
        self.paid_on[came_minor > 0] = day
        contacts, holds = events.tables["contacts"], events.tables["holds"]
        talked = self._persons(contacts.filter(pl.col("outcome") == "conversation"))
        self.talked_on[talked] = day
        self.talks[np.intersect1d(talked, called)] += 1
        promises = events.tables["promises"].join(
            self.world.accounts.select("account_id", "customer_id"), on="account_id", maintain_order="left"
        )
        promisers = self._persons(promises)
        np.maximum.at(self.promised_until, promisers, promises["due_on"].to_physical().to_numpy())
        self.promised_on[promisers] = day
        until = holds["to_on"].to_physical().fill_null(2**30).to_numpy()
        np.maximum.at(self.rests_until, self._persons(holds), until + 1)
        self.complaints += holds.filter(pl.col("kind") == "complaint").height
        self.stops += holds.filter(pl.col("kind") == "cease").height

    def _persons(self, rows: pl.DataFrame) -> Ints:
        people = self.world.customers.select("customer_id", "person")
        joined = rows.join(people, on="customer_id", maintain_order="left")
        return np.asarray(joined["person"].cast(pl.Int64).to_numpy(), dtype=np.int64)
