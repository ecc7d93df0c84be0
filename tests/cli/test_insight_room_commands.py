"""dunwell insight as people run it: drivers, behaviour, promote and monitor."""

import json
from pathlib import Path

import polars as pl
import pytest

from dunwell.cli import main
from tests.cli.test_insight_commands import said_here, shop_with_a_book
from tests.insight.test_drivers import accounts


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shop_with_a_book(tmp_path_factory.mktemp("room") / "shop")
    frame, late = accounts()
    frame.with_columns(
        late.cast(pl.Int8).alias("late"), (pl.int_range(pl.len()) % 3).alias("month")
    ).write_csv(folder / "loans.csv")
    return folder


def test_drivers_of_the_book_lie_in_a_page_and_frames(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(
        said_here(
            "insight drivers --outcome unrecovered --horizon 60 --chance 3 --json", shop, monkeypatch, capsys
        )
    )
    assert told["found"] == sum(row["is_found"] for row in told["subgroups"])
    assert told["chance"]["low"] <= told["chance"]["share"] <= told["chance"]["high"]
    assert {file.name for file in (shop / "drivers").iterdir()} == {
        "drivers.html",
        *(
            f"{name}.parquet"
            for name in ("subgroups", "tree", "follows", "variants", "stalls", "repeats", "cohorts")
        ),
    }
    assert pl.read_parquet(shop / "drivers/subgroups.parquet").height == told["tested"]


def test_drivers_of_a_table(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = said_here(
        "insight drivers --table loans.csv --target late --period month --risk months=-1 --out why --language zh",
        shop,
        monkeypatch,
        capsys,
    )
    assert "product为card" in said and "as one tree: " in said
    assert 'lang="zh-Hans"' in (shop / "why/drivers.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("insight drivers --outcome wealth", "There are: stays-late, falls-30, unrecovered"),
        ("insight drivers --target late", "--target needs --table"),
        ("insight drivers --table loans.csv", "--table needs --target"),
        ("insight drivers --table loans.csv --target late --person who", "loans.csv has no column 'who'"),
        ("insight drivers --adjust none", "There are: bh, by"),
        ("insight drivers --table loans.csv --target late --risk months=up", "--risk days=1"),
        ("insight drivers --language fr", "There are: en, zh"),
    ],
)
def test_mistakes_are_told_with_the_mend(
    shop: Path, words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in said_here(words, shop, monkeypatch, capsys, code=1)


def test_behaviour_says_whom_people_look_after(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "to people first:" in said_here("insight behaviour --out b.parquet", shop, monkeypatch, capsys)
    told = json.loads(said_here("insight behaviour --json", shop, monkeypatch, capsys))
    counts = dict(pl.read_parquet(shop / "b.parquet").group_by("pattern").len().iter_rows())
    assert {row["pattern"]: row["customers"] for row in told["patterns"] if row["customers"]} == counts


def test_a_model_is_promoted_and_watched(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said_here("train --outcome stays-late --origins 18 --out models/late", shop, monkeypatch, capsys)
    assert "no model is in use" in said_here("insight monitor", shop, monkeypatch, capsys, code=1)
    assert "models/late is in use" in said_here("insight promote models/late", shop, monkeypatch, capsys)
    seen = json.loads(said_here("insight monitor --challenger models/late --json", shop, monkeypatch, capsys))
    assert seen["measured_rows"] > 30
    assert seen["comparison"]["verdict"] == "no difference"
    assert seen["alerts"] == []


def test_an_alert_tells_by_the_exit_code(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said_here(
        "train --table loans.csv --target late --ignore month --model boosted --out models/loans",
        shop,
        monkeypatch,
        capsys,
    )
    frame, late = accounts(seed=9)
    later = frame.with_columns(late.cast(pl.Int8).alias("late"), months=pl.col("months") + 12)
    later.write_parquet(shop / "later.parquet")
    monkeypatch.chdir(shop)
    words = "insight monitor --model models/loans --table later.parquet --target late"
    monkeypatch.setattr("sys.argv", ["dunwell", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "alert: months is no longer distributed" in capsys.readouterr().out


def test_a_model_that_was_not_measured_needs_a_reason_and_one_that_fails_gets_none(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "insight promote models/loans"
    assert "fairness was not measured" in said_here(words, shop, monkeypatch, capsys, code=1)
    monkeypatch.setattr("sys.argv", ["dunwell", *words.split(), "--unmeasured-because", "no ages are known"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    told = json.loads((shop / "models/champion.json").read_text())
    assert told["unmeasured_because"] == "no ages are known"


@pytest.mark.parametrize(
    ("what", "figure"),
    [
        ("forecast", "bias_of_the_late_12_months_on"),
        ("losses", "defaults_foretold_over_came"),
        ("affordability", "paid_less_than_low_(0.10_would_be_right)"),
    ],
)
def test_a_forecast_of_the_book_writes_its_card(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str, figure: str
) -> None:
    said_here(f"insight card {what} --out cards/{what}", shop, monkeypatch, capsys)
    card = json.loads((shop / f"cards/{what}/card.json").read_text())
    assert figure in card["figures"] and card["limits"] and card["window"]
    told = {group["group"] for group in card["groups"]} | set(card["figures"])
    assert any("age" in one for one in told) and any("language" in one for one in told)
    assert (shop / f"cards/{what}/card.html").read_text().startswith("<!doctype html>")


def test_a_card_that_is_not_known_or_has_no_calls_says_so(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        ("weather", "There are: forecast, losses, affordability, calls"),
        ("calls", "--calls"),
    ):
        assert said in said_here(f"insight card {words} --out c", shop, monkeypatch, capsys, code=1)
