"""A world that answers: made debtors who live a day at a time and take what contacts they get.

``DebtorWorld.from_tape`` moves people in behind the records of a tape; ``step`` takes a day's contacts and gives back what
happened, as rows of the tape's own tables, so that the whole product runs on it unchanged. Why it happened (each debtor's
nature, who would have paid anyway, which promises are meant) stays in the world.

>>> from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
>>> from dunwell.ledger.terms import read_terms
>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = write_portfolio(Path(folder), 200, seed=1, as_of=date(2026, 6, 30))
...     world = DebtorWorld.from_tape(Path(folder), read_terms(TERMS_FOLDER), date(2026, 6, 30), seed=1)
>>> events = world.step()
>>> events.day, sorted(events.tables)
(datetime.date(2026, 7, 1), ['charges', 'contacts', 'holds', 'instalments', 'payments', 'preferences', 'promises'])
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from dunwell.book import TABLES
from dunwell.calendars import day_number
from dunwell.ledger.terms import Terms
from dunwell.rehearsal.collecting import CHANNELS
from dunwell.rehearsal.contact_kernel import CALL, take_contacts
from dunwell.rehearsal.debtor_kernel import fall_due, live_persons, pay, state_cards
from dunwell.rehearsal.debtors import (
    ACTIVE,
    CHARGED_OFF,
    Codes,
    Debts,
    Habits,
    Keys,
    Persons,
    Schedule,
    habits,
)
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.effects import Effects, read_effects
from dunwell.rehearsal.happenings import Reactions, statement_rows, tables_of
from dunwell.rehearsal.moving_in import Census, read_census, settle_in

CONTACT_COLUMNS: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "account_ids": pl.List(pl.String),
    "channel": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "contact_point_id": pl.String,
    "party": pl.String,
    "is_automated": pl.Boolean,
}
"""What ``step`` takes, a contact a row. customer_id, channel and at are needed; without the others: no account named, no
point named, party self, a person speaks in calls and visits.
"""


@dataclass(frozen=True, slots=True)
class Events:
    """What a day brought: rows to be added to the tape's tables, and accounts whose status changed (account_id, status)."""

    day: date
    tables: dict[str, pl.DataFrame]
    statuses: pl.DataFrame


class Contacts(NamedTuple):
    """A day's contacts as the kernel takes them, those of a person together in order of time."""

    persons: Ints
    places: Ints
    channels: Codes
    hours: Floats
    point_keys: Keys
    is_automated: Flags
    is_third_party: Flags
    is_inbound: Flags


