"""Conditions and changes of a strategy are read as sentences, in English and in Chinese."""

import pytest
from django.utils import translation

from dunwell.office.strategies.wording import MEANINGS, TRUTHS, change_told, conditions_told
from dunwell.strategy.columns import COLUMNS, Kind
from dunwell.strategy.conditions import parse_condition
from dunwell.strategy.differing import Difference

CASES = [
    (["past_due_days >= 8", "past_due_days < 31"], "days past due: at least 8 and below 31", "逾期天数：至少8且低于31"),
    (["has_sms = true", "in_default != true"], "has a number for text messages; is not in default", "有可发短信的号码；未违约"),
    (["paid_to_due_30d >= 0.5"], "paid in 30 days as a share of what fell due in them: at least 50 %", "50"),
    (["language in zh, en"], "language: one of Chinese, English", "语言：属于中文、英语"),
    (["days_since_payment is unknown"], "days since the last payment: not known", "距上次还款的天数："),
    ([], "everybody else", "其余所有人"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "english", "chinese"), CASES)
def test_conditions_are_sentences_in_both_languages(texts: list[str], english: str, chinese: str) -> None:
    conditions = [parse_condition(text) for text in texts]
    with translation.override("en"):
        assert conditions_told(conditions) == english
    with translation.override("zh-hans"):
        told = conditions_told(conditions)
    assert chinese in told
    assert not any(word in told for word in ("least", "below", "days", "known", "everybody"))


def test_every_column_of_a_condition_has_its_words() -> None:
    for name, column in COLUMNS.items():
        if column.kind is Kind.TRUTH:
            assert name in TRUTHS
        else:
            assert name in MEANINGS
            with translation.override("en"):
                assert str(MEANINGS[name]) == column.meaning
            with translation.override("zh-hans"):
                assert str(MEANINGS[name]) != column.meaning, name


@pytest.mark.parametrize(
    ("change", "english"),
    [
        (Difference("gone", "segment", "x"), "Segment “x” is gone"),
        (
            Difference("changed", "treatment", "a", "minutes", "4", "7"),
            "Treatment “a”, minutes: from 4 to 7",
        ),
        (
            Difference(
                "changed", "segment", "from a to b", "when", ["past_due_days >= 1"], ["has_sms = true"]
            ),
            "Segment “from a to b”, who: from “days past due: at least 1” to “has a number for text messages”",
        ),
        (Difference("changed", key="currency", before="CNY", after="USD"), "currency: from CNY to USD"),
        (
            Difference("changed", "treatment", "a", "prior.value", after="0.1"),
            "Treatment “a”, what it is thought to bring, value is now 0.1",
        ),
        (
            Difference("changed", "treatment", "a", "skill", before="hardship"),
            "Treatment “a”, skill is no longer said (was hardship)",
        ),
        (
            Difference(
                "new", "treatment", "a", after={"name": "a", "channel": "sms", "segments": ["x", "y"]}
            ),
            "Treatment “a” is new: channel sms, segments x, y",
        ),
        (
            Difference("reordered", key="segments", before=["b", "a"], after=["a", "b"]),
            "The order of the segments is now: a, b",
        ),
    ],
)
def test_a_change_is_a_sentence(change: Difference, english: str) -> None:
    with translation.override("en"):
        assert change_told(change) == english
    with translation.override("zh-hans"):
        told = change_told(change)
        assert not any(
            word in told for word in (" is ", "who", "order", "Segment", "Treatment", "days", "currency")
        )


def test_conditions_that_cannot_be_read_are_told_as_they_stand() -> None:
    with translation.override("en"):
        told = change_told(Difference("changed", "segment", "a", "when", ["no such = thing"], []))
    assert told == "Segment “a”, who: from no such = thing to “everybody else”"
