"""Complaints, opt-outs and cures learned from kept days, from days whose truth is known."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl
import pytest

from dunwell.book import Book
from dunwell.cli.workspace import copy_template
from dunwell.nightly.learning_rates import FOLLOWS_DAYS, cure_rates, harm_rates
from dunwell.settings import Settings, read_settings
from dunwell.strategy.evaluation import Log
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text import Strategy, read_strategy

FIRST = date(2026, 9, 1)
CALL, SMS = "negotiation by call", "reminder by sms"
TOLD = {name: Decimal(1) for name in ("complaints_per_thousand", "opt_outs_per_thousand")}


@dataclass(frozen=True)
class Shelf:
    """A book of one partition."""

    tables: dict[str, pl.DataFrame]
    partition_count: int = 1

    def partition(self, number: int) -> "Shelf":
        """The only one."""
        assert number == 0
        return self


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Settings, Strategy]:
    copy_template(tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    shipped = read_strategy(settings.root / "policy" / "strategy.toml")
    treatments = tuple(
        replace(one, expects=TOLD | {"cures_per_thousand": Decimal(40)}) if one.name in (CALL, SMS) else one
        for one in shipped.treatments
    )
    return settings, replace(shipped, treatments=treatments)


def kept(settings: Settings, *days: tuple[date, dict[str, str]]) -> list[tuple[str, date]]:
    """Kept days: of each who got what."""
    found = []
    for number, (day, given) in enumerate(days):
        run_id = f"run-{number:03}"
        for name in ("decisions", "markets"):
            (settings.evidence_folder / name).mkdir(parents=True, exist_ok=True)
            pl.DataFrame({"customer_id": list(given), "treatment": list(given.values())}).write_parquet(
                settings.evidence_folder / name / f"{run_id}.parquet"
            )
        found.append((run_id, day))
    return found


def book_of(customers: list[str], *holds: tuple[str, date, str], lost: tuple[str, ...] = ()) -> Book:
    accounts = pl.DataFrame(
        {
            "customer_id": customers,
            "status": ["charged_off" if one in lost else "active" for one in customers],
        }
    )
    rows = pl.DataFrame(
        [(customers.index(who), on, kind) for who, on, kind in holds],
        schema={"account_row": pl.Int64, "from_on": pl.Date, "kind": pl.String},
        orient="row",
    )
    return cast(Book, Shelf({"accounts": accounts, "holds": rows}))


def test_a_complaint_is_put_down_to_the_last_contact_before_it(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    days = kept(
        settings,
        (FIRST, {"A": SMS, "B": CALL, "C": CALL, "D": NOTHING}),
        (FIRST + timedelta(days=3), {"A": CALL, "B": NOTHING, "C": NOTHING, "D": NOTHING}),
    )
    book = book_of(
        ["A", "B", "C", "D"],
        ("A", FIRST + timedelta(days=5), "complaint"),  # after the call, not the text three days before
        ("B", FIRST + timedelta(days=FOLLOWS_DAYS + 1), "complaint"),  # too late to be the call's
        ("C", FIRST, "cease"),  # on the day of the call
        ("D", FIRST + timedelta(days=5), "complaint"),  # nobody had contacted them
    )
    rates = {
        (one.treatment, one.event): one
        for one in harm_rates(settings, strategy, book, days, FIRST + timedelta(days=60))
    }
    counts = {key: (one.events, one.contacts) for key, one in rates.items()}
    assert counts == {
        (SMS, "complaints_per_thousand"): (0, 1),
        (SMS, "opt_outs_per_thousand"): (0, 1),
        (CALL, "complaints_per_thousand"): (1, 3),
        (CALL, "opt_outs_per_thousand"): (1, 3),
    }


def test_contacts_whose_days_are_not_over_tell_nothing_yet(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    days = kept(settings, (FIRST, {"A": CALL}), (FIRST + timedelta(days=10), {"B": CALL}))
    book = book_of(["A", "B"], ("B", FIRST + timedelta(days=11), "complaint"))
    until = FIRST + timedelta(days=FOLLOWS_DAYS)
    rate = next(one for one in harm_rates(settings, strategy, book, days, until) if one.treatment == CALL)
    assert (rate.events, rate.contacts) == (0, 1)


def test_cures_are_those_that_a_treatment_adds(shop: tuple[Settings, Strategy]) -> None:
    """Half are cured by themselves; a call cures a tenth more. A customer who was written off is not cured."""
    settings, strategy = shop
    lots, count, window = np.random.default_rng(3), 6_000, 30
    names = strategy.treatment_names
    given = np.where(lots.random(count) < 0.5, names.index(CALL), 0)
    ids = [f"C{number}" for number in range(count)]
    is_cured = lots.random(count) < 0.5 + 0.1 * (given > 0)
    left = [one for one, cured in zip(ids, is_cured, strict=True) if not cured]
    lost = tuple(ids[:40])
    days = kept(settings, (FIRST, {}), (FIRST + timedelta(days=window + 2), dict.fromkeys(left, NOTHING)))
    log = Log(
        treatments=names,
        given=given,
        probability=np.full(count, 0.5),
        rewards=np.zeros(count),
        context=np.zeros((count, 0)),
        allowed=np.isin(np.arange(len(names)), (0, names.index(CALL)))[None, :].repeat(count, axis=0),
    )
    decisions = pl.DataFrame({"customer_id": ids, "as_of": [FIRST] * count})
    book = book_of(ids, lost=lost)
    rates = {one.treatment: one for one in cure_rates(settings, strategy, book, days, window, log, decisions)}
    assert rates[CALL].mean == pytest.approx(95, abs=25)
    assert 0 < rates[CALL].counted < rates[CALL].mean
    assert rates[SMS].counted == 40.0, "never given: the text's"


def test_without_a_later_day_nothing_is_known_of_cures(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    log = Log(
        treatments=(NOTHING,), given=np.zeros(1, np.int64), probability=np.ones(1), rewards=np.zeros(1),
        context=np.zeros((1, 0)), allowed=np.ones((1, 1), np.bool_),
    )  # fmt: skip
    decisions = pl.DataFrame({"customer_id": ["A"], "as_of": [FIRST]})
    days = kept(settings, (FIRST, {"A": NOTHING}))
    assert cure_rates(settings, strategy, book_of(["A"]), days, 30, log, decisions) == []
