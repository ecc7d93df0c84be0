"""The lexicons as read from their texts: which words say what, how surely, and what takes effect at once.

``lexicons/en`` and ``lexicons/zh`` hold the wordings; ``lexicons/acts.toml`` what each intent sets in motion.
Everything is read and compiled once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from dunwell.outreach.answers.meaning import ACTS, INTENTS
from dunwell.outreach.answers.patterns import Grammar
from dunwell.outreach.answers.plain import LEXICONS
from dunwell.policy import PolicyError, PolicyText, read_policies, read_policy

Language = Literal["en", "zh"]

_NOT_ENTRIES = {"words.toml", "promise.toml"}
_DENIAL = {
    "en": re.compile(r"(?<!\w)(?:not|never|no|without|nor|hardly)\W+(?:[\w']+\W+){0,3}$"),
    "zh": re.compile(r"(?:不|没有?|未|无|并非|别)[^,。!?;]{0,2}$"),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry: the intent it finds, how surely, what acts beside the intent's own acts, and when it is silent.

    ``whole`` are messages (or sentences) that are nothing but these words; ``unless`` silences the rule in a sentence.
    """

    id: str
    intent: str
    confidence: float
    why: str
    acts: tuple[str, ...]
    pattern: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    whole: frozenset[str]
    is_deniable: bool
    is_urgent: bool

    def match(self, sentence: str, language: Language) -> re.Match[str] | None:
        """Where a sentence of plain text says it; None when it does not, or denies it."""
        if self.pattern is None:
            return None
        found = self.pattern.search(sentence)
        if found is None or (self.unless is not None and self.unless.search(sentence)):
            return None
        if self.is_deniable and _DENIAL[language].search(sentence, 0, found.start()):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an intent sets in motion: acts from ``at_least`` on, and whether and why a person looks at it."""

    acts: tuple[str, ...]
    at_least: float
    why_person: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All wordings of one language; ``promise`` are the expressions by which promises are told from what is none."""

    language: Language
    rules: tuple[Rule, ...]
    promise: Mapping[str, re.Pattern[str]]
    courtesies: frozenset[str]
    affirmations: frozenset[str] = frozenset()


@cache
def lexicon(language: Language) -> Lexicon:
    """The lexicon of a language, compiled. Raises PolicyError."""
    texts = {text.file: text for text in read_policies(LEXICONS / language)}
    words = texts["words.toml"].values["words"]
    grammar = Grammar(words, has_spaces=language == "en")
    rules = [
        _rule(text, grammar, values)
        for file, text in texts.items()
        if file not in _NOT_ENTRIES
        for values in text.values["entries"]
    ]
    promise = texts["promise.toml"]
    return Lexicon(
        language,
        tuple(rules),
        {
            key: _compiled(promise, key, grammar, patterns)
            for key, patterns in promise.values["promise"].items()
        },
        frozenset(texts["words.toml"].values["courtesies"]),
        frozenset(texts["words.toml"].values["affirmations"]),
    )


@cache
def consequences() -> Mapping[str, Consequence]:
    """What each intent sets in motion. Raises PolicyError."""
    text = read_policy(LEXICONS / "acts.toml")
    found = {}
    for values in text.values["consequences"]:
        unknown = set(values["acts"]) - set(ACTS)
        if unknown or values["intent"] not in INTENTS:
            raise PolicyError(text.file, values["intent"], f"{sorted(unknown)} not known", "See meaning.py")
        found[values["intent"]] = Consequence(
            tuple(values["acts"]), float(values["at_least"]), values["why_person"]
        )
    return found


def _rule(text: PolicyText, grammar: Grammar, values: Mapping[str, Any]) -> Rule:
    if values["intent"] not in INTENTS or set(values.get("acts", ())) - set(ACTS):
        raise PolicyError(text.file, values["id"], "its intent or acts are not known", "See meaning.py")
    return Rule(
        id=values["id"],
        intent=values["intent"],
        confidence=float(values["confidence"]),
        why=values["why"],
        acts=tuple(values.get("acts", ())),
        pattern=_optional(text, values, "patterns", grammar),
        unless=_optional(text, values, "unless", grammar),
        whole=frozenset(values.get("whole", ())),
        is_deniable=values.get("deniable", False),
        is_urgent=values.get("urgent", False),
    )


def _optional(
    text: PolicyText, values: Mapping[str, Any], key: str, grammar: Grammar
) -> re.Pattern[str] | None:
    return _compiled(text, values["id"], grammar, values[key]) if values.get(key) else None


def _compiled(text: PolicyText, key: str, grammar: Grammar, patterns: Sequence[str]) -> re.Pattern[str]:
    try:
        return grammar.compile(patterns)
    except ValueError as error:
        raise PolicyError(text.file, key, f"pattern {error}", "Mend the pattern") from error
