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

_NAME = re.compile(r"<([a-z_]+)>")
_GAP = re.compile(r"~(\d+)")
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
        parts: list[str] = []
        tokens = pattern.split()
        for number, token in enumerate(tokens):
            if gap := _GAP.fullmatch(token):
                parts.append(_WORD_GAP % gap.group(1))
                continue
            is_optional = token.startswith("?")
            word = self._filled(token.removeprefix("?"))
            if "|" in word:
                word = f"(?:{word})"
            apart = r"\W+" if number < len(tokens) - 1 else ""
            parts.append(f"(?:{word}{apart})?" if is_optional else word + apart)
        return "".join(parts)

    def _filled(self, text: str) -> str:
        return _NAME.sub(
            lambda name: "(?:" + "|".join(self._read(word) for word in self.words[name.group(1)]) + ")", text
        )
