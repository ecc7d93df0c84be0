"""The verdict on promises is the same on the spot and after the night, whatever came in and what the tape brings of it."""

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polars as pl

from dunwell.money import format_minor, minor_exponent
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.models import Case, Received
from dunwell.office.desk import working
from dunwell.office.desk.contact import Current
from dunwell.office.workplace import Workplace
from tests.office.conftest import Office
from tests.office.test_told import run_again, shop

__all__ = ["shop"]

SEEN = (
    "promise_id",
    "state",
    "amount",
    "credited",
    "kept_on",
    "broken_on",
    "cancelled_on",
    "account_ids",
    "parts",
)


class Day:
    """Somebody's day at random: promises, withdrawals, money on time, early, late and taken back."""

    def __init__(self, office: Office, place: Workplace, customer: str, draw: random.Random) -> None:
        self.office, self.place, self.customer, self.draw = office, place, customer, draw
        self.staff = Staff.objects.get(username="collector")
        self.paid: list[dict[str, str]] = []

    @property
    def file(self) -> CaseFile:
        return CaseFile(self.place, self.customer)

    def step(self) -> None:
        self.draw.choice(
            [self.promise, self.promise, self.pay, self.pay, self.pay, self.take_back, self.withdraw]
        )()

    def promise(self) -> None:
        file, draw, now = self.file, self.draw, self.office.clock()
        currency = file.positions["currency"][0]
        mine = file.positions.filter(pl.col("currency") == currency)["account_id"].to_list()
        accounts = tuple(draw.sample(mine, draw.randint(1, len(mine))))
        room = working.may_promise(file, accounts)
        days = sorted(draw.sample(range(4), draw.randint(1, 3)))
        if room < 10 * len(days):
            return
        parts = tuple(
            working.PromisePart(draw.randint(1, room // len(days)), file.day + timedelta(d)) for d in days
        )
        contact = Current(self.customer, str(uuid4()), "call", None, now.isoformat(), "in", passed=True)
        working.log(
            file,
            self.staff,
            contact,
            working.Told("conversation", promised=working.Promised(accounts, currency, parts)),
        )

    def pay(self) -> None:
        file, draw = self.file, self.draw
        row = file.positions.row(draw.randrange(file.positions.height), named=True)
        minor = draw.randint(1, max(2, int(row["payoff_total"] * 40)))
        amount = format_minor(minor, row["currency"])
        day = self.office.clock().date() - timedelta(draw.choice([0, 0, 0, 1, 2]))
        told = {
            "payment_id": f"M-{uuid4()}",
            "account_id": row["account_id"],
            "paid_on": day.isoformat(),
            "amount": amount,
        }
        if take_in(self.place, "payments", [told], "test").new_count:
            self.paid.append(told)

    def take_back(self) -> None:
        if self.paid:
            one = self.draw.choice(self.paid)
            told = one | {"payment_id": f"R-{uuid4()}", "kind": "reversal", "reverses": one["payment_id"]}
            take_in(
                self.place, "payments", [told | {"paid_on": self.office.clock().date().isoformat()}], "test"
            )

    def withdraw(self) -> None:
        file = self.file
        found = file.promises.filter(pl.col("state") == "open").to_dicts()
        if found:
            one = self.draw.choice(found)
            working.withdraw(file, self.staff, one["promise_id"], one["account_ids"], "customer_withdrew")


def told_of(file: CaseFile) -> list[dict[str, Any]]:
    return file.promises.sort("promise_id").select(SEEN).to_dicts()


def bring_with_the_tape(place: Workplace, draw: random.Random) -> None:
    """The lender's next tape holds some of what came in, without saying when it was recorded."""
    rows = [
        one.row for one in Received.objects.filter(table="payments").order_by("pk") if draw.random() < 0.6
    ]
    named = {row["payment_id"] for row in rows}
    rows = [row for row in rows if row.get("reverses") is None or row["reverses"] in named]
    tape = place.settings.tape_folder / "payments"
    parquet, text = tape.with_suffix(".parquet"), tape.with_suffix(".csv")
    before = (
        pl.read_parquet(parquet).cast(pl.String)
        if parquet.is_file()
        else pl.read_csv(text, infer_schema=False)
    )
    fresh = pl.DataFrame(
        rows,
        schema=dict.fromkeys(
            ("payment_id", "account_id", "paid_on", "amount", "kind", "reverses"), pl.String
        ),
    )
    fresh = fresh.filter(~pl.col("payment_id").is_in(before["payment_id"].implode()))
    fresh = fresh.with_columns(pl.col("kind").fill_null("payment"))
    pl.concat([before, fresh], how="diagonal").write_csv(text)
    parquet.unlink(missing_ok=True)


def test_on_the_spot_and_at_night_the_verdict_is_the_same(office: Office, shop: Workplace) -> None:
    draw = random.Random(1)
    customers = draw.sample(sorted(Case.objects.values_list("pk", flat=True)), 20)
    days = [Day(office, shop, customer, draw) for customer in customers]
    for night in range(2):
        office.clock.now = office.clock.now.replace(
            hour=6
        )  # until the run it is the same day in all of these places
        for _ in range(4):
            for day in days:
                day.step()
            office.clock.move(minutes=draw.choice([1, 30, 90]))
        office.clock.move(hours=1)
        here = {day.customer: told_of(day.file) for day in days}
        bring_with_the_tape(shop, draw)
        run_again(shop, office.clock().date())
        book = pl.read_parquet(shop.settings.book_folder / "promises.parquet").sort("promise_id")
        for day in days:
            at_night = book.filter(customer_id=day.customer).select(SEEN).to_dicts()
            assert at_night == here[day.customer], (night, day.customer)
            assert told_of(day.file) == here[day.customer], (night, day.customer)
            minor = 10 ** minor_exponent(day.file.positions["currency"][0])
            paid = day.file.tables["payments"].filter(pl.col("kind").cast(pl.String) == "payment")
            assert sum(one["credited"] for one in at_night) * minor <= paid["amount_minor"].sum()
        office.clock.move(days=1)
