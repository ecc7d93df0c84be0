"""A strategy lived through before it ships: the same debtors and luck for both, the law and the capacities kept, and the worse
one told as worse.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.law.overlay import LenderLaw, read_law
from dunwell.law.tables import TableRecords
from dunwell.nightly import rehearsing
from dunwell.nightly.rehearsing import choice_with
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.strategy_comparing import Comparison, Measured, paired, rehearse
from dunwell.rehearsal.strategy_law import DeskLaw
from dunwell.rehearsal.strategy_run import Lived, _Desk, live_with, people_past_due
from dunwell.rehearsal.strategy_setting import GROUPINGS, Setting, copied, setting_of_made
from dunwell.strategy.experiments.randomising import numbers_in_unit, numbers_kept
from dunwell.strategy.learned import LearnedValues, values_of
from dunwell.strategy.over_waiting import HISTORY, history_of
from dunwell.strategy.text import Strategy, read_strategy
from dunwell.strategy.value import Values

DAY = date(2026, 6, 30)
EFFECTS = read_effects()
CHOICE = choice_with({"CNY": 1.0}, None)
POLICY = Path("src/dunwell/cli/new_workspace/policy")

Write = Callable[[str], Strategy]


@pytest.fixture(scope="module")
def law(project: Path) -> LenderLaw:
    return read_law(project / POLICY / "law.toml")


@pytest.fixture(scope="module")
def setting(law: LenderLaw) -> Setting:
    """Some 160 made customers past due in China."""
    return setting_of_made("CNY", law, "first_party", DAY, 160, 3, frozenset())


@pytest.fixture(scope="module")
def shipped(project: Path) -> str:
    return (project / POLICY / "strategy.toml").read_text(encoding="utf-8")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def read(text: str) -> Strategy:
        file = tmp_path / "strategy.toml"
        file.write_text(text, encoding="utf-8")
        return read_strategy(file)

    return read


def only(shipped: str, *names: str) -> str:
    """The shipped text with only these treatments, and without its cases."""
    head, *treatments = shipped.split("[[treatment]]")
    last, tail = treatments[-1].split("# How much there is in a day", 1)
    treatments[-1] = last
    kept = [one for one in treatments if any(f'name = "{name}"' in one for name in names)]
    tail = tail.split("# Worked cases", 1)[0]
    return head + "".join("[[treatment]]" + one for one in kept) + "# How much there is in a day" + tail


def by_name(compared: Comparison) -> dict[str, Measured]:
    return {one.name: one for one in compared.measures}


def test_a_strategy_beside_itself_differs_by_exactly_nothing(
    setting: Setting, shipped: str, write: Write
) -> None:
    strategy = write(shipped)
    compared = rehearse(setting, [strategy, strategy], CHOICE, EFFECTS, 1, 2, 3)
    told = [*compared.measures, *(gap.measured for gap in compared.gaps)]
    assert {(one.difference, one.low, one.high) for one in told} == {(0.0, 0.0, 0.0)}
    assert not any(one.is_sure for one in told)


def test_leaving_people_alone_until_late_is_told_as_worse_for_money_and_kinder(
    setting: Setting, shipped: str, write: Write
) -> None:
    new = only(shipped, "letter before action by letter")
    told = by_name(rehearse(setting, [write(shipped), write(new)], CHOICE, EFFECTS, 1, 12, 10))
    assert told["repaid"].is_worse
    assert told["cured"].is_worse
    for name in ("contacts", "minutes", "fatigue"):
        assert told[name].is_sure
        assert not told[name].is_worse
        assert told[name].new < (told[name].old or 0.0)


def test_an_old_strategy_alone_has_the_figures_it_has_beside_another(
    setting: Setting, shipped: str, write: Write
) -> None:
    strategy, other = write(shipped), write(only(shipped, "negotiation by call"))
    alone = by_name(rehearse(setting, [strategy], CHOICE, EFFECTS, 2, 2, 2))
    beside = by_name(rehearse(setting, [strategy, other], CHOICE, EFFECTS, 2, 2, 2))
    assert {name: one.new for name, one in alone.items()} == {name: one.old for name, one in beside.items()}


def test_copies_are_the_same_people_with_other_luck(setting: Setting, shipped: str, write: Write) -> None:
    twice = copied(setting, 2)
    world = DebtorWorld(twice.census, EFFECTS, 1, DAY)
    first, second = np.split(people_past_due(twice, world).sort("person")["past_due_total"].to_numpy(), 2)
    assert first.tolist() == second.tolist()
    lived = live_with(twice, write(shipped), CHOICE, EFFECTS, 1, 3)
    first, second = np.split(lived.repaid, 2)
    assert first.tolist() != second.tolist()
    assert first.mean() == pytest.approx(second.mean(), abs=0.15)


def test_the_text_is_asked_what_the_book_says(setting: Setting) -> None:
    """On the morning after, people are as the book's columns have them, a day later; the world's ledger is simpler than the
    book's, so that a few differ by an instalment.
    """
    once = copied(setting, 1)
    today = people_past_due(once, DebtorWorld(once.census, EFFECTS, 1, DAY))
    assert today.height == setting.people.height
    assert today["own_id"].to_list() == setting.people["customer_id"].to_list()
    is_alike = (today["past_due_days"] - 1).to_numpy() == setting.people["past_due_days"].to_numpy()
    assert np.mean(is_alike) > 0.98
    for name in ("product", "currency", "region", "has_sms", "has_call", "past_due_accounts"):
        same = today[name].cast(pl.String) == setting.people[name].cast(pl.String)
        assert same.sum() > 0.98 * len(same), name
    owed = setting.people["past_due_total"].to_numpy()
    assert (np.abs(today["past_due_total"].to_numpy() - owed) < 1.0)[is_alike].mean() > 0.98


def test_no_more_of_an_agents_day_is_used_than_there_is(setting: Setting, shipped: str, write: Write) -> None:
    text = only(shipped, "early reminder by call", "reminder by call", "negotiation by call")
    text = text.replace('per_day = "4200"', 'per_day = "60"')
    lived = live_with(copied(setting, 2), write(text), CHOICE, EFFECTS, 1, 3)
    for one in np.split(lived.minutes, 2):
        assert 3 * 60 - 3 * 9 < one.sum() <= 3 * 60


def test_the_law_is_kept(setting: Setting, project: Path, shipped: str, write: Write, tmp_path: Path) -> None:
    """Under a house rule of one message in thirty days nobody gets a second one, unless the first never arrived."""
    text = (project / POLICY / "law.toml").read_text(encoding="utf-8")
    file = tmp_path / "law.toml"
    file.write_text(
        text.replace("at_most = 3\nwithin_days = 7", "at_most = 1\nwithin_days = 30"), encoding="utf-8"
    )
    strict = setting._replace(law=read_law(file))
    strategy = write(only(shipped, "early reminder by sms", "reminder by sms", "negotiation by sms"))
    many, few = (
        live_with(copied(one, 1), strategy, CHOICE, EFFECTS, 1, 6).contacts for one in (setting, strict)
    )
    assert few.max() <= 4
    assert few[few > 0].mean() < 1.25
    assert many.mean() > 2 * few.mean()


def test_who_is_held_out_is_left_in_peace(setting: Setting, shipped: str, write: Write) -> None:
    def lived(text: str) -> Lived:
        return live_with(copied(setting, 2), write(text), CHOICE, EFFECTS, 1, 4)

    held = lived(shipped.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.5"'))
    first, second = np.split(held.contacts > 0, 2)
    everybody = np.split(lived(shipped).contacts > 0, 2)[0]
    assert (first == second).mean() > 0.9, "the same customers in every copy"
    assert first.sum() == pytest.approx(everybody.sum() / 2, rel=0.25)


def test_groups_large_enough_stand_beside_everybody_else(
    setting: Setting, shipped: str, write: Write
) -> None:
    compared = rehearse(setting, [write(shipped)], CHOICE, EFFECTS, 1, 2, 3)
    assert {gap.grouping for gap in compared.gaps} <= set(GROUPINGS)
    ages = [gap for gap in compared.gaps if gap.grouping == "age" and gap.measured.name == "contacts"]
    assert len(ages) >= 2
    assert all(gap.customers >= 30 for gap in compared.gaps)


def test_a_floor_is_breached_once_it_cannot_be_kept_any_more(
    setting: Setting, shipped: str, write: Write
) -> None:
    floors = 'cure_share_min = "0.99"\ncontacts_per_customer_max = "900"\n'
    text = shipped.replace(
        'complaints_per_thousand_max = "30"', floors + 'complaints_per_thousand_max = "30"'
    )
    touchy = EFFECTS._replace(complaint_share=0.5)
    compared = rehearse(setting, [write(text)], CHOICE, touchy, 1, 1, 2)
    assert [(floor.name, floor.state) for floor in compared.floors] == [
        ("complaints_per_thousand_max", "breached"),
        ("contacts_per_customer_max", "open"),
        ("cure_share_min", "open"),
        ("opt_outs_per_thousand_max", "open"),
    ]
    whole = rehearse(
        setting, [write(text.replace("window_days = 90", "window_days = 2"))], CHOICE, touchy, 1, 1, 2
    )
    assert {floor.name: floor.state for floor in whole.floors} == {
        "contacts_per_customer_max": "kept",
        "cure_share_min": "breached",
        "complaints_per_thousand_max": "breached",
        "opt_outs_per_thousand_max": "kept",
    }


def test_one_seed_tells_no_interval() -> None:
    one = paired("net", "money", 1, [np.array([3.0]), np.array([5.0])])
    assert (one.difference, one.low, one.is_sure) == (2.0, None, False)


def test_intervals_are_students_over_the_copies() -> None:
    one = paired("net", "money", 1, [np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])])
    assert (one.old, one.new, one.difference) == (2.0, 4.0, 2.0)
    assert one.high == pytest.approx(2.0 + 4.303 / 3**0.5)
    assert one.low == pytest.approx(2.0 - 4.303 / 3**0.5)


def test_cost_and_minutes_are_those_of_the_text(setting: Setting, shipped: str, write: Write) -> None:
    strategy = write(shipped)
    lived = live_with(copied(setting, 1), strategy, CHOICE, EFFECTS, 1, 3)
    asked = {one.name: one for one in strategy.treatments}
    cost = sum((asked[name].cost * count for name, count in lived.treatments.items()), Decimal(0))
    minutes = sum((asked[name].minutes * count for name, count in lived.treatments.items()), Decimal(0))
    assert lived.cost.sum() == pytest.approx(float(cost))
    assert lived.minutes.sum() == pytest.approx(float(minutes))
    assert lived.contacts.sum() == sum(lived.treatments.values())


def test_records_renewed_day_by_day_are_those_made_anew(
    setting: Setting, shipped: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's new contacts, holds and wishes added to the gate's records: the same life, to the last bit, as from the tables."""
    strategy, everybody = write(shipped), copied(setting, 2)
    harsh = EFFECTS._replace(complaint_share=0.05, stop_share=0.05)
    renewed = live_with(everybody, strategy, CHOICE, harsh, 1, 5)
    monkeypatch.setattr(
        TableRecords, "renewed", lambda self, tables, past_due=None: TableRecords(tables, past_due)
    )
    anew = live_with(everybody, strategy, CHOICE, harsh, 1, 5)
    assert renewed.stops.any()
    for name in Lived.__dataclass_fields__:
        assert np.array_equal(getattr(renewed, name), getattr(anew, name)), name


