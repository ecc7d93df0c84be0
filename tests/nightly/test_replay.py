"""A decision is made again from what was known then, under the policy of then, whatever has happened since."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dunwell.cli.workspace import copy_template
from dunwell.nightly.decisions import DECISION_SCHEMA, NO_TREATMENT, inputs_digests
from dunwell.nightly.replay import CannotReplay, replay
from dunwell.nightly.run import run_day
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import Settings, read_settings

AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after its first run."""
    folder = tmp_path_factory.mktemp("replay") / "shop"
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    write_portfolio(folder / "tape", 1_500, 5, AS_OF, messy=True, stress=6.0)
    run(folder, NOW)
    return folder


def run(folder: Path, now: datetime) -> None:
    settings = read_settings(folder)
    run_day(settings, settings.tape_folder, AS_OF, known_at=None, now=now)


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Settings:
    """A copy of it, to change."""
    shutil.copytree(made, tmp_path / "shop")
    return read_settings(tmp_path / "shop")


def kept(settings: Settings) -> pl.DataFrame:
    return pl.read_parquet(settings.book_folder / "decisions.parquet")


def some(settings: Settings) -> list[str]:
    """A few of each kind of decision."""
    decided = kept(settings)
    held = decided.filter(pl.col("treatment") == NO_TREATMENT)["decision_id"][:3]
    return [*held, *decided.filter(pl.col("treatment") != NO_TREATMENT)["decision_id"][:3]]


def test_the_decisions_have_the_columns_of_the_format_and_one_row_a_customer(shop: Settings) -> None:
    decided = kept(shop)
    assert dict(decided.schema) == dict(DECISION_SCHEMA)
    work = pl.read_parquet(shop.book_folder / "worklist.parquet")
    assert decided["customer_id"].to_list() == work["customer_id"].to_list()
    assert decided["decision_id"].n_unique() == decided.height
    held = decided.filter(pl.col("treatment") == NO_TREATMENT)
    assert held.height == work["is_held_back"].sum() > 0
    assert (held["blocked"].list.len() >= 1).all() and held["channel"].is_null().all()
    assert (held["blocked"].list.first().struct.field("rules").list.len() > 0).all()
    assert decided["inputs_hash"].str.len_chars().eq(64).all()


def test_every_decision_is_the_same_when_it_is_made_again(shop: Settings) -> None:
    for decision in some(shop):
        found = replay(shop, decision)
        assert found.is_same, found.differences


def test_what_was_learned_later_changes_nothing(shop: Settings) -> None:
    """A payment back-dated to before the day, recorded after the run, is in the book and not in the decision."""
    decisions = some(shop)
    accounts = kept(shop).filter(pl.col("decision_id").is_in(decisions))["account_id"].to_list()
    file = shop.tape_folder / "payments.parquet"
    payments = pl.read_parquet(file)
    later = pl.DataFrame(
        [
            {
                "payment_id": f"late-{name}",
                "account_id": name,
                "paid_on": AS_OF - timedelta(days=9),
                "amount": "1.00",
            }
            for name in accounts
        ]
    ).select(
        pl.col(name).cast(payments.schema[name]) for name in ("payment_id", "account_id", "paid_on", "amount")
    )
    pl.concat([payments, later], how="diagonal").write_parquet(file)
    run(shop.root, NOW + timedelta(days=1))
    for decision in decisions:
        # the second run made the same decision under the same id; the first one's record is asked for
        found = replay_first(shop, decision)
        assert found, decision


def replay_first(settings: Settings, decision: str) -> bool:
    """Replay against the first run's record only."""
    folder = settings.evidence_folder / "decisions"
    newest = sorted(folder.glob("*.parquet"))[-1]
    aside = newest.rename(newest.with_suffix(".aside"))
    try:
        return replay(settings, decision).is_same
    finally:
        aside.rename(newest)


def test_a_policy_changed_since_changes_nothing(shop: Settings) -> None:
    decisions = some(shop)
    for file in (shop.root / "policy" / "terms").glob("*.toml"):
        file.write_text(
            file.read_text(encoding="utf-8").replace("grace_days = ", "grace_days = 1"), encoding="utf-8"
        )
    assert all(replay(shop, decision).is_same for decision in decisions)


def _forge(change: Callable[[pl.DataFrame], pl.DataFrame], settings: Settings) -> None:
    (file,) = (settings.evidence_folder / "decisions").glob("*.parquet")
    change(pl.read_parquet(file)).write_parquet(file)


def test_a_record_that_was_changed_is_found(shop: Settings) -> None:
    decision = some(shop)[-1]
    _forge(lambda rows: rows.with_columns(pl.col("scheduled_at") + pl.duration(minutes=1)), shop)
    found = replay(shop, decision)
    assert found.differences == ("scheduled_at",)


def test_inputs_that_were_changed_are_found(shop: Settings) -> None:
    decision = some(shop)[-1]
    customer = replay(shop, decision).kept["customer_id"]
    (file,) = shop.book_folder.glob("partition=*/customers.parquet")
    rows = pl.read_parquet(file)
    is_theirs = pl.col("customer_id") == customer
    rows.with_columns(
        pl.when(is_theirs).then(pl.lit("Someone Else")).otherwise("name").alias("name")
    ).write_parquet(file)
    assert replay(shop, decision).differences == ("inputs_hash",)


def test_what_cannot_be_made_again_says_why(shop: Settings) -> None:
    decision = some(shop)[0]
    with pytest.raises(CannotReplay, match="no run decided 'D0'"):
        replay(shop, "D0")
    (policy,) = (shop.evidence_folder / "policy").iterdir()
    (policy / "law.toml").write_text("", encoding="utf-8")
    with pytest.raises(CannotReplay, match="was changed"):
        replay(shop, decision)
    shutil.rmtree(policy)
    with pytest.raises(CannotReplay, match="Restore it from your copy"):
        replay(shop, decision)


def test_a_promise_for_one_debt_is_told_as_before_there_were_others_and_one_for_several_is_not() -> None:
    """Else no decision about somebody with a promise could be made again as it was kept."""
    tables = {"accounts": pl.DataFrame({"account_id": ["A1", "A2"], "customer_id": ["C1", "C1"]})}
    owed = pl.DataFrame({"account_id": ["A1"], "customer_id": ["C1"]})
    before = pl.DataFrame({"promise_id": ["P1"], "account_id": ["A1"], "customer_id": ["C1"]})

    def digest(promises: pl.DataFrame) -> str:
        told = inputs_digests(tables, owed, promises, pl.Series(["C1"]), None)
        return str(told["inputs_hash"].item())

    alone, both = (before.with_columns(account_ids=pl.Series([ids])) for ids in (["A1"], ["A1", "A2"]))
    assert digest(alone) == digest(before)
    assert digest(both) != digest(before)
