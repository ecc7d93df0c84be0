"""Every text that comes with dunwell is filled in for a person from the records, and made into a message of its channel; what
the records do not hold holds the text back, with the reason.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dunwell.law import Reason
from dunwell.law.overlay import KeptLaw
from dunwell.ledger import read_terms
from dunwell.outreach.channels import Opened, channels_set_up, open_channel
from dunwell.outreach.composing import Composer
from dunwell.outreach.facts import Offered, Proposed
from dunwell.outreach.models import Work
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.records import BookRecords
from dunwell.outreach.texts import SHIPPED, Text, read_texts
from dunwell.outreach.writing_as import sender_of
from dunwell.policy import PolicyError
from dunwell.settings import read_settings
from tests.outreach.small_lender import NOW, PEOPLE, TODAY, make_workspace

TEXTS = read_texts(SHIPPED, TODAY)[0]
DEBT_OF = {
    "promise_reminder": "OPEN",
    "promise_broken": "BROKEN",
    "payment_received": "PAID",
    "hardship_answer": "HARD",
    "dispute_answer": "DISPUTED",
    "stop_confirmed": "STOPPED",
}
OFFER = tuple(
    (TODAY + timedelta(days=30 * number), amount) for number, amount in ((1, 5000), (2, 5000), (3, 4910))
)


@dataclass
class Shop:
    """The records and channels of the small lender."""

    folder: Path
    records: BookRecords
    channels: dict[str, Opened]

    def write(
        self,
        text: Text,
        customer: str,
        debt: str,
        *,
        actor: str | None = None,
        offered: Offered | None = None,
        proposed: Proposed | None = None,
        withdrawn: frozenset[str] = frozenset(),
        **sender: object,
    ) -> Composed | Reason:
        """That text for that customer, about that debt of theirs."""
        settings = read_settings(self.folder)
        composer = Composer(
            text.channel,
            lambda: [text],
            self.records,
            sender_of(settings),
            self.channels[text.channel].render,
            actor=actor or text.actors[0],
            locale="en",
            offers=lambda asked: offered,
            proposals=lambda asked: proposed,
        )
        person = self.records.people([customer])[customer]
        point = f"{customer}-{ {'email': 'e', 'sms': 'm', 'letter': 'p'}[text.channel] }"
        work = Work(message_id="00000000-0000-4000-8000-000000000001", channel=text.channel, stage=text.stage)
        return composer(Asked(work, customer, person, point, (f"{customer}-{debt}",), NOW, withdrawn))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = make_workspace(tmp_path_factory.mktemp("shop") / "lender")
    settings = read_settings(folder)
    law = KeptLaw(folder / "policy" / "law.toml").current
    records = BookRecords(settings.book_folder, law, "first_party", read_terms(settings.terms_folder))
    opened = {
        name: open_channel(name, settings, os.environ, lambda: NOW) for name in channels_set_up(settings)
    }
    yield Shop(folder, records, opened)


def customer_of(text: Text) -> str:
    return f"{'US' if 'us-reg-f' in text.packs else 'CN'}-{text.language.upper()}"


def currency_of(customer: str) -> str:
    return "USD" if customer.startswith("US") else "CNY"


def written(shop: Shop, text: Text) -> Composed | Reason:
    customer, debt = customer_of(text), DEBT_OF.get(text.stage, "LATE")
    account, currency = f"{customer}-{debt}", currency_of(customer)
    return shop.write(
        text,
        customer,
        debt,
        offered=Offered(account, currency, OFFER, TODAY + timedelta(days=14)),
        proposed=Proposed((account,), 20_000, currency, TODAY + timedelta(days=3)),
    )


def test_there_are_texts_to_render() -> None:
    assert len(TEXTS) >= 138 and {text.language for text in TEXTS} == {"en", "zh"}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.id)
def test_every_text_is_rendered_for_a_person(shop: Shop, text: Text) -> None:
    composed = written(shop, text)
    assert isinstance(composed, Composed), composed
    assert composed.text_id == f"{text.id} v{text.version}"
    message = composed.message
    assert "{" not in message.text and message.to
    if text.channel == "letter":
        assert shop.channels["letter"].page is not None


def text_of(stage: str, channel: str = "email", language: str = "en", actor: str = "first_party") -> Text:
    (found,) = (
        text
        for text in TEXTS
        if (text.stage, text.channel, text.language) == (stage, channel, language) and actor in text.actors
    )
    return found


def words(shop: Shop, stage: str, actor: str = "first_party") -> str:
    composed = written(shop, text_of(stage, actor=actor))
    assert isinstance(composed, Composed), composed
    return composed.message.text


def test_a_promise_is_reminded_of_with_its_own_amount_and_day(shop: Shop) -> None:
    assert "Agreed payment: $120.00\nAgreed day: November 30, 2026" in words(shop, "promise_reminder")
    assert "Agreed payment: $150.00\nAgreed day: November 10, 2026" in words(shop, "promise_broken")


def test_a_payment_is_thanked_for_with_what_is_left(shop: Shop) -> None:
    said = words(shop, "payment_received")
    left = shop.records.customer("US-EN").positions
    (payoff,) = (row["payoff_total"] for row in left if row["account_id"] == "US-EN-PAID")
    assert "Received: $200.00\nReceived on: November 20, 2026" in said
    assert f"Left to pay under your agreement: ${payoff:,.2f}" in said


def test_a_plan_is_offered_as_it_stands(shop: Shop) -> None:
    said = words(shop, "plan_offer")
    assert "Amount in the plan: $149.10\nMonthly payment: $50.00\nNumber of payments: 3" in said


def test_days_are_counted_from_what_the_person_told(shop: Shop) -> None:
    assert "until December 20, 2026" in words(shop, "hardship_answer")
    dispute = words(shop, "dispute_answer")
    assert "received this on November 19, 2026" in dispute and "by December 19, 2026" in dispute
    assert "since November 18, 2026" in words(shop, "stop_confirmed")


@pytest.mark.parametrize(
    "text", [text for text in TEXTS if text.stage == "channel_stopped"], ids=lambda t: t.id
)
def test_a_stop_is_confirmed_and_nothing_else_is_said(text: Text) -> None:
    assert set(text.slots) == {"sender"}
    assert not re.search(r"(?i)\b(?:debt|account|owe|pay|plan|offer)\w*|欠|账户|还款|方案|http", text.body)


def test_a_validation_notice_adds_up_to_what_is_owed(shop: Shop) -> None:
    said = words(shop, "validation_notice", actor="agency")
    amounts = {
        line.partition(":")[0]: Decimal(line.rpartition("$")[2].replace(",", ""))
        for line in said.splitlines()
        if "$" in line
    }
    then, interest, fees, paid, total = amounts.values()
    assert then + interest + fees - paid == total
    assert "As of October 20, 2026 you owed" in said and fees == Decimal("7.50")
    (payoff,) = (
        row["payoff_total"]
        for row in shop.records.customer("US-EN").positions
        if row["account_id"] == "US-EN-LATE"
    )
    assert total == payoff
    assert f"by {date(2027, 1, 5):%B} 5, 2027" in said


@pytest.mark.parametrize(
    ("stage", "debt", "why"),
    [
        ("reminder", "FRESH", "nothing is past due"),
        ("promise_reminder", "LATE", "no promise of theirs is open"),
        ("promise_broken", "OPEN", "a newer promise of theirs is open"),
        ("promise_broken", "LATE", "no promise of theirs was broken"),
        ("payment_received", "LATE", "more than 14 days ago"),
        ("payment_received", "OPEN", "no payment of theirs"),
        ("plan_offer", "LATE", "no plan was offered"),
        ("hardship_answer", "LATE", "did not tell of hardship"),
        ("dispute_answer", "LATE", "dispute nothing"),
        ("stop_confirmed", "LATE", "did not ask to be left alone"),
        ("promise_check", "LATE", "no proposal of theirs"),
    ],
)
def test_what_the_records_do_not_hold_is_not_said(shop: Shop, stage: str, debt: str, why: str) -> None:
    held = shop.write(text_of(stage), "US-EN", debt)
    assert isinstance(held, Reason), held
    assert (held.rule, held.effect) == ("outreach.no-fact", "missing") and why in held.detail


def test_a_plan_no_longer_open_or_of_several_amounts_is_held_back(shop: Shop) -> None:
    text, account = text_of("plan_offer"), "US-EN-LATE"
    for offer, why in (
        (Offered(account, "USD", OFFER, TODAY - timedelta(days=1)), "no longer open"),
        (Offered(account, "USD", OFFER[::-1], TODAY), "several amounts"),
    ):
        held = shop.write(text, "US-EN", "LATE", offered=offer)
        assert isinstance(held, Reason) and why in held.detail


def test_without_an_address_for_disputes_no_notice_goes_out(shop: Shop, tmp_path: Path) -> None:
    file = shop.folder / "dunwell.toml"
    whole = file.read_text(encoding="utf-8")
    file.write_text("\n".join(line for line in whole.splitlines() if not line.startswith("mail_to")))
    try:
        held = shop.write(text_of("validation_notice", actor="agency"), "US-EN", "LATE", actor="agency")
    finally:
        file.write_text(whole, encoding="utf-8")
    assert isinstance(held, Reason) and "Write mail_to under [outreach]" in held.detail


def test_everybody_in_the_small_lender_is_known(shop: Shop) -> None:
    assert set(shop.records.people(list(PEOPLE))) == set(PEOPLE)


def test_the_gate_is_of_the_law_as_it_stands_now(shop: Shop, tmp_path: Path) -> None:
    settings = read_settings(shop.folder)
    file = tmp_path / "law.toml"
    text = (shop.folder / "policy" / "law.toml").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    records = BookRecords(settings.book_folder, KeptLaw(file).current, "first_party")
    before = records.gate("US-EN").content_hash
    file.write_text(text + '\n[[tighten]]\nrule = "us-reg-f.hours"\nfrom = "09:00"\n', encoding="utf-8")
    assert records.gate("US-EN").content_hash != before
    file.write_text("no TOML at all", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(PolicyError):
            records.gate("US-EN")
    file.write_text(text, encoding="utf-8")
    assert records.gate("US-EN").content_hash == before


def test_a_promise_that_was_withdrawn_since_the_run_is_not_reminded_of(shop: Shop) -> None:
    text = text_of("promise_reminder")
    customer = customer_of(text)
    assert isinstance(shop.write(text, customer, "OPEN"), Composed)
    held = shop.write(text, customer, "OPEN", withdrawn=frozenset({f"P-{customer}-OPEN"}))
    assert isinstance(held, Reason) and held.detail == "no promise of theirs is open"