def test_a_contact_at_a_point_that_nobody_knew_is_not_lost(setting: Setting) -> None:
    """Where what was added names something new, the numbers no longer hold and all is made anew."""
    records = TableRecords(setting.tables)
    strange = setting.tables["contacts"].head(1).with_columns(contact_point_id=pl.lit("never seen"))
    tables = {**setting.tables, "contacts": pl.concat([setting.tables["contacts"], strange])}
    renewed = records.renewed(tables)
    assert len(renewed.records.contacts.at) == len(records.records.contacts.at) + 1
    assert len(renewed.records.points.kind) == len(records.records.points.kind) + 1
    assert renewed.points_of(pl.Series(["never seen", "nor this"])).tolist() == [
        len(records.records.points.kind) - 1,
        len(renewed.records.points.kind) - 1,
    ]


def test_contacts_that_were_replaced_are_numbered_anew(setting: Setting) -> None:
    """The gate's records go on from the contacts they know only where these still stand first."""
    contacts = setting.tables["contacts"]
    records = TableRecords(setting.tables)
    for others in (contacts.reverse(), contacts.head(contacts.height // 2), pl.concat([contacts, contacts])):
        tables = {**setting.tables, "contacts": others}
        renewed, anew = records.renewed(tables).records.contacts, TableRecords(tables).records.contacts
        for name, one, other in zip(anew._fields, renewed, anew, strict=True):
            assert np.array_equal(one, other), name


def test_numbers_that_are_kept_are_the_same_numbers() -> None:
    customers = pl.Series("customer_id", ["C1", "C2", "C3"])
    asked = [pl.Series(["C3", "C1"]), pl.Series(["C1", "somebody else"]), pl.Series(["C2"])]
    plain = [numbers_in_unit(one, salt) for salt in ("a", "b", "a") for one in asked]
    with numbers_kept(customers):
        kept = [numbers_in_unit(one, salt) for salt in ("a", "b", "a") for one in asked]
    for one, other in zip(plain, kept, strict=True):
        assert np.array_equal(one, other)


def test_attempts_by_number_are_those_of_a_frame(setting: Setting) -> None:
    world = DebtorWorld(setting.census, EFFECTS, 1, DAY)
    law = DeskLaw(setting, world.standing())
    late = people_past_due(setting, world)
    times = pl.datetime_range(
        datetime(2026, 7, 1, 2, tzinfo=UTC), datetime(2026, 7, 1, 8, tzinfo=UTC), "1m", eager=True
    )
    at = times.gather(late["person"] % times.len())
    frame = late.select("customer_id").with_columns(
        at.alias("at"),
        law.points["call"].gather(late["person"]).alias("contact_point_id"),
        channel=pl.lit("call"),
        purpose=pl.lit("demand"),
    )
    persons = late["person"].to_numpy()
    numbered = law.records.attempts_to(
        law.numbers[persons],
        at.dt.timestamp("us").to_numpy(),
        "call",
        "demand",
        law.point_numbers["call"][persons],
    )
    assert late.height > 100
    for one, other in zip(law.records.attempts(frame), numbered, strict=True):
        assert np.array_equal(one, other)


def test_the_latest_account_speaks_for_a_person(setting: Setting) -> None:
    """Held against the standing, sorted: the account that is latest, of equals the first by id."""
    world = DebtorWorld(setting.census, EFFECTS, 4, DAY)
    for _ in range(3):
        world.step()
    late = people_past_due(setting, world)
    standing = world.standing().filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    wanted = (
        standing.sort("customer_id", -pl.col("past_due_days"), "account_id")
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("past_due_days").first() + 1,
            pl.col("owed_minor").first() / 100.0,
            pl.len().alias("accounts"),
        )
    )
    assert late["customer_id"].to_list() == wanted["customer_id"].to_list()
    assert late["past_due_days"].to_list() == wanted["past_due_days"].to_list()
    assert late["past_due_total"].to_list() == pytest.approx(wanted["owed_minor"].to_list())
    assert late["past_due_accounts"].to_list() == wanted["accounts"].to_list()
    assert late.height > 100


def test_each_day_knows_how_everybody_was_contacted_of_late_as_the_daily_run_would(
    setting: Setting, shipped: str, write: Write
) -> None:
    everybody = copied(setting, 2)
    seen: list[pl.DataFrame] = []

    def watched(strategy: Strategy, late: pl.DataFrame, *rest: object) -> tuple[pl.Series, pl.DataFrame]:
        seen.append(late.select("customer_id", *HISTORY))
        return CHOICE(strategy, late, *rest)  # type: ignore[arg-type]

    desk = _Desk(everybody, write(shipped), watched, EFFECTS, 5)
    for _ in range(35):  # beyond the thirty days that are counted
        desk.live_a_day()
    known = desk.law.tables["contacts"]
    counts = []
    for number, rows in enumerate(seen):
        day = DAY + timedelta(days=1 + number // 2)
        before = known.filter(pl.col("at").dt.date() < day)
        told = history_of(before, rows["customer_id"], day)
        assert_frame_equal(rows.select(HISTORY[1]), told.select(HISTORY[1]))
        recent = told[HISTORY[0]].fill_null(99) <= 35  # older contacts are not kept for the law
        assert_frame_equal(rows.select(HISTORY[0]).filter(recent), told.select(HISTORY[0]).filter(recent))
        counts.append(float(rows[HISTORY[1]].to_numpy().mean()))
    assert counts[-1] > counts[0], "nobody was contacted: the test shows nothing"


def test_values_are_asked_with_the_contacts_of_the_days_before(
    setting: Setting, shipped: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[pl.DataFrame] = []

    def watched(strategy: Strategy, learned: LearnedValues | None, context: pl.DataFrame) -> Values:
        asked.append(context)
        return values_of(strategy, learned, context)

    monkeypatch.setattr(rehearsing, "values_of", watched)
    live_with(copied(setting, 1), write(shipped), CHOICE, EFFECTS, 5, 10)
    first, last = asked[0].select(HISTORY), asked[-1].select(HISTORY)
    assert last[HISTORY[1]].sum() > first[HISTORY[1]].sum()
    assert last[HISTORY[0]].min() == 1
