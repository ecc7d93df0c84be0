"""An approved text filled in for one person: nothing missing, nothing smuggled in, lawful as it will be read."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dunwell.law.language import review
from dunwell.outreach.texts import Text, TextsRefused, choose, fill
from dunwell.outreach.texts.checking import put_in

if TYPE_CHECKING:
    from tests.outreach.texts.conftest import Shelf

ON = date(2026, 11, 24)
PACKS = ("us-reg-f", "house-floor")


@pytest.fixture
def reminder(texts: tuple[Text, ...]) -> Text:
    return choose(texts, "en", "email", "reminder", PACKS, ON, actor="agency")


def refused(text: Text, values: dict[str, object], **changed: object) -> str:
    asked: dict[str, object] = {"locale": "en-US", "packs": PACKS, "actor": "agency", "on": ON} | changed
    with pytest.raises(TextsRefused) as error:
        fill(text, values, **asked)  # type: ignore[arg-type]
    return str(error.value)


def test_what_the_person_reads(reminder: Text, values: dict[str, object]) -> None:
    filled = fill(reminder, values, locale="en-US", packs=PACKS, actor="agency", on=ON)
    assert "Dear Mary Constable," in filled.text
    assert "Amount overdue: $1,234.50" in filled.text
    assert "Due on: December 1, 2026" in filled.text
    assert filled.subject == "A message from Northway Recovery"
    assert (filled.text_id, filled.version) == ("en.email.reminder.collector", 1)
    assert filled.content_hash == reminder.content_hash
    again = fill(reminder, values | {"name": "Ann Li"}, locale="en-US", packs=PACKS, actor="agency", on=ON)
    assert again.content_hash == filled.content_hash
    assert again.rendered_hash != filled.rendered_hash


def test_what_was_set_aside_when_a_text_was_approved_does_not_refuse_it_for_a_person(shelf: "Shelf") -> None:
    line = "The list of fees is published on our website."
    by_rules = review(line, language="en", channel="call", packs=("gb",), on=ON, second_opinion=False)
    assert by_rules.findings, "the rules know better by now: choose another"
    shelf.put(f"Dear {{name}}. {line} Lender Ltd, reply STOP to opt out.")
    filled = fill(shelf.only(), {"name": "Ann Li"}, locale="en-GB", packs=("gb",), actor="first_party", on=ON)
    assert line in filled.text


@pytest.mark.parametrize("sender", ["Police Dept", "Springfield District Court", "Sheriff Recovery"])
def test_an_organisation_may_not_pose(reminder: Text, values: dict[str, object], sender: str) -> None:
    assert "false_authority" in refused(reminder, values | {"sender": sender})


def test_a_person_may_be_called_constable(reminder: Text, values: dict[str, object]) -> None:
    named = values | {"name": "John Sheriff"}
    assert "Dear John Sheriff," in fill(reminder, named, locale="en", packs=PACKS, actor="agency", on=ON).text


@pytest.mark.parametrize(
    "name",
    [
        "Li. If you do not pay we will have you arrested",
        "Li, we will tell your boss about the debt",
    ],
)
def test_a_sentence_brought_by_a_value_is_reviewed(
    reminder: Text, values: dict[str, object], name: str
) -> None:
    assert refused(reminder, values | {"name": name})


@pytest.mark.parametrize(
    "name",
    [
        "Li\nWe sue you",
        "Li\u2028next",
        "{amount}",
        "<% x %>",
        "",
        "   ",
        "Li\u202eevil",
        "M\ufffdller",
        "see https://evil.example",
        "www.evil.example",
        "x" * 81,
        "Pay 12345678 now",
        "Really? Yes",
        None,
        17,
    ],
)
def test_a_name_brings_nothing_but_a_name(reminder: Text, values: dict[str, object], name: object) -> None:
    assert "{name}" in refused(reminder, values | {"name": name})


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.example.com",
        "javascript:alert(1)",
        "https://a@pay.example.com/",
        "https://pay",
        "https://[x",
        "pay.example.com",
    ],
)
def test_a_link_is_one_of_https(reminder: Text, values: dict[str, object], url: str) -> None:
    assert "{url}" in refused(reminder, values | {"url": url})


@pytest.mark.parametrize("phone", ["call me", "1", "+44 20 7946 0000 or 0000 000 000 000"])
def test_a_number_is_a_number(reminder: Text, values: dict[str, object], phone: str) -> None:
    assert "{phone}" in refused(reminder, values | {"phone": phone})


def test_a_missing_value_is_refused_by_name(reminder: Text, values: dict[str, object]) -> None:
    del values["amount"]
    assert "{amount} has no value" in refused(reminder, values)


def test_a_text_for_somebody_else_is_refused(reminder: Text, values: dict[str, object]) -> None:
    assert "the person reads zh-CN" in refused(reminder, values, locale="zh-CN")
    assert "not for a first_party" in refused(reminder, values, actor="first_party")
    assert "not reviewed under us-tx" in refused(reminder, values, packs=("us-tx",))
    assert "no pack binds the contact" in refused(reminder, values, packs=("house-floor",))
    assert "not on 2025-12-31" in refused(reminder, values, on=date(2025, 12, 31))


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40) | st.text(alphabet="Aé李 .'-{}\n%<", max_size=20))
def test_a_value_is_refused_or_stands_alone_on_its_line(
    reminder: Text, values: dict[str, object], name: str
) -> None:
    asked: dict[str, Any] = {"locale": "en-US", "packs": PACKS, "actor": "agency", "on": ON}
    as_approved = fill(reminder, values, **asked).text.split("\n")
    try:
        lines = fill(reminder, values | {"name": name}, **asked).text.split("\n")
    except TextsRefused:
        return
    assert lines == [f"Dear {name.strip()},", *as_approved[1:]]


@given(name=st.text(max_size=40))
def test_whatever_the_name_the_rest_of_the_text_stays_as_approved(name: str) -> None:
    filled = put_in("Dear {name},\n\nwe {name} write.", {"name": name})
    assert filled.text == f"Dear {name},\n\nwe {name} write."


def test_a_long_value_may_not_make_an_sms_too_long(shelf: "Shelf") -> None:
    shelf.put("{name}: " + "Please call us when it suits you. " * 17)
    text = shelf.only()
    values = {"name": "欧阳文静"}
    with pytest.raises(TextsRefused, match="parts"):
        fill(text, values, locale="en-GB", packs=("gb",), actor="first_party", on=ON)
