"""The second opinion doubts what no rule knows, refuses only when asked, and its weights are what they say."""

from dataclasses import replace
from datetime import date

import pytest

from dunwell.law.language import Review, review
from dunwell.law.language.second_opinion import BUCKETS, features

ON = date(2026, 11, 24)
UNKNOWN_TO_THE_RULES = "你儿子的幼儿园我去看过了，挺好找的。"


def reviewed(text: str, language: str, *, second_opinion: bool) -> Review:
    return review(text, language=language, channel="call", packs=(), on=ON, second_opinion=second_opinion)


def test_a_wording_no_rule_knows_is_refused_when_asked_and_over_the_whole_sentence() -> None:
    if reviewed(UNKNOWN_TO_THE_RULES, "zh", second_opinion=False).findings:
        pytest.skip("the rules know this wording by now")
    verdict = reviewed(UNKNOWN_TO_THE_RULES, "zh", second_opinion=True)
    assert not verdict.allowed
    assert verdict.categories == ("threat",)
    assert verdict.findings[0].rule == "house.second-opinion"
    assert verdict.findings[0].quoted == UNKNOWN_TO_THE_RULES


def test_without_being_asked_the_rules_alone_judge() -> None:
    verdict = reviewed("You are a thief.", "en", second_opinion=False)
    assert verdict.doubts is None
    assert replace(reviewed("You are a thief.", "en", second_opinion=True), doubts=None).allowed is False


def test_buckets_do_not_depend_on_the_process() -> None:
    found = list(features("a b", "en"))
    assert found == sorted(set(found))
    assert max(found) < BUCKETS
    assert 0xE8B7BE43 % BUCKETS in found  # CRC-32 of "a" (ITU-T V.42)
