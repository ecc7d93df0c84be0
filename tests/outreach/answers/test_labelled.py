"""The labelled sets are sound, and the dev parts stay understood: a change that loses something there fails here."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from dunwell.outreach.answers.meaning import INTENTS
from tests.outreach.answers.speaking import chinese, english

FOLDER = Path(__file__).parent / "messages"
PARTS = ("dev", "fresh", "odd_dev", "odd", "held_out", "later")
GRAVE = ("stop", "dispute", "hardship", "distress", "deceased", "wrong_person")


def messages(language: str, part: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(
        (FOLDER / f"{language}.{part}.yaml").read_text(encoding="utf-8")
    )
    return entries


@pytest.mark.parametrize("language", ["en", "zh"])
def test_they_are_enough_known_terms_and_not_shared_between_parts(language: str) -> None:
    parts = {part: messages(language, part) for part in PARTS}
    texts = [one["text"] for entries in parts.values() for one in entries]
    assert len(texts) >= 320
    assert {intent for entries in parts.values() for one in entries for intent in one["intents"]} <= set(
        INTENTS
    )
    measured = {one["text"] for part in ("held_out", "later", "odd") for one in parts[part]}
    tuned = {one["text"] for part in ("dev", "odd_dev") for one in parts[part] if len(one["text"]) > 12}
    assert len(measured & tuned) == 0


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("intent", GRAVE)
def test_what_acts_at_once_is_found_in_the_dev_part(language: str, intent: str) -> None:
    read = english if language == "en" else chinese
    missed = [
        one["text"]
        for one in messages(language, "dev")
        if intent in one["intents"] and intent not in read(one["text"]).intents
    ]
    assert missed == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_promises_to_improve_the_rules_on_are_read_exactly(language: str) -> None:
    read = english if language == "en" else chinese
    for one in messages(language, "fresh"):
        found = read(one["text"]).promise
        wanted = [(_minor(label), [str(label["pay_on"])]) for label in one["promises"]]
        assert [(part.amount_minor, [str(day) for day in part.readings]) for part in found] == wanted, one[
            "text"
        ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_promise_is_read_into_a_no_an_if_or_a_joke(language: str) -> None:
    read = english if language == "en" else chinese
    for one in messages(language, "odd_dev"):
        if "promise" not in one["intents"]:
            found = read(one["text"])
            assert "promise" not in found.intents and not found.promise, one["text"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_read_back_without_a_person_is_what_was_promised(language: str) -> None:
    """Of odd turns as well: a sum and a day that nobody doubts are those that were said."""
    read = english if language == "en" else chinese
    for one in messages(language, "odd_dev"):
        found = read(one["text"])
        if found.promise and not found.needs_person and all(part.is_clear for part in found.promise):
            days = [[str(label["pay_on"])] for label in one["promises"]]
            assert [[str(day) for day in part.readings] for part in found.promise] == days, one["text"]
            assert [part.amount_minor for part in found.promise if "amount" in one["promises"][0]] in (
                [],
                [_minor(label) for label in one["promises"] if "amount" in label],
            ), one["text"]


def _minor(label: dict[str, Any]) -> int:
    """What a labelled part comes to, of the 1,000.00 that are due."""
    share = {"half": Fraction(1, 2), "full": Fraction(1)}
    if "amount" in label:
        return int(Decimal(label["amount"]) * 100)
    return round(
        100_000 * share.get(label["share"], Fraction(label["share"]) if "/" in label["share"] else 0)
    )
