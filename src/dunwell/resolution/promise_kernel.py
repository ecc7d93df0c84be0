"""The compiled walk over promises: a customer's money in the order of its days, handed to the parts that wait for it.

A payment goes to the part that falls due first, then to the promise made first, then by id; each takes up to its own
amount, and what it takes no other gets. A part takes money that came on the debts which it covers, of its promise's own
time only: after it was made, by its deadline, before the promise was withdrawn or broken, and none once it is kept.
Payments have days and promises instants, so money of the very day counts as after the instant when it was recorded
after it.
"""

from typing import Any, NamedTuple

from numba import njit

NEVER = 2**62
"""An instant (microseconds) that does not come."""
NO_DAY = -(2**30)
"""No such day: not kept, not broken."""
LAST_DAY = 2**30
"""A day that does not come: not cancelled."""


class Parts(NamedTuple):
    """The parts of all promises by customer, due day, instant made, id and number; ``promise`` is a row of Promises.

    A part covers the accounts ``covered[covers_first[part] : covers_first[part + 1]]``.
    """

    first: Any
    promise: Any
    made_on: Any
    made_at: Any
    deadline: Any
    amount: Any
    required: Any
    covers_first: Any
    covered: Any


class Money(NamedTuple):
    """The payments that stand by customer, day and id, and the account that each was made on."""

    first: Any
    account: Any
    paid_on: Any
    recorded_at: Any
    amount: Any


class Promises(NamedTuple):
    """Until when each promise stands: the day and instant on which it was cancelled (LAST_DAY, NEVER: it was not)."""

    cancelled_on: Any
    cancelled_at: Any


class Outcome(NamedTuple):
    """Filled by the walk: money credited to each part and the day it was kept; the day each promise was broken."""

    credited: Any
    kept_on: Any
    broken_on: Any


@njit(cache=True, nogil=True)
def walk_promises(parts: Parts, money: Money, promises: Promises, as_of: int, outcome: Outcome) -> None:
    """Credit every customer's money to their promises, as of a day (a day number)."""
    for customer in range(len(parts.first) - 1):
        low, high = parts.first[customer], parts.first[customer + 1]
        for payment in range(money.first[customer], money.first[customer + 1]):
            on, left = money.paid_on[payment], money.amount[payment]
            if on > as_of:
                break
            _break_late(parts, promises, low, high, on, outcome)
            for part in range(low, high):
                if left == 0:
                    break
                if not _covers(parts, part, money.account[payment]):
                    continue
                if _takes(parts, promises, part, on, money.recorded_at[payment], outcome):
                    taken = min(left, parts.amount[part] - outcome.credited[part])
                    left -= taken
                    outcome.credited[part] += taken
                    if outcome.credited[part] >= parts.required[part]:
                        outcome.kept_on[part] = on
        _break_late(parts, promises, low, high, as_of, outcome)


@njit(cache=True, nogil=True, inline="always")
def _covers(parts: Parts, part: int, account: int) -> Any:
    """Whether a part is about an account."""
    covers = False
    for place in range(parts.covers_first[part], parts.covers_first[part + 1]):
        covers |= parts.covered[place] == account
    return covers


@njit(cache=True, nogil=True, inline="always")
def _takes(parts: Parts, promises: Promises, part: int, on: int, recorded_at: int, outcome: Outcome) -> Any:
    """Whether a part takes money of a day."""
    promise = parts.promise[part]
    cancelled_on = promises.cancelled_on[promise]
    is_after = on > parts.made_on[part] or (on == parts.made_on[part] and recorded_at > parts.made_at[part])
    is_before = on < cancelled_on or (on == cancelled_on and recorded_at <= promises.cancelled_at[promise])
    is_waiting = outcome.kept_on[part] == NO_DAY and outcome.broken_on[promise] == NO_DAY
    return is_after and is_before and is_waiting and on <= parts.deadline[part]


@njit(cache=True, nogil=True, inline="always")
def _break_late(parts: Parts, promises: Promises, low: int, high: int, day: int, outcome: Outcome) -> None:
    """Break the promises of whose parts one was due before the day and is not kept; one cancelled by then is not broken."""
    for part in range(low, high):
        promise, deadline = parts.promise[part], parts.deadline[part]
        is_missed = deadline < day and outcome.kept_on[part] == NO_DAY
        if is_missed and promises.cancelled_on[promise] > deadline:
            before = outcome.broken_on[promise]
            if before == NO_DAY or before > deadline + 1:
                outcome.broken_on[promise] = deadline + 1
