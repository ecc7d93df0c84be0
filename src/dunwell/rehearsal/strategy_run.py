"""A strategy lived through: each day the product's own choice for everybody past due, in a world whose effects are known.

Who may get what (``eligibility``), what the law's gate allows (at the instant of the contact, on the person's own clock), the
assignment under the day's capacities, and the lots of hold-out, exploring and experiments are the product's code. What comes of
a contact is the world's, and its luck is a function of person and day: two strategies meet the same debtors with the same luck.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.law.ids import Ids
from dunwell.ledger.arrays import Kinds, account_kinds
from dunwell.ledger.positions import bucket_names
from dunwell.money import CURRENCIES, minor_exponent
from dunwell.rehearsal.collecting import CHANNELS as WORLD_CHANNELS
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.recent_contacts import RecentContacts
from dunwell.rehearsal.strategy_law import DeskLaw
from dunwell.rehearsal.strategy_setting import GROUPINGS, Setting
from dunwell.rehearsal.usual_contacts import at_working_hours
from dunwell.strategy.columns import FEATURE_COLUMNS
from dunwell.strategy.eligibility import eligible, eligible_matrix
from dunwell.strategy.over_waiting import HISTORY
from dunwell.strategy.text import LEGAL, LEGAL_ASKED_AS, Strategy

UNITS = {code: 10.0 ** minor_exponent(code) for code in CURRENCIES}
"""Minor units in a major one, by currency."""


Choice = Callable[
    [Strategy, pl.DataFrame, pl.DataFrame, Flags, date, pl.DataFrame | None], tuple[pl.Series, pl.DataFrame]
]
"""How a day is decided: from the text, the people past due (``strategy.columns``, how they were contacted of late (HISTORY), and
``own_id`` for their id), what the text opens to them (``eligible``), what the law leaves of that (a column a treatment, nothing
first), the day, and an earlier day's prices: the treatment of each, and the day's prices (capacity, price).
"""


@dataclass(frozen=True, slots=True)
class Lived:
    """What a strategy brought and did in a world of one seed: a value a person, in the order of the setting's people.

    ``repaid``: the part of what was past due at first that came in, at most 1. ``cash_minor``: all that came in, of debts in
    ``currencies``' order (a column each). ``contacts``: those made; ``hard_contacts``: of them, those while in hardship.
    ``is_hardest``: the tenth whose nature makes repayment hardest. ``fatigue``: how tired of contact at the end.
    """

    currencies: tuple[str, ...]
    cash_minor: Ints
    repaid: Floats
    is_cured: Flags
    minutes: Floats
    cost: Floats
    contacts: Ints
    hard_contacts: Ints
    complains: Flags
    stops: Flags
    fatigue: Floats
    is_hardest: Flags
    treatments: Mapping[str, int]


def live_with(
    setting: Setting, strategy: Strategy, choice: Choice, effects: Effects, seed: int, days: int
) -> Lived:
    """Let so many days pass with a strategy in a world of that seed. ``setting``: with its copies."""
    desk = _Desk(setting, _for_a_part(strategy, setting.share), choice, effects, seed)
    for _ in range(days):
        desk.live_a_day()
    return desk.told()


def _for_a_part(strategy: Strategy, share: float) -> Strategy:
    """A strategy with the part of its capacities that some of the portfolio's customers may use."""
    parts = (replace(one, per_day=one.per_day * Decimal(str(share))) for one in strategy.capacities)
    return replace(strategy, capacities=tuple(parts))


def people_past_due(setting: Setting, world: DebtorWorld) -> pl.DataFrame:
    """Those who will be past due tomorrow, in the order of people: ``person`` and the columns of ``strategy.columns``."""
    return _past_due(setting, _Debts.of(setting, world), setting.people, world.standing())


class _Debts(NamedTuple):
    """What does not change about the debts of a world, by debt: ids and their numbers, kind, product, currency, and
    whose they are.
    """

    ids: Ids
    kinds: Kinds
    product: pl.Series
    currency: pl.Series
    owners: Ints

    @classmethod
    def of(cls, setting: Setting, world: DebtorWorld) -> "_Debts":
        accounts = setting.census.accounts
        return cls(
            Ids(accounts["account_id"]),
            account_kinds({"accounts": accounts}),
            accounts["product"].cast(pl.String),
            accounts["currency"],
            world.debts.owners,
        )


