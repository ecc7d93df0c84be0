"""The small grammar of the lexicons, compiled to regular expressions.

In English a pattern is a row of words: a space is whatever stands between two words, ``~3`` up to three words in
between, none of which denies, ``?word`` or ``(?:a|b)?`` a word that may be missing, ``a|b`` a choice, ``<name>`` a class
of words from ``words.toml``; in a group `` ?`` is a space that may be missing. A pattern begins and ends at words.
In Chinese a pattern is a regular expression with ``<name>``, and ``~3`` for up to three characters that neither deny
nor end a sentence.
"""

import re
from collections.abc import Mapping, Sequence

_NAME = re.compile(r"<([a-z_]+)>")
_GAP = re.compile(r"~(\d+)")
_INNER_SPACE = re.compile(r" ~(\d+) (\?)?| \?(?![:=!])| ")
_WORD_GAP = r"(?:(?!(?:not|never|no|nobody|without|nor)\b)[\w'$£€%%.,-]+\W+){0,%s}"
_CHARACTER_GAP = r"[^。!?;\n不没别勿未]{0,%s}"


class Grammar:
    """Compiles the patterns of one language."""

    def __init__(self, words: Mapping[str, Sequence[str]], has_spaces: bool) -> None:
        self._words = words
        self._has_spaces = has_spaces

    def compile(self, patterns: Sequence[str]) -> re.Pattern[str]:
        """One expression for any of some patterns. Raises ValueError naming the pattern that cannot be read."""
        try:
            choice = "|".join(self._read(pattern) for pattern in patterns)
            return re.compile(rf"(?<!\w)(?:{choice})(?!\w)" if self._has_spaces else choice)
        except (re.error, KeyError) as error:
            if len(patterns) > 1:  # name the one at fault
                for pattern in patterns:
                    self.compile([pattern])
            raise ValueError(f"{patterns[0]!r} cannot be read ({error})") from error

    def _read(self, pattern: str) -> str:
        if not self._has_spaces:
            return _GAP.sub(lambda gap: _CHARACTER_GAP % gap.group(1), self._filled(pattern))
        read, gap, is_first = "", "", True
        for token in _tokens(pattern):
            if found := _GAP.fullmatch(token):
                gap = _WORD_GAP % found.group(1)
                continue
            is_optional = token.endswith(")?") and token.startswith(("(", "?("))
            space = r"\W*" if token.startswith("?") and not gap else rf"\W+{gap}"
            word = self._word(
                token.removeprefix("?").removesuffix("?") if is_optional else token.removeprefix("?")
            )
            if is_optional:  # a word that is missing takes the space beside it along
                read += rf"(?:{word}\W+)?" if is_first else rf"(?:\W+{gap}{word})?"
                continue
            read += word if is_first else space + word
            gap, is_first = "", False
        return read

    def _word(self, token: str) -> str:
        word = _INNER_SPACE.sub(_inner, self._filled(token))
        return f"(?:{word})" if "|" in word else word

    def _filled(self, text: str) -> str:
        return _NAME.sub(
            lambda name: (
                "(?:"
                + "|".join(
                    self._word(word) if self._has_spaces else word for word in self._words[name.group(1)]
                )
                + ")"
            ),
            text,
        )


def _inner(space: re.Match[str]) -> str:
    if space.group(1):
        return r"\W+" + _WORD_GAP % space.group(1) + (r"\W*" if space.group(2) else "")
    return r"\W*" if "?" in space.group() else r"\W+"


def _tokens(pattern: str) -> list[str]:
    """The words of a pattern: parted by the spaces that stand in no group and no class."""
    tokens, depth, word = [], 0, ""
    for at, letter in enumerate(pattern):
        is_literal = at > 0 and pattern[at - 1] == "\\"
        if not is_literal:
            depth += (letter in "([") - (letter in ")]")
        if letter == " " and depth == 0:
            tokens.append(word)
            word = ""
        else:
            word += letter
    return [token for token in (*tokens, word) if token]
