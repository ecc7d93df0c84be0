"""The lexicons as read from their texts: what unlawful language looks like, and what each finding rests on.

``lexicons/grounds.toml`` says what is forbidden, under which category, by which clause of which pack, and what to
say instead; ``lexicons/LANGUAGE/*.toml`` say how it is said in a language. Everything is read and compiled once.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from dunwell.law.language.cues import Cued, Form
from dunwell.law.language.patterns import Grammar
from dunwell.policy import Dated, PolicyError, PolicyText, in_force, read_policies, read_policy

LEXICONS = Path(__file__).with_name("lexicons")
LANGUAGES = ("en", "zh")
CATEGORIES = (
    "abuse",
    "false_authority",
    "false_legal",
    "harassment",
    "missing_disclosure",
    "not_limited_content",
    "shame",
    "third_party_disclosure",
    "threat",
    "undue_pressure",
)
"""A pattern, with the cue without which it cannot match (none: it is always tried)."""
_NOT_PATTERNS = {"frames.toml", "words.toml", "folding.toml", "limited-content.toml"}


class LanguageUnknown(ValueError):
    """A text's language is none we can review, so the text cannot be let out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis(Dated):
    """The clause of a pack that forbids something; ``actors`` whom it binds."""

    pack: str
    actors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground(Dated):
    """Something forbidden whatever the pack: its category, the clauses that say so, and what to say instead."""

    id: str
    category: str
    suggestions: Mapping[str, str]
    bases: tuple[Basis, ...]

    def basis(self, packs: Sequence[str], actor: str, on: date) -> tuple[str, str]:
        """Rule id and citation: of the first of the packs that has a clause in force, else of the house's floor."""
        for pack in packs:
            found = [
                one
                for one in in_force(self.bases, on)
                if one.pack == pack and (not one.actors or actor in one.actors)
            ]
            if found:
                return f"{pack}.{self.id}", "; ".join(one.source for one in found)
        return f"house.{self.id}", self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording(Dated):
    """One way of saying something forbidden; ``is_deniable`` when a "not" before it makes it innocent, ``is_strong`` when
    the second opinion may not set it aside.
    """

    id: str
    grounds: tuple[str, ...]
    forms: tuple[Form, ...]
    is_deniable: bool
    is_strong: bool


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All that is known of one language."""

    language: str
    grammar: Grammar
    wordings: Cued[tuple[Wording, re.Pattern[str]]]
    frames: Mapping[str, re.Pattern[str]]
    reports: Cued[re.Pattern[str]]
    folding: Mapping[str, Any]
    limited_content: Mapping[str, re.Pattern[str]]


def language_of(tag: str) -> str:
    """The language we review for a BCP 47 tag. Raises LanguageUnknown for any other.

    >>> language_of("zh-Hans-CN")
    'zh'
    """
    primary = tag.strip().replace("_", "-").split("-")[0].lower()
    if primary not in LANGUAGES:
        raise LanguageUnknown(
            f"language {tag!r} cannot be reviewed, so nothing may be sent in it. Languages: {', '.join(LANGUAGES)}"
        )
    return primary


@cache
def grounds() -> Mapping[str, Ground]:
    """Every ground by its id. Raises PolicyError."""
    text = read_policy(LEXICONS / "grounds.toml")
    return {one.id: one for one in (_ground(text, values) for values in text.values["grounds"])}


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language, compiled. Raises PolicyError."""
    texts = {text.file: text for text in read_policies(LEXICONS / language)}
    grammar = Grammar(texts["words.toml"].values["words"], has_spaces=language == "en")
    wordings = [
        _wording(text, grammar, values)
        for file, text in texts.items()
        if file not in _NOT_PATTERNS
        for values in text.values["entries"]
    ]
    return Lexicon(
        language,
        grammar,
        Cued(((wording, form.pattern), form) for wording in wordings for form in wording.forms),
        _expressions(texts["frames.toml"], "frames", grammar),
        Cued(
            (form.pattern, form)
            for form in _cued(texts["frames.toml"].values["frames"]["reports_sentence"], grammar)
        ),
        texts["folding.toml"].values,
        _expressions(
            texts["limited-content.toml"],
            "content",
            Grammar(texts["limited-content.toml"].values["words"], False),
        ),
    )


def _ground(text: PolicyText, values: Mapping[str, Any]) -> Ground:
    if values["category"] not in CATEGORIES:
        raise PolicyError(text.file, values["id"], f"category {values['category']!r} is not known", "Mend it")
    bases = tuple(
        Basis(
            from_on=one.get("from", text.from_on),
            until_on=one.get("until"),
            citation=one["citation"],
            source_quality=one["source_quality"],
            values=one,
            pack=one["pack"],
            actors=tuple(one.get("actors", ())),
        )
        for one in values.get("bases", ())
    )
    return Ground(
        from_on=text.from_on,
        until_on=text.until_on,
        citation=text.citation,
        source_quality=text.source_quality,
        values=values,
        id=values["id"],
        category=values["category"],
        suggestions={language: values[language] for language in LANGUAGES},
        bases=bases,
    )


def _wording(text: PolicyText, grammar: Grammar, values: Mapping[str, Any]) -> Wording:
    unknown = set(values["grounds"]) - set(grounds())
    if unknown:
        raise PolicyError(
            text.file, values["id"], f"grounds {sorted(unknown)} are not known", "See grounds.toml"
        )
    try:
        forms = tuple(_forms(values, grammar))
    except (ValueError, re.error) as error:
        raise PolicyError(text.file, values["id"], f"pattern {error}", "Mend the pattern") from error
    return Wording(
        from_on=values.get("from", text.from_on),
        until_on=values.get("until", text.until_on),
        citation=values.get("citation", text.citation),
        source_quality=values.get("source_quality", text.source_quality),
        values=values,
        id=values["id"],
        grounds=tuple(values["grounds"]),
        forms=forms,
        is_deniable=values.get("deniable", True),
        is_strong=values.get("strong", False),
    )


def _forms(values: Mapping[str, Any], grammar: Grammar) -> Iterator[Form]:
    """The patterns of an entry: one by one where cues can tell which to try, else as one."""
    if values.get("raw", False):
        yield Form(re.compile("|".join(values["patterns"])))
    else:
        yield from _cued(values["patterns"], grammar)


def _cued(patterns: Sequence[str], grammar: Grammar) -> Iterator[Form]:
    if grammar.has_spaces:
        yield from (Form(grammar.compile([pattern]), grammar.cue(pattern)) for pattern in patterns)
    else:
        yield Form(grammar.compile(patterns), choices=tuple(grammar.choices(patterns)))


def _expressions(text: PolicyText, name: str, grammar: Grammar) -> Mapping[str, re.Pattern[str]]:
    try:
        return {key: grammar.compile(patterns) for key, patterns in text.values[name].items()}
    except ValueError as error:
        raise PolicyError(text.file, name, f"pattern {error}", "Mend the pattern") from error
