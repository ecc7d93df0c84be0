"""dunwell strategy, experiment and evaluate as people run them."""

import json
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.book import Book, StagedBook, Tape
from dunwell.cli import main
from dunwell.cli.experiments import money_in
from dunwell.cli.workspace import copy_template
from dunwell.ledger import positions
from dunwell.money import CURRENCIES, minor_exponent
from dunwell.settings import read_settings
from tests.cli.test_insight_commands import shop_with_a_book
from tests.commands import dunwell
from tests.insight.books import LAST_DAY, terms
from tests.strategy.test_strategy_text import EXPERIMENT
from tests.strategy.worlds import TREATMENTS, chances_of, drawn, world

DAY = date(2026, 1, 5)
Said = Callable[..., str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a book and its positions, and an experiment in its strategy."""
    folder = shop_with_a_book(tmp_path_factory.mktemp("shop") / "shop")
    owed = positions(Book(folder / "book").partition(0).tables, terms(), LAST_DAY).frame
    owed.write_parquet(folder / "book" / "positions.parquet")
    file = folder / "policy" / "strategy.toml"
    running = EXPERIMENT.replace("2027-01-11", str(DAY))
    file.write_text(file.read_text(encoding="utf-8") + running, encoding="utf-8")
    return folder


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop: Path) -> Said:
    """Run a command in the workspace inside this process; what it printed."""

    def run(words: str, code: int = 0) -> str:
        monkeypatch.chdir(shop)
        monkeypatch.setattr(sys, "argv", ["dunwell", *shlex.split(words)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert ended.value.code == code, told.out + told.err
        # What is said once on a new machine is no part of the answer.
        return "".join(
            line
            for line in (told.out + told.err).splitlines(keepends=True)
            if not line.startswith("compiling ")
        )

    return run


def test_a_new_workspaces_strategy_is_fit_for_use(tmp_path: Path) -> None:
    dunwell("init", "shop", at=tmp_path)
    assert "4 passed, 0 failed" in dunwell("strategy", "test", at=tmp_path / "shop").stdout


def test_lint_says_the_segments_in_words(said: Said) -> None:
    told = said("strategy lint")
    assert (
        "reminder                 3 treatments  days past due is at least 8 and days past due is below 31"
        in told
    )
    assert "caution: no hold_out" in told
    assert len(json.loads(said("strategy lint --json"))["hash"]) == 64


def test_a_mistake_in_the_text_is_a_sentence(said: Said, shop: Path) -> None:
    text = (shop / "policy/strategy.toml").read_text(encoding="utf-8")
    (shop / "draft.toml").write_text(text.replace("past_due_days < 8", "past_due < 8"), encoding="utf-8")
    assert "draft.toml: segment[1].when[2]: 'past_due' is no column" in said(
        "strategy lint draft.toml", code=1
    )
    assert "nowhere.toml does not exist" in said("strategy test nowhere.toml", code=1)


def test_a_case_that_fails_exits_1(said: Said, shop: Path) -> None:
    text = (shop / "policy/strategy.toml").read_text(encoding="utf-8")
    (shop / "draft.toml").write_text(
        text.replace("past_due_days < 8", "past_due_days < 3").replace(">= 8", ">= 3"), encoding="utf-8"
    )
    told = said("strategy test draft.toml", code=1)
    assert (
        "failed: three days late: a text message first: segment is 'reminder', expected 'early reminder'"
        in told
    )
    assert "2 passed, 2 failed" in told
    assert json.loads(said("strategy test draft.toml --json", code=1))["failed"] == 2


def test_a_change_shows_who_moves(said: Said, shop: Path) -> None:
    text = (shop / "policy/strategy.toml").read_text(encoding="utf-8")
    draft = text.replace('"past_due_days >= 91"', '"past_due_days >= 91", "months_on_book >= 9"')
    (shop / "draft.toml").write_text(draft, encoding="utf-8")
    told = json.loads(said("strategy diff policy/strategy.toml draft.toml --json"))
    assert len(told["changes"]) == 1
    assert 0 < told["moves"]["changed"] < told["moves"]["customers"]
    assert {one["to"] for one in told["moves"]["segments"]} == {"everybody else"}
    assert "segment: letter before action -> everybody else" in said(
        "strategy diff policy/strategy.toml draft.toml"
    )
    assert "the two say the same" in said("strategy diff policy/strategy.toml policy/strategy.toml")


def test_a_change_is_lived_through_before_it_ships(said: Said, shop: Path) -> None:
    draft = shop / "quiet.toml"
    text = (shop / "policy" / "strategy.toml").read_text(encoding="utf-8")
    draft.write_text(text.replace('per_day = "20000"', 'per_day = "0"'), encoding="utf-8")
    small = "--simulate --days 2 --seeds 2 --customers 20"
    told = json.loads(said(f"strategy diff policy/strategy.toml policy/strategy.toml {small} --json"))
    assert told["source"].startswith("the book of ")
    assert (told["days"], told["copies"]) == (2, 2)
    assert {row["difference"] for row in told["measures"]} == {0.0}
    shown = said(f"strategy diff policy/strategy.toml quiet.toml {small}")
    assert "capacity 'text messages': per_day from '20000' to '0'" in shown
    assert "not a forecast" in shown
    assert "contacts a customer" in shown


def test_a_breach_is_said_first_and_exits_1(said: Said, shop: Path) -> None:
    draft = shop / "loud.toml"
    text = (shop / "policy" / "strategy.toml").read_text(encoding="utf-8")
    floor = '[objective.floors]\ncure_share_min = "0.99"'
    text = text.replace("[objective.floors]", floor).replace("window_days = 90", "window_days = 2")
    draft.write_text(text, encoding="utf-8")
    shown = said("strategy simulate --strategy loud.toml --days 2 --seeds 1 --customers 20", code=1)
    assert shown.removeprefix("rehearsing ...\n").startswith("BREACHED cure_share_min")
    assert "one seed tells none" in shown


def test_an_experiment_from_its_size_to_its_reading(said: Said, shop: Path) -> None:
    assert "6,335 in the control" in said("experiment size --base 0.62 --effect 0.024 --one-look")
    assert "days" in said("experiment size --sd 100 --effect 8 --a-day 200 --arms 2")
    assert "either --base" in said("experiment size --effect 8", code=1)
    people = [f"C{number}" for number in range(3000)]
    pl.DataFrame({"customer_id": people, "blocked": [""] * 2990 + ["none"] * 10}).write_csv(shop / "due.csv")
    told = said(f'experiment assign "a text first, or a call" --customers due.csv --on {DAY} --out log.csv')
    assert "10 outside the experiment" in told
    said(f'experiment assign "a text first, or a call" --customers due.csv --on {DAY} --out log.parquet')
    log = pl.read_parquet(shop / "log.parquet")
    again = pl.read_csv(shop / "log.csv")
    assert again["arm"].to_list() == log["arm"].to_list()
    draw = np.random.default_rng(1)
    effect = log["arm"].replace_strict({"negotiation by sms": 3.0}, default=0.0)
    paid = log.select(
        "customer_id",
        on=pl.col("assigned_on") + timedelta(days=4),
        amount=effect + draw.normal(10, 5, log.height),
    )
    paid.write_csv(shop / "paid.csv")
    read = 'experiment read "a text first, or a call" --payments paid.csv'
    told = json.loads(said(f"{read} --log log.csv --until {DAY + timedelta(days=40)} --json"))
    assert told["verdicts"] == {"negotiation by sms": "better", "negotiation by call": "undecided"}
    assert "nothing can be said yet" in said(f"{read} --log log.parquet --until {DAY + timedelta(days=20)}")
    harmed = log.filter(pl.col("arm") == "negotiation by call").head(20)
    harmed.select(
        "customer_id", on=pl.col("assigned_on") + timedelta(days=1), event=pl.lit("complaint")
    ).write_csv(shop / "harms.csv")
    told = said(f"{read} --log log.parquet --until {DAY + timedelta(days=20)} --harms harms.csv", code=1)
    assert "STOP: complaint: 20 of" in told
    line = 'stopped = [{ arm = "negotiation by call", since = DAY, why = "complaint" }]'
    assert line in told
    until = DAY + timedelta(days=20)
    stopping = (shop / "policy" / "strategy.toml").read_text(encoding="utf-8") + line.replace(
        "DAY", str(until)
    )
    (shop / "stopping.toml").write_text(stopping, encoding="utf-8")
    told = said(f"{read} --log log.parquet --until {until} --harms harms.csv --strategy stopping.toml")
    assert "stopped by the text: complaint: 20 of" in told
    told = said(
        f'experiment assign "a text first, or a call" --customers due.csv --on {until} --out late.csv --strategy stopping.toml'
    )
    assert "negotiation by call (stopped)" in told
    late = pl.read_csv(shop / "late.csv").filter(pl.col("arm") != "negotiation by sms")
    assert late["probability"].round(9).unique().to_list() == [0.6]
    closed = DAY + timedelta(days=400)
    told = said(
        f'experiment assign "a text first, or a call" --customers due.csv --on {closed} --out x.csv', code=1
    )
    assert f"--on {closed}" in told
    assert "takes customers in from" in told
    assert not (shop / "x.csv").exists()
    assert "has no experiment 'another'" in said(
        f"experiment read another --log log.csv --until {DAY}", code=1
    )


def test_strategies_are_evaluated_on_a_log(said: Said, shop: Path) -> None:
    made = world(3000, 1)
    chances = chances_of(made, 0.5, 0.1, 1)
    given = drawn(chances, np.random.default_rng(1))
    rows = np.arange(3000)
    decisions = pl.DataFrame(
        {
            "decision_id": [f"D{number}" for number in rows],
            "customer_id": [f"C{number}" for number in rows],
            "as_of": [DAY + timedelta(days=int(number) % 20) for number in rows],
            "treatment": [TREATMENTS[one] for one in given],
            "probability": chances[rows, given],
            "mood": made.context[:, 0],
        }
    )
    decisions.write_parquet(shop / "decisions.parquet")
    amounts = pl.Series(made.worth[rows, given])
    decisions.select("customer_id", on=pl.col("as_of") + timedelta(days=2), amount=amounts).write_csv(
        shop / "came.csv"
    )
    best = [TREATMENTS[one] for one in made.worth.argmax(axis=1)]
    pl.DataFrame({"decision_id": decisions["decision_id"], "treatment": best}).write_csv(shop / "best.csv")
    evaluate = "evaluate --decisions decisions.parquet --payments came.csv --inputs mood"
    evaluate += " --policy best=best.csv --policy always:sms"
    told = json.loads(said(f"{evaluate} --until {DAY + timedelta(days=60)} --json"))
    assert told["estimates"][0]["strategy"] == "best"
    assert told["is_settled"]
    assert told["estimates"][0]["low"] < made.worth.max(axis=1).mean() < told["estimates"][0]["high"]
    early = f"--until {DAY + timedelta(days=40)}"
    assert json.loads(said(f"{evaluate} {early} --json"))["decisions"] < 3000
    assert json.loads(said(f"{evaluate} {early} --with-open --json"))["decisions"] == 3000
    told_all = said(f"{evaluate} --policy always:visit --policy even --method switch {early}")
    assert "not ranked: always:visit: the log never gave 'visit'" in told_all
    assert "1. best" in told_all
    assert "--method 'magic' is unknown" in said(f"{evaluate} --method magic {early}", code=1)
    assert "had closed by" in said(f"{evaluate} --until {DAY}", code=1)


def test_what_came_in_is_read_from_the_book_without_what_was_reversed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_template(tmp_path / "shop")
    tape = tmp_path / "tape"
    tape.mkdir()
    files = {
        "customers": "customer_id,jurisdiction\nC1,cn\nC2,cn\n",
        "accounts": "account_id,customer_id,product,currency,principal,opened_on\n"
        "A1,C1,instalment-loan,CNY,100.00,2026-01-01\nA2,C2,instalment-loan,CNY,100.00,2026-01-01\n",
        "instalments": "account_id,number,due_on,principal\nA1,1,2026-02-01,100.00\nA2,1,2026-02-01,100.00\n",
        "payments": "payment_id,account_id,paid_on,amount,kind,reverses\nP1,A1,2026-02-03,60.50,payment,\n"
        "P2,A2,2026-02-04,30.00,payment,\nP3,A2,2026-02-06,30.00,reversal,P2\n",
    }
    for name, text in files.items():
        (tape / f"{name}.csv").write_text(text, encoding="utf-8")
    now = datetime(2026, 3, 1, tzinfo=UTC)
    with (
        Tape(tape, products={"instalment-loan": "CNY"}, imported_at=now) as read,
        StagedBook(tmp_path / "shop" / "book", 1, now) as book,
    ):
        book.write(next(iter(read.partitions())))
        book.commit("2026-03-01")
    monkeypatch.chdir(tmp_path / "shop")
    assert money_in(None).rows() == [("C1", date(2026, 2, 3), 60.5)]


def test_currencies_are_added_up_by_their_rates_alone(said: Said, shop: Path) -> None:
    log = pl.DataFrame({"customer_id": ["C1"], "assigned_on": [DAY], "arm": ["none"], "probability": [0.2]})
    log.write_parquet(shop / "one.parquet")
    told = said(f'experiment read "a text first, or a call" --log one.parquet --until {DAY}', code=1)
    assert "rates.toml holds no rate into CNY. Write one there" in told
    head = 'key = "r"\ntitle = "R"\nfrom = 2020-01-01\ncitation = "bank"\nsource_quality = "text"\ncurrency = "CNY"\n'
    rates = "".join(f'[[rate]]\ncurrency = "{code}"\nworth = "7"\n' for code in CURRENCIES if code != "CNY")
    file = shop / "policy" / "rates.toml"
    file.write_text(head + rates, encoding="utf-8")
    try:
        paid = money_in(None)
    finally:
        file.unlink()
    assert paid.columns == ["customer_id", "on", "amount"]
    assert paid["amount"].null_count() == 0
    book = Book(read_settings(shop).book_folder)
    whole = dict.fromkeys(CURRENCIES, 0.0)
    for number in range(book.partition_count):
        tables = book.partition(number).tables
        accounts = tables["accounts"].select("currency").with_row_index("account_row")
        gone = tables["payments"].filter(pl.col("kind") == "reversal")["reverses"].drop_nulls()
        rows = tables["payments"].filter(
            (pl.col("kind") == "payment") & ~pl.col("payment_id").is_in(gone.implode())
        )
        for code, minor in (
            rows.with_columns(pl.col("account_row").cast(pl.UInt32))
            .join(accounts, on="account_row")
            .group_by(pl.col("currency").cast(pl.String))
            .agg(pl.col("amount_minor").sum())
            .iter_rows()
        ):
            whole[code] += minor / 10 ** minor_exponent(code)
    assert sum(amount > 0 for amount in whole.values()) > 1
    expected = sum(amount * (1 if code == "CNY" else 7) for code, amount in whole.items())
    assert paid["amount"].sum() == pytest.approx(expected)
