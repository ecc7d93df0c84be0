"""A day decided with the strategy's text: what the ladder would do while nothing is known, what is worth most once it is, and
never what the law forbids; each decision made again bit for bit.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from dunwell.cli.workspace import copy_template
from dunwell.insight.problems import ModelDamaged
from dunwell.nightly.capacities import CAPACITY_SCHEMA
from dunwell.nightly.chosen import OPTION_SCHEMA
from dunwell.nightly.decisions import DECISION_SCHEMA
from dunwell.nightly.learning import learn_values
from dunwell.nightly.replay import CannotReplay, replay
from dunwell.nightly.report.decided import decided_section
from dunwell.nightly.report.language import read_language
from dunwell.nightly.run import RunResult, run_day
from dunwell.nightly.summary import summary_text
from dunwell.policy import PolicyError
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import Settings, read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.blips import Blips
from dunwell.strategy.over_waiting import EFFECTS, OverWaiting
from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.rates import read_rates
from dunwell.strategy.text import read_strategy
from dunwell.strategy.turning import Change
from tests.nightly.page_reader import PageReader

AS_OF = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
PRIORS = {"by call": 60, "by sms": 12, "by email": 5, "by letter": 40}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as it is made, with a tape, not run yet."""
    folder = tmp_path_factory.mktemp("strategy") / "shop"
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    write_portfolio(folder / "tape", 1_500, 5, AS_OF, messy=True, stress=6.0)
    return folder


def run(folder: Path, as_of: date = AS_OF, now: datetime = NOW) -> RunResult:
    settings = read_settings(folder)
    return run_day(settings, settings.tape_folder, as_of, known_at=None, now=now)


def rewrite(folder: Path, change: Callable[[str], str]) -> None:
    file = folder / "policy" / "strategy.toml"
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def valued(text: str, minutes: int = 200) -> str:
    """The text with priors, lots and few agents."""
    for ending, worth in PRIORS.items():
        text = re.sub(
            rf'(name = "[a-z ]*{ending}"\n(?:.+\n)*?prior = {{ )share = "0", sd = "0.05"',
            rf'\g<1>value = "{worth}", sd = "20"',
            text,
        )
    text = text.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"').replace(
        'rate = "0"', 'rate = "0.2"'
    )
    text = text.replace('# spend = "0.05"', 'spend = "0.1"')
    return text.replace('per_day = "4200"', f'per_day = "{minutes}"')


@pytest.fixture(scope="module")
def decided(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RunResult]:
    """The workspace with values, lots and few agents: run on two days, then values learned, and the last day run
    again with them.
    """
    folder = tmp_path_factory.mktemp("valued") / "shop"
    shutil.copytree(plain, folder)
    rewrite(folder, valued)
    run(folder, AS_OF - timedelta(days=40))
    run(folder, now=NOW + timedelta(days=3))
    settings = read_settings(folder)
    strategy = read_strategy(folder / "policy" / "strategy.toml")
    (folder / "policy" / "rates.toml").write_text(
        'key = "rates"\ntitle = "Rates"\nfrom = 2020-01-01\ncitation = "the bank"\nsource_quality = "text"\n'
        'currency = "CNY"\n[[rate]]\ncurrency = "USD"\nworth = "7.10"\n',
        encoding="utf-8",
    )
    rates = read_rates(folder / "policy" / "rates.toml", "CNY", AS_OF)
    shelf.save(learn_values(settings, strategy, rates, 30).learned, folder / "models" / shelf.FOLDER)
    return settings, run(folder, now=NOW + timedelta(days=4))


def book(settings: Settings, name: str) -> pl.DataFrame:
    return pl.read_parquet(settings.book_folder / f"{name}.parquet")


def test_while_nothing_is_known_the_day_is_the_ladders(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "strategy")
    shutil.copytree(plain, tmp_path / "ladder")
    (tmp_path / "ladder" / "policy" / "strategy.toml").unlink()
    ours, ladder = run(tmp_path / "strategy"), run(tmp_path / "ladder")
    places = [read_settings(tmp_path / name) for name in ("strategy", "ladder")]
    work = [book(place, "worklist") for place in places]
    assert work[0].filter(~pl.col("is_held_back")).height > 50
    assert work[0].equals(work[1])
    same = ["customer_id", "account_id", "treatment", "channel", "scheduled_at", "segment", "probability"]
    assert book(places[0], "decisions").select(same).equals(book(places[1], "decisions").select(same))
    assert (ours.work.planned_count, ladder.decided) == (ladder.work.planned_count, None)
    assert ours.decided is not None
    assert ours.decided.basis == "text-order"
    assert not (places[1].book_folder / "options.parquet").exists()
    assert not (places[0].book_folder / ".offers").exists()


