"""Patterns in what people did: each with the life that shows it, a life that nearly does, and the events as evidence."""

from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest

from dunwell.insight import CATALOGUE
from dunwell.insight.behaviour import Asks, behaviour, care_needed, patterns
from dunwell.insight.behaviour.declared import Behaviours
from dunwell.insight.behaviour.finding import _FINDERS
from tests.insight.books import LAST_DAY, partition, terms
from tests.insight.lives import TODAY, Life, tables


def day_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def ago(*days: int) -> list[date]:
    return [TODAY - timedelta(days=day) for day in days]


SUMMER = date(2026, 8, 1)
OCTOBER = date(2026, 10, 1)

LIVES = (
    # Pays on time until August, then neither pays nor answers; an opened e-mail shows that it is the right person.
    Life("avoids")
    .pays(until=SUMMER)
    .tried("opened", *ago(90), channel="email")
    .tried("no_answer", *ago(50, 40, 30, 20, 10)),
    Life("avoids-not")
    .pays(until=SUMMER)
    .tried("opened", *ago(90), channel="email")
    .tried("no_answer", *ago(50, 40, 30, 20)),
    Life("nobody-there").pays(until=SUMMER).tried("no_answer", *ago(50, 40, 30, 20, 10)),
    Life("wrong-number")
    .pays(until=SUMMER)
    .tried("opened", *ago(90), channel="email")
    .tried("not_in_service", *ago(50, 40, 30, 20, 10)),
    Life("calls-back")
    .pays(until=SUMMER)
    .tried("conversation", *ago(15), direction="in")
    .tried("no_answer", *ago(50, 40, 30, 20, 10)),
    Life(
        "breaks", promised=[(day_ago(70), day_ago(60), "100.00"), (day_ago(40), day_ago(30), "100.00")]
    ).pays(until=SUMMER),
    Life(
        "keeps",
        paid=[(day_ago(61), "100.00"), (day_ago(31), "100.00")],
        promised=[(day_ago(70), day_ago(60), "100.00"), (day_ago(40), day_ago(30), "100.00")],
    ).pays(until=SUMMER),
    Life(
        "promises-later",
        promised=[(day_ago(70), day_ago(60), "100.00"), (day_ago(40), day_ago(-5), "100.00")],
    ).pays(until=SUMMER),
    Life("reminded")
    .pays(5, since=date(2026, 7, 1))
    .pays(until=date(2026, 7, 1))
    .tried("delivered", *[date(2026, month, 19) for month in (7, 8, 9, 10)], channel="sms"),
    Life("not-reminded")
    .pays(5, since=date(2026, 7, 1))
    .pays(until=date(2026, 7, 1))
    .tried("delivered", *[date(2026, month, 12) for month in (7, 8, 9, 10)], channel="sms"),
    Life("hard-and-silent", holds=[("hardship", date(2026, 8, 20), date(2026, 10, 1))]).pays(until=SUMMER),
    Life("hard-and-talking", holds=[("hardship", date(2026, 8, 20), date(2026, 10, 1))])
    .pays(until=SUMMER)
    .tried("conversation", date(2026, 9, 20), direction="in"),
    Life("ill", holds=[("incapacity", date(2026, 11, 1), None)]).pays(),
    Life("was-ill", holds=[("incapacity", date(2026, 9, 1), date(2026, 9, 30))]).pays(),
    Life("stopped").pays(until=OCTOBER),
    Life("stopped-but-often-late").pays(20, until=date(2026, 10, 10)),
    Life(
        "debits",
        bounced=[
            (date(2026, 10, 15), date(2026, 10, 18), "100.00"),
            (date(2026, 11, 15), date(2026, 11, 18), "100.00"),
        ],
    ).pays(until=OCTOBER),
    Life("one-debit", bounced=[(date(2026, 11, 15), date(2026, 11, 18), "100.00")]).pays(
        until=date(2026, 11, 1)
    ),
    Life("small", paid=[(day, "30.00") for day in ago(40, 25, 10)]).pays(until=SUMMER),
    Life("large", paid=[(day, "60.00") for day in ago(40, 25, 10)]).pays(until=SUMMER),
    Life(
        "uneven",
        paid=[
            (date(2026, 1, 20), "20.00"),
            (date(2026, 2, 25), "330.00"),
            (date(2026, 4, 10), "40.00"),
            (date(2026, 5, 28), "300.00"),
            (date(2026, 7, 10), "250.00"),
            (date(2026, 9, 28), "60.00"),
        ],
    ).pays(until=date(2026, 1, 1)),
    Life("late-payer").pays(9),
    Life("once-very-late", paid=[(date(2026, 4, 24), "200.00")])
    .pays(9, until=date(2026, 2, 1))
    .pays(9, since=date(2026, 4, 1)),
)


