"""Judging by known sentences never changes a verdict: held against the review without them, on lawful and unlawful texts."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dunwell.law.language import Review, reviewing
from dunwell.law.language.known_sentences import says_nothing_unlawful
from dunwell.law.language.lexicon import lexicon
from dunwell.law.language.reviewing import review
from dunwell.law.language.spelling import plain
from dunwell.outreach.texts import SHIPPED

ON = date(2026, 11, 24)
SENTENCES = [
    entry["text"]
    for file in sorted((Path(__file__).parent / "sentences").glob("*.dev.yaml"))
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
]
LINES = sorted(
    {
        line
        for file in SHIPPED.rglob("*.txt")
        for line in file.read_text(encoding="utf-8").split("+++")[-1].splitlines()
        if line.strip()
    }
)
NAMES = [
    "Ann Miller",
    "will be arrested",
    "Stop Paying",
    "王小明",
    "警察",
    "a 'quoted",
    'say "pay',
    "r3st",
    "not",
]
JOINS = [" ", "\n", "\n\n", ", ", '" ', " '", "Customer: ", "\n> ", "「", "」", "。", "... "]


@contextmanager
def every_text_as_a_whole() -> Iterator[None]:
    """The review without known sentences."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reviewing, "says_nothing_unlawful", lambda text, words, on: False)
        yield


def both(text: str, language: str, channel: str) -> tuple[Review, Review]:
    """The verdicts with known sentences and without."""

    def judged() -> Review:
        return review(
            text, language=language, channel=channel, packs=("us-reg-f", "cn"), actor="agency", on=ON
        )

    with every_text_as_a_whole():
        whole = judged()
    return judged(), whole


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    pieces=st.lists(
        st.tuples(st.sampled_from(SENTENCES + LINES), st.sampled_from(JOINS)), min_size=1, max_size=6
    ),
    name=st.sampled_from(NAMES) | st.text(max_size=12),
    language=st.sampled_from(["en", "zh"]),
    channel=st.sampled_from(["sms", "email", "call"]),
)
def test_the_verdict_is_that_of_the_whole_text(
    pieces: list[tuple[str, str]], name: str, language: str, channel: str
) -> None:
    text = "".join(piece + join for piece, join in pieces).replace("{name}", name)
    known, whole = both(text, language, channel)
    assert known == whole


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_labelled_sentences_are_judged_alike_each_alone_and_in_a_lawful_letter(language: str) -> None:
    letter = next(line for line in LINES if line.startswith("Thank you" if language == "en" else "感谢"))
    for sentence in SENTENCES[::9]:
        known, whole = both(f"{letter}\n\n{sentence}", language, "call")
        assert known == whole, sentence


def test_lawful_letters_are_judged_by_their_sentences() -> None:
    """The shortcut is taken where it is meant to be: nearly every shipped text is known after it was read once."""
    files = sorted(SHIPPED.rglob("*.txt"))[::5]
    taken = 0
    for file in files:
        body = file.read_text(encoding="utf-8").split("+++")[-1]
        for slot in ("{name}", "{sender}", "{lender}", "{creditor}"):
            body = body.replace(slot, "Ann")
        words = lexicon("zh" if "/zh/" in str(file) else "en")
        taken += says_nothing_unlawful(plain(body, words.language).text, words, ON)
    assert taken / len(files) > 0.9
