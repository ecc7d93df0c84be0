"""The day's work list: every planned contact is one that the gate allows then, and nobody is dunned who is not to be."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from dunwell.book import Tape
from dunwell.law.checking import check_frame
from dunwell.law.gate import Gate
from dunwell.law.overlay import LenderLaw, read_law
from dunwell.law.tables import TableRecords
from dunwell.ledger import positions, read_terms
from dunwell.nightly.lost import CONTACTS, RECORDS, Lost
from dunwell.nightly.stages import read_ladder
from dunwell.nightly.worklist import WORK_SCHEMA, merge_work, plan_contacts, work_figures
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

AS_OF = date(2026, 11, 23)
LATER = datetime(2026, 11, 25, tzinfo=UTC)
LAW = read_law(None)


@dataclass(frozen=True)
class Day:
    """A portfolio's tables and positions, and the list made of them."""

    tables: dict[str, pl.DataFrame]
    positions: pl.DataFrame
    work: pl.DataFrame

    def plan(self, law: LenderLaw = LAW, **asked: Any) -> pl.DataFrame:
        """The list again, of these tables."""
        return plan_contacts(self.tables, self.positions, law, "agency", AS_OF, **asked)

    def with_rows(self, table: str, **values: Any) -> "Day":
        """One more row in a table; what is not said is null."""
        schema = self.tables[table].schema
        given = {name: values.get(name) for name in schema}
        row = pl.DataFrame({name: pl.Series([value], dtype=schema[name]) for name, value in given.items()})
        return replace(self, tables={**self.tables, table: pl.concat([self.tables[table], row])})

    def with_column(self, table: str, **columns: pl.Expr) -> "Day":
        """A table with columns changed."""
        return replace(self, tables={**self.tables, table: self.tables[table].with_columns(**columns)})

    def account_row(self, customer_id: str) -> int:
        """The row of the customer's worst account among the accounts."""
        worst = self.work.row(by_predicate=pl.col("customer_id") == customer_id, named=True)["account_ids"][0]
        return int(self.tables["accounts"]["account_id"].index_of(worst))  # type: ignore[arg-type]

    def planned(self, jurisdiction: str = "cn") -> list[str]:
        """Customers with a planned contact."""
        named = self.work.filter(
            ~pl.col("is_held_back"), pl.col("packs").list.first().str.starts_with(jurisdiction)
        )
        return named["customer_id"].to_list()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder: Path = tmp_path_factory.mktemp("portfolio")
    write_portfolio(folder, 6_000, 11, AS_OF, messy=False, stress=6.0)
    terms = read_terms(TERMS_FOLDER)
    products = {product: text.currency for product, text in terms.items()}
    with Tape(folder, products=products, imported_at=datetime(2026, 11, 23, tzinfo=UTC)) as tape:
        (partition,) = tape.partitions()
        found = positions(partition.tables, terms, AS_OF).frame
        yield Day(partition.tables, found, plan_contacts(partition.tables, found, LAW, "agency", AS_OF))


def row_of(work: pl.DataFrame, customer_id: str) -> dict[str, Any]:
    return work.row(by_predicate=pl.col("customer_id") == customer_id, named=True)


def rules_of(work: pl.DataFrame, customer_id: str) -> set[str]:
    return {reason["rule"] for reason in row_of(work, customer_id)["reasons"]}


def assert_lawful(day: Day, work: pl.DataFrame, law: LenderLaw = LAW) -> None:
    """Every planned contact is allowed when it is asked for again, and lies on the day on the person's clock."""
    planned = work.filter(~pl.col("is_held_back")).with_columns(
        pl.col("packs").list.join(",").alias("key"), pl.col("customer_id").alias("attempt_id")
    )
    assert planned["at"].null_count() == 0
    records = TableRecords(day.tables, day.positions.select("account_id", "past_due_days"))
    for (packs,), attempts in planned.partition_by("key", as_dict=True).items():
        gate = Gate(str(packs).split(","), "agency", known=law.packs)
        assert check_frame(gate, attempts, records)["allowed"].all()
    for at, zone in planned.select("at", "timezone").iter_rows():
        assert at.astimezone(ZoneInfo(zone)).date() == AS_OF


def test_every_overdue_customer_stands_in_the_list_once(day: Day) -> None:
    late = day.positions.filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    assert day.work["customer_id"].to_list() == late["customer_id"].unique().sort().to_list()
    assert day.work.schema == pl.Schema(WORK_SCHEMA)
    worst = late.group_by("customer_id").agg(pl.col("past_due_days").max().cast(pl.Int64)).sort("customer_id")
    assert day.work["past_due_days"].to_list() == worst["past_due_days"].to_list()
    named = day.work.select(pl.col("account_ids").explode())["account_ids"]
    assert sorted(named) == sorted(late["account_id"])


