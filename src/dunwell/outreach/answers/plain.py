"""A message made plain, with the way back to what was written: one view for English, one for Chinese.

Undone everywhere: width, capitals, styled letters, invisible characters. The English view writes short forms out
("cant", "u", "tmrw"), mends single slips in words that matter ("attorny") and sets English apart from the Chinese
around it; the Chinese view turns traditional characters into simplified ones and closes the gaps between characters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dunwell.law.language.folding import Folded, fold
from dunwell.policy import PolicyError, read_policy

LEXICONS = Path(__file__).with_name("lexicons")

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_HAS_HAN = re.compile(f"[{_HAN}]")
_HAS_LATIN = re.compile("[a-z]")
_SEAM = re.compile(rf"(?<=[{_HAN}])(?=[a-z0-9$£€¥])|(?<=[a-z0-9])(?=[{_HAN}])")
_SPACED = re.compile(r"(?<![\w'])(?:[a-z][ .\-_*]{1,2}){2,14}[a-z](?![\w'])")
_TOKEN = re.compile(r"[a-z0-9][a-z0-9'*]*(?:/o?(?![a-z0-9]))?")
_GAP = re.compile(rf"(?<=[{_HAN}])[ \t\u3000·.*_\-~|]{{1,3}}(?=[{_HAN}])|[ \t\u3000]+")
_SPELT_OUT = frozenset({"stop", "stopall", "quit", "cancel", "unsubscribe", "end", "td", "optout"})
_SLIP_LETTERS_MIN = 5


@dataclass(frozen=True, slots=True)
class Views:
    """A message as each language's rules read it; a view is None when nothing of that language stands in it."""

    english: Folded | None
    chinese: Folded | None


@dataclass(frozen=True, slots=True)
class _Folding:
    words: Mapping[str, str]
    characters: Mapping[str, str]
    character: re.Pattern[str]
    phrases: Mapping[str, str]
    phrase: re.Pattern[str]
    slips: Mapping[str, str]


def views(text: str) -> Views:
    """Both views of a message.

    >>> views("ＣＡＮＴ pay tmrw").english.text
    'can not pay tomorrow'
    >>> views("別 再 傳 了").chinese.text
    '别再传了'
    """
    folded = fold(text)
    has_han = _HAS_HAN.search(folded.text) is not None
    english = _english(folded, has_han) if _HAS_LATIN.search(folded.text) or not has_han else None
    return Views(english, _chinese(folded) if has_han else None)


def _english(folded: Folded, has_han: bool) -> Folded:
    words = _folding()
    if has_han:
        folded = _set_apart(folded)
    folded = folded.sub(_SPACED, lambda match: _joined(match.group()))
    return folded.sub(_TOKEN, lambda match: _written_out(match.group(), words))


def _set_apart(folded: Folded) -> Folded:
    """A space at every seam between the scripts; it stands for the character before it."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for seam in _SEAM.finditer(folded.text):
        cut = seam.start()
        pieces += (folded.text[at:cut], " ")
        starts += (*folded.starts[at:cut], folded.starts[cut - 1])
        ends += (*folded.ends[at:cut], folded.ends[cut - 1])
        at = cut
    return Folded("".join(pieces) + folded.text[at:], starts + folded.starts[at:], ends + folded.ends[at:])


def _chinese(folded: Folded) -> Folded:
    words = _folding()
    folded = folded.sub(words.character, lambda match: words.characters[match.group()])
    folded = folded.sub(_GAP, _closed)
    return folded.sub(words.phrase, lambda match: words.phrases[match.group()])


def _closed(gap: re.Match[str]) -> str:
    """Nothing between characters; one space where a figure or a Latin word would run into the next."""
    text, before, after = gap.string, gap.start() - 1, gap.end()
    is_between_latin = before >= 0 and after < len(text) and text[before].isascii() and text[after].isascii()
    return " " if is_between_latin else ""


def _joined(spaced: str) -> str:
    letters = re.sub(r"[^a-z]", "", spaced)
    return letters if letters in _SPELT_OUT else spaced


def _written_out(token: str, words: _Folding) -> str:
    if token in words.words:
        return words.words[token]
    bare = token.rstrip("*'")
    if bare != token and bare in words.words:
        return words.words[bare]
    return words.slips.get(token, token)


@cache
def _folding() -> _Folding:
    """The folding text, compiled. Raises PolicyError."""
    values = read_policy(LEXICONS / "folding.toml").values
    old, new = values["traditional"]["from_characters"], values["traditional"]["to_characters"]
    if len(old) != len(new):
        raise PolicyError(
            "folding.toml", "traditional", f"{len(old)} characters became {len(new)}", "Make the two alike"
        )
    phrases = dict(values["phrases"])
    watched = frozenset(values["watchwords"])
    known = watched | frozenset(values["not_slips"])
    slips = {slip: word for word in sorted(watched) for slip in _slips(word) if slip not in known}
    return _Folding(
        words=values["words"],
        characters=dict(zip(old, new, strict=True)),
        character=re.compile(f"[{re.escape(old)}]"),
        phrases=phrases,
        phrase=re.compile("|".join(sorted(map(re.escape, phrases), key=len, reverse=True))),
        slips=slips,
    )


def _slips(word: str) -> set[str]:
    """What one slip makes of a word: a letter missing, doubled or changed places with its neighbour, or another."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    cuts = [
        (word[:at], word[at:]) for at in range(1, len(word) + 1)
    ]  # the first letter is seldom the wrong one
    missing = {left + right[1:] for left, right in cuts if right}
    swapped = {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    other = {left + letter + right[1:] for left, right in cuts if right for letter in letters}
    added = {left + letter + right for left, right in cuts for letter in letters}
    return {slip for slip in missing | swapped | other | added if len(slip) >= _SLIP_LETTERS_MIN} - {word}
