"""A strategy as a lender writes it (``policy/strategy.toml``): segments, treatments, capacities, objective, hold-out,
experiments.

The text is read whole or refused with the key and the mend. It decides nothing by itself: it says who may get what, what
each treatment takes, and what is wanted; values, the law and the capacities choose among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from dunwell.money import CURRENCIES
from dunwell.policy import PolicyError, PolicyText, content_hash, read_policy
from dunwell.strategy.blips import WINDOW_DAYS
from dunwell.strategy.columns import CHANNELS, COLUMNS
from dunwell.strategy.conditions import Condition
from dunwell.strategy.experiments import Experiment, HoldOut
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text_experiments import own_salts, read_experiment, read_hold_out
from dunwell.strategy.text_values import Values

TONES = ("friendly", "neutral", "firm")
PURPOSES = ("remind", "demand", "notice", "service", "locate")
LEGAL = "legal"
"""The channel of what is done in court: no contact, but a treatment all the same."""
LEGAL_ASKED_AS = "letter"
"""What is done in court is asked of the law as a demand by letter would be."""

CAPACITY_KINDS: Mapping[str, tuple[str, ...]] = {
    "agent_minutes": (),
    "dialler": ("call",),
    "sms": ("sms",),
    "emails": ("email",),
    "letters": ("letter",),
    "visits": ("visit",),
    "legal_slots": (LEGAL,),
}
"""Kinds of capacity, and the channels of which each treatment takes one. Agent minutes go by the treatment's minutes and
skill.
"""

FLOORS = (
    "cure_share_min",
    "complaints_per_thousand_max",
    "opt_outs_per_thousand_max",
    "contacts_per_customer_max",
)
"""What no gain in money may be paid with, over the objective's window: the share of customers cured, complaints and
opt-outs for a thousand customers, contacts a customer.
"""

EXPECTED = ("cures_per_thousand", "complaints_per_thousand", "opt_outs_per_thousand")
"""What a treatment may be said to bring, for a thousand contacts over leaving people in peace: by it the floors bind
(``strategy.floors``).
"""

EVERYBODY_ELSE = "everybody else"
"""The segment of who meets the conditions of none."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Customers who meet all of ``when`` and belong to no segment before it."""

    name: str
    when: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What may be done. ``minutes`` of an agent with ``skill``; ``cost`` in the strategy's currency; open to its
    ``segments`` who meet ``when`` and can be reached. ``prior_value`` and ``prior_sd``: what it is thought to recover
    over doing nothing, and how sure that is, before data speak. ``expects``: what else a thousand contacts bring (EXPECTED).
    """

    name: str
    channel: str
    purpose: str
    tone: str
    text: str
    automated: bool
    minutes: Decimal
    skill: str
    cost: Decimal
    segments: tuple[str, ...]
    when: tuple[Condition, ...]
    prior_value: Decimal
    prior_sd: Decimal
    prior_of_owed: bool
    expects: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much there is of something in a day: agent minutes of a skill, or pieces of a channel."""

    name: str
    kind: str
    skill: str
    per_day: Decimal

    def use(self, treatment: Treatment) -> Decimal:
        """How much of it a treatment takes."""
        if self.kind == "agent_minutes":
            return treatment.minutes if treatment.skill == self.skill else Decimal(0)
        return Decimal(int(treatment.channel in CAPACITY_KINDS[self.kind]))


@dataclass(frozen=True, slots=True)
class Objective:
    """Net recovered value over a window, not below the ``floors`` (see FLOORS). ``cured_anyway``: the share of customers who are
    cured within the window with nothing done.
    """

    window_days: int
    floors: Mapping[str, Decimal]
    cured_anyway: Decimal


@dataclass(frozen=True, slots=True)
class Learning:
    """How values are learned from the log: what comes in within ``window_days`` counts; ``alarm``: the chance that times are
    thought to have turned for some treatment where they have not (0: turns are not looked for).
    """

    window_days: int
    alarm: float


