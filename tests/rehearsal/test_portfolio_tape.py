"""The tape is sound: keys, parents, order, dates, amounts, schedules; and the same bytes for the same seed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dunwell.book.tables import HOLD_KINDS
from dunwell.ledger.terms import read_terms
from dunwell.money import CURRENCIES
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from tests.rehearsal.portfolios import AS_OF, Portfolio

KEYS = {
    "customers": ["customer_id"],
    "accounts": ["account_id"],
    "instalments": ["account_id", "number"],
    "payments": ["payment_id"],
    "charges": ["charge_id"],
    "holds": ["hold_id"],
    "contact_points": ["contact_point_id"],
    "contacts": ["contact_id"],
    "promises": ["promise_id"],
    "notices": ["notice_id"],
}
TABLES = [*KEYS, "consents", "preferences"]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    for name in ("one", "two"):
        write_portfolio(tmp_path / name, 1_500, 5, AS_OF, format=file_format)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert len(files) == len(TABLES) + 1
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    for file_format in ("parquet", "csv"):
        write_portfolio(tmp_path / file_format, 800, 5, AS_OF, format=file_format)
    for name in ("payments", "accounts", "instalments"):
        typed = pl.read_parquet(tmp_path / "parquet" / f"{name}.parquet")
        texts = pl.read_csv(tmp_path / "csv" / f"{name}.csv", infer_schema=False)
        days = [column for column, kind in typed.schema.items() if kind == pl.Date]
        money = [column for column, kind in typed.schema.items() if kind.is_decimal()]
        read = texts.with_columns(
            *(pl.col(column).str.to_date("%Y-%m-%d") for column in days),
            *(pl.col(column).cast(typed.schema[column]) for column in money),
        )
        same = [column for column in typed.columns if column not in ("recorded_at", "number")]
        assert read.select(same).equals(typed.select(same))


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique(portfolio: Portfolio, name: str) -> None:
    assert portfolio.table(name).select(KEYS[name]).is_duplicated().sum() == 0


@pytest.mark.parametrize("name", TABLES)
def test_every_row_belongs_to_a_row_of_its_parent(portfolio: Portfolio, name: str) -> None:
    rows = portfolio.table(name)
    for parent, key in (("customers", "customer_id"), ("accounts", "account_id")):
        if key in rows.columns:
            known = portfolio.table(parent).select(key)
            assert len(rows.filter(pl.col(key).is_not_null()).join(known, on=key, how="anti")) == 0


def test_everybody_has_an_account_and_some_have_several(portfolio: Portfolio) -> None:
    accounts = portfolio.table("accounts")
    assert set(accounts["customer_id"]) == set(portfolio.table("customers")["customer_id"])
    assert accounts.group_by("customer_id").len()["len"].max() in range(3, 12)


@pytest.mark.parametrize("name", ["accounts", "instalments", "payments", "charges", "promises"])
def test_files_are_sorted_by_account(portfolio: Portfolio, name: str) -> None:
    assert portfolio.table(name)["account_id"].is_sorted()


def test_schedules_add_up_to_what_was_lent(portfolio: Portfolio) -> None:
    scheduled = portfolio.table("instalments").group_by("account_id").agg(pl.col("principal").sum())
    both = portfolio.table("accounts").join(scheduled, on="account_id", suffix="_scheduled")
    assert len(both) == 20_000
    assert both.filter(pl.col("principal") != pl.col("principal_scheduled")).is_empty()


def test_amounts_have_no_more_decimals_than_their_currency(portfolio: Portfolio) -> None:
    currencies = portfolio.table("accounts").select("account_id", "currency")
    scale = pl.col("currency").replace_strict(CURRENCIES, return_dtype=pl.Int64)
    for name, columns in (("payments", ["amount"]), ("instalments", ["principal", "interest", "fees"])):
        rows = portfolio.table(name).join(currencies, on="account_id").with_columns(scale=scale)
        for column in columns:
            thousandths = (pl.col(column) * 1000).cast(pl.Int64)
            assert rows.filter(thousandths % 10 ** (3 - pl.col("scale")) != 0).is_empty()
    assert {"JPY", "KWD", "IDR", "CNY", "USD", "GBP", "EUR", "INR", "PHP", "HKD"} == set(
        currencies["currency"]
    )


def test_amounts_are_positive(portfolio: Portfolio) -> None:
    for name in ("payments", "charges", "promises"):
        assert portfolio.table(name).filter(pl.col("amount") <= 0).is_empty()
    assert portfolio.table("accounts").filter(pl.col("principal") <= 0).is_empty()


def test_nothing_is_dated_or_recorded_after_the_tape(portfolio: Portfolio) -> None:
    cut = datetime(2026, 7, 1, 6, tzinfo=UTC)
    for name in TABLES:
        assert portfolio.table(name).filter(pl.col("recorded_at") > cut).is_empty()
    for name, column in (("payments", "paid_on"), ("charges", "charged_on"), ("holds", "from_on")):
        assert portfolio.table(name).filter(pl.col(column) > AS_OF).is_empty()
    assert portfolio.table("contacts").filter(pl.col("at") > cut).is_empty()
    assert portfolio.table("instalments").filter(pl.col("due_on") > AS_OF).height > 20_000


def test_most_rows_are_recorded_at_once_and_some_are_back_dated(portfolio: Portfolio) -> None:
    days = (pl.col("recorded_at").dt.date() - pl.col("paid_on")).dt.total_days()
    later = (
        portfolio.table("payments")
        .filter(pl.col("paid_on") < AS_OF - timedelta(days=10))
        .select(days)
        .to_series()
    )
    assert later.min() == 0
    assert 0.02 < (later > 0).mean() < 0.04  # type: ignore[operator]  # a mean of booleans is a float
    assert later.max() in range(5, 10)


def test_a_reversal_names_an_earlier_payment_of_its_account(portfolio: Portfolio) -> None:
    payments = portfolio.table("payments")
    reversals = payments.filter(pl.col("kind") == "reversal")
    both = reversals.join(payments, left_on="reverses", right_on="payment_id", suffix="_reversed")
    assert len(both) == len(reversals) > 50
    assert both.filter(
        (pl.col("account_id") != pl.col("account_id_reversed"))
        | (pl.col("paid_on") < pl.col("paid_on_reversed"))
        | (pl.col("recorded_at") < pl.col("recorded_at_reversed"))
        | (pl.col("kind_reversed") != "payment")
    ).is_empty()
    assert payments.filter((pl.col("kind") != "reversal") & pl.col("reverses").is_not_null()).is_empty()


def test_pauses_of_one_account_do_not_overlap(make_portfolio: Callable[..., Portfolio]) -> None:
    holds = make_portfolio(20_000, stress=8.0).table("holds")
    pauses = holds.filter(pl.col("kind") == "pause").sort("account_id", "from_on")
    before = pl.col("to_on").shift().over("account_id")
    assert len(pauses) > pauses["account_id"].n_unique()
    assert pauses.filter(before >= pl.col("from_on")).is_empty()
    assert set(holds["kind"]) <= set(HOLD_KINDS)
    assert len(set(holds["kind"])) >= 10
    assert holds.filter(pl.col("to_on") < pl.col("from_on")).is_empty()
    assert holds.filter(pl.col("account_id").is_null() == pl.col("customer_id").is_null()).is_empty()


def test_every_product_has_terms_in_its_currency(portfolio: Portfolio) -> None:
    terms = read_terms(TERMS_FOLDER)
    lent = portfolio.table("accounts").select("product", "currency").unique().rows()
    assert {product for product, _ in lent} == set(terms)
    assert all(terms[product].currency == currency for product, currency in lent)


def test_contacts_out_lie_in_the_customers_daytime_and_not_on_a_sunday(portfolio: Portfolio) -> None:
    contacts = portfolio.table("contacts").join(
        portfolio.table("customers").select("customer_id", "timezone"), on="customer_id"
    )
    for (zone,), rows in contacts.filter(pl.col("timezone").is_not_null()).group_by("timezone"):
        local = rows["at"].dt.convert_time_zone(str(zone))
        assert local.dt.hour().min() >= 9  # type: ignore[operator]  # hours are whole numbers
        assert local.dt.hour().max() < 19  # type: ignore[operator]
        assert 7 not in local.dt.weekday()


def test_a_contact_uses_a_point_of_its_customer(portfolio: Portfolio) -> None:
    points = portfolio.table("contact_points").select("contact_point_id", "customer_id")
    contacts = portfolio.table("contacts")
    assert contacts.join(points, on=["contact_point_id", "customer_id"]).height == len(contacts)


def test_who_has_closed_has_paid_all(portfolio: Portfolio) -> None:
    """Instalments and charges and chargebacks, penalty aside; up to a trifle below the products' materiality."""
    payments = portfolio.table("payments")
    reversed_ids = payments["reverses"].drop_nulls().implode()
    is_money = (pl.col("kind") == "payment") & ~pl.col("payment_id").is_in(reversed_ids)
    sums = payments.group_by("account_id").agg(
        paid=pl.col("amount").filter(is_money).sum(),
        charged_back=pl.col("amount").filter(pl.col("kind") == "chargeback").sum(),
    )
    owed = (
        portfolio.table("instalments")
        .group_by("account_id")
        .agg(owed=(pl.col("principal") + pl.col("interest") + pl.col("fees")).sum())
    )
    charged = portfolio.table("charges").group_by("account_id").agg(charged=pl.col("amount").sum())
    closed = (
        portfolio.table("accounts")
        .filter(pl.col("status") == "closed")
        .join(owed, on="account_id")
        .join(sums, on="account_id")
        .join(charged, on="account_id", how="left")
        .with_columns(pl.col("charged").fill_null(0))
    )
    assert len(closed) > 5_000
    assert closed.filter(
        pl.col("paid") < pl.col("owed") + pl.col("charged") + pl.col("charged_back")
    ).is_empty()


