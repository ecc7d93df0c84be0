"""What is not tried on a text because it cannot match there surely does not match there."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunwell.law.language import cues
from dunwell.law.language.cues import Cued, Form
from dunwell.law.language.folding import fold
from dunwell.law.language.lexicon import lexicon
from dunwell.law.language.needs import needs_of
from dunwell.law.language.spelling import plain, plain_text
from tests.law.language.matching import Maker
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


def _expressions(language: str) -> list[re.Pattern[str]]:
    """Every expression whose needs are looked at."""
    words = lexicon(language)
    forms = [form for cued in (words.wordings, words.reports) for form in cued._forms]
    return [
        expression
        for form in forms
        for expression in (map(re.compile, form.choices) if form.choices else (form.pattern,))
    ]


@pytest.mark.parametrize(
    ("language", "every"),
    [
        ("en", 9),
        ("zh", 3),
        pytest.param("en", 1, marks=pytest.mark.slow),
        pytest.param("zh", 1, marks=pytest.mark.slow),
    ],
)
def test_every_match_of_every_wording_holds_one_of_its_needs(language: str, every: int) -> None:
    """Held over texts made up from each expression itself."""
    expressions = _expressions(language)[::every]
    silent = matched = 0
    for expression in expressions:
        needs = needs_of(expression)
        maker = Maker(expression.pattern, Random(0))
        texts = [text for _ in range(6) if expression.search(text := f" {maker.text()} ")]
        matched += bool(texts)
        silent += needs is None
        for text in texts:
            assert needs is None or any(need in text for need in needs), (text, expression.pattern[:200])
    assert matched > 0.9 * len(expressions)
    assert silent <= 1


@pytest.mark.parametrize(
    ("expression", "needs"),
    [
        (r"\(fee\)", {"(fee)"}),
        (r"fees?", {"fee"}),
        (r"(?:ab|cd)+", {"ab", "cd"}),
        (r"(?:ab|cd)*x", {"x"}),
        (r"(?:ab){0,2}x", {"x"}),
        (r"(?:ab){,2}x", {"x"}),
        (r"(?:ab){2}x?", {"ab"}),
        (r"a{b", {"a{b"}),
        (r"ab??c+?", {"a"}),
        (r"x(?=yes)y", {"x"}),
        (r"(?<=yes)x", {"x"}),
        (r"(?P<who>boss)", {"boss"}),
        (r"(boss)\1", {"boss"}),
        (r"[砸毁]锅?", {"砸", "毁"}),
        (r"[^a]b", {"b"}),
        (r"[]a]b", {"b"}),
        (r"[a-z]bc", {"bc"}),
        (r"don[\x27’]t", {"don"}),
        (r"\x27s", {"'s"}),
        (r"ab|c*", None),
        (r"(?#remark)ab", {"ab"}),
        (r"(?:ab|)", None),
    ],
)
def test_what_an_expression_needs(expression: str, needs: set[str] | None) -> None:
    assert needs_of(re.compile(expression)) == (None if needs is None else frozenset(needs))


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
