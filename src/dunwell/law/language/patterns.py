"""The small grammar in which lexicons are written, compiled to regular expressions.

In English a pattern is a row of words: a space is any run of marks between words; ``a|b`` a choice; ``?word`` a
word that may be missing; ``~3`` up to three words in between, none of which denies; ``<name>`` a class of words
from the language's ``words.toml``, whose members are patterns themselves. A pattern begins and ends at words. Within
a group ``(?:law firm|next ?door)``, and in a member of a class, a space parts words as well, a bar parts choices of
several words, and `` ?`` stands for "together or apart".
In Chinese, which has no spaces, a pattern is a regular expression with ``<name>`` and with ``~3`` for up to
three characters in between, none of which denies or ends a sentence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dunwell.law.language.cues import Cue, cue_of

_NAME = re.compile(r"(?<!\?P)<([a-z_]+)>")
_GAP = re.compile(r"~(\d+)")
_INNER_GAP = re.compile(r" ~(\d+) ")
_WORD_GAP = r"(?:(?!(?:not|never|no|nobody|cannot|without|nor)\b)[\w']+\W+){0,%s}"
_CHARACTER_GAP = r"[^。!?;\n不没別别勿未]{0,%s}"


@dataclass(frozen=True, slots=True)
class Grammar:
    """Classes of words, and whether words stand apart (English) or together (Chinese)."""

    words: Mapping[str, Sequence[str]]
    has_spaces: bool

    def compile(self, patterns: Sequence[str]) -> re.Pattern[str]:
        """One expression for any of some patterns. Raises ValueError naming a pattern that cannot be read."""
        try:
            return self._compiled(patterns)
        except (re.error, KeyError, ValueError):
            for pattern in patterns:  # which of them it is
                try:
                    self._compiled([pattern])
                except (re.error, KeyError, ValueError) as error:
                    raise ValueError(f"{pattern!r} cannot be read ({error})") from error
            raise

    def _compiled(self, patterns: Sequence[str]) -> re.Pattern[str]:
        choice = "|".join(map(self._read, patterns))
        return re.compile(rf"\b(?:{choice})\b" if self.has_spaces else choice)

    def choices(self, patterns: Sequence[str]) -> list[str]:
        """The expressions whose choice ``compile`` makes in a language without spaces: it matches where one of them does."""
        return [] if self.has_spaces else [self._read(pattern) for pattern in patterns]

    def cue(self, pattern: str) -> Cue | None:
        """The words one of which a text must hold for a pattern to match; None when the pattern does not tell."""
        if not self.has_spaces:
            return None
        return cue_of(
            [self._word(token) for token in _tokens(pattern) if not _GAP.fullmatch(token) and token[0] != "?"]
        )

    def _read(self, pattern: str) -> str:
        if not self.has_spaces:
            return _GAP.sub(lambda gap: _CHARACTER_GAP % gap.group(1), self._filled(pattern))
        read, between, needs_space = "", "", False
        for token in _tokens(pattern):
            if gap := _GAP.fullmatch(token):
                between = _WORD_GAP % gap.group(1)
                continue
            word = self._word(token.removeprefix("?"))
            if token.startswith("?"):  # a word that is missing takes the space beside it along
                read += rf"(?:\W+{between}{word})?" if needs_space else rf"(?:{word}\W+)?"
                continue
            read += rf"\W+{between}{word}" if needs_space else between + word
            between, needs_space = "", True
        return read

    def _word(self, token: str) -> str:
        """One word of a row, or a group that stands for one; within a group words are parted as they are in a row."""
        word = _INNER_GAP.sub(lambda gap: r"\W+" + _WORD_GAP % gap.group(1), self._filled(token))
        if "~" in word:
            raise ValueError(f"the gap in {token!r} must stand alone, between spaces")
        word = word.replace(" ?", r"\W*").replace(" ", r"\W+")
        return f"(?:{word})" if "|" in word else word

    def _filled(self, text: str) -> str:
        read = self._word if self.has_spaces else self._read
        return _NAME.sub(lambda name: "(?:" + "|".join(map(read, self.words[name.group(1)])) + ")", text)


def _tokens(pattern: str) -> list[str]:
    """The words of a pattern: parted by spaces that stand in no group and no class."""
    tokens: list[str] = []
    depth, word = 0, ""
    for at, letter in enumerate(pattern):
        is_literal = at > 0 and pattern[at - 1] == "\\"
        if letter in "([" and not is_literal:
            depth += 1
        elif letter in ")]" and not is_literal:
            depth -= 1
        if letter == " " and depth == 0:
            tokens.append(word)
            word = ""
        else:
            word += letter
    return [token for token in (*tokens, word) if token]