@pytest.mark.parametrize("as_of", [date(2026, 2, 28), date(2026, 3, 15), date(2025, 1, 1)])
def test_any_day_will_do(make_portfolio: Callable[..., Portfolio], as_of: date) -> None:
    made = make_portfolio(500, as_of=as_of)
    assert made.table("payments").filter(pl.col("paid_on") > as_of).is_empty()


def test_one_account_will_do(tmp_path: Path) -> None:
    for seed in range(6):
        assert write_portfolio(tmp_path / str(seed), 1, seed, AS_OF)["rows"]["accounts"] == 1


def test_countries_can_be_chosen(make_portfolio: Callable[..., Portfolio]) -> None:
    made = make_portfolio(400, jurisdictions=["us", "gb"])
    assert set(made.table("customers")["jurisdiction"]) == {"us", "gb"}
    assert all(product[:2] in ("us", "gb") for product in made.table("accounts")["product"])


def test_what_cannot_be_met_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of parquet, csv"):
        write_portfolio(tmp_path, 10, 1, AS_OF, format="xlsx")
    with pytest.raises(ValueError, match="accounts is 0; it must be above 0"):
        write_portfolio(tmp_path, 0, 1, AS_OF)
    with pytest.raises(ValueError, match="'fr' is not a country of the rehearsal"):
        write_portfolio(tmp_path, 10, 1, AS_OF, jurisdictions=["fr"])
    with pytest.raises(ValueError, match="a messy tape needs"):
        write_portfolio(tmp_path, 10, 1, AS_OF, messy=True)
    write_portfolio(tmp_path, 10, 1, AS_OF)
    with pytest.raises(ValueError, match="choose an empty folder"):
        write_portfolio(tmp_path, 10, 1, AS_OF, format="csv")
