"""The core's sentences in the reader's language: reasons of promises and plans, the lines of a statement and their working.

The core writes them in English, always in the same forms. Each form stands here with its slots and is translated through the
catalogue; what fits no form (a lender's own clause, a source) is shown as it stands.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import get_language, gettext

from dunwell.office.desk import words


def _(text: str) -> str:
    """Marks a text for the catalogue, and leaves it as it is."""
    return text


_FORMS = (
    # promises
    _("paid by %(day)s"),
    _("only a part had been paid by %(day)s"),
    _("nothing had been paid by %(day)s"),
    _("it is waited for until %(day)s"),
    _("superseded by %(name)s"),
    _("withdrawn"),
    _("replaced"),
    _("payments of the account are in quarantine, so this may be wrong"),
    # budgets
    _("income %(amount)s a month, spending %(spent)s"),
    _("%(amount)s is protected, more than the spending stated"),
    _("%(amount)s of what is left stays for savings"),
    _("%(amount)s is left for all creditors"),
    _("nothing is left"),
    _("%(amount)s is left from %(day)s of an income of %(income)s a month"),
    # plans
    _("%(amount)s a month of the %(left)s that is left"),
    _("%(amount)s a month is left beside the contract's instalments"),
    _("the contract's instalments of %(amount)s a month go on"),
    _("%(amount)s a month is left"),
    _("from the money at hand"),
    _("%(amount)s a month is expected from %(day)s"),
    _("nothing is asked for before"),
    _("%(amount)s a month would take %(count)s months"),
    _("at most %(count)s months may be offered"),
    _("nothing is left after what is protected"),
    _("no agreements of %(count)s months were observed"),
    # authority
    _("%(file)s lets nobody in the role %(role)s grant %(grant)s"),
    _("%(file)s names no amount of %(currency)s for %(role)s"),
    _("%(amount)s was given up before and counts"),
    _("%(role)s may grant up to %(limit)s alone"),
    _("%(amount)s is above what %(role)s may grant alone"),
    _("%(who)s must agree, up to %(limit)s"),
    _("%(amount)s is above the %(limit)s that %(role)s may grant"),
    # statements: what happened
    _("loan opened"),
    _("penalty interest"),
    _("credit applied"),
    _("instalment %(name)s falls due"),
    _("instalment %(name)s"),
    _("late fee %(name)s"),
    _("legal cost %(name)s"),
    _("other charge %(name)s"),
    _("reversed %(event)s %(name)s (reversal %(other)s): never happened"),
    _("chargeback %(name)s"),
    _("payment %(name)s"),
    _("payment"),
    _("chargeback"),
    _("waived by the cap: %(amount)s more"),
    _("waived by the cap: %(amount)s less"),
    _("waived by the cap: shares move"),
    _("pause from %(day)s with no end yet"),
    _("pause from %(day)s to %(last)s"),
    _("hold (%(hold)s) from %(day)s with no end yet"),
    _("hold (%(hold)s) from %(day)s to %(last)s"),
    # statements: working
    _("%(amount)s is left out, whatever the reversal's own date"),
    _("nothing was due: it waits as credit"),
    _("%(amount)s of the day with %(waiting)s waiting, as one sum"),
    _("%(amount)s of the day, as one sum"),
    _("instalment by instalment, the oldest first, in the order %(order)s"),
    _("component by component, of each the oldest instalment first, in the order %(order)s"),
    _("%(count)s days past due before it, in the legal stage"),
    _("%(count)s days past due before it"),
    _("%(amount)s waits as credit"),
    _("delinquent days stand still after its first day"),
    _("days past due go on"),
    _("no penalty interest from its first to its last day"),
    _("payments are applied in the order of the legal stage"),
    _("it changes no figure"),
    _("interest, fees and penalty so far %(amount)s"),
    _("%(rate)s a year on the principal outstanding so far %(amount)s"),
    _("over it %(amount)s"),
    _(
        "%(debt)s: %(sum)s (%(count)s days from %(day)s to %(last)s), the basis on average, as the cap moves it from %(from)s to "
        "%(until)s, unpaid of it in all %(unpaid)s"
    ),
    _(
        "%(debt)s: %(sum)s (%(count)s days from %(day)s to %(last)s), the basis on average, as the cap moves it from %(from)s to "
        "%(until)s"
    ),
    _("%(debt)s: %(sum)s (%(count)s days from %(day)s to %(last)s), unpaid of it in all %(unpaid)s"),
    _("%(debt)s: %(sum)s (%(count)s days from %(day)s to %(last)s)"),
    # statements: how it was worked out
    _(
        "Each line shows what one event did to each part of the debt; the lines add up to the closing figures. The balance is "
        "what would settle the account that day: principal outstanding, interest, fees and costs fallen due, and penalty "
        "interest, less money received that waits as credit."
    ),
    _(
        "Money is applied instalment by instalment, the oldest first, in the order %(order)s; all money of one day counts as one "
        "sum, after what falls due that day. A payment on the due date is on time."
    ),
    _(
        "Money is applied component by component, of each the oldest instalment first, in the order %(order)s; all money of one "
        "day counts as one sum, after what falls due that day. A payment on the due date is on time."
    ),
    _("The order is %(order)s in the legal stage."),
    _("The order is %(order)s from %(count)s days past due on."),
    _(
        "Penalty interest accrues each day on the overdue %(order)s, from the day after the due date, at %(rate)s a year by "
        "%(method)s. It is kept exactly, item by item, and rounded to the minor unit (a half to the even one) only when money is "
        "applied to it and when it is shown; the sums below each line are written to six places beyond that."
    ),
    _(
        "Interest, fees and penalty together may not exceed %(rate)s a year on the principal outstanding over the life of the "
        "debt. What exceeds it is waived and never owed: penalty first, then fees, then interest, the newest first."
    ),
    _("A remainder of %(amount)s or less does not make an account past due."),
    # the parts of a debt
    _("principal outstanding"),
    _("principal due"),
    _("interest due"),
    _("fees due"),
    _("costs due"),
    _("credit waiting"),
    _("waived by the cap"),
    _("past due in all"),
    _("to settle it all"),
    _("paid in 30 days"),
    _("principal"),
    _("interest"),
    _("fees"),
    _("costs"),
    _("penalty"),
    # what in a strategy is likely not meant
    _("segment %(thing)s is never reached: %(another)s before it takes everybody"),
    _("segment %(thing)s has no treatment: its customers are left in peace"),
    _(
        "objective.floors.%(name)s: no treatment says what it brings (expects), so the daily run is not held to it"
    ),
    _("treatment %(thing)s has no prior: what it is worth cannot be learned until it has"),
    _("treatment %(thing)s takes minutes of %(another)s, of which no capacity tells"),
    _("treatment %(thing)s is a call by a person that takes no minutes"),
    _("treatment %(thing)s has no capacity that bounds it"),
    _("experiment %(thing)s has no guard-rail on complaints"),
    _(
        "experiment %(thing)s: the stop of %(another)s since %(day)s stops nothing: lots are drawn from %(name)s to before "
        "%(last)s"
    ),
    _(
        "experiment %(thing)s: every arm is stopped, so all get the control and nothing is learned: end it, or take an arm up "
        "again (until)"
    ),
    _("experiment %(thing)s compares treatments that no segment has in common"),
    _("exploring: spend without a rate: nothing is drawn by lot"),
    _("no hold_out: what the whole strategy brings can never be known"),
    _("the hold-out gets %(thing)s: it tells what the rest brings beyond that alone"),
    _("segment %(thing)s asks for the amount past due whatever the currency: add one, like currency = CNY"),
    _(
        "segment %(thing)s asks for the principal still owed whatever the currency: add one, like currency = CNY"
    ),
    _("treatment %(thing)s asks for the amount past due whatever the currency: add one, like currency = CNY"),
    _(
        "treatment %(thing)s asks for the principal still owed whatever the currency: add one, like currency = CNY"
    ),
    # whom a comparison of strategies is about
    _("the book of %(day)s"),
    # why a promise was withdrawn
    _("customer_withdrew"),
    _("circumstances_changed"),
    _("settled_otherwise"),
    _("recorded_wrongly"),
)
_SLOT = re.compile(r"%\((?P<slot>\w+)\)s")
_ONE_WORD = ("name", "other", "day", "last", "count", "currency", "file", "role")
"""Slots that hold no space."""
_SOURCE = re.compile(r"(.+?)( \[.*\])", re.DOTALL)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(form), form) for form in _FORMS)


def _pattern(form: str) -> re.Pattern[str]:
    parts, end = [], 0
    for slot in _SLOT.finditer(form):
        parts.append(re.escape(form[end : slot.start()]))
        filled = (
            r"\S+" if slot["slot"] in _ONE_WORD else "[^;]+?" if slot["slot"] in ("amount", "who") else ".+?"
        )
        parts.append(f"(?P<{slot['slot']}>{filled})")
        end = slot.end()
    # "1 day" and "3 days" are one form.
    return re.compile("".join([*parts, re.escape(form[end:])]).replace(r"\ days\ ", r"\ days?\ "))


def sentence(text: str) -> str:
    """A sentence of the core in the reader's language; as it stands where it fits no known form, and in English."""
    language = get_language() or "en"
    return text if language.startswith("en") or not text else _translated(text, language)


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str:
    for pattern, form in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return gettext(form) % {name: _slot(name, value) for name, value in found.groupdict().items()}
    sourced = _SOURCE.fullmatch(text)
    if sourced is not None:
        return _translated(sourced[1], language) + sourced[2]
    if "; " in text:
        parts = text.split("; ")
        told = [_translated(part, language) for part in parts]
        return text if told == parts else "；".join(told)  # a source with a semicolon in it stays as it is
    return text


def _slot(name: str, value: str) -> str:
    """What fills a slot, where it is a word of ours itself."""
    if name in ("debt", "event"):
        return sentence(value)
    if name == "order":
        return "、".join(sentence(part) for part in value.split(", "))
    if name == "hold":
        return words.hold_name(value.replace(" ", "_"))
    if name == "grant":
        kinds: Mapping[str, object] = words.GRANTS
        return str(kinds.get(value.replace(" ", "_"), value))
    if name in ("role", "who"):
        from dunwell.office.access.roles import roles

        named = {key: role.name for key, role in roles().items()}
        return "、".join(named.get(part, part) for part in value.split(" or "))
    return value


def is_known(text: str) -> bool:
    """Whether every part of a sentence has a form here."""
    if any(pattern.fullmatch(text) for pattern, _form in _patterns()):
        return True
    sourced = _SOURCE.fullmatch(text)
    if sourced is not None:
        return is_known(sourced[1])
    return "; " in text and all(is_known(part) for part in text.split("; "))