class DebtorWorld:
    """Debtors who live day by day. ``today`` is the last day they lived through."""

    def __init__(
        self,
        census: Census,
        effects: Effects,
        seed: int,
        as_of: date,
    ) -> None:
        """The people of a census as of a day; ``from_tape`` reads one from a tape."""
        self.today, self.effects, self.seed = as_of, effects, seed
        self._habits: Habits = habits()
        self.customers = census.customers.select("customer_id", "timezone").with_row_index("person")
        self.accounts = census.accounts.select("account_id", "customer_id", "currency").with_row_index("debt")
        self.persons: Persons
        self.debts: Debts
        self.schedule: Schedule
        self.persons, self.debts, self.schedule = settle_in(census, effects, self._habits, seed, as_of)
        self._numbers: Ints = census.schedule["number"].to_numpy()
        self._zones = self.customers["timezone"].unique().sort().to_list()

    @classmethod
    def from_tape(
        cls, folder: Path, terms: Mapping[str, Terms], as_of: date, seed: int, effects: Effects | None = None
    ) -> "DebtorWorld":
        """The people behind a tape as of a day. Raises TapeUnusable, and ValueError where effects are badly declared."""
        return cls(read_census(folder, terms, as_of), effects or read_effects(), seed, as_of)

    def step(self, contacts: pl.DataFrame | None = None) -> Events:
        """Live through the next day with these contacts (CONTACT_COLUMNS); contacts of strangers come to nothing.

        Raises ValueError where a needed column is missing or empty somewhere, a channel or party is not one of the tape's, or a
        contact is not of that day on the person's clock.
        """
        tomorrow = self.today + timedelta(days=1)
        checked = _checked(contacts, tomorrow)
        self.today, day = tomorrow, day_number(tomorrow)
        calls_in = np.zeros(len(self.persons.keys), dtype=np.bool_)
        count = len(self.debts.keys)
        fees, paid, changed = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int8)
        is_stated = np.zeros(count, dtype=np.bool_)
        live_persons(day, self.persons, self.debts, self.effects, calls_in)
        state_cards(day, self.debts, self.schedule, is_stated)
        fall_due(day, self.debts, self.schedule, self.effects, fees)
        rows, encoded = self._encoded(checked, calls_in)
        reactions = Reactions.empty(rows.height)
        take_contacts(
            day, encoded, self.persons, self.debts, self.schedule, self.effects, self._habits, reactions
        )
        pay(day, self.persons, self.debts, self.schedule, self.effects, self._habits, paid, changed)
        tables = tables_of(self.today, self.effects, self.accounts, rows, reactions, fees, paid)
        tables["instalments"] = self._statements(np.flatnonzero(is_stated))
        moved = np.flatnonzero(changed > 0)
        words = pl.Series(["active", "closed", "charged_off", "sold"]).gather(
            pl.Series(changed[moved], dtype=pl.UInt32)
        )
        statuses = pl.DataFrame({"account_id": self.accounts["account_id"].gather(moved), "status": words})
        return Events(self.today, tables, statuses)

    def standing(self) -> pl.DataFrame:
        """What the lender can see of each account still owed on: account_id, customer_id, timezone, status, past_due_days,
        owed_minor (past due, or all after charge-off), balance_minor (all that is left).
        """
        debts, day = self.debts, day_number(self.today)
        rows = np.flatnonzero((debts.statuses == ACTIVE) | (debts.statuses == CHARGED_OFF))
        oldest, last = debts.oldest_rows[rows], debts.known_rows[rows] - 1
        oldest_due = self.schedule.due_on[np.minimum(oldest, last)]
        is_late = (oldest < debts.due_rows[rows]) & (oldest_due < day)
        extra = np.ceil(debts.extra_minor[rows]).astype(np.int64)
        due = np.maximum(
            self.schedule.sums_minor[np.maximum(debts.due_rows[rows] - 1, 0)] - debts.paid_minor[rows], 0
        )
        left = self.schedule.sums_minor[last] - debts.paid_minor[rows] + extra
        is_charged_off = debts.statuses[rows] == CHARGED_OFF
        owners = debts.owners[rows]
        return (
            self.accounts[rows]
            .select("account_id", "customer_id")
            .with_columns(
                self.customers["timezone"].gather(owners).alias("timezone"),
                pl.Series("status", np.where(is_charged_off, "charged_off", "active")),
                pl.Series("past_due_days", np.where(is_late, day - oldest_due, 0)),
                pl.Series("owed_minor", np.where(is_charged_off, left, np.where(is_late, due + extra, 0))),
                pl.Series("balance_minor", left),
            )
        )

    def _statements(self, debts: Ints) -> pl.DataFrame:
        """The statements that came out today for these debts."""
        rows = self.debts.known_rows[debts] - 1
        amounts = self.schedule.sums_minor[rows] - self.schedule.sums_minor[rows - 1]
        due_on = pl.Series("due_on", self.schedule.due_on[rows]).cast(pl.Date)
        return statement_rows(self.today, self.accounts[debts], self._numbers[rows], due_on, amounts)

    def _encoded(self, contacts: pl.DataFrame, calls_in: Flags) -> tuple[pl.DataFrame, Contacts]:
        """The day's contacts, those from people themselves included, in order of person and time."""
        known = contacts.join(self.customers, on="customer_id").with_columns(
            pl.lit(False).alias("is_inbound")
        )
        rows = pl.concat([known, self._inbound(calls_in)], how="diagonal").sort(
            "person", "at", maintain_order=True
        )
        rows = rows.with_columns(pl.int_range(pl.len()).over("person").alias("place"))
        local = rows.select(pl.col("at") + self.offsets())["at"]
        hours = (local.dt.hour().cast(pl.Float64) + local.dt.minute() / 60).to_numpy()
        points = rows["contact_point_id"].hash(7).to_numpy()
        is_named = rows["contact_point_id"].is_not_null().to_numpy()
        channels = rows["channel"].replace_strict(
            list(CHANNELS), list(range(len(CHANNELS))), return_dtype=pl.Int8
        )
        return rows, Contacts(
            persons=rows["person"].cast(pl.Int64).to_numpy(),
            places=rows["place"].cast(pl.Int64).to_numpy(),
            channels=channels.to_numpy(),
            hours=hours,
            point_keys=np.where(is_named, points, np.uint64(0)),
            is_automated=rows["is_automated"].to_numpy(),
            is_third_party=(rows["party"] != "self").to_numpy(),
            is_inbound=rows["is_inbound"].to_numpy(),
        )

    def _inbound(self, calls_in: Flags) -> pl.DataFrame:
        """Calls from people who are late, between nine and five on their clock."""
        minutes = 540 + pl.col("customer_id").hash(day_number(self.today)) % 480
        local = pl.lit(self.today).cast(_INSTANT) + pl.duration(minutes=minutes)
        return self.customers.filter(pl.Series(calls_in)).with_columns(
            (local - self.offsets()).alias("at"),
            pl.lit(CHANNELS[CALL]).alias("channel"),
            pl.lit("self").alias("party"),
            pl.lit(False).alias("is_automated"),
            pl.lit(True).alias("is_inbound"),
        )

    def offsets(self) -> pl.Expr:
        """How far each person's clock (``timezone``) is ahead of UTC at the day's noon there."""
        noon = datetime.combine(self.today, time(12))
        offsets = [noon.replace(tzinfo=ZoneInfo(name)).utcoffset() or timedelta() for name in self._zones]
        return pl.col("timezone").replace_strict(self._zones, offsets, return_dtype=pl.Duration("us"))


