"""The second opinion doubts what no rule knows, refuses only when asked, and its weights are what they say."""

from dataclasses import replace
from datetime import date

import pytest

from dunwell.law.language import Review, review
from dunwell.law.language.second_opinion import BUCKETS, UNLAWFUL, doubts, features, model

ON = date(2026, 11, 24)
UNKNOWN_TO_THE_RULES = "你儿子的幼儿园我去看过了，挺好找的。"


def reviewed(text: str, language: str, *, second_opinion: bool) -> Review:
    return review(text, language=language, channel="call", packs=(), on=ON, second_opinion=second_opinion)


def test_a_wording_no_rule_knows_is_refused_when_asked_and_over_the_whole_sentence() -> None:
    known = reviewed(UNKNOWN_TO_THE_RULES, "zh", second_opinion=False).findings
    assert not known, "the rules know this wording by now: choose another"
    verdict = reviewed(UNKNOWN_TO_THE_RULES, "zh", second_opinion=True)
    assert not verdict.allowed
    assert verdict.categories == ("threat",)
    assert verdict.findings[0].rule == "house.second-opinion"
    assert verdict.findings[0].quoted == UNKNOWN_TO_THE_RULES


@pytest.mark.parametrize("text", ["Thanks, we got your payment; the balance is now 1,310.00.", ""])
def test_an_everyday_line_is_not_doubted(text: str) -> None:
    verdict = reviewed(text, "en", second_opinion=True)
    assert verdict.allowed
    assert verdict.doubts == ()


def test_without_being_asked_the_rules_alone_judge() -> None:
    verdict = reviewed("You are a thief.", "en", second_opinion=False)
    assert verdict.doubts is None
    assert replace(reviewed("You are a thief.", "en", second_opinion=True), doubts=None).allowed is False


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_model_gives_the_same_probabilities_each_time(language: str) -> None:
    known = model(language)
    assert known.classes[0] == UNLAWFUL
    first, again = (known.probabilities("pay now 还钱", language) for _ in range(2))
    assert first == again
    assert all(0 <= one <= 1 for one in first.values())
    assert doubts("", language, ()) == ()


def test_buckets_do_not_depend_on_the_process() -> None:
    found = list(features("a b", "en"))
    assert found == sorted(set(found))
    assert max(found) < BUCKETS
    assert 0xE8B7BE43 % BUCKETS in found  # CRC-32 of "a" (ITU-T V.42)