def test_planned_contacts_are_lawful_at_their_instant_and_lie_on_the_day(day: Day) -> None:
    assert day.work.filter(~pl.col("is_held_back")).height > 100
    assert day.work.select(pl.col("packs").list.first().n_unique()).item() > 5
    assert_lawful(day, day.work)


def test_what_is_held_back_becomes_possible_when_the_list_says(day: Day) -> None:
    held = day.work.filter(pl.col("not_before").is_not_null())
    assert held.height
    assert held["is_held_back"].all()
    for not_before, zone in held.select("not_before", "timezone").iter_rows():
        assert not_before.astimezone(ZoneInfo(zone)).date() > AS_OF
    records = TableRecords(day.tables, day.positions.select("account_id", "past_due_days"))
    for row in held.iter_rows(named=True):
        gate = Gate(row["packs"], "agency", known=LAW.packs)
        again = held.filter(pl.col("customer_id") == row["customer_id"]).with_columns(
            pl.col("customer_id").alias("attempt_id"), pl.col("not_before").alias("at")
        )
        assert check_frame(gate, again, records)["allowed"].all()


def test_contacts_are_spread_over_the_day(day: Day) -> None:
    """No hour of a working day holds more than a quarter of a country's contacts, and all lie in the working window."""
    here = day.work.filter(~pl.col("is_held_back") & (pl.col("timezone") == "Asia/Shanghai"))
    hours = here["at"].dt.convert_time_zone("Asia/Shanghai").dt.hour()
    assert here.height > 50
    assert hours.min() >= 9 and hours.max() < 19  # type: ignore[operator]
    assert hours.value_counts()["count"].max() <= here.height / 4  # type: ignore[operator]


def test_what_is_held_back_says_why(day: Day) -> None:
    held = day.work.filter("is_held_back")
    assert held.height
    assert held["reasons"].list.len().min() >= 1  # type: ignore[operator]
    assert held["at"].null_count() == held.height
    for reason in held["reasons"].explode().to_list():
        assert all(reason[key] for key in ("rule", "citation", "effect", "detail"))
    planned = day.work.filter(~pl.col("is_held_back"))
    assert planned["reasons"].list.len().max() == 0
    assert planned["not_before"].null_count() == planned.height


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("hardship", "house-floor.hardship"),
        ("complaint", "house-floor.complaint"),
        ("dispute", "house-floor.dispute"),
        ("fraud", "house-floor.stopped"),
        ("litigation", "house-floor.stopped"),
    ],
)
def test_people_in_these_states_are_not_dunned(day: Day, kind: str, rule: str) -> None:
    """Other systems still dun people in hardship or dispute."""
    someone = day.planned()[0]
    recorded = datetime(2026, 11, 20, tzinfo=UTC)
    more = day.with_rows(
        "holds",
        account_row=day.account_row(someone),
        hold_id="made",
        kind=kind,
        from_on=AS_OF - timedelta(days=3),
        recorded_at=recorded,
    )
    work = more.plan()
    assert rule in rules_of(work, someone)
    assert row_of(work, someone)["is_held_back"]
    assert not row_of(more.plan(known_at=recorded), someone)["at"]


@pytest.mark.parametrize(
    ("due_in", "made", "is_open"),
    [
        (5, datetime(2026, 11, 20, tzinfo=UTC), True),
        (0, datetime(2026, 11, 20, tzinfo=UTC), True),
        (-1, datetime(2026, 11, 20, tzinfo=UTC), False),
        (5, datetime(2026, 11, 24, tzinfo=UTC), False),
    ],
    ids=["open", "due today", "broken", "made tomorrow"],
)
def test_an_open_promise_is_waited_for(day: Day, due_in: int, made: datetime, is_open: bool) -> None:
    promised = set(day.work.filter("is_held_back")["customer_id"])
    someone = next(name for name in day.planned() if name not in promised)
    more = day.with_rows(
        "promises",
        account_row=day.account_row(someone),
        promise_id="made",
        made_at=made,
        due_on=AS_OF + timedelta(days=due_in),
        amount_minor=100,
        recorded_at=made,
    )
    assert ("house-floor.open-promise" in rules_of(more.plan(), someone)) is is_open
    assert row_of(more.plan(), someone)["is_held_back"] is is_open


