"""dunwell train, score and forecast as people run them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.book import Book, StagedBook
from dunwell.cli import main
from dunwell.cli.workspace import copy_template
from dunwell.insight.scoring.promotion import champion
from dunwell.insight.settlement.chances import plan_chances
from dunwell.insight.training import known_at_end_of
from dunwell.ledger import positions
from dunwell.rehearsal import TERMS_FOLDER
from tests.commands import dunwell
from tests.insight.books import LAST_DAY, partition, terms
from tests.insight.people import groups, people
from tests.insight.test_call_load import TIMES, calls
from tests.insight.test_roll_rates import panel
from tests.insight.test_settlement_models import plans

IS_LONG = pl.col("term_months") > 12


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of past loans, a model made of it, and new loans."""
    folder = tmp_path_factory.mktemp("desk")
    frame, target = people()
    ids = pl.Series("loan_id", [f"L{k}" for k in range(frame.height)])
    frame.with_columns(ids, target.cast(pl.Int8), region_group=groups()).write_csv(folder / "loans.csv")
    people(seed=6)[0].with_columns(ids).write_parquet(folder / "new.parquet")
    dunwell(
        *(
            "train",
            "--table",
            "loans.csv",
            "--target",
            "is_bad",
            "--ignore",
            "loan_id",
            "--out",
            "models/loans",
        ),
        *("--groups", "region_group", "--special", "bureau=96,98"),
        at=folder,
    )
    return folder


