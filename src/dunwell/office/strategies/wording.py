"""A strategy's conditions as sentences in the reader's language, and what a change of its text changes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.numbers import format_decimal, format_percent
from django.utils.functional import Promise as Lazy
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from dunwell.strategy.columns import COLUMNS, Kind
from dunwell.strategy.conditions import BadCondition, Condition, parse_condition
from dunwell.strategy.differing import Difference

MEANINGS: Mapping[str, Lazy | str] = {
    "past_due_days": _("days past due"),
    "delinquent_days": _("days of delinquency"),
    "bucket": _("bucket"),
    "product": _("product"),
    "currency": _("currency"),
    "past_due_total": _("amount past due"),
    "outstanding_principal": _("principal still owed"),
    "past_due_accounts": _("count of accounts past due"),
    "jurisdiction": _("jurisdiction"),
    "region": _("region"),
    "language": _("language"),
    "overdue_to_principal": _("overdue amount as a share of the amount lent"),
    "outstanding_to_principal": _("principal still owed as a share of the amount lent"),
    "months_on_book": _("months since the account was opened"),
    "annual_rate": _("contract rate a year"),
    "days_since_payment": _("days since the last payment"),
    "past_due_days_30d_ago": _("days past due 30 days ago"),
    "past_due_days_60d_ago": _("days past due 60 days ago"),
    "past_due_days_90d_ago": _("days past due 90 days ago"),
    "past_due_days_180d_ago": _("days past due 180 days ago"),
    "worst_days_past_due_365d": _("worst days past due in the last year"),
    "share_of_days_late_365d": _("share of the last year's days past due"),
    "times_late_365d": _("times it fell past due in the last year"),
    "times_caught_up_365d": _("times the arrears were cleared in the last year"),
    "days_in_this_spell": _("days past due without a break"),
    "overdue_change_30d": _(
        "change of the overdue amount in 30 days, as a share of the most owed in the year"
    ),
    "paid_to_due_30d": _("paid in 30 days as a share of what fell due in them"),
    "paid_to_due_90d": _("paid in 90 days as a share of what fell due in them"),
    "paid_to_due_365d": _("paid in 365 days as a share of what fell due in them"),
    "payment_count_90d": _("payments in 90 days"),
    "returned_payment_count_365d": _("payments that bounced or were charged back in the last year"),
    "largest_payment_to_due_365d": _("largest payment of the last year as a share of a usual instalment"),
    "contact_tries_90d": _("contacts we tried in 90 days"),
    "conversations_90d": _("conversations and replies in 90 days"),
    "reached_share_of_calls_365d": _("share of the last year's calls that became a conversation"),
    "days_since_conversation": _("days since the last conversation or reply"),
    "own_contacts_90d": _("times the person came to us in 90 days"),
    "dead_ends_365d": _("contacts of the last year that bounced or met a number not in service"),
    "promises_kept_365d": _("promises of the last year that were kept"),
    "promises_broken_365d": _("promises of the last year that were broken"),
    "promises_open": _("promises whose day has not passed"),
    "past_due_days_gained_30d": _("days past due beyond those of 30 days ago"),
    "kept_share_of_promises_365d": _("share of the last year's promises that were kept"),
}
"""What each column of a condition means; a yes or no is in TRUTHS."""
TRUTHS: Mapping[str, tuple[Lazy | str, Lazy | str]] = {
    "in_default": (_("is in default"), _("is not in default")),
    "has_sms": (_("has a number for text messages"), _("has no number for text messages")),
    "has_call": (_("has a telephone number"), _("has no telephone number")),
    "has_email": (_("has an e-mail address"), _("has no e-mail address")),
    "has_letter": (_("has an address for letters"), _("has no address for letters")),
    "has_visit": (_("has an address for visits"), _("has no address for visits")),
    "has_app": (_("uses the app"), _("does not use the app")),
}
"""A yes or no said and denied."""
_BOUNDS: Mapping[str, Lazy | str] = {
    "=": _("%(value)s"),
    "!=": _("not %(value)s"),
    "<": _("below %(value)s"),
    "<=": _("at most %(value)s"),
    ">": _("above %(value)s"),
    ">=": _("at least %(value)s"),
    "in": _("one of %(value)s"),
    "not in": _("none of %(value)s"),
    "known": _("known"),
    "unknown": _("not known"),
}
_SHARES = re.compile(r"_to_|share|annual_rate|overdue_change")
"""Columns whose numbers are shares of one: they are told in percent."""
KINDS: Mapping[str, Lazy | str] = {
    "segment": _("Segment"),
    "treatment": _("Treatment"),
    "capacity": _("Capacity"),
    "experiment": _("Experiment"),
    "case": _("Worked case"),
}
KEYS: Mapping[str, Lazy | str] = {
    "when": _("who"),
    "segments": _("segments"),
    "treatments": _("treatments"),
    "channel": _("channel"),
    "purpose": _("purpose"),
    "tone": _("tone"),
    "minutes": _("minutes"),
    "cost": _("cost"),
    "skill": _("skill"),
    "per_day": _("a day"),
    "kind": _("kind"),
    "prior": _("what it is thought to bring"),
    "expects": _("what else it brings"),
    "value": _("value"),
    "share": _("share"),
    "sd": _("how unsure"),
    "exploring": _("drawn by lot"),
    "rate": _("share of the decisions"),
    "spend": _("may forgo, of the day's worth"),
    "after_turn": _("times as much after a turn"),
    "title": _("title"),
    "currency": _("currency"),
    "from": _("holds from"),
    "citation": _("source"),
}


def conditions_told(conditions: Iterable[Condition]) -> str:
    """A list of conditions as one phrase in the reader's language; bounds of one column are told together.

    >>> conditions_told([parse_condition("past_due_days >= 8"), parse_condition("past_due_days < 31")])
    'days past due: at least 8 and below 31'
    """
    bounds: dict[str, list[str]] = {}
    told: list[tuple[str, str]] = []
    for one in conditions:
        column = COLUMNS[one.column]
        if column.kind is Kind.TRUTH and one.op in ("=", "!="):
            is_so = one.values[0] is (one.op == "=")
            told.append(("", str(TRUTHS[one.column][0 if is_so else 1])))
            continue
        if one.column not in bounds:
            bounds[one.column] = []
            told.append((one.column, ""))
        value = _list([_value(one.column, value) for value in one.values])
        bounds[one.column].append(str(_BOUNDS[one.op]) % {"value": value})
    phrases = [
        words
        or gettext("%(meaning)s: %(bounds)s")
        % {"meaning": MEANINGS.get(name) or COLUMNS[name].meaning, "bounds": _and(bounds[name])}
        for name, words in told
    ]
    return _list(phrases, "; ", "；") or gettext("everybody else")


def change_told(change: Difference) -> str:
    """What two texts say differently, as a sentence in the reader's language."""
    place = f"{KINDS[change.kind]} “{change.name}”" if change.kind else ""
    where = ", ".join(part for part in (place, _key(change.key) if change.key else "") if part)
    if change.what == "gone":
        return gettext("%(what)s is gone") % {"what": place}
    if change.what == "new":
        return gettext("%(what)s is new: %(new)s") % {"what": place, "new": _entry(change.after)}
    if change.what == "reordered":
        told = {"what": _key(change.key), "new": _list(change.after)}
        return gettext("The order of the %(what)s is now: %(new)s") % told
    old, new = _said(change.key, change.before), _said(change.key, change.after)
    if change.before is None:
        return gettext("%(what)s is now %(new)s") % {"what": where, "new": new}
    if change.after is None:
        return gettext("%(what)s is no longer said (was %(old)s)") % {"what": where, "old": old}
    return gettext("%(what)s: from %(old)s to %(new)s") % {"what": where, "old": old, "new": new}


