"""Text made plain, with the way back: what people do to words to slip them past a reader is undone, and every
plain character knows which characters of the original it came from.

Undone for every language: full-width and styled letters, letters of look-alike alphabets, accents, zero-width
characters, capitals. What else is undone is the language's own (``lexicons/*/folding.toml``): contractions and
disguised watchwords in English (``arr3st``, ``j@il``, ``t h r e a t``), traditional and variant characters,
spaces and marks between characters and pinyin in Chinese.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

LOOK_ALIKES = "абвгеєзіїјкмнорѕстухԁԛԝɡαβεικνορτυχ"
"""Letters of other alphabets that look like Latin ones."""
_AS_LATIN = str.maketrans(LOOK_ALIKES, "abbreesiijkmhopsctyxdqwgabeikvoptux")
_DROPPED = {"Cf", "Mn", "Me"}
"""Categories of characters that are heard by nobody: format characters and combining marks."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Plain text; ``starts[i]`` and ``ends[i]`` are the span of the original that plain character i stands for."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original behind a non-empty span of the plain text."""
        return self.starts[start], self.ends[end - 1]

    def sub(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> "Folded":
        """The text with every match replaced; a replacement stands for the whole of what it replaced."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            new = replacement(match)
            if new == match.group():
                continue
            begin, end = match.span()
            parts += (self.text[at:begin], new)
            starts += self.starts[at:begin]
            ends += self.ends[at:begin]
            if new:
                first, last = self.span(begin, end)
                starts += [first] * len(new)
                ends += [last] * len(new)
            at = end
        if not parts:
            return self
        parts.append(self.text[at:])
        return Folded("".join(parts), starts + self.starts[at:], ends + self.ends[at:])


def fold(text: str) -> Folded:
    """What is undone in every language: width, style, look-alikes, accents, invisible characters and capitals.

    >>> fold("ＡＲＲ\u200bＥＳＴ").text
    'arrest'
    """
    if text.isascii():
        return Folded(text.lower().replace("`", "'"), list(range(len(text))), list(range(1, len(text) + 1)))
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for number, character in enumerate(text):
        plain = _plain(character)
        parts.append(plain)
        starts += [number] * len(plain)
        ends += [number + 1] * len(plain)
    return Folded("".join(parts), starts, ends)


@cache
def _plain(character: str) -> str:
    """One character, plain; nothing for one that is not seen."""
    if character in "‘’ʼ`´":
        return "'"
    if character in "“”„«»":
        return '"'
    plain = unicodedata.normalize("NFKD", character).lower()
    if "가" <= character <= "힣" or "぀" <= character <= "ヿ":
        plain = character
    kept = "".join(one for one in plain if unicodedata.category(one) not in _DROPPED)
    return kept.translate(_AS_LATIN)