def said_here(
    words: str, at: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int = 0
) -> str:
    """Run the command inside this process, for what need not start another; what it printed."""
    monkeypatch.chdir(at)
    monkeypatch.setattr(sys, "argv", ["dunwell", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    told = capsys.readouterr()
    return told.err if code else told.out


def shop_with_a_book(folder: Path) -> Path:
    """A workspace with a made portfolio in its book."""
    copy_template(folder)
    shutil.rmtree(folder / "policy" / "terms")
    shutil.copytree(TERMS_FOLDER, folder / "policy" / "terms")
    with StagedBook(folder / "book", 1, known_at_end_of(LAST_DAY)) as book:
        book.write(partition(1500))
        book.commit(LAST_DAY.isoformat())
    return folder


def test_a_trained_model_lies_beside_its_card(desk: Path) -> None:
    card = json.loads((desk / "models/loans/card.json").read_text())
    assert card["figures"]["auc"]["value"] > 0.7
    assert {one["group"] for one in card["groups"]} == {"a", "b"}
    assert not {"loan_id", "region_group", "is_bad"} & set(card["inputs"])
    assert (desk / "models/loans/card.html").read_text().startswith("<!doctype html>")


def test_new_rows_are_scored_with_reasons(desk: Path) -> None:
    said = dunwell(
        *("score", "--model", "models/loans", "--table", "new.parquet", "--keys", "loan_id"),
        *("--out", "scores.parquet", "--reasons", "2", "--language", "zh", "--json"),
        at=desk,
    )
    assert json.loads(said.stdout)["rows"] == 3000
    scores = pl.read_parquet(desk / "scores.parquet")
    assert scores.columns == ["loan_id", "probability", "points", "reasons"]
    assert "比平均少" in scores.sort("points")["reasons"][0][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "train --out m",
            "--outcome None is unknown. There are: stays-late, falls-30, pays, reached; or give --table",
        ),
        ("train --table loans.csv --out m", "--table needs --target"),
        ("train --table loans.csv --target paid --out m", "loans.csv has no column 'paid'"),
        ("train --table none.csv --target paid --out m", "none.csv does not exist"),
        (
            "train --table loans.csv --target is_bad --model magic --out m",
            "There are: scorecard, additive, boosted, breakage",
        ),
        ("train --table loans.csv --target is_bad --out m", "column 'loan_id' holds names"),
        ("train --outcome stays-late --model breakage --out m", "--model breakage needs --table"),
        (
            "train --table loans.csv --target is_bad --model breakage --out m",
            "'term_months' is missing",
        ),
        ("train --table loans.csv --target is_bad --special bureau --out m", "--special bureau=96,98"),
        ("score --model models/none --table new.parquet --out s.csv", "models/none is no model"),
        ("score --model models/loans --out s.csv", "was not made for a book"),
        (
            "score --model models/loans --table loans.csv --keys who --out s.csv",
            "key column 'who' is missing",
        ),
        ("forecast", "is no workspace"),
        ("forecast --calls loans.csv", "loans.csv has no column 'at'"),
        ("forecast --panel new.parquet", "--panel needs --states"),
        ("forecast --panel new.parquet --states a,b --late b", "has no column 'account_id'"),
    ],
)
def test_mistakes_are_told_with_the_mend(
    desk: Path, words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in said_here(words, desk, monkeypatch, capsys, code=1)
    assert not (desk / "m").exists()


def test_a_forecast_of_a_panel(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    panel(400).write_csv(desk / "panel.csv")
    words = "forecast --panel panel.csv --states ok,30,60 --late 30,60 --horizons 1,6"
    told = json.loads(said_here(f"{words} --json", desk, monkeypatch, capsys))
    assert [row["months"] for row in told["forecast"]] == [1, 6]
    assert all(row["low"] < row["expected"] < row["high"] for row in told["forecast"])
    assert "6 months on" in said_here(words, desk, monkeypatch, capsys)


def test_plans_that_ended_tell_the_chance_of_those_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "dunwell.toml").write_text("", encoding="utf-8")
    frame, is_broken = plans()
    frame.with_columns(is_broken.cast(pl.Int8)).write_csv(tmp_path / "plans.csv")
    train = "train --table plans.csv --target is_broken --model breakage --out models/plans"
    assert "up to which day" in said_here(train, tmp_path, monkeypatch, capsys, code=1)
    said = said_here(f"{train} --as-of 2026-11-30", tmp_path, monkeypatch, capsys)
    assert "over 18 months, " in said and "foretold" in said
    frame.drop("agreed_on").head(50).write_csv(tmp_path / "offers.csv")
    score = "score --model models/plans --table offers.csv --keys term_months --out told.csv --reasons 1"
    said_here(score, tmp_path, monkeypatch, capsys)
    told = pl.read_csv(tmp_path / "told.csv")
    long, short = (told.filter(part)["probability"].mean() for part in (IS_LONG, ~IS_LONG))
    assert isinstance(long, float) and isinstance(short, float) and long > short + 0.1
    assert plan_chances(tmp_path / "models") is None
    promote = "insight promote models/plans --unmeasured-because the-table-has-no-ages"
    assert "beside every plan" in said_here(promote, tmp_path, monkeypatch, capsys)
    chances = plan_chances(tmp_path / "models")
    assert chances is not None
    sooner, source = chances(3, 30_000, 60_000, 10_000)
    later, _ = chances(20, 200_000, 400_000, 10_000)
    assert sooner is not None and later is not None and sooner > later + 0.1
    assert "foretold by plans" in source and "AUC" in source
    assert chances(40, 30_000, 60_000, 0) == (None, "no agreements of 40 months were learned from")
    assert champion(tmp_path / "models") is None


def test_a_model_of_plans_that_rests_on_what_the_desk_does_not_know_is_not_put_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dunwell.toml").write_text("", encoding="utf-8")
    frame, is_broken = plans()
    frame.drop("agreed_on").with_columns(
        is_broken.cast(pl.Int8), int_rate=pl.col("term_months") * 1.5
    ).write_csv(tmp_path / "plans.csv")
    train = "train --table plans.csv --target is_broken --model breakage --out models/plans"
    said_here(train, tmp_path, monkeypatch, capsys)
    said = said_here(
        "insight promote models/plans --unmeasured-because x", tmp_path, monkeypatch, capsys, code=1
    )
    assert "rests on 'int_rate'" in said and "--ignore int_rate" in said


def test_a_book_is_learned_from_scored_and_forecast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = shop_with_a_book(tmp_path / "shop")
    said_here("train --outcome stays-late --origins 18 --out models/late", shop, monkeypatch, capsys)
    said_here("score --model models/late --out scores.csv --reasons 1", shop, monkeypatch, capsys)
    scores = pl.read_csv(shop / "scores.csv")
    tables = Book(shop / "book").partition(0).tables
    owed = positions(tables, terms(), LAST_DAY, known_at_end_of(LAST_DAY)).frame
    late = owed.filter(pl.col("past_due_days") > 0)
    assert set(scores["account_id"]) == set(late["account_id"])
    assert scores["probability"].is_between(0, 1).all()
    told = json.loads(said_here("forecast --json", shop, monkeypatch, capsys))
    assert told["last_month"] == "2026-10-31"
    assert told["late_now"] > 0


def test_the_losses_of_a_book_and_what_its_people_can_pay_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = shop_with_a_book(tmp_path / "shop")
    words = "forecast --losses --lost-share 0.5 --out losses.parquet"
    told = json.loads(said_here(f"{words} --json", shop, monkeypatch, capsys))
    losses = pl.read_parquet(shop / "losses.parquet")
    allowance = sum(row["allowance_minor"] for row in told["stages"])
    assert allowance == pytest.approx(losses["allowance_minor"].sum()) and allowance > 0
    in_default = [row["coverage"] for row in told["stages"] if row["stage"] == 3]
    assert in_default and in_default == pytest.approx([0.5] * len(in_default), abs=1e-4)
    worse = json.loads(said_here(f"{words} --scenario bad=1:3 --json", shop, monkeypatch, capsys))
    assert sum(row["allowance_minor"] for row in worse["stages"]) > allowance
    assert "is not understood" in said_here(f"{words} --scenario bad", shop, monkeypatch, capsys, code=1)
    said = said_here("forecast --scenario bad=1:3 --horizons 3", shop, monkeypatch, capsys)
    assert "      bad: " in said

    said_here("insight affordability --out afford.parquet", shop, monkeypatch, capsys)
    people_told = pl.read_parquet(shop / "afford.parquet")
    known = people_told.filter(pl.col("likely_minor").is_not_null())
    assert known.height and (known["low_minor"] <= known["likely_minor"]).all()
    assert "was paid over 6 months" in known["because"][0]


def test_a_table_of_debts_teaches_what_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(2)
    age, size = draw.integers(1, 60, 1200), draw.gamma(2, 400, 1200).round()
    comes = draw.random(1200) < np.where(age < 24, 0.6, 0.2)
    share = np.where(comes, draw.beta(2, 5, 1200), 0).round(4)
    debts = pl.DataFrame({"debt": range(1200), "months_old": age, "exposure": size, "recovered_share": share})
    debts.write_csv(tmp_path / "debts.csv")
    train = "train --table debts.csv --target recovered_share --ignore debt --model loss --out models/losses"
    told = json.loads(said_here(f"{train} --json", tmp_path, monkeypatch, capsys))
    assert told["loss_foretold"] == pytest.approx(told["loss_came"], abs=0.03)
    assert "nearly unpredictable" in told["told"]
    assert "any recovery" in (tmp_path / "models/losses/card.md").read_text()
    said = said_here(
        "score --model models/losses --table debts.csv --keys debt --out lost.csv",
        tmp_path,
        monkeypatch,
        capsys,
    )
    assert "1,200 debts foretold, mean loss" in said
    lost = pl.read_csv(tmp_path / "lost.csv")
    young = lost.filter(pl.Series(age < 24))["loss_share"].to_numpy()
    assert young.mean() < lost["loss_share"].to_numpy().mean()
    assert "needs --table" in said_here(
        "train --model loss --out models/x", tmp_path, monkeypatch, capsys, code=1
    )
    wrong = "train --table debts.csv --target gone --model loss --out models/x"
    assert "no column 'gone'" in said_here(wrong, tmp_path, monkeypatch, capsys, code=1)


@pytest.mark.slow
def test_when_a_book_pays_and_can_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = shop_with_a_book(tmp_path / "shop")
    said = said_here("train --outcome pays --origins 12 --out models/pays", shop, monkeypatch, capsys)
    assert "cure: measured on" in said and "partial: measured on" in said
    assert "cure in the stretch of days" in (shop / "models/pays/card-cure.md").read_text()
    assert any(
        "age" in one["group"]
        for one in json.loads((shop / "models/pays/card-cure.json").read_text())["groups"]
    )
    words = "score --model models/pays --out pays.csv --psi-max 9"
    told = json.loads(said_here(f"{words} --json", shop, monkeypatch, capsys))
    paid = pl.read_csv(shop / "pays.csv")
    assert told["rows"] == paid.height == paid["account_id"].n_unique() > 0
    assert (paid["pays_within_7"] <= paid["pays_within_30"]).all()
    assert (paid["pays_within_30"] <= paid["pays_within_90"]).all()
    assert set(told["cash"]) == set(paid["currency"])
    assert "within 90 days" in said_here(words, shop, monkeypatch, capsys)

    said_here("train --outcome reached --out models/reached", shop, monkeypatch, capsys)
    reached = json.loads((shop / "models/reached/card-reached.json").read_text())
    assert any("language" in one["group"] for one in reached["groups"])
    said_here("score --model models/reached --out best.csv --psi-max 9", shop, monkeypatch, capsys)
    best = pl.read_csv(shop / "best.csv")
    assert set(best["customer_id"]) <= set(paid["customer_id"])
    assert best["place"].is_between(1, 3).all() and best["hour"].is_between(8, 20).all()
    assert (best["chance_within_3"] >= best["chance"]).all() and (best["chance_within_3"] < 1).all()


def test_a_forecast_of_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls().write_csv(tmp_path / "calls.csv")
    last = calls()["at"].dt.date().to_list()[-1]
    words = "forecast --calls calls.csv --days 3"
    told = json.loads(said_here(f"{words} --json", tmp_path, monkeypatch, capsys))
    assert told["learned_until"] == last.isoformat()
    assert len(told["forecast"]) == 3 * len(TIMES)
    assert said_here(words, tmp_path, monkeypatch, capsys).count("calls; most at") == 3
    said_here("insight card calls --calls calls.csv --out card", tmp_path, monkeypatch, capsys)
    assert "same weekday before" in (tmp_path / "card/card.md").read_text()


@pytest.mark.slow
def test_without_the_extra_the_mend_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None; sys.modules['scipy'] = None; "
        "from dunwell.cli import main; main()"
    )
    (tmp_path / "t.csv").write_text("a,b\n1,0\n")
    for words in ("train --table t.csv --target b --out m", "forecast"):
        ran = subprocess.run(
            [sys.executable, "-c", code, *words.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1
        assert "pip install 'dunwell[insight]'" in ran.stderr
        assert "Traceback" not in ran.stderr