def test_the_frames_say_what_was_open_what_was_ruled_out_and_what_it_is_worth(
    decided: tuple[Settings, RunResult],
) -> None:
    settings, _ = decided
    options, decisions, capacities = (book(settings, name) for name in ("options", "decisions", "capacities"))
    assert dict(options.schema) == dict(OPTION_SCHEMA)
    assert dict(capacities.schema) == dict(CAPACITY_SCHEMA)
    assert dict(decisions.schema) == dict(DECISION_SCHEMA)
    chosen = options.filter("is_chosen")
    assert chosen["customer_id"].to_list() == decisions["customer_id"].to_list()
    assert chosen["treatment"].to_list() == decisions["treatment"].to_list()
    assert (chosen["value"] - chosen["cost"]).to_list() == decisions["value"].to_list()
    assert chosen["price"].to_list() == decisions["price"].to_list()
    assert (options["net"] == options["value"] - options["cost"] - options["price"]).all()
    assert (
        options.group_by("customer_id").agg((pl.col("treatment") == "none").sum())["treatment"] == 1
    ).all()
    shut = options.filter(pl.col("blocked_by").list.len() > 0).select("customer_id", "treatment")
    told = (
        decisions.select("customer_id", pl.col("blocked")).explode("blocked").drop_nulls().unnest("blocked")
    )
    assert shut.sort(pl.all()).equals(told.select("customer_id", "treatment").sort(pl.all()))
    assert decisions["models"].list.first().struct.field("name").unique().to_list() == ["values"]
    assert set(decisions["segment"]) >= {"negotiation", "reminder"}
    agents = capacities.row(by_predicate=pl.col("name") == "collectors", named=True)
    assert 0 < agents["used"] <= agents["per_day"] == Decimal("200.0000")
    assert agents["price"] > 0
    hour = f"one more agent hour (collections) today is worth about {60 * agents['price']:,.0f}"
    assert agents["told_en"].startswith(f"collectors: {hour}"[:60])


