"""A lender in the rehearsal's world who decides and learns as the nightly run does, without its tapes and books: so that whole
seasons of many worlds take minutes.

Values (``values_of``), the day's lots, capacities and chances (``nightly.market.settle``) and the lessons of the log
(``nightly.learning_days``) are the product's own functions. What is left out is reading tapes and the law's gate; in its place
one rule of the house holds for every policy: one contact in seven days, none during a promise, a hold or a wish for peace.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.calendars import day_number
from dunwell.nightly.learning_days import LoggedDay, over_waiting_of
from dunwell.nightly.market import Settled, settle
from dunwell.nightly.offers import VALUE
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.usual_contacts import at_working_hours
from dunwell.strategy.exploring import more_after_turn
from dunwell.strategy.inputs import Columns
from dunwell.strategy.learned import CONTEXT, LearnedValues, values_of
from dunwell.strategy.over_waiting import HISTORY
from dunwell.strategy.text import Strategy, read_strategy
from dunwell.strategy.turning import Turned

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHANNELS = {"text message": "sms", "letter": "letter", "call": "call"}
REST_DAYS = 7
LATE_PER_ACCOUNT = 0.06
"""How many of the made accounts' people are late on a day, about: the capacities are made for them."""

PRIORS = {
    "fair": {"text message": ("0.035", "0.04"), "letter": ("0.027", "0.04"), "call": ("0.041", "0.04")},
    "wrong": {"text message": ("0.003", "0.027"), "letter": ("0.082", "0.027"), "call": ("0.014", "0.027")},
}
"""What the text says that a contact recovers, as a share of what is past due, and how sure: near the world's truth; and as an
old-fashioned lender has it who is new to a portfolio and swears by letters.
"""
LOTS = {"near": 'rate = "1"\nspend = "0.05"', "even": 'rate = "0.2"'}
"""How lots are drawn: where they cost little, for a twentieth of what the day is thought to be worth; or a fifth of all
decisions, evenly.
"""

Valuer = Callable[[pl.DataFrame], Floats]
"""What a policy thinks each treatment (column, nothing first) is worth, net, for customers (CONTEXT and HISTORY)."""


