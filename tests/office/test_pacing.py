"""The queue goes by what a call is worth over its price, and the calls of the day are decided again as outcomes arrive."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.models import Case
from dunwell.office.cases.pacing import redecide
from dunwell.office.cases.publishing import publish
from dunwell.office.cases.queue import FULL, Standing, rank, reasons, why
from dunwell.office.keeping import keep
from dunwell.office.workplace import Workplace
from dunwell.settings import read_settings
from tests.office.conftest import AS_OF, Clock

MINUTES = 90
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def busy(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small lender with values in its strategy, a hold-out, and agents for ten calls."""
    folder = tmp_path_factory.mktemp("busy") / "shop"
    shutil.copytree(ran, folder)
    file = folder / "policy" / "strategy.toml"
    text = file.read_text(encoding="utf-8").replace('per_day = "4200"', f'per_day = "{MINUTES}"')
    text = re.sub(
        r'(by call"\n(?:.+\n)*?prior = { )share = "0", sd = "0.05"', r'\g<1>value = "60", sd = "20"', text
    )
    file.write_text(text.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"'), encoding="utf-8")
    settings = read_settings(folder)
    run_day(settings, settings.tape_folder, AS_OF, known_at=None, now=datetime(2026, 11, 23, 21, tzinfo=UTC))
    return folder


@dataclass
class Desk:
    """The office of that lender."""

    place: Workplace

    def planned(self) -> list[Case]:
        """The calls that are in the plan, in the queue's order."""
        return [case for case in Case.objects.order_by("rank") if case.why[0] == "call_planned"]

    def minutes(self) -> Decimal:
        """What the planned calls take."""
        takes = {"negotiation": 9, "reminder": 5, "early reminder": 4, "letter before action": 9}
        return Decimal(sum(takes[case.treatment.split(" by ")[0]] for case in self.planned()))

    def pays(self, case: Case) -> None:
        """All that is past due, and more, comes in."""
        file = self.place.shelf.file(case.pk)
        assert file is not None
        rows = [
            {
                "payment_id": f"P-{account}",
                "account_id": account,
                "paid_on": "2026-11-24",
                "amount": "9000000",
            }
            for account in file.tables["accounts"]["account_id"]
        ]
        assert not take_in(self.place, "payments", rows, "test").refused


@pytest.fixture
def desk(busy: Path, db: None) -> Iterator[Desk]:
    clock = Clock()
    place = Workplace(read_settings(busy), clock)
    workplace.use(place)
    publish(place)
    yield Desk(place)
    workplace.use(None)


def test_calls_that_did_not_fit_stand_next_in_line_and_the_hold_out_in_peace(desk: Desk) -> None:
    planned = desk.planned()
    assert 0 < desk.minutes() <= MINUTES
    assert all(case.net is not None and case.net >= 0 for case in planned)
    waiting = Case.objects.filter(left_because=FULL)
    assert waiting.count() > 10
    assert {case.why[0] for case in waiting} <= {"next_in_line", "promise_broken"}
    held_out = Case.objects.filter(left_because="strategy.hold-out")
    assert held_out.count() > 2
    assert not {case.why[0] for case in held_out} & {"call_planned", "next_in_line", "held_back"}
    assert not Case.objects.filter(is_held_back=True).exclude(left_because="").exists()


def test_who_pays_leaves_time_for_the_next_in_line(desk: Desk) -> None:
    seen = keep(desk.place)
    before = {case.pk for case in desk.planned()}
    for case in desk.planned()[:3]:
        desk.pays(case)
    assert len(desk.planned()) == len(before) - 3
    keep(desk.place, seen)
    after = desk.planned()
    extra = [case for case in after if case.is_extra]
    assert extra
    assert {case.pk for case in after} - before == {case.pk for case in extra}
    assert desk.minutes() <= MINUTES
    assert {case.left_because for case in extra} == {""}
    assert not Case.objects.filter(left_because="strategy.hold-out", channel="call").exists()
    assert redecide(desk.place) == 0


def test_calls_that_were_made_have_used_their_minutes(desk: Desk) -> None:
    first = desk.planned()[0]
    count = len(desk.planned())
    Case.objects.filter(pk=first.pk).update(
        worked_at=desk.place.clock(), channel="", planned_at=None, why=[""]
    )
    redecide(desk.place)
    assert len(desk.planned()) == count - 1
    assert not Case.objects.filter(is_extra=True).exists()
    # two more cases were worked on that nobody had planned: the plan gives way
    others = list(Case.objects.filter(left_because=FULL).values_list("pk", flat=True)[:2])
    Case.objects.filter(pk__in=others).update(worked_at=desk.place.clock(), left_because="", why=[""])
    assert redecide(desk.place) > 0
    assert desk.minutes() <= MINUTES - 3 * 9 + 9


def test_every_planned_call_is_one_that_the_run_left_open(desk: Desk) -> None:
    for case in desk.planned()[:2]:
        desk.pays(case)
    redecide(desk.place)
    options = pl.read_parquet(desk.place.settings.book_folder / "options.parquet")
    is_open = options.filter(pl.col("blocked_by").list.len() == 0)
    allowed = set(is_open.select("customer_id", "treatment").iter_rows())
    assert {(case.pk, case.treatment) for case in desk.planned()} <= allowed


def test_the_larger_value_net_of_price_comes_first_within_the_hour() -> None:
    def at(minutes: int, net: str | None, owed: int = 0) -> int:
        case = Standing(
            channel="call",
            planned_at=NOW + timedelta(minutes=minutes),
            past_due_total=Decimal(owed),
            net=None if net is None else Decimal(net),
        )
        return rank(case, NOW)

    assert at(40, "9.00") < at(5, "2.00") < at(5, "-1.00")
    assert at(5, "-1.00") < at(70, "9.00")  # an earlier hour before a later one
    assert at(-300, "9.00") < at(20, "2.00")  # what is late stands with what is due
    assert at(5, None) < at(40, None)  # while nothing is known of values, by the minute, then the amount
    assert at(5, None, owed=900) < at(5, None, owed=100)


def test_reasons_of_the_strategy_are_told_apart_from_the_laws() -> None:
    assert why(Standing(left_because=FULL), NOW)[0] == "next_in_line"
    assert why(Standing(left_because="strategy.hold-out"), NOW)[0] == "left_in_peace"
    assert why(Standing(is_held_back=True), NOW)[0] == "held_back"
    order = list(reasons())
    assert order.index("call_planned") < order.index("next_in_line") < order.index("left_in_peace")
