"""Analytics: the run's counts equal a slow count, and the pages show them, narrowed by their address."""

import csv
import io
import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from dunwell.book import Book, Partition
from dunwell.ledger import positions
from dunwell.money import minor_exponent
from dunwell.nightly.analytics import SECTIONS
from dunwell.nightly.costs import read_costs
from dunwell.office import workplace
from dunwell.office.analytics.counts import SEGMENT, Wanted, read_counts, section_counts
from dunwell.office.analytics.telling import Table
from dunwell.office.desk.templatetags.shown import day as day_in_words
from dunwell.policy import PolicyError
from tests.office.conftest import AS_OF, Office
from tests.office.test_api import Program

Counts = Counter[tuple[str, ...]]


@pytest.fixture
def counts(office: Office) -> pl.DataFrame:
    return read_counts(office.place.settings.book_folder)[0]


def counted(counts: pl.DataFrame, name: str, column: str) -> Counts:
    """A section's figures by segment and keys, without zeros."""
    rows = counts.filter(pl.col("section") == name)
    keys = ("currency", "jurisdiction", "product", "key", "of")
    return Counter({tuple(row[key] for key in keys): row[column] for row in rows.to_dicts() if row[column]})


def partitions_of(office: Office) -> Iterator[Partition]:
    book = Book(office.place.settings.book_folder)
    return (book.partition(number) for number in range(book.partition_count))


def tables_of(office: Office) -> dict[str, list[dict[str, Any]]]:
    """Every table of the book as rows, all partitions together."""
    found: dict[str, list[dict[str, Any]]] = {}
    for partition in partitions_of(office):
        for name, rows in partition.tables.items():
            found.setdefault(name, []).extend(rows.to_dicts())
    return found


def segments_of(office: Office) -> dict[str, tuple[str, str, str]]:
    tables = tables_of(office)
    where = {one["customer_id"]: one["jurisdiction"] for one in tables["customers"]}
    return {
        one["account_id"]: (one["currency"], where[one["customer_id"]], one["product"])
        for one in tables["accounts"]
    }


def customer_segments_of(office: Office) -> dict[str, tuple[str, str, str]]:
    """The segment of each customer's worst account, of the first id among equals."""
    worst: dict[str, tuple[int, str]] = {}
    for one in pl.read_parquet(office.place.settings.book_folder / "positions.parquet").to_dicts():
        rank = (-one["past_due_days"], one["account_id"])
        worst[one["customer_id"]] = min(worst.get(one["customer_id"], rank), rank)
    segments = segments_of(office)
    return {customer: segments[account] for customer, (_, account) in worst.items()}


def test_the_roll_is_the_move_of_every_account_in_a_day(office: Office, counts: pl.DataFrame) -> None:
    segments, sides = segments_of(office), []
    for day in (AS_OF - timedelta(days=1), AS_OF):
        side = {}
        for partition in partitions_of(office):
            for row in positions(partition.tables, office.place.terms, day).frame.to_dicts():
                if row["status"] not in ("closed", "charged_off", "sold"):
                    side[row["account_id"]] = row
        sides.append(side)
    before, today = sides
    expected, late = Counts(), Counts()
    for account in before.keys() & today.keys():
        key = (*segments[account], before[account]["bucket"], today[account]["bucket"])
        expected[key] += 1
        late[key] += today[account]["past_due_days"] > 0
    assert counted(counts, "roll", "count") == expected
    assert counted(counts, "roll", "value") == +late
    assert any(key[3] != key[4] for key in expected)


def test_calls_are_counted_by_the_customers_own_clock(office: Office, counts: pl.DataFrame) -> None:
    tables, segments = tables_of(office), customer_segments_of(office)
    zones = {one["customer_id"]: one["timezone"] for one in tables["customers"] if one["timezone"]}
    end = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) + timedelta(days=1)
    calls, reached = Counts(), Counts()
    for one in tables["contacts"]:
        is_call = (one["channel"], one["direction"]) == ("call", "out")
        if one["customer_id"] in zones and is_call and end - timedelta(days=90) <= one["at"] < end:
            hour = one["at"].astimezone(ZoneInfo(zones[one["customer_id"]])).hour
            key = (*segments[one["customer_id"]], f"{hour:02d}", "")
            calls[key] += 1
            reached[key] += one["outcome"] == "conversation" and one["party"] == "self"
    assert calls
    assert counted(counts, "reach", "count") == calls
    assert counted(counts, "reach", "value") == +reached