@cache
def found() -> pl.DataFrame:
    return behaviour(tables(LIVES), terms(), TODAY)


def who(pattern: str) -> set[str]:
    return set(found().filter(pattern=pattern)["customer_id"])


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("avoiding", "avoids", ("avoids-not", "nobody-there", "wrong-number", "calls-back")),
        ("promising-and-breaking", "breaks", ("keeps", "promises-later")),
        ("pays-after-a-reminder", "reminded", ("not-reminded",)),
        ("silent-after-a-life-event", "hard-and-silent", ("hard-and-talking", "ill")),
        ("protected", "ill", ("was-ill", "hard-and-silent")),
        ("sudden-stop", "stopped", ("stopped-but-often-late", "late-payer")),
        ("debits-return", "debits", ("one-debit",)),
        ("small-payments", "small", ("large",)),
        ("erratic-income", "uneven", ("late-payer", "small")),
        ("always-late-but-pays", "late-payer", ("once-very-late", "stopped")),
    ],
)
def test_a_life_shows_its_pattern_and_its_neighbours_do_not(
    pattern: str, yes: str, no: tuple[str, ...]
) -> None:
    assert yes in who(pattern)
    assert not who(pattern) & set(no)


@pytest.mark.parametrize(
    ("name", "pattern", "since", "evidence"),
    [
        ("avoids", "avoiding", ago(50)[0], [f"contact avoids-c{k}" for k in range(2, 7)]),
        ("breaks", "promising-and-breaking", ago(60)[0], ["promise breaks-p1", "promise breaks-p2"]),
        ("ill", "protected", date(2026, 11, 1), ["hold ill-h1"]),
        ("stopped", "sudden-stop", date(2026, 10, 16), ["past due 2026-10-16 to now"]),
        (
            "debits",
            "debits-return",
            date(2026, 10, 18),
            ["returned payment debits-r1", "returned payment debits-r2"],
        ),
        ("reminded", "pays-after-a-reminder", date(2026, 7, 19), None),
    ],
)
def test_the_evidence_is_the_events(name: str, pattern: str, since: date, evidence: list[str] | None) -> None:
    row = found().filter(customer_id=name, pattern=pattern).row(0, named=True)
    assert row["since"] == since, row
    if evidence is not None:
        assert row["evidence"] == evidence


def test_distress_and_vulnerability_go_to_people_and_forbearance() -> None:
    care = care_needed(found())
    asks = dict(zip(care["customer_id"], care["asks"], strict=True))
    assert {asks[name] for name in ("ill", "hard-and-silent", "stopped")} == {"people"}
    assert {asks[name] for name in ("debits", "small", "breaks", "uneven")} <= {"people", "forbearance"}
    assert not {"late-payer", "reminded"} & set(asks)


def test_nothing_here_ranks_people_or_asks_for_more_pressure() -> None:
    assert not [name for name, dtype in found().schema.items() if dtype.is_numeric()]
    assert {one.asks for one in patterns().values()} <= set(Asks)
    assert not set(patterns()) & {name.replace("_", "-") for name in CATALOGUE}
    for one in patterns().values():
        assert "{" not in one.definition
        assert one.words and one.words_zh and one.meaning_zh


def test_every_pattern_has_a_definition_and_a_finder() -> None:
    assert set(_FINDERS) == set(patterns())


def test_what_comes_later_changes_nothing() -> None:
    then = TODAY - timedelta(days=100)
    cut = {life.name: life for life in LIVES}
    early = [
        Life(
            name,
            [one for one in life.paid if one[0] <= then],
            [one for one in life.bounced if one[1] <= then],
            [one for one in life.contacts if one[0] <= then],
            [one for one in life.promised if one[0] <= then],
            [one for one in life.holds if one[1] <= then],
        )
        for name, life in cut.items()
    ]
    assert behaviour(tables(early), terms(), then).equals(behaviour(tables(LIVES), terms(), then))


def test_a_made_portfolio_shows_patterns_each_with_evidence() -> None:
    told = behaviour(partition().tables, terms(), LAST_DAY)
    Behaviours.validate(told)
    assert told.height > 10
    assert told["evidence"].list.len().to_numpy().min() > 0
