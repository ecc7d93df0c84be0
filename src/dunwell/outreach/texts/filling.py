"""An approved text filled in for one person, and reviewed again: a value can make innocent words unlawful."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dunwell.law.language.lexicon import language_of
from dunwell.outreach.texts.checking import length, put_in, reviewed
from dunwell.outreach.texts.text import Fault, Text, TextsRefused, packs_for_words
from dunwell.outreach.texts.values import ValueRefused, written


@dataclass(frozen=True, slots=True)
class Filled:
    """What one person will read. ``content_hash`` is the approved text's; ``rendered_hash`` that of these very words."""

    text: str
    subject: str
    language: str
    channel: str
    text_id: str
    version: int
    content_hash: str
    rendered_hash: str


def fill(
    text: Text, values: Mapping[str, object], *, locale: str, packs: tuple[str, ...], actor: str, on: date
) -> Filled:
    """A text for one person. ``values`` by slot: Money, date or str (more than the text needs does no harm).

    ``locale``: how they write amounts and days (``locale_of``); ``packs``: those that bind the contact; ``actor``: as whom
    we write; ``on``: today. Raises TextsRefused with every reason: a missing value, one that brings more than a value
    should, a text that is not for this person, and whatever the language review finds in the whole.
    """
    bound = packs_for_words(packs)
    faults = list(_not_for(text, locale, bound, actor, on))
    put: dict[str, str] = {}
    for name, kind in text.slots.items():
        if name not in values or values[name] is None:
            faults.append(Fault(text.file, 0, "value", f"{{{name}}} has no value", f"Give a {kind}"))
            continue
        try:
            put[name] = written(values[name], kind, locale, text.channel)
        except ValueRefused as error:
            problem, _, mend = str(error).partition(". ")
            faults.append(Fault(text.file, 0, "value", f"{{{name}}}: {problem}", mend or "Mend the value"))
    if not faults:
        body, subject = put_in(text.body, put).text, put_in(text.subject, put).text
        # The model has read the whole with values of the common kind; what values bring, the rules see. Where they find
        # something it is asked again, for it may have set that aside when the text was approved.
        found = reviewed(text, put, bound, (actor,), on, second_opinion=False)
        faults += [
            *length(text, body),
            *(found and reviewed(text, put, bound, (actor,), on, second_opinion=True)),
        ]
    if faults:
        raise TextsRefused(tuple(faults))
    digest = hashlib.sha256(f"{subject}\0{body}".encode()).hexdigest()
    return Filled(
        body, subject, text.language, text.channel, text.id, text.version, text.content_hash, digest
    )


def _not_for(text: Text, locale: str, packs: tuple[str, ...], actor: str, on: date) -> list[Fault]:
    """Why a text may not go to this person at all."""
    faults = []
    if language_of(locale) != text.language:
        faults.append(f"is in {text.language}, and the person reads {locale}")
    if not text.holds_on(on):
        faults.append(f"may be used from {text.from_on} until {text.until_on or 'on'}, not on {on}")
    if not packs:
        faults.append("cannot be held against any law: no pack binds the contact")
    if unreviewed := sorted(set(packs) - set(text.packs)):
        faults.append(f"was not reviewed under {', '.join(unreviewed)}")
    if actor not in text.actors:
        faults.append(f"is for {', '.join(text.actors)}, not for a {actor}")
    return [Fault(text.file, 0, "place", problem, "Choose another text") for problem in faults]
