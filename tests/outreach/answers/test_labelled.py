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
PARTS = ("dev", "fresh", "held_out", "later")
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
    measured = {one["text"] for part in ("held_out", "later") for one in parts[part]}
    assert len(measured & {one["text"] for one in parts["dev"] if len(one["text"]) > 12}) == 0


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


def _minor(label: dict[str, Any]) -> int:
    """What a labelled part comes to, of the 1,000.00 that are due."""
    share = {"half": Fraction(1, 2), "full": Fraction(1)}
    if "amount" in label:
        return int(Decimal(label["amount"]) * 100)
    return round(
        100_000 * share.get(label["share"], Fraction(label["share"]) if "/" in label["share"] else 0)
    )