def test_what_the_law_forbids_is_never_chosen_whatever_it_is_worth(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(plain, folder)
    rewrite(folder, lambda text: valued(text, 10**6).replace('value = "60"', 'value = "1000000"'))
    run(folder)
    settings = read_settings(folder)
    options, work = book(settings, "options"), book(settings, "worklist")
    shut = options.filter(pl.col("blocked_by").list.len() > 0)
    assert shut.filter(pl.col("value") > 900_000).height > 5
    assert not shut["is_chosen"].any()
    calls = options.filter((pl.col("channel") == "call") & (pl.col("blocked_by").list.len() == 0))
    assert calls["is_chosen"].mean() > 0.5  # type: ignore[operator]
    assert work.filter(~pl.col("is_held_back"))["at"].null_count() == 0
    law = work.filter(
        pl.col("reasons")
        .list.eval(~pl.element().struct.field("rule").str.starts_with("strategy."))
        .list.any()
    )
    assert law["is_held_back"].all()
    is_house = pl.col("blocked_by").list.eval(pl.element().str.starts_with("house-floor.")).list.any()
    protected = set(shut.filter(is_house)["customer_id"])
    assert protected
    assert not protected & set(work.filter(~pl.col("is_held_back"))["customer_id"])


def test_a_day_with_lots_prices_and_learned_values_is_made_again_bit_for_bit(
    decided: tuple[Settings, RunResult],
) -> None:
    settings, _ = decided
    decisions = book(settings, "decisions")
    kinds = [
        pl.col("arm") == "hold-out",
        pl.col("price") > 0,
        (pl.col("probability") < 0.1) & (pl.col("treatment") != "none"),
        pl.col("blocked").list.len() > 0,
    ]
    for kind in kinds:
        found = replay(settings, decisions.filter(kind)["decision_id"][0])
        assert found.is_same, found.differences


def test_a_market_that_was_changed_is_found_and_one_that_is_gone_is_told(
    decided: tuple[Settings, RunResult], tmp_path: Path
) -> None:
    shutil.copytree(decided[0].root, tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    file = sorted((settings.evidence_folder / "markets").glob("*.parquet"))[-1]
    rows = pl.read_parquet(file)
    called = book(settings, "decisions").filter(pl.col("price") > 0)
    dear = [name for name in rows.columns if name.startswith("value of ") and "call" in name]
    rows.with_columns(pl.col(name) * 50 for name in dear).write_parquet(file)
    assert "price" in replay(settings, called["decision_id"][0]).differences
    shutil.rmtree(settings.evidence_folder / "models")
    with pytest.raises(CannotReplay, match="missing or was changed"):
        replay(settings, called["decision_id"][0])


def test_the_run_starts_from_the_day_befores_prices_and_keeps_them(
    decided: tuple[Settings, RunResult],
) -> None:
    settings, _ = decided
    kept = [
        json.loads(file.read_text(encoding="utf-8"))
        for file in sorted((settings.evidence_folder / "decisions").glob("*.json"))
    ]
    days: dict[str, Any] = {about["run_id"]: about["strategy"] for about in kept}
    first, again, last = days
    assert days[first]["earlier"] is None
    assert days[first]["prices"]["collectors"] > 0
    for run_id in (again, last):  # the last day was run twice, and started from the same prices
        assert days[run_id]["earlier"] == {"run_id": first, "prices": days[first]["prices"]}
    assert days[last]["gap"] < 0.02


def test_a_log_that_cannot_teach_says_why(decided: tuple[Settings, RunResult], tmp_path: Path) -> None:
    shutil.copytree(decided[0].root, tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    strategy = read_strategy(settings.root / "policy" / "strategy.toml")
    with pytest.raises(CannotEvaluate, match="no decision's window of 500 days had closed by 2026-11-23"):
        learn_values(settings, strategy, {"CNY": 1.0}, 500)
    for file in (settings.evidence_folder / "decisions").glob("*.parquet"):
        rows = pl.read_parquet(file)
        rows.filter(pl.col("treatment") != "none").write_parquet(file)
    with pytest.raises(CannotEvaluate, match="nobody was left in peace by lot"):
        learn_values(settings, strategy, {"CNY": 1.0}, 30)
    for file in (settings.evidence_folder / "decisions").glob("*.parquet"):
        pl.read_parquet(file).with_columns(pl.lit(1.0).alias("probability")).write_parquet(file)
    with pytest.raises(CannotEvaluate, match=r"every decision was certain.*\[hold_out\] share"):
        learn_values(settings, strategy, {"CNY": 1.0}, 30)
    shutil.rmtree(settings.evidence_folder / "decisions")
    with pytest.raises(CannotEvaluate, match="no run has decided with the strategy"):
        learn_values(settings, strategy, {"CNY": 1.0}, 30)


def test_few_decisions_leave_the_priors_where_they_are(decided: tuple[Settings, RunResult]) -> None:
    settings, result = decided
    assert result.decided is not None
    assert result.decided.basis == "learned"
    model = shelf.load(settings.root / "models" / shelf.FOLDER)
    assert model.card["decisions"] > 40
    assert model.card["left_out_no_rate"] > 0
    for one in model.card["treatments"]:
        prior = next(worth for ending, worth in PRIORS.items() if one["treatment"].endswith(ending))
        assert abs(one["value"] - prior) < 20
        assert 0 < one["value_sd"] <= 20.01


def test_money_of_other_currencies_counts_only_through_a_rate(tmp_path: Path) -> None:
    head = 'key = "rates"\ntitle = "R"\nfrom = 2020-01-01\ncitation = "bank"\nsource_quality = "text"\ncurrency = "CNY"\n'
    file = tmp_path / "rates.toml"
    assert read_rates(file, "CNY", AS_OF) == {"CNY": 1.0}
    file.write_text(head + '[[rate]]\ncurrency = "USD"\nworth = "7.1"\n', encoding="utf-8")
    assert read_rates(file, "CNY", AS_OF) == {"CNY": 1.0, "USD": 7.1}
    for line, problem in (
        ('[[rate]]\ncurrency = "USD"\nworth = "-1"', r"rate\[1\].worth: is no number above 0"),
        ('[[rate]]\ncurrency = "DOL"\nworth = "1"', r"rate\[1\].currency: 'DOL' is not known"),
        ('[[rate]]\ncurrency = "CNY"\nworth = "1"', r"CNY has another rate"),
    ):
        file.write_text(f"{head}{line}\n", encoding="utf-8")
        with pytest.raises(PolicyError, match=problem):
            read_rates(file, "CNY", AS_OF)
    with pytest.raises(PolicyError, match="the strategy's is 'USD'"):
        read_rates(file, "USD", AS_OF)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_and_the_summary_tell_what_was_decided(
    decided: tuple[Settings, RunResult], language: str
) -> None:
    settings, result = decided
    told = result.decided
    assert told is not None
    section = decided_section(told, read_language(language))
    (treatments, capacities) = section.tables
    assert len(treatments.rows) == told.treatments.height > 5
    assert [row[0] for row in capacities.rows] == told.capacities[f"told_{language}"].to_list()
    assert f"{told.explored_count:,}" in section.lead[1]
    if language == "en":
        out = StringIO()
        console = Console(file=out, width=200)
        console.print(
            summary_text(
                result.figures,
                result.quarantine,
                result.facts,
                result.bucket_order,
                result.work,
                decided=told,
            )
        )
        text = out.getvalue()
        assert "What was decided, by what the log has taught" in text
        assert f"{told.held_out_count:,} hold-out" in text
        assert told.capacities["told_en"][0] in text
        page = PageReader((settings.book_folder / "report.html").read_text(encoding="utf-8"))
        assert (2, "What was decided") in page.headings
    plain_values = json.loads(json.dumps(result.summary()["decided"]))
    assert plain_values["held_out"] == told.held_out_count > 0
    assert (
        sum(row["customers"] for row in plain_values["treatments"])
        == result.work.planned_count + result.work.held_count
    )


def test_what_days_have_taught_against_waiting_decides_and_is_made_again_bit_for_bit(
    decided: tuple[Settings, RunResult], tmp_path: Path
) -> None:
    shutil.copytree(decided[0].root, tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    strategy = read_strategy(settings.root / "policy" / "strategy.toml")
    shelved = shelf.load(settings.root / "models" / shelf.FOLDER)
    called = next(one.name for one in strategy.treatments if one.name.endswith("by call"))
    slopes = np.zeros(EFFECTS)
    slopes[[0, 6]] = [0.05, -0.05]
    change = Change(0, date(2026, 11, 2).toordinal() - date(1970, 1, 1).toordinal(), 300.0, 0.08, 0.02)
    blips = Blips(slopes, np.eye(EFFECTS) * 1e-6, 0, EFFECTS)
    days = OverWaiting(blips, {called: 0}, {called: 40}, 900.0, {called: change})
    shelf.save(replace(shelved, over_waiting=days), settings.root / "models" / shelf.FOLDER)
    assert shelf.load(settings.root / "models" / shelf.FOLDER).over_waiting is not None
    result = run(settings.root, now=NOW + timedelta(days=5))
    options = book(settings, "options")
    others = options.filter(pl.col("treatment") != "none")
    assert set(others["against"]) == {"waiting"}, "values over different things are held against each other"
    over_waiting = options.filter(pl.col("treatment") == called)
    market = pl.read_parquet(sorted((settings.evidence_folder / "markets").glob("*.parquet"))[-1])
    told = over_waiting.join(
        market.select("customer_id", "past_due_total", "days_since_contact"), on="customer_id"
    ).filter(pl.col("past_due_total").is_not_null())
    assert told.height >= 10
    recent = np.exp(-told["days_since_contact"].fill_null(np.inf).to_numpy() / 14)
    worth = told["past_due_total"].to_numpy() * 0.05 * (1 - recent)
    assert told["value"].cast(pl.Float64).to_numpy() == pytest.approx(worth, abs=1e-3)
    assert (recent > 0.1).any()
    decisions = book(settings, "decisions").filter(pl.col("customer_id").is_in(told["customer_id"].implode()))
    for decision in decisions["decision_id"][:3]:
        assert replay(settings, decision).is_same
    assert result.decided is not None
    (turned,) = result.decided.turned
    assert result.summary()["decided"]["turned"] == [turned.as_dict()]
    assert (turned.treatment, turned.since, turned.since_share) == (called, date(2026, 11, 2), 0.02)
    out = StringIO()
    Console(file=out, width=400).print(
        summary_text(
            result.figures,
            result.quarantine,
            result.facts,
            result.bucket_order,
            result.work,
            decided=result.decided,
        )
    )
    assert f"TURNED {turned.sentence}" in out.getvalue()
    for code in ("en", "zh"):
        language = read_language(code)
        told_of = [table.caption for table in decided_section(result.decided, language).tables]
        assert language.say("decided.turned") in told_of


def test_values_of_another_version_are_not_used_and_said_to_be_old(
    decided: tuple[Settings, RunResult], tmp_path: Path
) -> None:
    shelved = shelf.load(decided[0].root / "models" / shelf.FOLDER)
    old = OverWaiting(
        Blips(np.zeros(5), np.eye(5), 0, 5), {"reminder by call": 0}, {"reminder by call": 40}, 900.0, {}
    )
    with pytest.raises(ModelDamaged, match="Train the values anew"):
        shelf.save(replace(shelved, over_waiting=old), tmp_path / "values")