def test_promises_count_once_their_day_has_come(office: Office, counts: pl.DataFrame) -> None:
    segments, expected = segments_of(office), Counts()
    for one in pl.read_parquet(office.place.settings.book_folder / "promises.parquet").to_dicts():
        if one["state"] in ("kept", "partly_kept", "broken"):
            given = (one["due_on"] - one["made_at"].date()).days
            bands = ((3, "0–3"), (7, "4–7"), (14, "8–14"), (30, "15–30"))
            band = next((name for last, name in bands if given <= last), "31+")
            expected[(*segments[one["account_id"]], band, one["state"])] += 1
    assert counted(counts, "promises", "count") == expected
    kept = Counts({key: count for key, count in expected.items() if key[4] == "kept"})
    assert counted(counts, "promises", "value") == kept


def test_capacity_and_the_laws_effect_are_the_work_lists(office: Office, counts: pl.DataFrame) -> None:
    segments = customer_segments_of(office)
    overdue, planned, held, alone = Counts(), Counts(), Counts(), Counts()
    for one in pl.read_parquet(office.place.settings.book_folder / "worklist.parquet").to_dicts():
        segment = segments[one["customer_id"]]
        key = (*segment, one["stage"], one["channel"] or "")
        overdue[key] += 1
        planned[key] += not one["is_held_back"]
        if one["is_held_back"]:
            rules = {(reason["rule"], reason["citation"]) for reason in one["reasons"]}
            for rule in rules:
                held[(*segment, *rule)] += 1
                alone[(*segment, *rule)] += len(rules) == 1
    assert held
    assert counted(counts, "capacity", "count") == overdue
    assert counted(counts, "capacity", "value") == +planned
    assert counted(counts, "law", "count") == held
    assert counted(counts, "law", "value") == +alone


def test_cure_follows_every_time_an_account_fell_past_due(office: Office, counts: pl.DataFrame) -> None:
    """Told day by day from the arrears themselves."""
    first = date(2025, 12, 1)
    times, over = Counts(), Counts()
    for partition in partitions_of(office):
        found = positions(partition.tables, office.place.terms, AS_OF, keeps_timeline=True)
        changes: dict[int, dict[date, date | None]] = {}
        for account, on, oldest in (
            found.timeline_frame().select("account", "on", "oldest_due_on").iter_rows()
        ):
            changes.setdefault(account, {})[on] = oldest
        ids, segments = partition.tables["accounts"]["account_id"].to_list(), segments_of(office)
        for account, turns in changes.items():
            late_since: date | None = None
            day, oldest = min(turns), None
            late: dict[date, bool] = {}
            while day <= AS_OF:
                oldest = turns.get(day, oldest)
                late[day] = oldest is not None and day > oldest
                day += timedelta(days=1)
            for day, is_late in late.items():
                if is_late and late_since is None and day >= first:
                    ends = (one for one in late if one > day and not late[one])
                    ended = next(ends, None)
                    for days in (7, 14, 30, 60, 90):
                        looked_on = day + timedelta(days=days)
                        if looked_on <= AS_OF:
                            key = (*segments[ids[account]], f"{day:%Y-%m}", f"{days:02d}")
                            times[key] += 1
                            over[key] += ended is not None and ended <= looked_on
                late_since = day if is_late else None
    assert times
    assert counted(counts, "cure", "count") == times
    assert counted(counts, "cure", "value") == +over


