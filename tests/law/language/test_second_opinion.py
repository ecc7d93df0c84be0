"""The second opinion doubts what no rule knows, sets aside what a rule wrongly found, and its figures are what they say."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from benchmarks.language_sentences import dev_sentences, sentences_hash, training_sentences
from dunwell.law.language import Review, review, reviewing, second_opinion
from dunwell.law.language.encoder import pair
from dunwell.law.language.second_opinion import (
    BUCKETS,
    UNLAWFUL,
    Cue,
    Judgement,
    Limits,
    Opinion,
    features,
    model,
    opinion,
)
from dunwell.law.language.windows import CHARACTERS_MAX, windows

ON = date(2026, 11, 24)
UNKNOWN_TO_THE_RULES = "你儿子的幼儿园我去看过了，挺好找的。"
LIMITS = Limits(suspect=0.8, also=0.6)


def reviewed(text: str, language: str, *, second_opinion: bool = True) -> Review:
    return review(text, language=language, channel="call", packs=(), on=ON, second_opinion=second_opinion)


def held(*unlawful: float) -> Opinion:
    """An opinion on pieces of ten characters each."""
    chances = {"threat": 0.9, "abuse": 0.7, "shame": 0.3}
    pieces = (Judgement(10 * at, 10 * at + 10, one, chances) for at, one in enumerate(unlawful))
    return Opinion(tuple(pieces), LIMITS, "hash")


def test_a_wording_no_rule_knows_is_refused_over_the_whole_sentence() -> None:
    known = reviewed(UNKNOWN_TO_THE_RULES, "zh", second_opinion=False).findings
    assert not known, "the rules know this wording by now: choose another"
    verdict = reviewed(UNKNOWN_TO_THE_RULES, "zh")
    assert not verdict.allowed
    assert "threat" in verdict.categories
    assert verdict.findings[0].rule == "house.second-opinion"
    assert verdict.findings[0].quoted == UNKNOWN_TO_THE_RULES
    assert model("zh").sha256[:12] in verdict.findings[0].citation


@pytest.mark.parametrize("text", ["Thanks, we got your payment; the balance is now 1,310.00.", "", " \n"])
def test_an_everyday_line_is_not_doubted(text: str) -> None:
    verdict = reviewed(text, "en")
    assert verdict.allowed
    assert verdict.doubts == ()


def test_the_piece_that_is_likeliest_unlawful_is_pointed_at_in_a_long_message() -> None:
    kind = "Thank you for calling us on Monday. Your balance is 310.00, and nothing is due before May. "
    menace = (
        "We know where your little boy goes to school, and it would be a pity if something happened to him. "
    )
    text = kind * 3 + menace + kind * 3
    pieces = opinion(text, "en").judgements
    assert len(pieces) > 3
    worst = max(pieces, key=lambda one: one.unlawful)
    assert "little boy" in text[worst.start : worst.end]
    assert all(one.end - one.start <= CHARACTERS_MAX["en"] for one in pieces)


def test_when_told_not_to_the_rules_alone_judge() -> None:
    verdict = reviewed("You are a thief.", "en", second_opinion=False)
    assert verdict.doubts is None
    assert not verdict.allowed


def test_the_likeliest_category_is_named_and_others_that_are_likely_enough() -> None:
    assert [one.category for one in held(0.85).doubts(())] == ["threat", "abuse"]
    assert [one.category for one in held(0.85).doubts(("threat",))] == ["abuse"]
    assert held(0.75).doubts(()) == ()
    assert {(one.start, one.end) for one in held(0.2, 0.9).doubts(())} == {(10, 20)}


def test_the_likeliest_category_is_named_beside_another_that_a_rule_found() -> None:
    """However unlikely it is by itself: somebody looks at the sentence anyway, and should know all of what it may be."""
    piece = Judgement(0, 10, 0.85, {"false_authority": 0.3, "threat": 0.45})
    assert [one.category for one in Opinion((piece,), LIMITS, "").doubts(("false_authority",))] == ["threat"]


@pytest.mark.parametrize(
    "text",
    ["We will not hesitate to tell your boss.", "You are a thief.", "If you don't pay, you go to jail."],
)
def test_what_a_rule_rightly_found_stands(text: str) -> None:
    plainly = reviewed(text, "en", second_opinion=False).findings
    assert plainly
    verdict = reviewed(text, "en")
    assert set(plainly) <= set(verdict.findings)
    assert verdict.set_aside == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The last fellow you talked to has left, so I'm your contact now.", "en"),
        ("You can be proud of yourself, only two instalments to go.", "en"),
        ("The officer will speak quietly and only with you.", "en"),
        ("废物利用，纸箱可以卖钱的，哈哈。", "zh"),
    ],
)
def test_what_a_rule_wrongly_found_is_set_aside_and_told(text: str, language: str) -> None:
    plainly = reviewed(text, language, second_opinion=False).findings
    assert plainly, "the rules know better by now: choose another"
    verdict = reviewed(text, language)
    assert verdict.allowed
    assert verdict.set_aside == plainly


def test_a_strong_wording_and_a_disguised_one_stand_whatever_the_model_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        reviewing, "opinion", lambda text, language, cues: Opinion((), LIMITS, "holds all to be innocent")
    )
    assert reviewed("You are a thief.", "en").allowed, "a weak wording"
    assert not reviewed("Fuck you, pay up.", "en").allowed, "a strong one"
    assert not reviewed("You are a th1ef, and we'll have you arr3sted.", "en").allowed
    assert not reviewed("你等着坐\u200b牢吧，zuo lao。", "zh").allowed


DISGUISED = {
    "en": [
        "We'll have you arr3sted",
        "k i l l  y o u  if you don't pay",
        "ＹＯＵ ＡＲＥ Ａ ＴＨＩＥＦ",
        "pay up you th\u200bief",
        "you id!ot, p@y your loan",
        "уоu аrе а thіеf",
        "we will send you to j@il",
    ],
    "zh": [
        "明天就起 诉 你，让 你 坐 牢",
        "不还钱就让你zuo lao",
        "你就是个騙子",
        "让.警.察.来.抓.你",
        "打*断*你*的*腿",
    ],
}


@pytest.mark.parametrize(
    ("language", "text"), [(key, one) for key, texts in DISGUISED.items() for one in texts]
)
def test_a_disguise_does_not_help_against_rules_and_model_together(language: str, text: str) -> None:
    assert not reviewed(text, language).allowed


def test_what_a_rule_found_weighs_with_the_model() -> None:
    text = "Your file was opened on 2 May, and there is nothing for you to do."
    plainly, cued = (opinion(text, "en", cues).judgements[0] for cues in ((), [Cue("threat", 0, 4)]))
    assert cued.unlawful > plainly.unlawful
    assert cued.categories["threat"] > plainly.categories["threat"]
    assert cued.categories["abuse"] == plainly.categories["abuse"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_model_learnt_from_the_sentences_that_lie_beside_its_training_script(language: str) -> None:
    sentences = [*training_sentences(language), *dev_sentences(language)]
    assert model(language).trained_on == sentences_hash(sentences), (
        "the sentences have changed: python -m benchmarks.train_review_model"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_there_are_many_training_sentences_half_of_them_hard_and_none_twice(language: str) -> None:
    sentences = training_sentences(language)
    innocent = sum(not one.categories for one in sentences)
    assert len(sentences) >= 1500
    assert 0.3 <= innocent / len(sentences) <= 0.6
    for name in second_opinion.model(language).classes[1:]:
        assert sum(name in one.categories for one in sentences) >= 80, name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_model_gives_the_same_probabilities_each_time(language: str) -> None:
    known = model(language)
    assert known.classes[0] == UNLAWFUL
    for reader in (None, pair()):
        first, again = (known.probabilities("pay now 还钱", reader) for _ in range(2))
        assert first == again
        assert all(0 <= one <= 1 for one in first.values())


def test_without_the_encoders_letters_alone_judge_by_their_own_limits() -> None:
    known = model("en")
    assert known.limits(None) == known.limits_of_letters
    by_letters = known.probabilities("I will break your legs, you filthy dog.", None)
    assert by_letters[UNLAWFUL] > known.limits_of_letters.suspect


def test_the_parts_of_the_model_were_made_together(monkeypatch: pytest.MonkeyPatch) -> None:
    really = second_opinion._read

    def older(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        told, arrays = really(name)
        return {**told, "meaning": "another"}, arrays

    monkeypatch.setattr(second_opinion, "_read", older)
    with pytest.raises(ValueError, match=r"not made together with model/meaning\.json"):
        model.__wrapped__("en")


def test_figures_that_were_changed_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    really = second_opinion.content_hash
    monkeypatch.setattr(
        second_opinion, "content_hash", lambda told, arrays: "0" + really(told, arrays)[1:] + "0"
    )
    with pytest.raises(ValueError, match="do not have the content they name"):
        model.__wrapped__("en")


def test_the_hash_of_the_figures_covers_every_one_of_them() -> None:
    arrays = {"a": np.array([1, 2], dtype=np.int8), "b": np.array([0.5])}
    changed = {**arrays, "b": np.array([0.25])}
    digest = second_opinion.content_hash({"gamma": 2.0, "sha256": "x"}, arrays)
    assert digest == second_opinion.content_hash({"gamma": 2.0}, arrays)
    assert digest != second_opinion.content_hash({"gamma": 2.0}, changed)
    assert digest != second_opinion.content_hash({"gamma": 1.0}, arrays)


@pytest.mark.parametrize(("language", "sentence"), [("en", "One more sentence. "), ("zh", "再来一句话。")])
def test_pieces_together_are_the_text_and_none_is_long_unless_its_sentence_is(
    language: str, sentence: str
) -> None:
    text = sentence * 60
    pieces = list(windows(text, language))
    assert "".join(text[start:end] for start, end in pieces) == text
    assert len(pieces) > 2
    assert all(end - start <= CHARACTERS_MAX[language] for start, end in pieces)
    assert list(windows(sentence, language)) == [(0, len(sentence))]
    assert len(list(windows("x" * 1000, language))) == 1
    assert list(windows("  ", language)) == []


def test_an_opinion_of_nothing_is_no_opinion() -> None:
    assert opinion("", "en").doubts(()) == ()


def test_buckets_do_not_depend_on_the_process() -> None:
    found = list(features("a b", "en"))
    assert found == sorted(set(found))
    assert max(found) < BUCKETS
    assert 0xE8B7BE43 % BUCKETS in found  # CRC-32 of "a" (ITU-T V.42)
