"""Why this treatment: the run's options on the customer's screen, and the capacities' prices on the board."""

import shutil
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dunwell.nightly.capacities import CAPACITY_SCHEMA
from dunwell.nightly.chosen import OPTION_SCHEMA
from dunwell.office import workplace
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.cases.shelf import FOLDER
from dunwell.office.desk.options import Options, options_of
from dunwell.office.workplace import Workplace
from dunwell.settings import read_settings
from tests.office.conftest import Office

Told = Callable[..., Options | None]


def option(customer: str, treatment: str, value: str = "0", price: str = "0", **more: Any) -> dict[str, Any]:
    cost = Decimal(0) if treatment == "none" else Decimal("0.30")
    row: dict[str, Any] = {
        "customer_id": customer,
        "treatment": treatment,
        "channel": None if treatment == "none" else treatment.rsplit(" ", 1)[-1],
        "value": Decimal(value),
        "value_sd": 4.25,
        "against": "nothing",
        "cost": cost,
        "price": Decimal(price),
        "net": Decimal(value) - cost - Decimal(price),
        "blocked_by": [],
        "is_chosen": False,
    }
    return row | more


@pytest.fixture
def shop(office: Office, ran: Path, tmp_path: Path) -> Iterator[Office]:
    """The office in a workspace of its own, whose book may be changed."""
    folder = tmp_path / "shop"
    shutil.copytree(ran, folder)
    own = Office(Workplace(read_settings(folder), office.clock), office.clock)
    workplace.use(own.place)
    yield own
    workplace.use(office.place)


def customer_of(shop: Office) -> str:
    case = Case.objects.filter(past_due_days__gt=0, jurisdiction="gb").order_by("pk").first()
    assert case is not None
    return case.pk


def kept(shop: Office, rows: list[dict[str, Any]], **decided: Any) -> CaseFile:
    """The customer's file after a run that kept these options, and said so much of the decision."""
    book = shop.place.settings.book_folder
    pl.DataFrame(rows, schema=dict(OPTION_SCHEMA)).write_parquet(book / "options.parquet")
    decisions = pl.read_parquet(book / "decisions.parquet")
    is_theirs = pl.col("customer_id") == rows[0]["customer_id"]
    changed = [
        pl.when(is_theirs).then(pl.lit(value)).otherwise(name).alias(name) for name, value in decided.items()
    ]
    decisions.with_columns(changed).write_parquet(book / "decisions.parquet")
    shutil.rmtree(book / FOLDER, ignore_errors=True)
    place = Workplace(shop.place.settings, shop.clock)
    workplace.use(place)
    return CaseFile(place, rows[0]["customer_id"])


def whys(told: Options | None) -> dict[str, str]:
    assert told is not None
    return {one.treatment: one.why for one in told.others}


def test_without_options_nothing_is_shown(shop: Office) -> None:
    customer = customer_of(shop)
    (shop.place.settings.book_folder / "options.parquet").unlink(missing_ok=True)
    shutil.rmtree(shop.place.settings.book_folder / FOLDER, ignore_errors=True)
    workplace.use(Workplace(shop.place.settings, shop.clock))
    page = shop.client("collector").get(f"/case/{customer}").content.decode()
    assert "Why this treatment" not in page


def test_each_that_was_not_chosen_says_why(shop: Office) -> None:
    customer = customer_of(shop)
    told = options_of(
        kept(
            shop,
            [
                option(customer, "none"),
                option(customer, "reminder by sms", "12", is_chosen=True),
                option(customer, "reminder by email", "3"),
                option(customer, "reminder by call", "40", price="35"),
                option(
                    customer, "demand by letter", "90", blocked_by=["house.contact-budget-week", "old.rule"]
                ),
            ],
            probability=1.0,
        )
    )
    assert told is not None
    assert told.chosen.treatment == "reminder by sms"
    assert told.by_lot == ""
    assert [one.treatment for one in told.others] == [
        "reminder by call",
        "reminder by email",
        "none",
        "demand by letter",
    ]
    assert whys(told) == {
        "reminder by call": "its capacity is worth more elsewhere today",
        "reminder by email": "worth less",
        "none": "worth less",
        "demand by letter": "ruled out",
    }
    known, unknown = told.others[-1].rules
    assert known["words"].startswith("At most three contacts in seven days")
    assert (unknown["rule"], unknown["words"]) == ("old.rule", "old.rule")