_INSTANT = pl.Datetime("us", "UTC")
PARTIES = TABLES["contacts"].by_name["party"].choices


def _checked(contacts: pl.DataFrame | None, day: date) -> pl.DataFrame:
    """The contacts of a day with every column of CONTACT_COLUMNS."""
    if contacts is None:
        return pl.DataFrame(schema=CONTACT_COLUMNS)
    missing = [name for name in ("customer_id", "channel", "at") if name not in contacts.columns]
    if missing:
        raise ValueError(f"the contacts have no column {missing[0]!r}; they need customer_id, channel and at")
    strange = contacts.filter(~pl.col("channel").cast(pl.String).is_in(CHANNELS))["channel"]
    if strange.len():
        raise ValueError(f"{strange[0]!r} is not a channel; choose from {', '.join(CHANNELS)}")
    for name in ("customer_id", "channel", "at"):
        if contacts[name].null_count():
            row = int(contacts[name].is_null().arg_max() or 0) + 1
            raise ValueError(
                f"contact {row} has no {name}; give every contact its customer_id, channel and at"
            )
    if "party" in contacts.columns:
        words = contacts["party"].drop_nulls().cast(pl.String)
        unknown = words.filter(~words.is_in(PARTIES))
        if unknown.len():
            raise ValueError(f"{unknown[0]!r} is not a party; choose from {', '.join(PARTIES)}")
    # The day there, somewhere on earth: clocks are from twelve hours behind UTC to fourteen ahead of it.
    begins = datetime.combine(day, time(), UTC)
    early, late = begins - timedelta(hours=14), begins + timedelta(hours=36)
    others = contacts.filter(~pl.col("at").is_between(early, late, closed="left"))["at"]
    if others.len():
        raise ValueError(
            f"a contact at {others[0]} is not of {day}, the day to be lived through; leave it to its own day"
        )
    defaults = {"party": "self", "is_automated": False}
    return contacts.select(
        (pl.col(name) if name in contacts.columns else pl.lit(None))
        .cast(kind)
        .fill_null(defaults[name])
        .alias(name)
        if name in defaults
        else (pl.col(name) if name in contacts.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in CONTACT_COLUMNS.items()
    )