@dataclass(frozen=True, slots=True)
class Case:
    """A worked case: a customer's columns, and what must come of them. None where a case does not say."""

    name: str
    customer: Mapping[str, Any]
    segment: str | None
    treatments: tuple[str, ...] | None
    first: str | None
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A whole strategy. ``treatments`` are in the order of preference while nothing is known of their values.

    ``explore_rate``: the share of a customer's decisions drawn by lot, evenly from all that is lawful where ``explore_spend`` is
    None; else that at most, where it costs little, so that a day's lots are thought to forgo that share of what the day is
    worth; ``explore_after_turn`` times as much while a turn of the times is new (``strategy.exploring``).
    """

    policy: PolicyText
    hash: str
    currency: str
    objective: Objective
    segments: tuple[Segment, ...]
    treatments: tuple[Treatment, ...]
    capacities: tuple[Capacity, ...]
    hold_out: HoldOut
    explore_rate: float
    explore_spend: float | None
    explore_after_turn: float
    learning: Learning
    experiments: tuple[Experiment, ...]
    cases: tuple[Case, ...]

    @property
    def treatment_names(self) -> tuple[str, ...]:
        """Doing nothing, then the treatments in the text's order: the columns of every matrix about them."""
        return (NOTHING, *(treatment.name for treatment in self.treatments))

    def columns_asked(self) -> frozenset[str]:
        """The columns that some condition looks at."""
        lists = [s.when for s in self.segments] + [t.when for t in self.treatments]
        return frozenset(condition.column for when in lists for condition in when)


def read_strategy(file: Path) -> Strategy:
    """The strategy in a file. Raises PolicyError naming file, key and mend."""
    policy = read_policy(file)
    top = Values(policy.file, "", policy.values)
    currency = top.text("currency", choices=CURRENCIES)
    objective = _objective(top.table("objective"))
    segments = _named([_segment(values) for values in top.tables("segment")], policy.file, "segment")
    names = [segment.name for segment in segments]
    treatments = _named(
        [_treatment(values, names) for values in top.tables("treatment")], policy.file, "treatment"
    )
    known = [NOTHING, *(treatment.name for treatment in treatments)]
    capacities = _named([_capacity(values) for values in top.tables("capacity")], policy.file, "capacity")
    hold_out = read_hold_out(top.table("hold_out"), known)
    explore_rate, explore_spend, explore_after_turn = _exploring(
        top.table("exploring"), "spend" in top.raw("exploring")
    )
    learning = _learning(top.table("learning"))
    experiments = _named(
        [read_experiment(values, known) for values in top.tables("experiment")], policy.file, "experiment"
    )
    own_salts(experiments, policy.file)
    cases = tuple(_case(values, [*names, EVERYBODY_ELSE], known) for values in top.tables("case"))
    top.done("key", "title", "from", "until", "citation", "source_quality", "note")
    return Strategy(
        policy=policy,
        hash=content_hash([file]),
        currency=currency,
        objective=objective,
        segments=tuple(segments),
        treatments=tuple(treatments),
        capacities=tuple(capacities),
        hold_out=hold_out,
        explore_rate=explore_rate,
        explore_spend=explore_spend,
        explore_after_turn=explore_after_turn,
        learning=learning,
        experiments=tuple(experiments),
        cases=cases,
    )


def _named(entries: list[Any], file: str, kind: str) -> list[Any]:
    """Entries whose names differ from one another."""
    seen: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        if entry.name in seen or entry.name in (NOTHING, EVERYBODY_ELSE, *FLOORS):
            is_own = entry.name not in seen
            problem = f"{entry.name!r} is " + ("a name that dunwell itself uses" if is_own else "there twice")
            raise PolicyError(file, f"{kind}[{number}].name", problem, "Give it another name")
        seen.add(entry.name)
    return entries


def _objective(values: Values) -> Objective:
    values.text("maximise", "net_recovered_value", choices=("net_recovered_value",))
    window = values.whole("window_days", 90)
    floors = values.table("floors")
    told = {name: floors.number(name) for name in FLOORS if name in values.raw("floors")}
    for name in FLOORS:
        floors.number(name, "0")
    floors.done()
    cured_anyway = values.number("cured_anyway", "0", most="1")
    values.done()
    return Objective(window, told, cured_anyway)


