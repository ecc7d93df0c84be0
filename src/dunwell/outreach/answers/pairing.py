"""Sums and days put together: "200 on Friday and the rest on the 15th" is two payments.

Each sum takes a day in the order they were said. What is left over is kept and put in doubt, never dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from dunwell.money import round_half_even
from dunwell.outreach.answers.amounts import Amount
from dunwell.outreach.answers.days import MANY_DAYS, Day
from dunwell.outreach.answers.meaning import Context, Part

NO_AMOUNT = "no amount was said"
NO_DAY_SAID = "no day was said"
MORE_THAN_DUE = "the amounts are more than what is due"
NOT_WORKED_OUT = "the share cannot be worked out without what is due"


def parts(amounts: Sequence[Amount], days: Sequence[Day], context: Context) -> tuple[Part, ...]:
    """The payments proposed, in the order said."""
    pairs = _pairs(_without_weak(amounts), list(days))
    return _worked_out([_part(pair, context) for pair in pairs], context)


@dataclass(frozen=True, slots=True)
class _Pair:
    amount: Amount | None
    day: Day | None
    doubts: tuple[str, ...] = ()


def _without_weak(amounts: Sequence[Amount]) -> list[Amount]:
    """Without "the balance" and 还清 where a sum is named beside them: they say what for, not how much."""
    strong = [one for one in amounts if not one.is_weak]
    firsts = strong or list(amounts[:1])
    whole = [one for one in firsts if one.share == 1]
    named = [one for one in firsts if one.minor is not None]
    if len(whole) == 1 and len(named) == 1 and len(firsts) == 2:  # "in full, 1,000": said twice
        return named
    return firsts


def _pairs(amounts: list[Amount], days: list[Day]) -> list[_Pair]:
    if not amounts:
        return [_Pair(None, day) for day in days] or [_Pair(None, None)]
    if len(amounts) == len(days) or not days:
        return [_Pair(amount, days[number] if days else None) for number, amount in enumerate(amounts)]
    if len(days) > len(amounts):
        return _nearest(amounts, days)
    return _shared(amounts, days)


def _shared(amounts: list[Amount], days: list[Day]) -> list[_Pair]:
    """More sums than days: each day goes to the sum next to it; a sum without one has no day."""
    taken: dict[int, Day] = {}
    for day in days:
        free = [number for number in range(len(amounts)) if number not in taken]
        nearest = min(free, key=lambda number: _distance(amounts[number], day))
        taken[nearest] = day
    return [_Pair(amount, taken.get(number)) for number, amount in enumerate(amounts)]


def _nearest(amounts: list[Amount], days: list[Day]) -> list[_Pair]:
    """More days than sums: each sum takes the day next to it; the days left over are put in doubt."""
    free = list(days)
    found = []
    for amount in amounts:
        day = min(free, key=lambda one: _distance(amount, one))
        free.remove(day)
        found.append(_Pair(amount, day, (MANY_DAYS,)))
    return found


def _distance(amount: Amount, day: Day) -> int:
    return max(day.start - amount.end, amount.start - day.end)


def _part(pair: _Pair, context: Context) -> Part:
    amount, day = pair.amount, pair.day
    doubts = [*pair.doubts]
    if amount is None:
        doubts.append(NO_AMOUNT)
    else:
        doubts += amount.doubts
    if day is None:
        doubts.append(NO_DAY_SAID)
    else:
        doubts += day.doubts
    return Part(
        amount_minor=amount.minor if amount else None,
        currency=(amount.currency if amount else None) or context.currency,
        share=amount.share if amount else None,
        is_rest=amount.is_rest if amount else False,
        is_minimum=amount.is_minimum if amount else False,
        readings=day.readings if day else (),
        bound=day.bound if day else "on",
        doubts=tuple(dict.fromkeys(doubts)),
    )


def _worked_out(found: list[Part], context: Context) -> tuple[Part, ...]:
    """Shares and rests in minor units of what is due, where that is known."""
    due = context.due_minor
    worked = [_share_of(part, due) for part in found]
    named = sum(part.amount_minor or 0 for part in worked if not part.is_rest)
    has_unknown = any(part.amount_minor is None and not part.is_rest for part in worked)
    result = []
    for part in worked:
        if part.is_rest:
            rest = due - named if due is not None and not has_unknown and due > named else None
            part = replace(part, amount_minor=rest) if rest is not None else _doubted(part, NOT_WORKED_OUT)
        result.append(part)
    total = sum(part.amount_minor or 0 for part in result if part.currency == context.currency)
    if due is not None and total > due:
        result = [_doubted(part, MORE_THAN_DUE) for part in result]
    return tuple(result)


def _share_of(part: Part, due: int | None) -> Part:
    if part.is_minimum:
        return _doubted(part, NOT_WORKED_OUT)
    if part.share is None or part.amount_minor is not None:
        return part
    if due is None or due <= 0:
        return _doubted(part, NOT_WORKED_OUT)
    share: Fraction = part.share
    return replace(part, amount_minor=round_half_even(due * share.numerator, share.denominator))


def _doubted(part: Part, doubt: str) -> Part:
    return part if doubt in part.doubts else replace(part, doubts=(*part.doubts, doubt))
