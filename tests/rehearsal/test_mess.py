"""Bad rows are where the manifest says, as many as it says, of every kind the tape's format knows."""

from collections.abc import Callable

import polars as pl
import pytest

from dunwell.rehearsal.tables import TABLES
from tests.rehearsal.portfolios import Portfolio

ACCOUNTS = 2_000


@pytest.fixture(scope="module", params=["parquet", "csv"])
def messy(request: pytest.FixtureRequest, make_portfolio: Callable[..., Portfolio]) -> Portfolio:
    return make_portfolio(ACCOUNTS, format=request.param, messy=True)


def texts(messy: Portfolio, name: str) -> pl.DataFrame:
    if messy.manifest["format"] == "csv":
        return pl.read_csv(messy.folder / f"{name}.csv", infer_schema=False)
    return messy.table(name)


def test_every_kind_is_planted(messy: Portfolio) -> None:
    assert {entry["kind"] for entry in messy.manifest["planted"]} == {
        "wrong type",
        "missing value",
        "negative amount",
        "amount of nothing",
        "too many decimals",
        "impossible date",
        "unknown kind",
        "orphan",
        "exact repeat",
        "duplicate key",
        "unknown currency",
        "parent in quarantine",
        "reversal of unknown payment",
        "overlapping pauses",
    }


def test_each_planted_row_is_where_it_is_said_to_be(messy: Portfolio) -> None:
    for entry in messy.manifest["planted"]:
        rows = texts(messy, entry["table"])
        key = next(iter(TABLES[entry["table"]]))
        assert rows[entry["row"] - 1, key] == entry[key]


def test_only_planted_rows_were_added(messy: Portfolio, make_portfolio: Callable[..., Portfolio]) -> None:
    clean = make_portfolio(ACCOUNTS)
    planted = pl.DataFrame([entry["table"] for entry in messy.manifest["planted"]], schema=["table"])
    added = dict(planted.group_by("table").len().rows())
    for name in TABLES:
        assert (
            messy.manifest["rows"][name]
            == len(texts(messy, name))
            == clean.manifest["rows"][name] + added.get(name, 0)
        )
    assert len(planted) > 25


def test_columns_are_text_and_the_good_rows_say_what_a_clean_tape_says(
    messy: Portfolio, make_portfolio: Callable[..., Portfolio]
) -> None:
    payments = texts(messy, "payments")
    assert set(payments.schema.values()) == {pl.String()}
    clean = make_portfolio(ACCOUNTS).table("payments")
    good = payments.head(len(clean))
    assert good["amount"].cast(pl.Decimal(18, 3)).equals(clean["amount"])
    assert (
        good["recorded_at"]
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
        .equals(clean["recorded_at"])
    )


def test_an_exact_repeat_repeats_the_first_row(messy: Portfolio) -> None:
    payments = texts(messy, "payments")
    repeat = next(
        e for e in messy.manifest["planted"] if (e["kind"], e["table"]) == ("exact repeat", "payments")
    )
    assert payments.row(repeat["row"] - 1) == payments.row(0)
