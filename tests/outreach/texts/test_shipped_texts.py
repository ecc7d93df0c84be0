"""The texts that come with dunwell: lawful as they stand, for every stage, role and language, and laid by ``dunwell init``."""

from datetime import date
from pathlib import Path

import pytest

from dunwell.cli.workspace import copy_template
from dunwell.outreach.texts import STAGES, Text, choose, fill, load_texts
from dunwell.outreach.texts.length import sms_parts
from dunwell.outreach.texts.text import Fault

ON = date(2026, 11, 24)
SOME_PACKS = {
    "validation_notice": ("us-reg-f", "house-floor"),
    "rights_notice": ("cn", "cn-house", "house-floor"),
    "channel_stopped": ("us-reg-f", "house-floor"),
}
OF_COLLECTORS = {"validation_notice"}


def test_the_language_review_finds_nothing_in_any_of_them(
    shipped: tuple[tuple[Text, ...], tuple[Fault, ...]],
) -> None:
    texts, faults = shipped
    assert [str(fault) for fault in faults] == []
    assert len(texts) > 100


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_its_words_in_both_languages_for_every_role(
    stage: str, language: str, texts: tuple[Text, ...], values: dict[str, object]
) -> None:
    channels = {text.channel for text in texts if text.stage == stage and text.language == language}
    assert channels
    packs = SOME_PACKS.get(stage, ("us-reg-f", "us-ma", "house-floor"))
    for channel in sorted(channels):
        for actor in ("first_party", "agency", "debt_buyer"):
            if actor == "first_party" and stage in OF_COLLECTORS:
                continue
            text = choose(texts, language, channel, stage, packs, ON, actor=actor)
            locale = "zh-CN" if language == "zh" else "en-US"
            filled = fill(text, values, locale=locale, packs=packs, actor=actor, on=ON)
            assert "{" not in filled.text
            assert channel != "sms" or sms_parts(filled.text) <= 4


def test_an_email_says_nothing_of_a_debt_to_whoever_sees_its_subject(texts: tuple[Text, ...]) -> None:
    subjects = {text.subject for text in texts if text.channel == "email"}
    slots = {
        name for subject in subjects for name in ("amount", "account", "due_date", "name") if name in subject
    }
    assert slots == set()
    assert not any(
        word in subject for subject in subjects for word in ("debt", "overdue", "欠", "逾期", "催")
    )


def test_a_wrong_person_is_told_nothing_about_anybody(texts: tuple[Text, ...]) -> None:
    told = [text for text in texts if text.stage == "wrong_person_answer"]
    assert told
    for text in told:
        assert set(text.slots) <= {"sender", "phone"}
        assert not any(
            word in text.body.lower() for word in ("debt", "account", "collect", "owe", "账户", "债", "催")
        )


def test_the_validation_notice_holds_what_the_model_form_holds(texts: tuple[Text, ...]) -> None:
    """12 CFR 1006.34(c) and (d), Model Form B-1."""
    text = choose(texts, "en", "letter", "validation_notice", ("us-reg-f",), ON, actor="agency")
    assert {
        "itemised_on",
        "then",
        "interest",
        "fees",
        "paid",
        "total",
        "dispute_by",
        "creditor",
        "account",
    } <= set(text.slots)
    for said in (
        "is a debt collector. We are trying to collect a debt that you owe to",
        "we must stop collection on any amount you dispute until we send you information that shows you owe the debt",
        "Write to ask for the name and address of the original creditor, if different from the current creditor.",
        "www.cfpb.gov/debt-collection",
        "[ ] I want to dispute the debt because I think this is not my debt.",
    ):
        assert said in text.body


def test_a_new_workspace_has_them_to_adapt(tmp_path: Path, texts: tuple[Text, ...]) -> None:
    copy_template(tmp_path / "shop")
    laid = load_texts(tmp_path / "shop" / "policy" / "texts", ON)
    assert [text.content_hash for text in laid] == [text.content_hash for text in texts]