def _exploring(values: Values, has_spend: bool) -> tuple[float, float | None, float]:
    rate, spend = float(values.number("rate", "0", most="1")), float(values.number("spend", "0", most="1"))
    after_turn = float(values.number("after_turn", "2", least="1", most="10"))
    values.done()
    return rate, spend if has_spend else None, after_turn


def _learning(values: Values) -> Learning:
    learning = Learning(
        values.whole("window_days", WINDOW_DAYS), float(values.number("alarm", "0.05", most="0.5"))
    )
    values.done()
    return learning


def _segment(values: Values) -> Segment:
    segment = Segment(values.text("name"), values.conditions("when"))
    values.done("note")
    return segment


def _treatment(values: Values, segments: list[str]) -> Treatment:
    minutes = values.number("minutes", "0")
    expects = values.table("expects")
    value, spread, of_owed = _prior(values.table("prior"), values.raw("prior"))
    expected = {name: expects.number(name, "0", most="1000") for name in EXPECTED}
    expects.done()
    treatment = Treatment(
        name=values.text("name"),
        channel=values.text("channel", choices=(*CHANNELS, LEGAL)),
        purpose=values.text("purpose", "remind", choices=PURPOSES),
        tone=values.text("tone", "neutral", choices=TONES),
        text=values.text("text", ""),
        automated=values.truth("automated", False),
        minutes=minutes,
        skill=values.text("skill") if minutes else values.text("skill", ""),
        cost=values.number("cost", "0"),
        segments=values.texts("segments", choices=segments),
        when=values.conditions("when"),
        prior_value=value,
        prior_sd=spread,
        prior_of_owed=of_owed,
        expects={name: number for name, number in expected.items() if number},
    )
    values.done("note")
    if treatment.automated and minutes:
        raise values.error(
            "minutes", "an automated treatment takes no agent's time", "Remove minutes, or automated"
        )
    return treatment


def _prior(values: Values, told: Mapping[str, Any]) -> tuple[Decimal, Decimal, bool]:
    """What a treatment is thought to recover, how sure that is, and whether both are shares of what is past due. ``told``: the
    table as it was read.
    """
    of_owed = "share" in told
    if of_owed and "value" in told:
        raise values.error(
            "share",
            "stands beside a value",
            "Write one: a share of what is past due, or an amount for everybody",
        )
    least, most = ("-1", "1") if of_owed else ("-1000000000", None)
    value = values.number("share" if of_owed else "value", "0", least=least, most=most)
    spread = values.number("sd", "0", most=most)
    values.done()
    return value, spread, of_owed


def _capacity(values: Values) -> Capacity:
    kind = values.text("kind", choices=CAPACITY_KINDS)
    is_agents = kind == "agent_minutes"
    capacity = Capacity(
        name=values.text("name"),
        kind=kind,
        skill=values.text("skill") if is_agents else "",
        per_day=values.number("per_day"),
    )
    values.done("note")
    return capacity


def _case(values: Values, segments: list[str], treatments: list[str]) -> Case:
    customer = values.raw("customer")
    for name in customer:
        if name not in COLUMNS:
            raise values.error(f"customer.{name}", "is no column", f"There are: {', '.join(COLUMNS)}")
    expect = values.table("expect")
    told = values.raw("expect")
    case = Case(
        name=values.text("name"),
        customer=customer,
        segment=expect.text("segment", choices=segments) if "segment" in told else None,
        treatments=expect.texts("treatments", choices=treatments) if "treatments" in told else None,
        first=expect.text("first", choices=treatments) if "first" in told else None,
        never=expect.texts("never", (), choices=treatments),
    )
    expect.done("segment", "treatments", "first")
    values.done("note")
    if not told:
        raise values.error("expect", "says nothing", "Write expect = { segment = ..., treatments = [...] }")
    return case