def test_cost_to_collect_is_contacts_times_prices_beside_what_was_paid_while_late(
    office: Office, counts: pl.DataFrame
) -> None:
    """Told contact by contact, payment by payment, day by day."""
    costs = read_costs(office.place.settings.root / "policy", AS_OF)
    tables, people, accounts = tables_of(office), customer_segments_of(office), segments_of(office)
    end = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) + timedelta(days=1)
    count, value = Counts(), Counts()
    for one in tables["contacts"]:
        is_spoken = one["channel"] in ("call", "visit")
        if not end - timedelta(days=90) <= one["at"] < end or not (is_spoken or one["direction"] == "out"):
            continue
        segment = people[one["customer_id"]]
        if is_spoken:
            price = costs.contacts.get((one["channel"], one["outcome"], segment[0]))
        else:
            price = costs.messages.get((one["channel"], segment[0]))
        key = (*segment, one["channel"] + (".unpriced" if price is None else ""), segment[0])
        count[key] += 1
        value[key] += price or 0
    for partition in partitions_of(office):
        frame = positions(partition.tables, office.place.terms, AS_OF, keeps_timeline=True).timeline_frame()
        turns: dict[int, list[tuple[date, date | None]]] = {}
        for account, on, oldest in frame.select("account", "on", "oldest_due_on").iter_rows():
            turns.setdefault(account, []).append((on, oldest))

        def is_late(
            account: int, day: date, turns: dict[int, list[tuple[date, date | None]]] = turns
        ) -> bool:
            oldest = next((due for on, due in reversed(turns.get(account, [])) if on <= day), None)
            return oldest is not None and day > oldest

        payments = partition.tables["payments"].to_dicts()
        taken_back = {one["reverses"] for one in payments}
        ids = partition.tables["accounts"]["account_id"].to_list()
        for one in payments:
            is_good = one["kind"] == "payment" and one["payment_id"] not in taken_back
            day, account = one["paid_on"], one["account_row"]
            is_recent = AS_OF - timedelta(days=90) < day <= AS_OF
            if is_good and is_recent and (is_late(account, day) or is_late(account, day - timedelta(days=1))):
                segment = accounts[ids[account]]
                key = (*segment, "collected", segment[0])
                count[key] += 1
                value[key] += one["amount_minor"] * 1000
    assert {key[3] for key in count} >= {"call", "collected"}
    assert counted(counts, "cost", "count") == count
    assert counted(counts, "cost", "value") == +value


def test_a_contact_without_a_price_is_told_as_such_and_not_as_free(office: Office) -> None:
    analyst = office.client("analyst")
    context = analyst.get("/analytics/cost", {"currency": "INR"}).context
    assert context["table"].rows
    for currency, channel, contacts, cost, _paid, share in context["table"].rows:
        assert (currency, cost, share) == ("INR", None, None)
        assert contacts > 0
        assert channel == "all" or channel.endswith("no price known")
    sheet = analyst.get("/analytics/cost.csv", {"currency": "INR"}).content.decode()
    assert ",0.0" not in sheet
    assert "no price known" in analyst.get("/analytics/cost.svg", {"currency": "INR"}).content.decode()
    tiles = {
        name: figure
        for name, _told, figure in analyst.get("/analytics", {"currency": "INR"}).context["tiles"]
    }
    assert tiles["cost"] == "–"
    told = Program(office, "analyst").get("/analytics/cost", currency="INR").json()
    assert {row[3] for row in told["rows"]} == {None}


