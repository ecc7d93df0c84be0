"""The debtors of the world as columns: what they are like, what they owe, and how they stand today.

Nothing here is ever written to a tape: the product sees what happens, not these. A debtor's nature follows from the hash
of an id and the world's seed alone, so it is the same whoever else is in the world.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dunwell.rehearsal.behaviour import (
    EARLY_DAYS,
    EARLY_SHARES,
    MIDDLE_DAYS,
    MIDDLE_SHARES,
    SHORT_DAYS,
    SHORT_SHARES,
)
from dunwell.rehearsal.chance_kernel import mix, normal
from dunwell.rehearsal.collecting import OUTCOME_SHARES
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.facts import LATE_SHARE, WEEK_LATE_SHARE
from dunwell.rehearsal.lending import RISK_MAX, Days

Keys = NDArray[np.uint64]
Codes = NDArray[np.int8]

ACTIVE, CLOSED, CHARGED_OFF, SOLD = range(4)
"""A debt's status, by the tape's words in this order."""

NATURE_EASE, NATURE_RISK, NATURE_REACH, NATURE_RESPONSE = 2, 4, 6, 8
"""Purposes of the draws that make a debtor's nature; each uses its number and the next."""


class Persons(NamedTuple):
    """A person a row. ``first_debts`` has one row more: a person's debts are those from it up to the next.

    ``reach`` multiplies how often they answer, ``response`` what a contact does; ``fatigue`` is what the contacts of late
    have left; hardship lasts until before ``hardship_until``; ``is_stopped``: they asked to be left alone.
    """

    keys: Keys
    first_debts: Ints
    reach: Floats
    response: Floats
    fatigue: Floats
    hardship_until: Days
    is_stopped: Flags
    has_told_hardship: Flags


class Schedule(NamedTuple):
    """Instalments, a row each, by debt and due day; sums run from a debt's first. ``basis_sums`` is what penalty accrues on."""

    due_on: Days
    sums_minor: Ints
    basis_sums_minor: Ints


class Debts(NamedTuple):
    """A debt a row, those of a person together.

    ``first_rows`` has one row more: a debt's instalments are the schedule's rows from it up to the next. Those before
    ``known_rows`` are on the tape; an account that ``revolves`` (a card) gets a further one each month. Rows before
    ``due_rows`` have fallen due and those from ``oldest_rows`` on are unpaid. ``paid_minor`` went toward instalments,
    ``extra_minor`` is owed beside them: penalty, late fees, costs. ``risk`` multiplies the chance of struggling, ``ease``
    the intensity of repayment; ``intensity`` is what it has above rest. ``planned_on``: when the next payment comes by
    itself (0: not yet known, NEVER or later: by the process alone); after a repayment by the process none follows before
    ``rests_until``. A promise or the next part of a plan is due on ``promise_on`` (0: none), ``parts_left`` counts the
    parts with it; with ``parts_kept`` at 0 it is not kept.
    """

    keys: Keys
    owners: Ints
    statuses: Codes
    first_rows: Ints
    known_rows: Ints
    revolves: Flags
    due_rows: Ints
    oldest_rows: Ints
    paid_minor: Ints
    extra_minor: Floats
    penalty_a_day: Floats
    late_fee_minor: Ints
    late_fee_days: Ints
    charge_off_days: Ints
    risk: Floats
    ease: Floats
    intensity: Floats
    late_since: Days
    planned_on: Days
    rests_until: Days
    promise_on: Days
    promise_minor: Ints
    parts_left: Ints
    parts_kept: Ints


class Habits(NamedTuple):
    """When people pay who do not struggle, and what comes of a contact: shares as running sums, from the portfolio's facts."""

    early_sums: Floats
    early_days: Ints
    short_sums: Floats
    short_days: Ints
    middle_sums: Floats
    middle_days: Ints
    late_share: float
    week_late_share: float
    outcome_shares: Floats


def habits() -> Habits:
    """The habits that the portfolio's makers have."""

    def sums(shares: Floats) -> Floats:
        return np.asarray(np.cumsum(shares) / shares.sum(), dtype=np.float64)

    return Habits(
        sums(EARLY_SHARES),
        EARLY_DAYS.astype(np.int64),
        sums(SHORT_SHARES),
        SHORT_DAYS.astype(np.int64),
        sums(MIDDLE_SHARES),
        MIDDLE_DAYS.astype(np.int64),
        LATE_SHARE,
        WEEK_LATE_SHARE,
        OUTCOME_SHARES,
    )


@njit(cache=True, nogil=True)
def seeded(ids: Any, seed: int) -> Any:
    """Keys of a world from the hashes of ids."""
    keys = np.empty(len(ids), np.uint64)
    salt = mix(np.uint64(seed))
    for i in range(len(ids)):
        keys[i] = mix(ids[i] ^ salt)
    return keys


@njit(cache=True, nogil=True)
def normals(keys: Any, time: int, purpose: int) -> Any:
    """A standard normal number for each key."""
    out = np.empty(len(keys))
    for i in range(len(keys)):
        out[i] = normal(keys[i], time, purpose)
    return out


def risks(seen: Floats, unseen: Floats, mean_log: float = 0.0) -> Floats:
    """Risks from the logs of their seen and unseen parts, at most RISK_MAX; 1 for the average instalment."""
    return np.asarray(np.minimum(np.exp(seen + unseen - mean_log), RISK_MAX), dtype=np.float64)
