"""How something is said: asserted, or denied, forbidden, reported, quoted, or agreed to by the person.

A text that quotes, denies, forbids or reports something unlawful is not unlawful for that. Which words deny,
forbid and report is the language's text (``frames.toml``); here is how far each reaches.
"""

import re
from dataclasses import dataclass

from dunwell.law.language.lexicon import Lexicon

_QUOTED = re.compile(r'"[^"]*"|「[^」]*」|『[^』]*』|(?<!\w)\'[^\'\n]{6,}?\'(?!\w)')
_SENTENCE = {
    "en": re.compile(r"(?:[^.!?;\n]|[.!?;](?=\S)(?![\"'\s]))+(?:[.!?;]+[\"']?|\n|$)?"),
    "zh": re.compile(r"[^。!?;\n…]+[。!?;…]*[」』\"]*"),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the plain text: its span, the quoted spans of the text, and what frames all of it."""

    start: int
    end: int
    text: str
    is_reported: bool


class Frames:
    """The frames of one plain text."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text = text
        self._frames = lexicon.frames
        self._reports = lexicon.reports
        self._quotes = [match.span() for match in _QUOTED.finditer(text)]
        self._is_spaced = lexicon.grammar.has_spaces
        self._line_of_customer = _customer_lines(text, self._frames["customer_line"])
        self.sentences = [self._sentence(match) for match in _SENTENCE[lexicon.language].finditer(text)]

    @staticmethod
    def cut(text: str, language: str) -> list[str]:
        """The sentences of a plain text, as they are judged."""
        return [match.group() for match in _SENTENCE[language].finditer(text)]

    @property
    def looks_around(self) -> bool:
        """Whether a quotation or a customer's line stands in the text."""
        return bool(self._quotes or self._line_of_customer)

    def is_innocent(
        self, sentence: Sentence, start: int, end: int, is_deniable: bool, is_disclosure: bool
    ) -> bool:
        """Whether what stands there (a span of the sentence's text) is framed so that it is no assertion."""
        at = sentence.start + start
        if sentence.is_reported or any(first <= at < last for first, last in self._line_of_customer):
            return True
        if self._is_quoted_speech(at):
            return True
        after = sentence.text[end:]
        if self._is_report(sentence.text, start, end) or self._frames["forbids_after"].match(
            after.lstrip(" ,;'\"")
        ):
            return True
        if is_disclosure and self._frames["agreed"].search(sentence.text):
            return True
        return is_deniable and self._is_denied(sentence.text, start)

    def is_conditional(self, sentence: Sentence) -> bool:
        """Whether the sentence makes something depend on payment: "unless you pay"."""
        return self._frames["conditions"].search(sentence.text) is not None

    def _sentence(self, match: re.Match[str]) -> Sentence:
        text = match.group()
        is_reported = any(pattern.search(text) for pattern in self._reports.likely(text))
        return Sentence(match.start(), match.end(), text, is_reported)

    def _is_quoted_speech(self, at: int) -> bool:
        """Within quotation marks that somebody else's speaking, or a warning, introduces or follows."""
        for start, end in self._quotes:
            if start <= at < end:
                around = self.text[max(0, start - 90) : start] + " … " + self.text[end : end + 60]
                return self._frames["introduces_quote"].search(around) is not None
        return False

    def _is_report(self, text: str, start: int, end: int) -> bool:
        """Somebody else says it, and no turn to our own voice ("so we will") comes in between."""
        report = next(reversed(list(self._frames["reports_before"].finditer(text[:start]))), None)
        if report is None:
            return False
        return self._frames["turns_back"].search(text, report.end(), end) is None

    def _is_denied(self, text: str, start: int) -> bool:
        before = self._frames["not_denials"].sub(lambda match: "_" * len(match.group()), text)[:start]
        denial = next(reversed(list(self._frames["denials"].finditer(before))), None)
        if denial is None:
            return False
        between = before[denial.end() :]
        if "carries" in self._frames and self._frames["carries"].fullmatch(between.strip()):
            return True
        breaks = "breaks" if self._frames["subjects"].match(text, start) else "strong_breaks"
        if self._frames[breaks].search(between):
            return False
        limit = 20 if self._is_spaced else 30
        return (len(between.split()) if self._is_spaced else len(between)) <= limit


def _customer_lines(text: str, marker: re.Pattern[str]) -> list[tuple[int, int]]:
    """Lines of a transcript that the customer said."""
    found = []
    at = 0
    for line in text.splitlines(keepends=True):
        if marker.match(line):
            found.append((at, at + len(line)))
        at += len(line)
    return found
