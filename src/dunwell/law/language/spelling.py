"""What is undone in one language: how words are disguised there, by its ``folding.toml``.

A disguise is only undone where a watchword comes out, so that a house number or a file name stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import product
from typing import Any
from unicodedata import category

from dunwell.law.language.folding import LOOK_ALIKES, Folded, fold
from dunwell.law.language.lexicon import lexicon

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_HAN = re.compile(rf"[{HAN}]")
_LATIN = re.compile(r"[a-z]")
_REPEATED = re.compile(r"([a-z])\1{2,}")
_DISGUISED = re.compile(r"[a-z0-9@$!|+*€#]+(?:['._~^*\-]+[a-z0-9@$!|+*€#]+)*")
_IS_DISGUISED = re.compile(r"[0-9@$!|+*€#._~^\-']|([a-z])\1\1")
_SPACED = re.compile(r"(?<![\w@$])(?:[a-z0-9@$!*][ ._\-*|/~]{1,3}){2,}[a-z0-9@$!*](?![\w@$])")
_PAIR = re.compile(r"(?<![\w'])([a-z]{1,7}) (?=([a-z]{1,8})(?![\w']))")
_MARKS_BETWEEN = re.compile(
    rf"(?<=[{HAN}])(?:[ \t\u3000*·•._\-~/|+^#&=`%$@\\\u2190-\u2bff\U0001f000-\U0001faff]{{1,4}}(?=[{HAN}])|"
    rf"([\"'(\[{{<])(?=[{HAN}][\"')\]}}>])|(?<=[\"'(\[{{<][{HAN}])[\"')\]}}>])"
)
"""Marks between characters, and marks around a single one."""
_LETTERS = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "8": "b",
    "9": "g",
    "6": "g",
    "@": "a",
}
_LETTERS |= {"$": "s", "!": "il", "|": "il", "+": "t", "€": "e"}
_ENDINGS = ("", "s", "ed", "ing", "er", "es", "ers", "d")
_MAX_VARIANTS = 64


@lru_cache(maxsize=8)
def plain(text: str, language: str) -> Folded:
    """A text with its disguises undone, in that language. Kept for a moment, since a review asks for it several times.

    >>> plain("We'll have you arr3sted", "en").text
    'we will have you arrested'
    >>> plain("明天就起 訴你", "zh").text
    '明天就起诉你'
    """
    folded = fold(text)
    return _english(folded) if language == "en" else _chinese(folded)


def plain_text(text: str, language: str) -> str:
    """``plain(text, language).text``, line by line: no disguise reaches over the end of a line, and most lines of a message were
    seen before.
    """
    return "\n".join(_plain_line(line, language) for line in text.split("\n"))


@lru_cache(maxsize=20_000)
def _plain_line(line: str, language: str) -> str:
    folded = fold(line)
    return (_english(folded) if language == "en" else _chinese(folded)).text


def is_disguised(text: str, language: str) -> bool:
    """Whether something was done to the words of a text to slip them past a reader.

    >>> is_disguised("We'll have you arr3sted", "en"), is_disguised("We'll have you arrested", "en")
    (True, False)
    """
    if any(category(one) == "Cf" or one.lower() in LOOK_ALIKES for one in text):
        return True
    folded = fold(text)
    if language == "en":
        words = _english_words()
        spaced = folded.sub(_SPACED, lambda match: _joined(match.group(), words) or match.group())
        return spaced.sub(_DISGUISED, lambda match: _undisguised(match.group(), words)) is not folded
    apart = folded.sub(_MARKS_BETWEEN, lambda match: "")
    return apart is not folded or bool(
        _LATIN.search(folded.text) and _chinese_words().pinyin.search(folded.text)
    )


def has_han(text: str) -> bool:
    """Whether Chinese characters stand in it."""
    return _HAN.search(text) is not None


@dataclass(frozen=True, slots=True)
class _English:
    """Contractions and watchwords, compiled."""

    contractions: re.Pattern[str]
    full: Mapping[str, str]
    watchwords: frozenset[str]
    glue: frozenset[str]
    lengths: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@cache
def _english_words() -> _English:
    values = lexicon("en").folding
    full: dict[str, str] = dict(values["contractions"])
    endings = sorted((key for key in full if key.startswith("'") or key == "n't"), key=len, reverse=True)
    whole = sorted((key for key in full if key not in endings), key=len, reverse=True)
    choice = "|".join(
        [rf"\b(?:{'|'.join(map(re.escape, whole))})\b(?!')", rf"(?<=[a-z])(?:{'|'.join(endings)})\b"]
    )
    watchwords = frozenset(word + ending for word in values["watchwords"] for ending in _ENDINGS)
    return _English(re.compile(choice), full, watchwords, frozenset(values["glue"]), _by_length(watchwords))


def _by_length(words: frozenset[str]) -> dict[int, tuple[str, ...]]:
    lengths: dict[int, list[str]] = {}
    for word in sorted(words):
        lengths.setdefault(len(word), []).append(word)
    return {length: tuple(found) for length, found in lengths.items()}


def _english(folded: Folded) -> Folded:
    words = _english_words()
    if _SPACED.search(folded.text):
        folded = folded.sub(_SPACED, lambda match: _joined(match.group(), words) or match.group())
    folded = folded.sub(_DISGUISED, lambda match: _undisguised(match.group(), words))
    folded = folded.sub(words.contractions, lambda match: _written_out(match.group(), words))
    return folded.sub(_PAIR, lambda match: _paired(match, words))


def _written_out(short: str, words: _English) -> str:
    full = words.full[short]
    return f" {full}" if short.startswith("'") or short == "n't" else full


def _paired(match: re.Match[str], words: _English) -> str:
    """A word cut in two ("arr est"), joined: its first half, without the space."""
    first, second = match.groups()
    is_cut = (
        len(first + second) >= 5
        and first + second in words.watchwords
        and not (first in words.glue and second in words.glue)
        and first not in words.watchwords
        and first not in ("a", "i")
    )
    return first if is_cut else match.group()


def _undisguised(token: str, words: _English) -> str:
    if not _IS_DISGUISED.search(token) or not _LATIN.search(token):
        return token
    kept = token.rstrip("!.*-_~^'")
    tail = token[len(kept) :]
    return next((word + tail for word in _readings(kept, words) if word in words.watchwords), token)


def _readings(token: str, words: _English) -> Iterator[str]:
    """The words a disguised token may stand for, likeliest first."""
    if "*" in token or "#" in token:
        shape = re.compile("".join("[a-z]" if one in "*#" else re.escape(one) for one in _letters_of(token)))
        yield from (word for word in words.lengths.get(len(_letters_of(token)), ()) if shape.fullmatch(word))
    bare = re.sub(r"[^a-z0-9@$!|+€]", "", token)
    for reading in _spelt(bare):
        yield reading
        yield _REPEATED.sub(r"\1", reading)
        yield _REPEATED.sub(r"\1\1", reading)


def _letters_of(token: str) -> str:
    return "".join(_LETTERS.get(one, one)[0] for one in token if one not in "._~^-'")


def _spelt(bare: str) -> Iterator[str]:
    choices = [_LETTERS.get(one, one) for one in bare]
    for number, letters in enumerate(product(*choices)):
        if number == _MAX_VARIANTS:
            return
        yield "".join(letters)


def _joined(spaced: str, words: _English) -> str | None:
    """Letters set apart, as words; None when no watchword comes out."""
    for letters in _spelt(re.sub(r"[ ._\-*|/~]", "", spaced)):
        cut = _cut(letters, words)
        if cut is not None:
            return " ".join(cut)
    return None


def _cut(letters: str, words: _English) -> list[str] | None:
    """Letters cut into known words, at least one of them a watchword; what is in between may be anything."""
    best: list[tuple[int, list[str]] | None] = [None] * (len(letters) + 1)
    best[0] = (0, [])
    for at in range(len(letters)):
        here = best[at]
        if here is None:
            continue
        for length in range(1, min(16, len(letters) - at) + 1):
            word = letters[at : at + length]
            gain = (
                10 * length
                if word in words.watchwords and length > 2
                else length
                if word in words.glue
                else -5
            )
            if gain < 0 and length > 1:
                continue
            there = best[at + length]
            if there is None or here[0] + gain > there[0]:
                best[at + length] = (here[0] + gain, [*here[1], word])
    found = best[len(letters)]
    if found is None or not any(len(word) > 2 and word in words.watchwords for word in found[1]):
        return None
    return found[1]


@dataclass(frozen=True, slots=True)
class _Chinese:
    """Characters, phrases and pinyin, compiled."""

    characters: Mapping[int, str]
    phrases: Mapping[str, str]
    phrase: re.Pattern[str]
    pinyin: re.Pattern[str]
    by_sound: tuple[str, ...]


@cache
def _chinese_words() -> _Chinese:
    values: Mapping[str, Any] = lexicon("zh").folding
    characters = dict(zip(map(ord, values["traditional"]), values["simplified"], strict=True))
    phrases: dict[str, str] = dict(values["phrases"])
    sounds = sorted(values["pinyin"].items(), key=lambda item: -len(item[0]))
    spelt = []
    for sound, written in sounds:
        syllables = [
            rf"(?:{character}|{syllable}[1-5]?)"
            for syllable, character in zip(sound.split(), written, strict=True)
        ]
        spelt.append("(" + r"[ '\-]?".join(syllables) + ")")
    return _Chinese(
        characters,
        phrases,
        re.compile("|".join(sorted(map(re.escape, phrases), key=len, reverse=True))),
        re.compile(rf"(?<![a-z])(?:{'|'.join(spelt)})(?![a-z])"),
        tuple(written for _, written in sounds),
    )


def _chinese(folded: Folded) -> Folded:
    words = _chinese_words()
    folded = Folded(folded.text.translate(words.characters), folded.starts, folded.ends)
    folded = folded.sub(_MARKS_BETWEEN, lambda match: "")
    folded = folded.sub(words.pinyin, lambda match: words.by_sound[(match.lastindex or 1) - 1])
    folded = folded.sub(_MARKS_BETWEEN, lambda match: "")
    return folded.sub(words.phrase, lambda match: words.phrases[match.group()])