def test_the_earliest_lawful_instant_of_another_day_is_no_place_on_this_one(day: Day) -> None:
    """Somebody who may be called again from Saturday is held back until then, not planned for then."""
    someone = day.work.filter(
        ~pl.col("is_held_back"), pl.col("channel") == "call", pl.col("packs").list.contains("us-reg-f")
    )
    row = someone.row(0, named=True)
    talked = datetime.combine(AS_OF, time(15), UTC) - timedelta(days=2)
    more = day.with_rows(
        "contacts",
        contact_id="made",
        customer_id=row["customer_id"],
        account_ids=row["account_ids"],
        at=talked,
        channel="call",
        direction="out",
        contact_point_id=row["contact_point_id"],
        party="self",
        outcome="conversation",
        recorded_at=talked,
    )
    held = row_of(more.plan(), row["customer_id"])
    assert held["is_held_back"]
    assert held["at"] is None
    assert "us-reg-f.call-after-conversation" in {reason["rule"] for reason in held["reasons"]}
    assert "us-reg-f.hours" not in {reason["rule"] for reason in held["reasons"]}
    assert held["not_before"] > datetime.combine(AS_OF + timedelta(days=4), time(), UTC)


def test_what_they_asked_for_narrows_the_day(day: Day) -> None:
    """Somebody who is only to be reached from five to half past six in the evening is planned within it."""
    someone = day.planned()[0]
    zone = ZoneInfo(row_of(day.work, someone)["timezone"])
    more = day.with_rows(
        "preferences",
        customer_id=someone,
        kind="only_time",
        detail='{"from": "17:00", "to": "18:30"}',
        recorded_at=LATER,
    )
    row = row_of(more.plan(), someone)
    assert not row["is_held_back"], row["reasons"]
    assert time(17) <= row["at"].astimezone(zone).time() < time(18, 30)
    assert_lawful(more, more.plan())


def test_a_lenders_own_hours_bind_the_list(day: Day, tmp_path: Path) -> None:
    """Narrowed to an hour and a half, and every contact by law.toml's hour; none falls outside."""
    file = tmp_path / "law.toml"
    file.write_text(
        '[[rules]]\nid = "hours"\nkind = "hours"\nopens = "10:00"\ncloses = "11:30"\n'
        'en = "The house works from ten to half past eleven."\nzh = "工作时间为十点至十一点半。"\n',
        encoding="utf-8",
    )
    law = read_law(file)
    work = day.plan(law)
    assert work.filter(~pl.col("is_held_back")).height > 100
    for at, zone in work.filter(~pl.col("is_held_back")).select("at", "timezone").iter_rows():
        assert time(10) <= at.astimezone(ZoneInfo(zone)).time() < time(11, 30)
    assert_lawful(day, work, law)


def test_a_place_without_a_pack_is_refused(day: Day) -> None:
    someone = day.planned()[0]
    is_theirs = pl.col("customer_id") == someone
    moved = day.with_column(
        "customers", jurisdiction=pl.when(is_theirs).then(pl.lit("atlantis")).otherwise("jurisdiction")
    )
    row = row_of(moved.plan(), someone)
    assert row["is_held_back"]
    assert row["not_before"] is None
    assert "gate.unknown-pack" in {reason["rule"] for reason in row["reasons"]}


def test_without_a_contact_point_the_stages_next_channel_is_taken_and_at_last_none(day: Day) -> None:
    row = day.work.filter(
        ~pl.col("is_held_back"), pl.col("stage") == "early reminder", pl.col("channel") == "sms"
    ).row(0, named=True)
    someone = row["customer_id"]
    is_theirs = pl.col("customer_id") == someone
    points = day.tables["contact_points"]
    mails = points.filter(is_theirs.not_())
    nowhere = replace(day, tables={**day.tables, "contact_points": mails}).plan()
    assert rules_of(nowhere, someone) >= {"house-floor.no-contact-point"}
    by_mail = replace(day, tables={**day.tables, "contact_points": mails}).with_rows(
        "contact_points",
        contact_point_id="made",
        customer_id=someone,
        kind="email",
        value="a@example.org",
        party="self",
        recorded_at=LATER,
    )
    assert (
        row_of(by_mail.plan(), someone)["channel"],
        row_of(by_mail.plan(), someone)["contact_point_id"],
    ) == (
        "email",
        "made",
    )
    not_theirs = by_mail.with_column(
        "contact_points",
        not_theirs_from=pl.when(pl.col("contact_point_id") == "made")
        .then(LATER)
        .otherwise("not_theirs_from"),
    )
    assert rules_of(not_theirs.plan(), someone) >= {"house-floor.no-contact-point"}


