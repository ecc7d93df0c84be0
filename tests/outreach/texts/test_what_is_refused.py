"""A text that may not be used is refused with its file, line, span and what to write instead."""

from typing import TYPE_CHECKING, Any

import pytest

from dunwell.outreach.texts import TextsRefused, load_texts

if TYPE_CHECKING:
    from tests.outreach.texts.conftest import Shelf
from datetime import date

ON = date(2026, 11, 24)


def test_an_unlawful_sentence_is_shown_at_its_place(shelf: "Shelf") -> None:
    file = shelf.put("Dear {name},\n\nplease call us. If you do not pay, we will tell your boss.")
    fault = shelf.faults()[0]
    line = file.read_text(encoding="utf-8").split("\n")[fault.line - 1]
    assert fault.category == "third_party_disclosure"
    assert line[fault.start : fault.end] == "we will tell your boss"
    assert fault.mend
    assert str(fault).startswith(f"en/sms/one.txt:{fault.line}:")


def test_a_place_after_a_slot_is_still_right(shelf: "Shelf") -> None:
    file = shelf.put("{name}, you stupid idiot, pay.")
    fault = shelf.faults()[0]
    line = file.read_text(encoding="utf-8").split("\n")[fault.line - 1]
    assert "stupid" in line[fault.start : fault.end]


def test_chinese_words_are_reviewed_as_well(shelf: "Shelf") -> None:
    shelf.put("{name}，再不还钱就让你坐牢", at="zh/sms/one.txt", packs='["cn"]')
    assert {"false_legal", "threat"} <= {fault.category for fault in shelf.faults()}


def test_what_a_pack_demands_must_be_said_by_whom_it_binds(shelf: "Shelf") -> None:
    words = "Hello {name}, your account is overdue. Call us on 1-800-555-0100."
    shelf.put(words, packs='["us-reg-f"]', actors='["first_party", "agency"]')
    faults = shelf.faults()
    assert {fault.category for fault in faults} == {"missing_disclosure"}
    assert {
        rule for rule in ("opt-out", "debt-collector") if any(rule in fault.problem for fault in faults)
    } == {
        "opt-out",
        "debt-collector",
    }
    shelf.put(words, packs='["us-reg-f"]', actors='["first_party"]')
    assert shelf.faults() == []


@pytest.mark.parametrize(
    ("body", "slots", "category"),
    [
        ("Hello {name}, you owe {amount}.", 'name = "name"', "slot"),
        ("Hello.", 'name = "name"', "slot"),
        ("Hello { name }.", 'name = "name"', "slot"),
        ("Hello {name}, {{name}} is due.", 'name = "name"', "placeholder"),
        ("Hello {name}, [AMOUNT] is due.", 'name = "name"', "placeholder"),
        ("Hello {name}, %(amount)s is due.", 'name = "name"', "placeholder"),
        ("Hello {name}, $AMOUNT is due.", 'name = "name"', "placeholder"),
        ("Hello {name}, <amount> is due.", 'name = "name"', "placeholder"),
        ("Hello {name}, call XXXX.", 'name = "name"', "placeholder"),
        ("Hello {name}} there.", 'name = "name"', "placeholder"),
        ("Hello {name}. " + "Many words follow here. " * 40, 'name = "name"', "length"),
        ("", "", "slot"),
    ],
)
def test_slots_placeholders_and_length(shelf: "Shelf", body: str, slots: str, category: str) -> None:
    shelf.put(body, slots=slots)
    assert [fault.category for fault in shelf.faults()][:1] == [category]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", '"Not An Id"'),
        ("id", None),
        ("version", "0"),
        ("version", "true"),
        ("language", '"fr"'),
        ("channel", '"pigeon"'),
        ("stage", '"threaten"'),
        ("purpose", '"service"'),
        ("packs", '["moon"]'),
        ("packs", '["house-floor"]'),
        ("packs", "[]"),
        ("actors", '["friend"]'),
        ("approved_by", '""'),
        ("approved_by", None),
        ("approved_on", '"yesterday"'),
        ("from", "2025-12-31"),
        ("until", "2026-01-01"),
        ("subject", '"An SMS has none"'),
        ("disclosures", '["us-reg-f.opt-out-sentence"]'),
        ("colour", '"red"'),
        ("slots_", None),
    ],
)
def test_front_matter_that_says_something_wrong(shelf: "Shelf", key: str, value: str | None) -> None:
    if key == "slots_":
        shelf.put("Hello {name}.", slots='name = "secret"')
    else:
        changed: dict[str, Any] = {key: value}
        shelf.put("Hello {name}.", **changed)
    faults = shelf.faults()
    assert len(faults) == 1
    assert faults[0].category == "front_matter"
    assert faults[0].mend


def test_a_reminder_cannot_pass_as_service(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.", purpose='"service"')
    assert "a reminder is not service" in str(shelf.faults()[0])


def test_a_file_in_the_wrong_folder(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.", language='"zh"')
    assert [fault.category for fault in shelf.faults()] == ["place"]


@pytest.mark.parametrize(
    "content", [b"", b"Hello", b"+++\nid = \n+++\nHello", b"+++\nid = 1\n", b"\xff\xfe+++"]
)
def test_a_file_that_is_no_text_at_all(shelf: "Shelf", content: bytes) -> None:
    file = shelf.folder / "en" / "sms" / "one.txt"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert [fault.category for fault in shelf.faults()] == ["front_matter"]


@pytest.mark.parametrize(
    "subject", ["Your overdue account", "A message about {amount}", "Final notice", "For {name}"]
)
def test_an_emails_subject_tells_nothing(shelf: "Shelf", subject: str) -> None:
    slots = 'name = "name"\namount = "money"'
    file = shelf.put("Hello {name}, {amount}.", at="en/email/one.txt", subject=f'"{subject}"', slots=slots)
    fault = shelf.faults()[0]
    line = file.read_text(encoding="utf-8").split("\n")[fault.line - 1]
    assert fault.category == "subject"
    assert line[fault.start : fault.end] in subject


def test_two_versions_do_not_hold_on_one_day(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.", until="2026-06-01")
    shelf.put("Hello again {name}.", at="en/sms/two.txt", version="2", from_="2026-05-01")
    assert "holds beside version 1" in str(shelf.faults()[0])
    shelf.put("Hello again {name}.", at="en/sms/two.txt", version="2", from_="2026-06-01")
    assert shelf.faults() == []


def test_loading_refuses_all_when_one_is_wrong(shelf: "Shelf") -> None:
    shelf.put("Hello {name}.")
    shelf.put("Hello {name}, {other}.", at="en/sms/two.txt", id='"two"')
    with pytest.raises(TextsRefused, match=r"two\.txt"):
        load_texts(shelf.folder, ON)