@pytest.mark.parametrize(
    ("decided", "words"),
    [
        ({"arm": "hold-out", "probability": 0.1}, "hold-out"),
        ({"arm": "texts: reminder by sms", "probability": 0.4}, "experiment: texts: reminder by sms"),
        ({"probability": 0.02}, "drawn by lot"),
    ],
)
def test_a_lot_that_decided_is_told(shop: Office, decided: dict[str, Any], words: str) -> None:
    customer = customer_of(shop)
    rows = [option(customer, "none", is_chosen=True), option(customer, "reminder by sms", "12")]
    told = options_of(kept(shop, rows, **decided))
    assert told is not None
    assert words in told.by_lot
    assert whys(told) == {"reminder by sms": "a lot decided"}


def test_while_no_values_are_known_the_order_decides(shop: Office) -> None:
    customer = customer_of(shop)
    rows = [
        option(customer, "none"),
        option(customer, "reminder by sms"),
        option(customer, "reminder by email", is_chosen=True),
        option(customer, "reminder by call"),
    ]
    assert whys(options_of(kept(shop, rows, probability=1.0))) == {
        "reminder by sms": "the capacity was used up",
        "reminder by call": "comes later in the text's order",
    }


def test_the_screen_shows_it_in_the_readers_language(shop: Office) -> None:
    customer = customer_of(shop)
    kept(
        shop,
        [
            option(customer, "none"),
            option(customer, "reminder by sms", "12.3456", price="1.5", is_chosen=True),
            option(customer, "demand by letter", blocked_by=["house.contact-budget-week"]),
        ],
    )
    client = shop.client("collector")
    page = client.get(f"/case/{customer}").content.decode()
    assert "Why this treatment" in page
    assert "CN¥12.35 ± CN¥4.25" in page
    assert "house.contact-budget-week" in page
    client.cookies["django_language"] = "zh-hans"
    assert "各渠道合计，七日内触达债务人不超过三次。" in client.get(f"/case/{customer}").content.decode()


def test_thirty_options_cost_the_screen_next_to_nothing(shop: Office) -> None:
    customer = customer_of(shop)
    rows = [option(customer, "none", is_chosen=True)]
    rows += [
        option(customer, f"treatment {n} by sms", "-1", blocked_by=["house.contact-budget-week"])
        for n in range(30)
    ]
    file = kept(shop, rows)
    options_of(file)
    began = time.thread_time()
    for _ in range(20):
        told = options_of(file)
    assert told is not None
    assert len(told.others) == 30
    assert (time.thread_time() - began) / 20 < 0.006, "0.6 ms when it was measured"


def test_the_board_shows_capacities_in_the_runs_own_words(shop: Office) -> None:
    client = shop.client("team_lead")
    heading = "What there is today"
    book = shop.place.settings.book_folder
    (book / "capacities.parquet").unlink(missing_ok=True)
    assert heading not in client.get("/board").content.decode()
    row: dict[str, Any] = {
        "name": "collectors",
        "kind": "agent_minutes",
        "skill": "collections",
        "unit": "minute",
        "per_day": Decimal(4200),
        "used": Decimal(4200),
        "price": Decimal("1.55"),
        "told_en": "collectors: one more agent hour is worth about 93.00 GBP",
        "told_zh": "collectors:约值 93.00 GBP",
    }
    pl.DataFrame([row], schema=dict(CAPACITY_SCHEMA)).write_parquet(book / "capacities.parquet")
    assert "one more agent hour is worth about 93.00 GBP" in client.get("/board").content.decode()
    client.cookies["django_language"] = "zh-hans"
    assert "约值 93.00 GBP" in client.get("/board").content.decode()


def test_worth_over_waiting_is_called_that(shop: Office) -> None:
    customer = customer_of(shop)
    rows = [
        option(customer, "none"),
        option(customer, "reminder by call", "12", is_chosen=True, against="waiting"),
    ]
    told = options_of(kept(shop, rows, probability=1.0))
    assert told is not None
    assert told.is_over_waiting
    page = shop.client("collector").get(f"/case/{customer}").content.decode()
    assert "Worth today, over waiting" in page