def _entry(said: Mapping[str, Any]) -> str:
    """All that an entry says but its name."""
    return _list([f"{_key(key)} {_said(key, value)}" for key, value in said.items() if key != "name"])


def _said(key: str, value: Any) -> str:
    """A value of the text under its key; conditions as one phrase."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, Mapping):
        return f"({_entry(value)})"
    if not isinstance(value, Sequence) or isinstance(value, str):
        return str(value)
    if key.rpartition(".")[2] == "when":
        with suppress(BadCondition):
            return f"“{conditions_told([parse_condition(text) for text in value])}”"
    return _list([_said("", one) for one in value])


def _key(path: str) -> str:
    return ", ".join(str(KEYS.get(part, part)) for part in path.split("."))


def _value(column: str, value: Decimal | str | bool) -> str:
    locale = _locale()
    if isinstance(value, Decimal):
        is_share = _SHARES.search(column) is not None and not column.endswith("_count")
        if is_share:
            return str(format_percent(value, "#,##0.## %", locale=locale))
        return str(format_decimal(value, locale=locale))
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if column == "language":
        try:
            return str(Locale.parse(value.replace("-", "_")).get_display_name(locale) or value)
        except (UnknownLocaleError, ValueError):
            return value
    return value


def _list(texts: Sequence[str], comma: str = ", ", chinese: str = "、") -> str:
    return (chinese if _locale() == "zh" else comma).join(texts)


def _and(texts: Sequence[str]) -> str:
    return (gettext(" and ")).join(texts)


def _locale() -> str:
    return "zh" if (get_language() or "en").startswith("zh") else "en"
