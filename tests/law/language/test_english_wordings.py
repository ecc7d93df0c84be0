"""Families of English wordings that are found, and everyday lines that are let through, whatever else changes."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from dunwell.law.language import review

ON = date(2026, 11, 2)
WORDINGS: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parent / "wordings" / "en.yaml").read_text(encoding="utf-8")
)
FOUND = [(category, text) for category, texts in WORDINGS.items() if category != "innocent" for text in texts]


def categories_of(text: str) -> tuple[str, ...]:
    """What the review finds in one line, under no pack."""
    return review(text, language="en", channel="call", packs=(), on=ON, second_opinion=False).categories


@pytest.mark.parametrize(("category", "text"), FOUND)
def test_what_may_not_be_said_is_found(category: str, text: str) -> None:
    assert category in categories_of(text)


@pytest.mark.parametrize("text", WORDINGS["innocent"])
def test_everyday_lines_are_let_through(text: str) -> None:
    assert categories_of(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "We will not tell your boss.",
        "Nobody here will ever tell your boss.",
        "You said your last lender would tell your boss.",
        "The old agency wrote: 'we will tell your boss'.",
        "Collectors must not tell your boss.",
        "May we speak to your boss about this, or would you rather we did not?",
    ],
)
def test_a_line_that_denies_reports_quotes_forbids_or_asks_is_no_disclosure(text: str) -> None:
    assert "third_party_disclosure" not in categories_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "If you do not pay, we will tell your boss.",
        "I am not joking, we will tell your boss.",
        "We will not hesitate to tell your boss.",
        "You said you would pay, so we will tell your boss.",
        "Don't make me tell your boss.",
    ],
)
def test_a_denial_of_something_else_denies_nothing(text: str) -> None:
    assert "third_party_disclosure" in categories_of(text)
