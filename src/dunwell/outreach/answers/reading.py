"""A customer's answer understood: what it says, what takes effect at once, what is promised, and whether a person looks.

Rules come first, and the safe side wins: what looks like a stop or a need acts at once. A model may add to what the rules
found and never takes away. Where nothing is sure, a person reads it.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from dunwell.law.language.folding import Folded
from dunwell.outreach.answers.amounts import Amount, english_amounts
from dunwell.outreach.answers.amounts_zh import chinese_amounts
from dunwell.outreach.answers.days import Day, Reference, settled
from dunwell.outreach.answers.days_en import english_days
from dunwell.outreach.answers.days_zh import chinese_days
from dunwell.outreach.answers.findings import findings
from dunwell.outreach.answers.lexicon import Language, Lexicon, Rule, consequences, lexicon
from dunwell.outreach.answers.meaning import Act, Context, Finding, Part, Understanding
from dunwell.outreach.answers.pairing import parts
from dunwell.outreach.answers.plain import Views, views
from dunwell.outreach.answers.promises import Clause, clauses, promised
from dunwell.outreach.answers.signals import Signals

TEXT_LENGTH_MAX = 10_000
"""Characters that are read; a longer message is read up to here and goes to a person."""

SURE_FROM = 0.8
"""From this confidence on a finding needs nobody to check it (its intent may still ask for a person)."""

_PROMISE_CONFIDENCE = 0.9
_SMALL_WORDS = re.compile(r"[\s,(]*(?:(?:on|the|is|which|that|at|by|before|this)\s*)*[\s,]*|[的是,\s]*")
_MONTH_FIRST_LOCALES = ("en-us", "en-ph", "en-ca", "zh")
_KEYWORD = ".keyword"


def understand(
    text: str,
    received_at: datetime,
    language: str | None,
    context: Context,
    signals: Signals | None = None,
) -> Understanding:
    """All that a message says.

    ``received_at`` is an instant with a zone; ``language`` (BCP 47) is only a hint, for both languages are always
    read; ``context`` is what we know of the debt and the customer; ``signals`` (``load_signals()``) add what a model
    finds. Never raises for any text; raises ValueError for an instant without a zone, and zoneinfo's error for an
    unknown time zone.
    """
    if received_at.tzinfo is None:
        raise ValueError(
            "received_at has no zone: give an instant with an offset, like 2026-03-11T15:00:00+00:00"
        )
    read = text[:TEXT_LENGTH_MAX]
    seen = views(read)
    reference = _reference(received_at, language, context)
    found: list[tuple[Finding, Rule]] = []
    for view, lexical in _languages(seen):
        found += findings(read, view, lexical)
    promise = _promise(read, seen, found, reference, context)
    all_found = _merged(_in_context(found, read, context))
    if signals is not None:
        is_read = promise is not None or any(one.confidence >= SURE_FROM for one in all_found)
        known = {finding.intent for finding in all_found}
        has_acted = any(consequences()[intent].acts for intent in known) or any(
            rule.acts for _, rule in found
        )
        added = signals.findings(read, is_read, has_acted)
        all_found += [one for one in added if one.intent not in known]
    if promise is not None:
        all_found = [*all_found, promise[0]]
    urgent = {rule.id for _, rule in found if rule.is_urgent}
    return _concluded(
        read, all_found, found, promise[1] if promise else (), urgent, len(text) > TEXT_LENGTH_MAX
    )


def _languages(seen: Views) -> Iterable[tuple[Folded, Lexicon]]:
    if seen.english is not None:
        yield seen.english, lexicon("en")
        if seen.chinese is None:
            yield seen.english, _keywords_only()
    if seen.chinese is not None:
        yield seen.chinese, lexicon("zh")


@cache
def _keywords_only() -> Lexicon:
    """The Chinese keywords that are Latin letters (TD, T), for messages without a Chinese character."""
    chinese = lexicon("zh")
    rules = tuple(rule for rule in chinese.rules if rule.id.endswith(_KEYWORD))
    return Lexicon("en", rules, {}, lexicon("en").courtesies)


def _reference(received_at: datetime, language: str | None, context: Context) -> Reference:
    today = received_at.astimezone(UTC).astimezone(ZoneInfo(context.timezone)).date()
    locale = (context.locale or language or "en-US").lower().replace("_", "-")
    is_month_first = locale == "en" or locale.startswith(_MONTH_FIRST_LOCALES)
    return Reference(today, is_month_first, context.last_payday)


def _in_context(found: Sequence[tuple[Finding, Rule]], text: str, context: Context) -> list[Finding]:
    """What our last message makes of a bare "no": asked whether we reached the right person, it denies it."""
    kept = [finding for finding, _ in found]
    if context.last_purpose == "identify" and re.fullmatch(
        r"\W*(?:no+|nope|nah|不是|不|否|没有)\W*", text.lower()
    ):
        why = "a no to the question whether we reached the right person"
        kept.append(Finding("wrong_person", 0.9, 0, len(text), text, why, "context.identify"))
    return kept


def _merged(found: Sequence[Finding]) -> list[Finding]:
    """One finding an intent, the surest; ``other`` only when it stands alone."""
    best: dict[str, Finding] = {}
    for finding in found:
        if finding.intent not in best or finding.confidence > best[finding.intent].confidence:
            best[finding.intent] = finding
    if len(best) > 1:
        best.pop("other", None)
    return list(best.values())


def _concluded(
    text: str,
    merged: list[Finding],
    found: Sequence[tuple[Finding, Rule]],
    promise: tuple[Part, ...],
    urgent: set[str],
    is_cut: bool,
) -> Understanding:
    if any(finding.intent != "other" for finding in merged):
        merged = [finding for finding in merged if finding.intent != "other"]
    if not merged:
        merged = [Finding("other", 0.2, 0, len(text), text, "no rule reads it", "none")]
    own_acts = {rule.id: rule.acts for _, rule in found}
    acts: dict[str, Act] = {}
    people = ["the message is too long to be read in full"] if is_cut else []
    for finding in merged:
        follows = consequences()[finding.intent]
        if finding.confidence >= follows.at_least:
            for kind in follows.acts:
                acts.setdefault(kind, Act(kind, finding.evidence, finding.why))
        if follows.why_person and not finding.rule.endswith(_KEYWORD):
            people.append(follows.why_person)
        elif finding.confidence < SURE_FROM:
            people.append("it is not sure what this says")
    for finding, rule in found:
        for kind in own_acts[rule.id]:
            acts.setdefault(kind, Act(kind, finding.evidence, finding.why))
    return Understanding(
        tuple(sorted(merged, key=lambda one: one.start)),
        promise,
        tuple(acts.values()),
        tuple(dict.fromkeys(people)),
        bool(urgent),
    )


def _promise(
    text: str,
    seen: Views,
    found: Sequence[tuple[Finding, Rule]],
    reference: Reference,
    context: Context,
) -> tuple[Finding, tuple[Part, ...]] | None:
    """What is promised: read in Chinese where Chinese stands in it, with English days and sums between."""
    language: Language = "zh" if seen.chinese is not None else "en"
    view = seen.chinese if seen.chinese is not None else seen.english
    if view is None or not view.text:
        return None
    days = _days(seen, view, reference)
    amounts = _amounts(seen, view, days, context.currency)
    pieces = clauses(view, language)
    is_paid = [_tells_of_payment(piece, view, found) for piece in pieces]
    promise = promised(pieces, lexicon(language).promise, language, amounts, days, is_paid)
    if promise is None:
        return None
    own_days = [day for day in days if _stands_in(day.start, promise.clauses)]
    own_amounts = [amount for amount in amounts if _stands_in(amount.start, promise.clauses)]
    told_days = [day for day in days if _stands_in(day.start, promise.told)]
    if not own_days or (promise.is_backward and not any(day.readings for day in own_days)):
        own_days = told_days or own_days
    if not own_amounts:
        own_amounts = [amount for amount in amounts if _stands_in(amount.start, promise.told)]
    first, last = view.span(promise.clauses[0].start, promise.clauses[-1].end)
    finding = Finding(
        "promise",
        _PROMISE_CONFIDENCE,
        first,
        last,
        text[first:last],
        "commits to a payment; proposed only, to be read back",
        f"{language}.promise",
    )
    return finding, parts(own_amounts, own_days, context)


def _stands_in(at: int, pieces: Sequence[Clause]) -> bool:
    return any(piece.start <= at < piece.end for piece in pieces)


def _tells_of_payment(piece: Clause, view: Folded, found: Sequence[tuple[Finding, Rule]]) -> bool:
    start, end = view.span(piece.start, piece.end)
    return any(finding.intent == "already_paid" and start <= finding.start < end for finding, _ in found)


def _days(seen: Views, view: Folded, reference: Reference) -> list[Day]:
    if seen.chinese is None:
        found = english_days(view.text, reference)
    else:
        found = chinese_days(view.text, reference)
        if seen.english is not None:
            found += _moved(english_days(seen.english.text, reference), seen.english, view)
    return settled(
        found, lambda end, start: _SMALL_WORDS.fullmatch(view.text, end, max(end, start)) is not None
    )


def _amounts(seen: Views, view: Folded, days: Sequence[Day], currency: str) -> list[Amount]:
    taken = [(day.start, day.end) for day in days]
    finder = english_amounts if seen.chinese is None else chinese_amounts
    return finder(view.text, currency, taken)


def _moved(days: Iterable[Day], source: Folded, target: Folded) -> list[Day]:
    """Days found in one view at their places in the other."""
    moved = []
    for day in days:
        start, end = source.span(day.start, day.end)
        inside = [
            at for at in range(len(target.text)) if start <= target.starts[at] and target.ends[at] <= end
        ]
        if inside:
            moved.append(Day(inside[0], inside[-1] + 1, day.readings, day.bound, day.doubts, day.is_payday))
    return moved
