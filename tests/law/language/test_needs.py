"""What is not tried on a text because it cannot match there surely does not match there."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunwell.law.language import cues
from dunwell.law.language.cues import Cued, Form
from dunwell.law.language.folding import fold
from dunwell.law.language.lexicon import lexicon
from dunwell.law.language.needs import needs_of
from dunwell.law.language.spelling import plain, plain_text
from tests.law.language.test_known_sentences import LINES, NAMES, SENTENCES, both

SMALL = st.recursive(
    st.sampled_from(["a", "b", "ab", "c", ".", "[ab]", "[^a]", r"\b", "(?=a)", "(?!b)"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        inner.map(lambda one: f"(?:{one})?"),
        inner.map(lambda one: f"(?:{one}){{2,3}}"),
        inner.map(lambda one: f"({one})"),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(expression=SMALL, text=st.text("abc ", max_size=10))
def test_a_match_holds_one_of_the_needs(expression: str, text: str) -> None:
    pattern = re.compile(expression)
    needs = needs_of(pattern)
    if needs is not None and pattern.search(text):
        assert any(need in text for need in needs)


def test_an_expression_that_minds_no_capitals_does_not_tell() -> None:
    assert needs_of(re.compile("boss", re.IGNORECASE)) is None
    assert needs_of(re.compile("(?i:boss) knows")) == frozenset({" knows"})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_wording_that_matches_a_labelled_sentence_is_tried(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cues, "_TEXTS_FEW", 0)
    words = lexicon(language)
    for sentence in SENTENCES[::7]:
        text = plain(sentence, language).text
        tried = {id(pattern) for _, pattern in words.wordings.likely(text)}
        for _, pattern in words.wordings._things:
            assert id(pattern) in tried or not pattern.search(text), (sentence, pattern.pattern[:80])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_verdict_stays_when_needs_are_looked_at(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for sentence in SENTENCES[::23]:
        monkeypatch.setattr(cues, "_TEXTS_FEW", 10**9)
        _, without = both(sentence, language, "call")
        monkeypatch.setattr(cues, "_TEXTS_FEW", 0)
        _, looked_at = both(sentence, language, "call")
        assert looked_at == without, sentence


def test_choices_are_held_against_the_text_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cues, "_TEXTS_FEW", 0)
    forms = Cued([("rings", Form(re.compile("ab|c[de]"), choices=("ab", "c[de]")))])
    assert forms.likely("xcd") == ["rings"]
    assert forms.likely("xcf") == []


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from([*SENTENCES, *LINES, *NAMES, "\n", " ", "`", "´", "起'诉", "c a l l", "Ａ", "\u200b"])
        | st.text(max_size=8),
        max_size=8,
    ),
    language=st.sampled_from(["en", "zh"]),
)
def test_lines_are_made_plain_one_by_one(pieces: list[str], language: str) -> None:
    text = "".join(pieces)
    assert plain_text(text, language) == plain(text, language).text


def test_a_backtick_is_an_apostrophe_in_every_text() -> None:
    assert fold("don`t").text == fold("don`t ’").text[:5] == "don't"
