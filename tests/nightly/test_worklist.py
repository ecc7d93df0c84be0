"""The day's work list: every planned contact is one that the gate allows then, and nobody is dunned who is not to be."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from dunwell.book import Tape
from dunwell.law.checking import check_frame
from dunwell.law.gate import Gate
from dunwell.law.overlay import read_law
from dunwell.law.tables import TableRecords
from dunwell.ledger import positions, read_terms
from dunwell.nightly.worklist import WORK_SCHEMA, plan_contacts, read_stages, work_figures
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

AS_OF = date(2026, 11, 23)
LAW = read_law(None)

Made = tuple[dict[str, pl.DataFrame], pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A portfolio's tables, positions and work list."""
    folder: Path = tmp_path_factory.mktemp("portfolio")
    write_portfolio(folder, 6_000, 11, AS_OF, messy=False, stress=6.0)
    terms = read_terms(TERMS_FOLDER)
    products = {product: text.currency for product, text in terms.items()}
    with Tape(folder, products=products, imported_at=datetime(2026, 11, 23, tzinfo=UTC)) as tape:
        (partition,) = tape.partitions()
        found = positions(partition.tables, terms, AS_OF).frame
        yield partition.tables, found, plan_contacts(partition.tables, found, LAW, "agency", AS_OF)


def test_every_overdue_customer_stands_in_the_list_once(made: Made) -> None:
    _, found, work = made
    late = found.filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    assert work["customer_id"].to_list() == late["customer_id"].unique().sort().to_list()
    assert work.schema == pl.Schema(WORK_SCHEMA)


def test_planned_contacts_are_lawful_at_their_instant_and_lie_on_the_day(made: Made) -> None:
    tables, found, work = made
    planned = work.filter(~pl.col("is_held_back"))
    assert planned.height > 100
    records = TableRecords(tables, found.select("account_id", "past_due_days"))
    for (packs,), group in (
        planned.with_columns(pl.col("packs").list.join(",").alias("key"))
        .partition_by("key", as_dict=True)
        .items()
    ):
        gate = Gate(str(packs).split(","), "agency", known=LAW.packs)
        attempts = group.with_columns(pl.col("customer_id").alias("attempt_id"))
        assert check_frame(gate, attempts, records)["allowed"].all()
    for at, zone in planned.select("at", "timezone").iter_rows():
        assert at.astimezone(ZoneInfo(zone)).date() == AS_OF


def test_contacts_are_spread_over_the_day(made: Made) -> None:
    """No hour of a working day holds more than a quarter of the calls and messages."""
    *_, work = made
    soft = work.filter(~pl.col("is_held_back") & (pl.col("timezone") == "Asia/Shanghai"))
    by_hour = soft.group_by(pl.col("at").dt.hour()).len()
    assert soft.height > 50
    assert by_hour["len"].max() <= soft.height / 4  # type: ignore[operator]


def test_what_is_held_back_says_why(made: Made) -> None:
    *_, work = made
    held = work.filter("is_held_back")
    assert held.height
    assert held["reasons"].list.len().min() >= 1  # type: ignore[operator]
    assert held["at"].null_count() == held.height
    for reason in held["reasons"].explode().to_list():
        assert all(reason[key] for key in ("rule", "citation", "effect", "detail"))


def test_hardship_dispute_and_open_promises_are_not_dunned(made: Made) -> None:
    """Other systems still dun people in hardship, dispute or under an open promise."""
    tables, found, work = made
    someone = work.filter(~pl.col("is_held_back"))["customer_id"].to_list()[:3]
    accounts = tables["accounts"].with_row_index("account_row")
    rows = [accounts.filter(pl.col("customer_id") == name)["account_row"][0] for name in someone]
    holds = tables["holds"]
    template = holds.head(1)
    more = [
        template.with_columns(
            pl.lit(row).cast(holds.schema["account_row"]).alias("account_row"),
            pl.lit(f"made-{kind}").alias("hold_id"),
            pl.lit(None, pl.String).alias("customer_id"),
            pl.lit(kind).cast(holds.schema["kind"]).alias("kind"),
            pl.lit(AS_OF - timedelta(days=3)).alias("from_on"),
            pl.lit(None, pl.Date).alias("to_on"),
        )
        for row, kind in zip(rows[:2], ("hardship", "dispute"), strict=True)
    ]
    promises = tables["promises"]
    promised = promises.head(1).with_columns(
        pl.lit(rows[2]).cast(promises.schema["account_row"]).alias("account_row"),
        pl.lit("made").alias("promise_id"),
        pl.lit(datetime(2026, 11, 20, tzinfo=UTC)).cast(promises.schema["made_at"]).alias("made_at"),
        pl.lit(AS_OF + timedelta(days=5)).alias("due_on"),
    )
    changed = {
        **tables,
        "holds": pl.concat([holds, *more]),
        "promises": pl.concat([promises, promised]),
    }
    again = plan_contacts(changed, found, LAW, "agency", AS_OF)
    told = {
        row["customer_id"]: {reason["rule"] for reason in row["reasons"]}
        for row in again.iter_rows(named=True)
    }
    assert "house-floor.hardship" in told[someone[0]]
    assert "house-floor.dispute" in told[someone[1]]
    assert "house-floor.open-promise" in told[someone[2]]


def test_the_list_is_the_same_again_and_counts_add_up(made: Made) -> None:
    tables, found, work = made
    assert plan_contacts(tables, found, LAW, "agency", AS_OF).equals(work)
    counted = work_figures([work])
    assert counted.planned_count + counted.held_count == work.height
    assert counted.held["contacts"].sum() >= counted.held_count


def test_lost_contact_rows_hold_a_customer_back(made: Made) -> None:
    tables, found, work = made
    (someone,) = work.filter(~pl.col("is_held_back"))["customer_id"].to_list()[:1]
    again = plan_contacts(tables, found, LAW, "agency", AS_OF, unsure=[someone])
    row = again.row(by_predicate=pl.col("customer_id") == someone, named=True)
    assert row["is_held_back"]
    assert "house-floor.incomplete-contacts" in {reason["rule"] for reason in row["reasons"]}


def test_what_was_recorded_later_is_not_known(made: Made) -> None:
    tables, found, _ = made
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    none = plan_contacts(
        {**tables, "customers": tables["customers"].with_columns(pl.lit(long_ago).alias("recorded_at"))},
        found,
        LAW,
        "agency",
        AS_OF,
        known_at=datetime(2000, 1, 2, tzinfo=UTC),
    )
    assert set(none.filter("is_held_back")["reasons"].explode().struct.field("rule")) >= {
        "house-floor.no-contact-point"
    }


def test_the_ladder_is_dated_text() -> None:
    assert [stage.from_days for stage in read_stages()] == [1, 8, 31, 91]
