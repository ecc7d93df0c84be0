"""What a run leaves in the evidence: what it decided by and nothing else, whole or not at all, and nobody who was erased."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dunwell.book import Book, BookInUse, StagedBook
from dunwell.cli.workspace import copy_template
from dunwell.nightly import run as nightly_run
from dunwell.nightly.keeping import erase_kept, kept_runs
from dunwell.nightly.replay import SHARED, CannotReplay, replay
from dunwell.nightly.run import RunResult, run_day
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import Settings, read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.inputs import Columns

AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def _without_the_page() -> Iterator[None]:
    """The report's charts take longer than the run, and nothing here looks at them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(nightly_run, "_write_report", told)
        yield


def told(result: RunResult, folder: Path, locale: str) -> None:
    (folder / "run.json").write_text(json.dumps(result.summary()), encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with priors, lots, few agents and learned values, run once."""
    folder = tmp_path_factory.mktemp("keeping") / "shop"
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    write_portfolio(folder / "tape", 1_000, 5, AS_OF, messy=True, stress=6.0)
    edit(
        folder,
        lambda text: re.sub(
            r'(by call"\n(?:.+\n)*?prior = { )share = "0", sd = "0.05"', r'\g<1>value = "60", sd = "20"', text
        ),
    )
    edit(
        folder,
        lambda text: text.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"').replace(
            'rate = "0"', 'rate = "0.2"'
        ),
    )
    edit(folder, lambda text: text.replace('per_day = "4200"', 'per_day = "100"'))
    save_values(folder, 1)
    run(folder)
    return folder


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Settings:
    """A copy of it, to change."""
    shutil.copytree(made, tmp_path / "shop")
    return read_settings(tmp_path / "shop")


def edit(folder: Path, change: Callable[[str], str]) -> None:
    file = folder / "policy" / "strategy.toml"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def save_values(folder: Path, days: int) -> None:
    """Learned values of no treatment; ``days`` makes them differ."""
    none = Columns(("past_due_days",), (("past_due_days", float(days), 1.0),), (), ())
    shelf.save(shelf.LearnedValues(none, {}, "CNY", {}), folder / "models" / shelf.FOLDER)


def run(
    folder: Path, now: datetime = NOW, as_of: date = AS_OF, watch: Callable[[str], None] = lambda what: None
) -> None:
    settings = read_settings(folder)
    run_day(
        settings,
        settings.tape_folder,
        as_of,
        known_at=None,
        now=now,
        watch=lambda what, done, total: watch(what),
    )


def decided(settings: Settings) -> pl.DataFrame:
    return pl.read_parquet(settings.book_folder / "decisions.parquet")


def one_called(settings: Settings) -> str:
    name: str = decided(settings).filter(pl.col("price") > 0)["decision_id"][0]
    return name


def test_a_policy_and_a_model_that_are_changed_while_a_run_goes_on_are_the_next_runs(shop: Settings) -> None:
    text = (shop.root / "policy" / "strategy.toml").read_bytes()
    model = shelf.load(shop.root / "models" / shelf.FOLDER).sha256

    def meanwhile(what: str) -> None:
        if what == "deciding the day":
            edit(shop.root, lambda text: text.replace('per_day = "100"', 'per_day = "9000"'))
            save_values(shop.root, 2)

    shutil.rmtree(shop.evidence_folder)
    run(shop.root, watch=meanwhile)
    (about,) = kept_runs(shop)
    kept = shop.evidence_folder / "policy" / about["policy_hash"] / "strategy.toml"
    assert kept.read_bytes() == text != (shop.root / "policy" / "strategy.toml").read_bytes()
    assert about["strategy"]["model"] == model != shelf.load(shop.root / "models" / shelf.FOLDER).sha256
    assert shelf.load(shop.evidence_folder / "models" / model / shelf.FOLDER).sha256 == model
    assert decided(shop)["models"].list.first().struct.field("hash").unique().to_list() == [model]
    assert replay(shop, one_called(shop)).is_for_certain


@pytest.mark.slow
def test_a_kept_policy_or_model_that_was_damaged_is_kept_anew(shop: Settings) -> None:
    decision = one_called(shop)
    for file in (
        *shop.evidence_folder.glob("policy/*/strategy.toml"),
        *shop.evidence_folder.glob("models/*/*/model.json"),
    ):
        file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(Exception, match=r"strategy.toml|was changed"):
        replay(shop, decision)
    run(shop.root, NOW + timedelta(hours=1))
    assert replay(shop, decision).is_for_certain


class Killed(BaseException):
    """The process ends here."""


STEPS = ("settling the accounts", "planning the contacts", "deciding the day", "writing the report")


@pytest.mark.parametrize(
    "where",
    [
        *(pytest.param(step, marks=pytest.mark.slow) for step in (*STEPS, "before the swap")),
        *("keeping", "in the swap", "after the swap"),
    ],
)
def test_a_run_that_is_killed_anywhere_and_made_again_leaves_the_same_bytes(
    where: str, shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, first = files(shop), kept_runs(shop)
    later = NOW + timedelta(days=1)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if where == "writing the report":
            patched.setattr(nightly_run, "_write_report", killed)
        elif where == "keeping":
            patched.setattr(os, "fsync", killed)
        elif where == "before the swap":
            patched.setattr(StagedBook, "commit", killed)
        elif where == "in the swap":
            rename = Path.rename
            patched.setattr(
                Path, "rename", lambda self, to: killed() if self.name == ".book.new" else rename(self, to)
            )
        elif where == "after the swap":
            patched.setattr(nightly_run, "finish_keeping", lambda settings: None)
            patched.setattr(nightly_run, "erase_kept", killed)
        with pytest.raises(Killed) if where != "after the swap" else pytest.MonkeyPatch.context():
            run(shop.root, later, watch=lambda what: killed() if what == where else None)
    if where == "after the swap":
        assert [about["run_id"] for about in kept_runs(shop)] == [
            first[0]["run_id"],
            "2026-11-23-20261124T200000Z",
        ]
    else:
        Book(shop.book_folder)
        assert kept_runs(shop) == first
        assert replay(shop, one_called(shop)).is_for_certain
    run(shop.root, later)
    again = files(shop)
    assert {name: again[name] for name in before if name.startswith("evidence")} == {
        name: data for name, data in before.items() if name.startswith("evidence")
    }
    for name in ("decisions", "worklist", "options", "positions", "capacities"):
        assert again[f"book/{name}.parquet"] == before[f"book/{name}.parquet"], name
    newest = kept_runs(shop)[-1]["run_id"]
    assert again[f"evidence/decisions/{newest}.parquet"] == before["book/decisions.parquet"]
    assert not [name for name in again if ".new" in name]


def files(settings: Settings) -> dict[str, bytes]:
    return {
        file.relative_to(settings.root).as_posix(): file.read_bytes()
        for folder in (settings.book_folder, settings.evidence_folder)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_two_runs_at_once_are_one_run_and_a_refusal(shop: Settings) -> None:
    refused = []

    def meanwhile(what: str) -> None:
        if what == "deciding the day":
            with pytest.raises(BookInUse, match=r"another run writes .*book at this moment. Wait") as error:
                run(shop.root, NOW + timedelta(hours=2))
            refused.append(error)

    run(shop.root, NOW + timedelta(hours=1), watch=meanwhile)
    assert len(refused) == 1
    assert [about["run_id"][-7:] for about in kept_runs(shop)] == ["200000Z", "210000Z"]
    run(shop.root, NOW + timedelta(hours=3))


def test_who_was_erased_is_gone_from_all_that_runs_kept_and_the_others_can_still_be_made_again(
    shop: Settings,
) -> None:
    decisions = decided(shop)
    gone = decisions.filter(pl.col("price") > 0)["customer_id"][0]
    others = decisions.filter(pl.col("customer_id") != gone)
    erase_kept(shop, [gone])
    assert not naming(shop.evidence_folder, [gone])
    (about,) = kept_runs(shop)
    assert about["erased"] == 1
    found = [replay(shop, name) for name in others["decision_id"][:20]]
    assert [one.differences for one in found if not one.is_same or one.erased_count != 1] == []
    moved = {name for one in found for name in one.beside_erased}
    assert moved, "a call was given back, so somebody else would have it"
    assert moved <= set(SHARED)
    with pytest.raises(CannotReplay, match="or the person was erased"):
        replay(shop, decisions.filter(pl.col("customer_id") == gone)["decision_id"][0])
    erase_kept(shop, [gone])
    assert kept_runs(shop) == [about]


def test_rows_that_were_lost_do_not_keep_who_was_erased(shop: Settings) -> None:
    (file,) = (shop.evidence_folder / "decisions").glob("*.json")
    named = json.loads(file.read_text(encoding="utf-8"))["lost"]["rows"]
    assert named, "the made tape has rows in quarantine"
    accounts = pl.concat(
        [pl.read_parquet(one) for one in shop.book_folder.glob("partition=*/accounts.parquet")]
    )
    owners = dict(accounts.select("account_id", "customer_id").iter_rows())
    gone = {row["customer_id"] or owners[row["account_id"]] for row in named}
    erase_kept(shop, gone)
    theirs = [*gone, *(name for name, owner in owners.items() if owner in gone)]
    assert not naming(shop.evidence_folder, theirs)
    assert not naming(shop.book_folder, theirs, "*.json")


def test_who_is_erased_while_a_run_goes_on_is_not_kept_by_it(shop: Settings) -> None:
    gone = {decided(shop)["customer_id"][3]}
    settings = shop
    run_day(
        settings,
        settings.tape_folder,
        AS_OF,
        known_at=None,
        now=NOW + timedelta(hours=1),
        forgotten=lambda customers: gone & set(customers),
    )
    assert not naming(shop.evidence_folder, gone)
    assert [about.get("erased") for about in kept_runs(shop)] == [1, 1]


def naming(folder: Path, names: set[str] | list[str], which: str = "*") -> list[Path]:
    """The files that name some of them."""
    found = []
    for file in folder.rglob(which):
        if file.suffix == ".parquet":
            text = pl.read_parquet(file).write_json()
        else:
            text = file.read_text(encoding="utf-8") if file.is_file() else ""
        if any(f'"{name}"' in text for name in names):
            found.append(file)
    return found
