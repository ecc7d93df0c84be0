"""Which approved text is used: the one for this language, channel, stage, role and law; where none fits, none."""

from collections.abc import Iterable
from datetime import date

from dunwell.law.language.lexicon import LANGUAGES, language_of
from dunwell.outreach.texts.text import Text, packs_for_words


class NoText(LookupError):
    """No approved text fits, so nothing is sent; says what was asked for and what comes nearest."""


def choose(
    texts: Iterable[Text],
    language: str,
    channel: str,
    stage: str,
    packs: tuple[str, ...],
    on: date,
    *,
    actor: str,
) -> Text:
    """The text for a contact: the one reviewed under all packs that bind it and, of several, under the fewest others.

    ``language`` is a BCP 47 tag. Of equals the one with the latest first day is taken. Raises NoText (also for a language
    in which we cannot review a text, and where no pack of law binds the contact: words that no law was held against).
    """
    try:
        known = language_of(language)
    except ValueError as error:
        raise NoText(str(error)) from error
    bound = set(packs_for_words(packs))
    wanted = (
        ("language", lambda text: text.language == known),
        ("channel", lambda text: text.channel == channel),
        ("stage", lambda text: text.stage == stage),
        ("actor", lambda text: actor in text.actors),
        ("packs", lambda text: bool(bound) and bound <= set(text.packs)),
        ("day", lambda text: text.holds_on(on)),
    )
    left = list(texts)
    for name, fits in wanted:
        remaining = [text for text in left if fits(text)]
        if not remaining:
            asked = f"{stage} by {channel} in {known} for a {actor} under {', '.join(sorted(bound)) or 'no pack'} on {on}"
            near = ", ".join(sorted(text.id for text in left)[:5]) or "no text at all"
            raise NoText(
                f"no approved text for {asked}: none fits by its {name}. Nearest: {near}. "
                f"Write one in policy/texts (languages: {', '.join(LANGUAGES)})"
            )
        left = remaining
    return min(left, key=lambda text: (len(text.packs), -text.from_on.toordinal(), text.id, -text.version))


def find(texts: Iterable[Text], text_id: str, on: date) -> Text:
    """The version of a text by its id that may be used on a day. Raises NoText."""
    of_id = [text for text in texts if text.id == text_id]
    found = [text for text in of_id if text.holds_on(on)]
    if not found:
        known = "there is none of that id" if not of_id else "it may not be used on that day"
        raise NoText(f"text {text_id!r} on {on}: {known}. See policy/texts")
    return found[0]
