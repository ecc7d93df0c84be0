"""A rule of the law for who is no engineer: its sentence, its figures by name, and what changed, in the reader's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.functional import Promise as Lazy
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from dunwell.law.pack import Rule
from dunwell.law.telling import Change, figures_of
from dunwell.office.desk import words
from dunwell.office.desk.templatetags.shown import weekday

Words = Mapping[str, str | Lazy]

FIGURES: Words = {
    "channels": _("Ways of contact"),
    "parties": _("With whom"),
    "purposes": _("Purposes"),
    "states": _("While"),
    "opens": _("Not before"),
    "closes": _("Not after"),
    "weekdays": _("Days of the week"),
    "days": _("Days"),
    "agreement_with": _("An agreement counts that was made with"),
    "agreement_days": _("Days for which an agreement holds"),
    "agreement_ends_at_conversation": _("An agreement ends with the next conversation"),
    "answer_once": _("A message of theirs may be answered once"),
    "what": _("What"),
    "at_most": _("At most"),
    "at_least": _("At least"),
    "within_days": _("Within so many days"),
    "within_minutes": _("Within so many minutes"),
    "counted_channels": _("What is counted"),
    "counted_outcomes": _("Counted when it ended so"),
    "counted_directions": _("Counted in the direction"),
    "leaves_out_wrong_numbers": _("Calls to wrong numbers are not counted"),
    "per_debt": _("For each debt by itself"),
    "per_contact_point": _("For each number or address by itself"),
    "must_hold": _("Must be said"),
    "must_not_hold": _("Must not be said"),
    "examples": _("For example"),
    "notices": _("Notices"),
    "due": _("Due"),
    "due_days": _("Due within so many days"),
    "note": _("Note"),
    "preferences": _("Wishes"),
    "places": _("Places"),
    "actors": _("Whom it binds"),
    "keep_years": _("Kept for so many years"),
    "keep_from": _("Kept from"),
    "locate": _("Asking others where the person is"),
    "locate_in_states": _("Asking others only while"),
    "applies_to": _("Applies to"),
    "refusal_ends": _("It ends when they refuse"),
    "figures": _("Figures"),
    "past_due_days_above": _("From more than so many days past due"),
    "own_use_lifts": _("It ends when they use it themselves"),
    "effect": _("Effect"),
    "citation": _("Source"),
}
"""What a rule's figures are called. A figure without a name here stands as the pack has it."""
_CHANNELS: Words = {**words.CHANNELS, "visit": _("visit")}
_VALUES: Mapping[str, Words] = {
    "channels": _CHANNELS,
    "counted_channels": _CHANNELS,
    "parties": words.PARTIES,
    "purposes": {**words.PURPOSES, "service": _("an answer or a service"), "locate": _("finding the person")},
    "states": words.HOLDS,
    "locate_in_states": words.HOLDS,
    "counted_outcomes": words.OUTCOMES,
    "counted_directions": {"in": _("from them"), "out": _("to them")},
    "preferences": words.PREFERENCES,
    "places": {**words.PLACES, "mobile": _("a mobile phone"), "unknown": _("an unknown place")},
    "notices": words.NOTICES,
    "agreement_with": {
        "creditor": _("the creditor"),
        "collector": _("us"),
        "prior_collector": _("an earlier collector"),
    },
    "actors": {"agency": _("agencies"), "debt_buyer": _("buyers of debts"), "first_party": _("lenders")},
    "days": {"no_holidays": _("no public holidays"), "workdays": _("workdays")},
    "locate": {"always": _("always"), "in_states": _("only in some states"), "never": _("never")},
    "effect": {"prohibited": _("forbidden"), "presumed_violation": _("presumed to be a violation")},
}
_YES_NO: Mapping[bool, str | Lazy] = {True: _("yes"), False: _("no")}


@dataclass(frozen=True, slots=True)
class RuleTold:
    """A rule: its id, sentence, figures (name, value), what may rebut it, where it stands, since and until when."""

    id: str
    sentence: str
    figures: Sequence[tuple[str, str]]
    rebuttal: Sequence[str]
    citation: str
    quality: str
    from_on: date
    until_on: date | None


@dataclass(frozen=True, slots=True)
class ChangeTold:
    """A rule that differs between two days: ``began``, ``ended`` or ``changed``; its sentence before and after (empty where there
    was, or is, none), and the figures that did (name, before, after).
    """

    rule: str
    what: str
    before: str
    after: str
    figures: Sequence[tuple[str, str, str]]

    @property
    def is_said_anew(self) -> bool:
        """Whether the sentence itself changed."""
        return self.before != self.after


def rule_told(rule: Rule) -> RuleTold:
    """A rule in the reader's language."""
    return RuleTold(
        rule.id,
        _sentence(rule),
        [(_name(key), _value(key, value)) for key, value in figures_of(rule).items()],
        rule.rebuttal,
        rule.citation,
        rule.source_quality,
        rule.from_on,
        rule.until_on,
    )


def change_told(change: Change) -> ChangeTold:
    """What became of a rule, in the reader's language."""
    return ChangeTold(
        change.rule,
        change.what,
        "" if change.before is None else _sentence(change.before),
        "" if change.after is None else _sentence(change.after),
        [
            (_name(key), _value(key, before), _value(key, after))
            for key, (before, after) in change.figures.items()
            if key != "en"
        ],
    )


def _sentence(rule: Rule) -> str:
    return rule.zh if (get_language() or "en").startswith("zh") else rule.en


def _name(key: str) -> str:
    return str(FIGURES.get(key, key.replace("_", " ")))


def _value(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(_YES_NO[value])
    if isinstance(value, list):
        return ", ".join(_value(key, one) for one in value)
    if key == "weekdays":
        return weekday(str(value))
    return str(_VALUES.get(key, {}).get(str(value), value))
