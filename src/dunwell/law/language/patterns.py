"""The small grammar in which lexicons are written, compiled to regular expressions.

In English a pattern is a row of words: a space is any run of marks between words; ``a|b`` a choice; ``?word`` a
word that may be missing; ``~3`` up to three words in between, none of which denies; ``<name>`` a class of words
from the language's ``words.toml``, whose members are patterns themselves. A pattern begins and ends at words.
In Chinese, which has no spaces, a pattern is a regular expression with ``<name>`` and with ``~3`` for up to
three characters in between, none of which denies or ends a sentence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
        read = []
        for pattern in patterns:
            try:
                read.append(self._read(pattern))
                re.compile(read[-1])
            except (re.error, KeyError) as error:
                raise ValueError(f"{pattern!r} cannot be read ({error})") from error
        choice = "|".join(read)
        return re.compile(rf"\b(?:{choice})\b" if self.has_spaces else choice)

    def _read(self, pattern: str) -> str:
        if not self.has_spaces:
            return _GAP.sub(lambda gap: _CHARACTER_GAP % gap.group(1), self._filled(pattern))
        read, between, needs_space = "", "", False
        for token in _tokens(pattern):
            if gap := _GAP.fullmatch(token):
                between = _WORD_GAP % gap.group(1)
                continue
            is_optional = token.startswith("?")
            word = _INNER_GAP.sub(
                lambda gap: r"\W+" + _WORD_GAP % gap.group(1), self._filled(token.removeprefix("?"))
            )
            if "|" in word:
                word = f"(?:{word})"
            if is_optional:  # a word that is missing takes the space beside it along
                read += rf"(?:\W+{between}{word})?" if needs_space else rf"(?:{word}\W+)?"
                continue
            read += rf"\W+{between}{word}" if needs_space else between + word
            between, needs_space = "", True
        return read

    def _filled(self, text: str) -> str:
        return _NAME.sub(
            lambda name: "(?:" + "|".join(self._read(word) for word in self.words[name.group(1)]) + ")", text
        )


def _tokens(pattern: str) -> list[str]:
    """The words of a pattern: parted by spaces that stand in no group and no class.

    ``)? ?(`` joins a group that may be missing to the next, and `` ?`` within a choice the words of one member, with or
    without a space.
    """
    joined = re.sub(r"\)\? \?(?=[(<])", r")?\\W*", pattern)
    tokens: list[str] = []
    depth, word = 0, ""
    for at, letter in enumerate(joined):
        if letter == "?" and depth == 0 and not word and tokens and "|" in tokens[-1]:
            word = tokens.pop() + r"\W*"
            continue
        is_literal = at > 0 and joined[at - 1] == "\\"
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