def strategy_of(accounts: int, priors: str, lots: str = "near") -> Strategy:
    """The lender's text: three channels, capacities for one contact a week of most who are late, a twentieth held out; LOTS."""
    late = accounts * LATE_PER_ACCOUNT
    costs = {"text message": "0.05", "letter": "1.00", "call": "0.30"}
    parts = [
        'key = "strategy"\ntitle = "Three channels"\nfrom = 2026-01-01\ncitation = "benchmark"',
        'source_quality = "text"\ncurrency = "USD"',
        '[objective]\nmaximise = "net_recovered_value"\nwindow_days = 90',
        '[[segment]]\nname = "late"\nwhen = ["past_due_days >= 1"]',
    ]
    for name, (share, spread) in PRIORS[priors].items():
        effort = 'minutes = "6"\nskill = "collections"\n' if name == "call" else ""
        parts.append(
            f'[[treatment]]\nname = "{name}"\nchannel = "{CHANNELS[name]}"\npurpose = "remind"\ntone = "neutral"\n{effort}'
            f'cost = "{costs[name]}"\nsegments = ["late"]\nprior = {{ share = "{share}", sd = "{spread}" }}'
        )
    for name, kind, part in (("texts", "sms", 0.05), ("letters", "letters", 0.02)):
        parts.append(f'[[capacity]]\nname = "{name}"\nkind = "{kind}"\nper_day = "{round(late * part)}"')
    parts.append(
        f'[[capacity]]\nname = "agents"\nkind = "agent_minutes"\nskill = "collections"\nper_day = "{round(late * 0.035) * 6}"'
    )
    parts.append(
        f'[hold_out]\nshare = "0.05"\nsalt = "hold-out"\ntreatment = "none"\n\n[exploring]\n{LOTS[lots]}'
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "strategy.toml"
        file.write_text("\n\n".join(parts), encoding="utf-8")
        return read_strategy(file)


def by_text(strategy: Strategy, learned: LearnedValues | None = None) -> Valuer:
    """The product's values: learned ones, or the text's priors."""
    return lambda context: values_of(strategy, learned, context).mean


def in_amounts(strategy: Strategy, owed: float) -> Valuer:
    """The text's priors as amounts, the same for everybody, whatever they owe: what is typically ``owed`` stands for all."""
    amounts = [float(one.prior_value) * owed - float(one.cost) for one in strategy.treatments]
    return lambda context: np.tile(np.array([0.0, *amounts]), (context.height, 1))


def by_balance(shares: tuple[float, float, float], from_day: int = 1) -> Valuer:
    """A rule: whoever owes most first, of those so many days late; each treatment (in the text's order) is thought to bring in
    such a share of what is owed.
    """

    def values(context: pl.DataFrame) -> Floats:
        owed = context["past_due_total"].to_numpy() * (context["past_due_days"].to_numpy() >= from_day)
        return np.column_stack([np.zeros(len(owed)), *(owed * share for share in shares)])

    return values


def by_days(shares: tuple[float, float, float]) -> Valuer:
    """A rule: the latest first."""

    def values(context: pl.DataFrame) -> Floats:
        days = context["past_due_days"].to_numpy()
        return np.column_stack([np.zeros(len(days)), *(days * share for share in shares)])

    return values


_CALL_FIRST, _TEXT_FIRST = (0.02, 0.01, 0.03), (0.03, 0.01, 0.02)
RULES: dict[str, Valuer] = {
    "largest first, by call": by_balance(_CALL_FIRST),
    "largest first from day 8, by call": by_balance(_CALL_FIRST, 8),
    "largest first, by text": by_balance(_TEXT_FIRST),
    "latest first, by call": by_days(_CALL_FIRST),
}


class Brought(NamedTuple):
    """What a day brought: money in all (US dollars), the contacts' cost, contacts, complaints, wishes to be left alone."""

    money: float
    cost: float
    contacts: int
    complaints: int
    stops: int


def decided(
    strategy: Strategy, late: pl.DataFrame, valuer: Valuer, day: date, earlier: pl.DataFrame | None = None
) -> Settled:
    """What is decided for late customers (``Lender.late``) on a day, by these values."""
    values = np.where(late["is_free"].to_numpy()[:, None], valuer(late), np.nan)
    market = late.select("customer_id", "currency", *CONTEXT, *HISTORY).with_columns(
        pl.lit(None, pl.String).alias("first"),
        *(
            pl.Series(VALUE + one.name, values[:, place], nan_to_null=True)
            for place, one in enumerate(strategy.treatments, start=1)
        ),
    )
    return settle(strategy, market, day, is_cold=False, earlier=earlier)


def places(strategy: Strategy, settled: Settled) -> Ints:
    """The place of each customer's treatment, in the order of their ids."""
    names = strategy.treatment_names
    given = settled.decided["treatment"].replace_strict(
        list(names), list(range(len(names))), return_dtype=pl.Int64
    )
    return np.asarray(given.to_numpy())


def without_hold_out(strategy: Strategy) -> Strategy:
    """The same text with nobody held out."""
    return replace(strategy, hold_out=replace(strategy.hold_out, share=0.0))


def without_lots(strategy: Strategy) -> Strategy:
    """The same text with nobody held out and nothing drawn by lot, as a rule is used."""
    return replace(without_hold_out(strategy), explore_rate=0.0)


@dataclass
class Lender:
    """A lender in a world, from day to day. ``days`` and ``paid`` are the log."""

    census: Census
    world: DebtorWorld
    strategy: Strategy
    days: list[LoggedDay] = field(default_factory=list)
    paid: list[pl.DataFrame] = field(default_factory=list)
    earlier: pl.DataFrame | None = None
    turned: tuple[Turned, ...] = ()

    @classmethod
    def of(cls, census: Census, effects: Effects, seed: int, strategy: Strategy, as_of: date) -> "Lender":
        """On the first day, in a world of that seed."""
        return cls(census, DebtorWorld(census, effects, seed, as_of), strategy)

    def __post_init__(self) -> None:
        count = len(self.world.persons.keys)
        self.rests_until, self.contacted_on = np.zeros(count, dtype=np.int64), np.full(count, -1)
        self.contacts: list[Ints] = []
        self.by_person = np.zeros(count)
        ease = self.world.debts.ease[self.world.persons.first_debts[:-1]]
        late = self.late()["person"].to_numpy()
        self.hardest = late[np.argsort(ease[late], kind="stable")[: max(len(late) // 10, 1)]]

    def late(self) -> pl.DataFrame:
        """Who is past due tomorrow: person, customer_id, currency, CONTEXT, HISTORY, and whether they may be contacted."""
        day = day_number(self.world.today) + 1
        standing = self.world.standing().filter(
            (pl.col("past_due_days") > 0) & (pl.col("status") == "active")
        )
        late = (
            standing.join(self.world.customers.select("customer_id", "person"), on="customer_id")
            .group_by("person", "customer_id")
            .agg(
                pl.col("past_due_days").max().cast(pl.Float64),
                pl.len().cast(pl.Float64).alias("past_due_accounts"),
                (pl.col("owed_minor").sum() / 100).alias("past_due_total"),
                (pl.col("balance_minor").sum() / 100).alias("outstanding_principal"),
            )
            .sort("customer_id")
        )
        persons = late["person"].cast(pl.Int64).to_numpy()
        of_late = np.zeros(len(self.contacted_on))
        for made in self.contacts[-30:]:
            of_late[made] += 1
        since = np.where(self.contacted_on[persons] < 0, np.nan, day - 1 - self.contacted_on[persons])
        return late.select(
            pl.Series("person", persons),
            "customer_id",
            pl.lit("USD").alias("currency"),
            pl.col("past_due_days").alias("delinquent_days"),
            *(name for name in CONTEXT if name != "delinquent_days"),
            pl.Series(HISTORY[0], since, nan_to_null=True),
            pl.Series(HISTORY[1], of_late[persons]),
            pl.Series("is_free", self.rests_until[persons] < day),
        )

    def settled(self, late: pl.DataFrame, valuer: Valuer) -> Settled:
        """What is decided for tomorrow, by these values: the day's lots and capacities are the text's."""
        day = self.world.today + timedelta(days=1)
        return decided(more_after_turn(self.strategy, self.turned, day), late, valuer, day, self.earlier)

    def live_a_day(self, late: pl.DataFrame, settled: Settled) -> Brought:
        """Make the contacts that were decided, and log what came of the day."""
        given, persons = places(self.strategy, settled), late["person"].to_numpy()
        self._log(late, settled, given)
        self.earlier = settled.capacities.select("capacity", "price")
        names = self.strategy.treatment_names
        chosen = np.flatnonzero(given)
        channels = pl.Series("channel", [CHANNELS[names[place]] for place in given[chosen]], dtype=pl.String)
        people = (
            self.world.customers[persons[chosen]].select("customer_id", "timezone").with_columns(channels)
        )
        before = self.world.debts.paid_minor.copy()
        events = self.world.step(at_working_hours(self.world, people) if len(chosen) else None)
        count = len(self.world.persons.keys)
        came = np.bincount(
            self.world.debts.owners, weights=self.world.debts.paid_minor - before, minlength=count
        )
        self.by_person += came / 100
        payers = np.flatnonzero(came)
        self.paid.append(
            pl.DataFrame(
                {
                    "customer_id": self.world.customers["customer_id"].gather(payers),
                    "on": pl.repeat(events.day, len(payers), eager=True),
                    "amount": came[payers] / 100,
                }
            )
        )
        day = day_number(events.day)
        self.contacted_on[persons[chosen]] = day
        self.contacts.append(persons[chosen])
        self.rests_until[persons[chosen]] = np.maximum(self.rests_until[persons[chosen]], day + REST_DAYS - 1)
        holds = self._remember(events)
        costs = np.array([0.0, *(float(one.cost) for one in self.strategy.treatments)])
        complaints, stops = (int((holds["kind"] == kind).sum()) for kind in ("complaint", "cease"))
        return Brought(float(came.sum()) / 100, float(costs[given].sum()), len(chosen), complaints, stops)

    def learned(self) -> LearnedValues | None:
        """What the log teaches of each treatment, as ``dunwell train values`` has it from day to day."""
        found = over_waiting_of(self.strategy, self.days, pl.concat(self.paid), self.world.today)
        if found is None:
            return None
        self.turned = found.turned
        columns = Columns.of(self.days[0].rows, CONTEXT)
        return LearnedValues(columns, {}, self.strategy.currency, {}, over_waiting=found)

    def _log(self, late: pl.DataFrame, settled: Settled, given: Ints) -> None:
        rows = late.select("customer_id", *CONTEXT, *HISTORY).with_columns(
            settled.decided["chances"].list.to_array(len(self.strategy.treatment_names)),
            pl.Series("given", given),
            settled.decided["arm"],
        )
        self.days.append(LoggedDay(self.world.today, rows.filter(pl.col("past_due_total") > 0)))

    def _remember(self, events: Events) -> pl.DataFrame:
        """Holds, promises and wishes leave people alone; returns the day's holds."""
        holds = events.tables["holds"]
        until = holds["to_on"].to_physical().fill_null(2**30).cast(pl.Int64).to_numpy()
        np.maximum.at(self.rests_until, self._persons(holds), until)
        promises = events.tables["promises"].join(
            self.world.accounts.select("account_id", "customer_id"), on="account_id", maintain_order="left"
        )
        due = promises["due_on"].to_physical().cast(pl.Int64).to_numpy()
        np.maximum.at(self.rests_until, self._persons(promises), due)
        self.rests_until[self._persons(events.tables["preferences"])] = 2**30
        return holds

    def _persons(self, rows: pl.DataFrame) -> Ints:
        people = self.world.customers.select("customer_id", "person")
        joined = rows.select("customer_id").join(people, on="customer_id", maintain_order="left")
        return np.asarray(joined["person"].cast(pl.Int64).to_numpy())
