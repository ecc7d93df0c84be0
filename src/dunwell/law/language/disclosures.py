"""What a whole message must say: who writes, that they collect a debt, how to stop the messages.

The requirements are text (``lexicons/disclosures.toml``): whom they bind, in which channels, and what counts as
saying it. A requirement about debts is only held against a message that is about one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from dunwell.law.language.lexicon import LEXICONS, Ground, grounds, lexicon
from dunwell.law.language.spelling import plain_text
from dunwell.policy import in_force, read_policy

WHOLE_MESSAGES = ("sms", "email", "letter")


@dataclass(frozen=True, slots=True)
class _Requirement:
    ground: Ground
    channels: tuple[str, ...]
    is_about_debt: bool
    present: Mapping[str, tuple[re.Pattern[str], ...]]


@cache
def _requirements() -> tuple[tuple[_Requirement, ...], Mapping[str, re.Pattern[str]]]:
    text = read_policy(LEXICONS / "disclosures.toml")
    grammars = {language: lexicon(language).grammar for language in ("en", "zh")}
    found = tuple(
        _Requirement(
            grounds()[one["ground"]],
            tuple(one["channels"]),
            one["about_debt"],
            {
                language: tuple(grammar.compile(patterns) for patterns in one[language])
                for language, grammar in grammars.items()
            },
        )
        for one in text.values["requirements"]
    )
    about = {
        language: grammar.compile(text.values["about_debt"][language])
        for language, grammar in grammars.items()
    }
    return found, about


def missing_disclosures(
    text: str, language: str, channel: str, packs: Sequence[str], actor: str, on: date
) -> list[Ground]:
    """The grounds on which a message is incomplete; none for a channel that carries no whole messages."""
    if channel not in WHOLE_MESSAGES:
        return []
    requirements, about = _requirements()
    said = plain_text(text, language)
    missing = []
    for one in requirements:
        binds = any(
            basis.pack in packs and (not basis.actors or actor in basis.actors)
            for basis in in_force(one.ground.bases, on)
        )
        if not binds or channel not in one.channels:
            continue
        if one.is_about_debt and not about[language].search(said):
            continue
        if not all(pattern.search(said) for pattern in one.present[language]):
            missing.append(one.ground)
    return missing