def _past_due(setting: Setting, debts: _Debts, known: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    """``known``: a row a person, with what is asked about them."""
    is_late = (standing["past_due_days"] > 0) & (standing["status"] == "active")
    late = standing.filter(is_late)
    rows = debts.ids.numbers(late["account_id"])
    persons, days = debts.owners[rows], late["past_due_days"].to_numpy() + 1
    # The latest account of each person comes first, and of equals that with the first id, as debts are in their order.
    order = np.lexsort((rows, -days, persons))
    first = np.flatnonzero(np.diff(persons[order], prepend=-1))
    worst = order[first]
    counts = np.diff(np.append(first, len(order)))
    chosen = late[worst]
    product, currency = debts.product.gather(rows[worst]), debts.currency.gather(rows[worst])
    kinds = Kinds(debts.kinds.different, debts.kinds.of[rows[worst]])
    unit = currency.cast(pl.String).replace_strict(UNITS, return_dtype=pl.Float64)
    past_due = pl.Series(days[worst])
    today = {
        "past_due_days": past_due.cast(pl.Float64),
        "delinquent_days": past_due.cast(pl.Float64),
        "bucket": bucket_names(kinds, days[worst], setting.terms),
        "product": product,
        "currency": currency,
        "past_due_total": chosen["owed_minor"] / unit,
        "outstanding_principal": chosen["balance_minor"] / unit,
        "in_default": past_due >= 90,
        "past_due_accounts": pl.Series(counts.astype(np.float64)),
    }
    who = persons[worst]
    return (
        known.drop(*today)[who]
        .with_columns(
            pl.Series("person", who, dtype=pl.Int64), *(column.alias(name) for name, column in today.items())
        )
        .select("person", pl.exclude("person"))
    )


class _Desk:
    """A world and what its lender knows and counts of everybody in it."""

    def __init__(
        self, setting: Setting, strategy: Strategy, choice: Choice, effects: Effects, seed: int
    ) -> None:
        self.setting, self.strategy, self.choice = setting, strategy, choice
        self.world = DebtorWorld(setting.census, effects, seed, setting.as_of)
        self.law = DeskLaw(setting, self.world.standing())
        self.debts = _Debts.of(setting, self.world)
        # Features that the text does not ask for would be carried along every day for nothing.
        unasked = FEATURE_COLUMNS - strategy.columns_asked()
        self.known = setting.people.drop(*unasked, *(f"group_{name}" for name in GROUPINGS), HISTORY[0])
        self.ids = Ids(self.world.customers["customer_id"])
        self.recent = self._recent_contacts()
        self.prices: list[pl.DataFrame | None] = [None] * setting.copies
        count = setting.people.height
        self.owed_first = self._owed_by_debt()
        self.promised_until = np.zeros(count, dtype=np.int64)
        self.brought = np.zeros(len(self.world.debts.keys), dtype=np.int64)
        self.minutes, self.cost = np.zeros(count), np.zeros(count)
        self.contacts, self.hard_contacts = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.complains, self.stops = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        self.counts = dict.fromkeys((one.name for one in strategy.treatments), 0)
        self.hardest = self._hardest()

    def live_a_day(self) -> None:
        """Decide for tomorrow, make the contacts, and take in what comes of them."""
        day = self.world.today + timedelta(days=1)
        standing = self.world.standing()
        late = self._past_due(standing)
        times = self._times(late)
        treatments = self._decided(late, day, times, standing)
        contacts = self._contacts(late, treatments, times)
        in_hardship = self.world.persons.hardship_until > day_number(day)
        paid, extra = self.world.debts.paid_minor.copy(), self.world.debts.extra_minor.copy()
        events = self.world.step(contacts)
        self.brought += self.world.debts.paid_minor - paid
        self.brought += np.rint(np.maximum(extra - self.world.debts.extra_minor, 0)).astype(np.int64)
        self._remember(events, in_hardship)

    def _recent_contacts(self) -> RecentContacts:
        """The contacts of everybody until the first day."""
        before = self.setting.tables["contacts"].filter(pl.col("direction").cast(pl.String) == "out")
        persons = self._persons(before)
        days = before["at"].dt.date().to_physical().to_numpy().astype(np.int64)
        is_known = persons >= 0
        return RecentContacts(
            self.setting.people[HISTORY[0]], persons[is_known], days[is_known], self.setting.as_of
        )

    def _past_due(self, standing: pl.DataFrame) -> pl.DataFrame:
        late = _past_due(self.setting, self.debts, self.known, standing)
        return late.hstack(self.recent.told(late["person"].to_numpy()))

    def _times(self, late: pl.DataFrame) -> pl.Series:
        """When each person past due is contacted tomorrow, whatever it is by."""
        people = late.select("customer_id", self.world.customers["timezone"].gather(late["person"]))
        return at_working_hours(self.world, people)["at"]

    def _decided(self, late: pl.DataFrame, day: date, times: pl.Series, standing: pl.DataFrame) -> pl.Series:
        """The treatment of each person past due."""
        strategy = self.strategy
        table = eligible(strategy, late)
        allowed = eligible_matrix(strategy, table).copy()
        free = self.promised_until[late["person"].to_numpy()] < day_number(day)
        allowed[~free, 1:] = False
        ways = [
            (LEGAL_ASKED_AS if one.channel == LEGAL else one.channel, one.purpose)
            for one in strategy.treatments
        ]
        persons, instants = late["person"].to_numpy(), times.dt.timestamp("us").to_numpy()
        lawful = self.law.allowed(standing, persons, instants, allowed, ways)
        allowed[:, 1:] &= lawful
        return self._chosen(late, table, allowed, day)

    def _chosen(self, late: pl.DataFrame, table: pl.DataFrame, allowed: Flags, day: date) -> pl.Series:
        """The day's choice for each copy of the people by itself: each has the day's capacities to itself."""
        size = self.setting.people.height // self.setting.copies
        bounds = np.searchsorted(
            late["person"].to_numpy() // size, np.arange(self.setting.copies + 1)
        ).tolist()
        parts = []
        for number, (first, last) in enumerate(pairwise(bounds)):
            mine = slice(first, last)
            treatments, self.prices[number] = self.choice(
                self.strategy, late[mine], table[mine], allowed[mine], day, self.prices[number]
            )
            parts.append(treatments)
        return pl.concat(parts).alias("treatment")

    def _contacts(self, late: pl.DataFrame, treatments: pl.Series, times: pl.Series) -> pl.DataFrame | None:
        """The contacts that were decided, as a world takes them; their minutes and cost are booked."""
        about = pl.DataFrame(
            [
                (one.name, one.channel, one.automated, float(one.minutes), float(one.cost))
                for one in self.strategy.treatments
            ],
            schema={
                "treatment": pl.String,
                "channel": pl.String,
                "is_automated": pl.Boolean,
                "minutes": pl.Float64,
                "cost": pl.Float64,
            },
            orient="row",
        )
        given = (
            late.select("person", "customer_id")
            .with_columns(treatments, times)
            .join(about, on="treatment", how="inner", maintain_order="left")
        )
        for name, count in given["treatment"].value_counts().iter_rows():
            self.counts[name] += count
        persons = given["person"].to_numpy()
        self.minutes[persons] += given["minutes"].to_numpy()
        self.cost[persons] += given["cost"].to_numpy()
        made = given.filter(pl.col("channel").is_in(WORLD_CHANNELS))
        if not made.height:
            return None
        at_points = [
            pl.when(pl.col("channel") == channel).then(points.gather(made["person"]))
            for channel, points in self.law.points.items()
        ]
        return made.select(
            "customer_id", "channel", "is_automated", pl.coalesce(at_points).alias("contact_point_id"), "at"
        )

    def _remember(self, events: Events, in_hardship: Flags) -> None:
        """Count what a day did to people, and let the law and the house know it."""
        contacts, holds = events.tables["contacts"], events.tables["holds"]
        out = self._persons(contacts.filter(pl.col("direction") == "out"))
        self.recent.add(self.world.today, out)
        np.add.at(self.contacts, out, 1)
        np.add.at(self.hard_contacts, out[in_hardship[out]], 1)
        self.complains[self._persons(holds.filter(pl.col("kind") == "complaint"))] = True
        self.stops[self._persons(holds.filter(pl.col("kind") == "cease"))] = True
        self.stops[self._persons(events.tables["preferences"])] = True
        promises = events.tables["promises"].join(
            self.world.accounts.select("account_id", "customer_id"), on="account_id", maintain_order="left"
        )
        np.maximum.at(
            self.promised_until, self._persons(promises), promises["due_on"].to_physical().to_numpy()
        )
        self.law.learn(events)

    def _persons(self, rows: pl.DataFrame) -> Ints:
        return self.ids.numbers(rows["customer_id"]).astype(np.int64)

    def _owed_by_debt(self) -> Floats:
        """What is past due on each debt, by debt."""
        owed = self.world.accounts.select("account_id").join(
            self.world.standing().select("account_id", "owed_minor"),
            on="account_id",
            how="left",
            maintain_order="left",
        )
        return owed["owed_minor"].fill_null(0).cast(pl.Float64).to_numpy()

    def _hardest(self) -> Flags:
        """The tenth whose first debt is slowest to be repaid by nature: what no lender can see."""
        ease = self.world.debts.ease[self.world.persons.first_debts[:-1]]
        is_hardest = np.zeros(len(ease), dtype=np.bool_)
        is_hardest[np.argsort(ease, kind="stable")[: max(len(ease) // 10, 1)]] = True
        return is_hardest

    def told(self) -> Lived:
        """What came of it all."""
        owners, count = self.world.debts.owners, self.setting.people.height
        names = tuple(self.world.accounts["currency"].unique().sort())
        of_debts = self.world.accounts["currency"].to_numpy()
        cash = np.column_stack(
            [
                np.bincount(owners, weights=np.where(of_debts == name, self.brought, 0), minlength=count)
                for name in names
            ]
        ).astype(np.int64)
        part = np.minimum(self.brought, self.owed_first)
        owed = np.bincount(owners, weights=self.owed_first, minlength=count)
        repaid = np.bincount(owners, weights=part, minlength=count) / np.maximum(owed, 1.0)
        still = self.world.standing().filter(
            (pl.col("past_due_days") > 0) | (pl.col("status") == "charged_off")
        )
        is_cured = np.ones(count, dtype=np.bool_)
        is_cured[self._persons(still.select("customer_id"))] = False
        return Lived(
            names, cash, repaid, is_cured, self.minutes, self.cost, self.contacts, self.hard_contacts,
            self.complains, self.stops, self.world.persons.fatigue.copy(), self.hardest, self.counts,
        )  # fmt: skip