def test_an_incomplete_account_is_not_contacted(day: Day) -> None:
    several = day.work.filter(~pl.col("is_held_back"), pl.col("account_ids").list.len() > 1).row(
        0, named=True
    )
    single = day.work.filter(~pl.col("is_held_back"), pl.col("account_ids").list.len() == 1).row(
        0, named=True
    )
    spoilt = [several["account_ids"][0], single["account_ids"][0]]
    found = day.positions.with_columns(
        pl.when(pl.col("account_id").is_in(spoilt))
        .then(pl.lit("incomplete"))
        .otherwise("status")
        .alias("status")
    )
    work = replace(day, positions=found).plan()
    assert rules_of(work, single["customer_id"]) == {"house-floor.incomplete-account"}
    assert row_of(work, several["customer_id"])["account_ids"] == several["account_ids"][1:]


def test_the_list_is_the_same_again_and_counts_add_up(day: Day) -> None:
    assert day.plan().equals(day.work)
    shuffled = {
        name: rows.sample(fraction=1, shuffle=True, seed=3)
        for name, rows in day.tables.items()
        if name in ("customers", "contact_points", "contacts", "preferences", "consents")
    }
    assert replace(day, tables={**day.tables, **shuffled}).plan().equals(day.work)
    counted = work_figures(day.work)
    assert counted.planned_count + counted.held_count == day.work.height
    assert counted.held["contacts"].sum() >= counted.held_count
    halves = [work_figures(day.work[:500]), work_figures(day.work[500:])]
    assert merge_work(halves).planned.equals(counted.planned)
    assert merge_work(halves).held.equals(counted.held)
    assert merge_work(halves).held_count == counted.held_count


def test_nobody_overdue_makes_an_empty_list(day: Day) -> None:
    work = replace(day, positions=day.positions.filter(pl.col("past_due_days") == 0)).plan()
    assert work.schema == pl.Schema(WORK_SCHEMA)
    assert work_figures(work).planned_count == work_figures(work).held_count == work.height == 0


def test_lost_rows_hold_a_customer_back(day: Day) -> None:
    by_contact, by_hold = day.planned()[:2]
    account = row_of(day.work, by_hold)["account_ids"][0]
    rows = pl.DataFrame(
        {
            "rule": [CONTACTS, RECORDS],
            "customer_id": [by_contact, None],
            "account_id": [None, account],
        }
    )
    work = day.plan(lost=Lost(rows))
    assert rules_of(work, by_contact) == {CONTACTS}
    assert rules_of(work, by_hold) == {RECORDS}
    assert work.filter("is_held_back").height == day.work.filter("is_held_back").height + 2
    assert day.plan(lost=Lost(for_all=(CONTACTS,)))["is_held_back"].all()


def test_what_was_recorded_later_is_not_known(day: Day) -> None:
    """Without the contact points that came later nobody can be reached; a row that other rows are counted by may be missing."""
    then = datetime(2000, 1, 1, tzinfo=UTC)
    early = day
    for table in (
        "customers",
        "accounts",
        "contact_points",
        "contacts",
        "holds",
        "preferences",
        "consents",
        "notices",
        "promises",
    ):
        early = early.with_column(table, recorded_at=pl.lit(then).dt.cast_time_unit("us"))
    assert early.plan(known_at=then).equals(day.work)
    someone = day.planned()[0]
    points = early.with_column("contact_points", recorded_at=pl.lit(LATER).dt.cast_time_unit("us"))
    assert rules_of(points.plan(known_at=then), someone) >= {"house-floor.no-contact-point"}
    stranger = early.with_column(
        "customers",
        recorded_at=pl.when(pl.col("customer_id") == someone).then(LATER).otherwise("recorded_at"),
    ).plan(known_at=then)
    assert "gate.unknown-customer" in rules_of(stranger, someone)
    unopened = early.tables["accounts"]["account_id"][0]
    late_account = early.with_column(
        "accounts", recorded_at=pl.when(pl.col("account_id") == unopened).then(LATER).otherwise("recorded_at")
    )
    others = pl.col("account_ids").list.contains(unopened).not_()
    assert late_account.plan(known_at=then).filter(others).equals(day.work.filter(others))


def test_the_ladder_is_dated_text() -> None:
    ladder = read_ladder(AS_OF)
    assert [stage.from_days for stage in ladder.stages] == [1, 8, 31, 91]
    assert all(reason.en and reason.zh and reason.citation for reason in ladder.reasons.values())
    assert read_ladder(date(1999, 12, 31)).stages == ()