def test_a_lender_writes_its_own_prices(tmp_path: Path) -> None:
    own = read_costs(tmp_path, AS_OF)
    assert own.contacts[("call", "conversation", "GBP")] == 315_000
    assert own.source_quality == "memory"
    text = 'key = "costs"\ntitle = "x"\nfrom = 2026-01-01\ncitation = "house"\nsource_quality = "text"\n'
    minutes = '[[minutes]]\nchannel = "call"\noutcome = { conversation = "10" }\n'
    agents = '[[agent]]\ncurrency = "GBP"\nper_minute = "0.30"\nuntil = 2026-06-30\n'
    agents += '[[agent]]\ncurrency = "GBP"\nper_minute = "0.40"\nfrom = 2026-07-01\ncitation = "x"\nsource_quality = "text"\n'
    (tmp_path / "costs.toml").write_text(text + minutes + agents)
    assert read_costs(tmp_path, AS_OF).contacts == {("call", "conversation", "GBP"): 400_000}
    (tmp_path / "costs.toml").write_text(text + minutes + agents.replace('"0.40"', '"dear"'))
    with pytest.raises(PolicyError, match="per_minute"):
        read_costs(tmp_path, AS_OF)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_shows_its_chart_its_table_and_its_csv(office: Office, name: str) -> None:
    client = office.client("analyst")
    page = client.get(f"/analytics/{name}").content.decode()
    assert f'src="/analytics/{name}.svg"' in page
    drawn = client.get(f"/analytics/{name}.svg")
    assert drawn["Content-Type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(drawn.content)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert float(root.attrib["width"]) > 100
    rows = list(csv.reader(io.StringIO(client.get(f"/analytics/{name}.csv").content.decode())))
    assert len(rows) == page.count("<tr>")
    assert len(rows) > 1


def test_the_address_narrows_every_figure(office: Office, counts: pl.DataFrame) -> None:
    client = office.client("analyst")
    chosen = counts.filter(pl.col("section") == "reach").row(0, named=True)
    query = "&".join(f"{column}={chosen[column]}" for column in SEGMENT)
    answer = client.get(f"/analytics/reach.csv?{query}").content.decode()
    rows = list(csv.reader(io.StringIO(answer)))[1:]
    narrow = section_counts(counts, "reach", Wanted(**{column: chosen[column] for column in SEGMENT}))
    assert [int(row[1]) for row in rows] == narrow["count"].to_list()
    assert sum(int(row[1]) for row in rows) < section_counts(counts, "reach", Wanted())["count"].sum()
    page = client.get(f"/analytics/reach?{query}").content.decode()
    assert f"<option selected>{chosen['product']}</option>" in page
    assert client.get("/analytics/reach.svg?product=none").status_code == 404
    assert "Nothing was counted here" in client.get("/analytics/reach?product=none").content.decode()


def test_what_the_run_foretold_is_shown_and_held_against_what_came(office: Office) -> None:
    client = office.client("analyst")
    assert 'href="/analytics/foretold"' in client.get("/analytics").content.decode()
    page = client.get("/analytics/foretold").content.decode()
    run = json.loads((office.place.settings.book_folder / "run.json").read_text(encoding="utf-8"))
    ahead = run["scores"]["late_stock"]
    assert len(ahead) > 1
    for row in ahead:
        assert (
            f">{day_in_words(date.fromisoformat(row['month_end']))}<" in page
            and f">{row['expected']:,.0f}<" in page
        )
        assert row["actual_then"] is None or f">{row['actual_then']:,.0f}<" in page
    assert office.client("collector").get("/analytics/foretold").status_code == 403


def test_the_losses_to_expect_are_the_accounts_of_the_run_added_up(
    office: Office, counts: pl.DataFrame
) -> None:
    segments, count, value = segments_of(office), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in pl.read_parquet(office.place.settings.book_folder / "losses.parquet").to_dicts():
        if row["exposure_minor"]:
            for measure in ("exposure", "loss_12m", "loss_life", "allowance"):
                key = (*segments[row["account_id"]], f"{row['stage']}.{measure}", row["currency"])
                count[key] += 1
                value[key] += row[f"{measure}_minor"]
    assert {key[3] for key in count} >= {"1.allowance", "2.allowance", "3.allowance"}
    assert counted(counts, "losses", "count") == count
    assert counted(counts, "losses", "value") == +value
    jurisdiction, currency = next((key[1], key[0]) for key in value if key[3] == "3.allowance")
    allowance = sum(
        one for key, one in value.items() if key[1] == jurisdiction and key[3:] == ("3.allowance", currency)
    )
    page = office.client("analyst").get(f"/analytics/losses?jurisdiction={jurisdiction}").content.decode()
    assert f">{allowance / 10 ** minor_exponent(currency):,.2f}<" in page


def test_why_no_losses_were_told_is_said(office: Office, tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    shutil.copytree(office.place.settings.root / "policy", tmp_path / "policy")
    (book / "run.json").write_text('{"losses": {"problem": "young"}}', encoding="utf-8")
    workplace.use(replace(office.place, settings=replace(office.place.settings, root=tmp_path)))
    client = office.client("analyst")
    assert "month ends do not reach over a year" in client.get("/analytics/losses").content.decode()
    assert "month ends do not reach over a year" not in client.get("/analytics/roll").content.decode()


def test_a_filter_that_finds_nothing_is_shown_as_chosen(office: Office) -> None:
    page = office.client("analyst").get("/analytics/roll?currency=XAU").content.decode()
    assert "<option selected>XAU</option>" in page
    assert "Nothing was counted here" in page


def test_nobody_is_named_and_a_collector_does_not_get_in(office: Office) -> None:
    client = office.client("analyst")
    ids = {one["customer_id"] for one in tables_of(office)["customers"]}
    for address in ("/analytics", *(f"/analytics/{name}" for name in SECTIONS)):
        page = client.get(address).content.decode()
        assert not any(f">{one}<" in page for one in ids)
    assert office.client("collector").get("/analytics").status_code == 403
    assert client.get("/analytics/nothing").status_code == 404


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    columns = [("Currency", "text"), ("Cost", "amount")]
    rows = [("JPY", 158671.0), ("KWD", 1.2345), ("GBP", 1.5)]
    shown = [cells[1][0] for cells in Table(columns, rows).cells()]
    assert shown == ["158,671", "1.234", "1.50"]
