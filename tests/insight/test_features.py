"""Features see what had happened and was known, the same for many accounts and for one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.insight.features import CATALOGUE, catalogue_frame, features
from dunwell.ledger import one_account, positions
from tests.insight.books import LAST_DAY, THEN, THEN_END, partition, terms

Tables = Mapping[str, pl.DataFrame]
LATER = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)


def changed(tables: Tables, **rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables with rows added, in the order the book keeps."""
    more = dict(tables)
    for name, added in rows.items():
        keys = [c for c in ("account_row", "paid_on", "due_on") if c in added.columns]
        joined = pl.concat([tables[name], added.select(tables[name].columns)])
        more[name] = joined.sort(keys, maintain_order=True) if keys else joined
    return more


def test_what_happens_after_the_day_changes_nothing() -> None:
    tables = partition().tables
    until = {
        "payments": pl.col("paid_on") <= THEN,
        "contacts": pl.col("at") <= THEN_END,
        "promises": pl.col("made_at") <= THEN_END,
        "charges": pl.col("charged_on") <= THEN,
        "holds": pl.col("from_on") <= THEN,
    }
    past_alone = {n: rows.filter(until[n]) if n in until else rows for n, rows in tables.items()}
    assert past_alone["payments"].height < tables["payments"].height
    assert_frame_equal(features(tables, terms(), THEN), features(past_alone, terms(), THEN))


@pytest.mark.parametrize("is_effective_before", [False, True])
def test_what_is_recorded_later_changes_nothing(is_effective_before: bool) -> None:
    """Payments, instalments, contacts and promises that came later, or that we learned of later."""
    tables = partition().tables
    on = THEN - timedelta(days=20) if is_effective_before else THEN + timedelta(days=40)
    at = datetime(on.year, on.month, on.day, 10, tzinfo=UTC)
    late = {"recorded_at": pl.lit(LATER, pl.Datetime("us", "UTC"))}
    prefixed = {c: pl.lit("later-") + pl.col(c) for c in ("payment_id", "promise_id", "contact_id")}

    def moved(name: str, **columns: pl.Expr) -> pl.DataFrame:
        ids = {c: e for c, e in prefixed.items() if c in tables[name].columns}
        return tables[name].with_columns(**(late | ids | columns))

    more = changed(
        tables,
        payments=moved("payments", paid_on=pl.lit(on)).filter(pl.col("kind") == "payment"),
        instalments=moved("instalments", number=pl.col("number") + 900, due_on=pl.lit(on)),
        contacts=moved("contacts", at=pl.lit(at, pl.Datetime("us", "UTC"))),
        promises=moved("promises", made_at=pl.lit(at, pl.Datetime("us", "UTC")), due_on=pl.lit(on)),
    )
    assert_frame_equal(features(tables, terms(), THEN, THEN_END), features(more, terms(), THEN, THEN_END))
    as_known_later = features(more, terms(), THEN, LATER)
    assert as_known_later.equals(features(tables, terms(), THEN, LATER)) is not is_effective_before


def test_a_bounce_that_comes_later_was_not_known_then() -> None:
    tables = partition().tables
    paid = tables["payments"].filter(pl.col("kind") == "payment", pl.col("paid_on") <= THEN).head(50)
    bounces = paid.with_columns(
        reverses="payment_id",
        payment_id=pl.lit("bounce-") + pl.col("payment_id"),
        kind=pl.lit("reversal").cast(paid.schema["kind"]),
        paid_on=pl.lit(THEN + timedelta(days=3)),
    )
    more = changed(tables, payments=bounces)
    assert_frame_equal(features(tables, terms(), THEN), features(more, terms(), THEN))
    assert not features(tables, terms(), LAST_DAY).equals(features(more, terms(), LAST_DAY))


def test_one_account_has_the_features_it_has_among_many() -> None:
    tables = partition().tables
    many = features(tables, terms(), LAST_DAY)
    for row in (0, 17, 211, 399):
        account_id = tables["accounts"]["account_id"][row]
        alone = features(one_account(tables, row), terms(), LAST_DAY)
        assert_frame_equal(alone, many.filter(pl.col("account_id") == account_id))


def test_features_agree_with_the_ledger() -> None:
    tables = partition().tables
    told = features(tables, terms(), LAST_DAY)
    owed = {ago: positions(tables, terms(), LAST_DAY - timedelta(days=ago)).frame for ago in (0, 30, 90)}
    for ago, name in {0: "past_due_days", 30: "past_due_days_30d_ago", 90: "past_due_days_90d_ago"}.items():
        both = told.join(owed[ago], on="account_id", how="left", suffix="_owed")
        ledgers = both["past_due_days_owed" if ago == 0 else "past_due_days"]
        if ago:
            ledgers = told.join(
                owed[ago].select("account_id", days="past_due_days"), on="account_id", how="left"
            )["days"]
        # A payment bounced in between never happened for the ledger; none of the portfolio's does so here.
        assert (both[name] - ledgers.fill_null(0)).abs().sum() == 0, name


def test_no_account_gives_no_row_and_an_unopened_one_neither() -> None:
    tables = partition().tables
    none = {name: rows.clear() for name, rows in tables.items()}
    assert features(none, terms(), THEN).shape == (0, 2 + len(CATALOGUE))
    assert features(tables, terms(), date(2001, 1, 1)).height == 0


def test_every_feature_says_what_it_is() -> None:
    catalogue = catalogue_frame()
    assert catalogue["name"].is_unique().all()
    assert catalogue.null_count().sum_horizontal().item() == 0
    assert (catalogue["meaning"].str.len_chars() > 5).all()
    assert set(features(partition().tables, terms(), THEN).columns[2:]) == set(catalogue["name"])
