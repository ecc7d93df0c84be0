"""The compiled walk that finds default: so many consecutive days materially past due, and what a changed contract adds to it.

Forbearance granted while an account is in default keeps it there for a year (the cure); granted while it is not, or once the cure
has ended, it is observed for two (the probation).
"""

from typing import Any, NamedTuple

from dunwell.ledger.classification_kernel import NEVER, NO_DAY, _last_day, months_later
from dunwell.ledger.kernel import NOTHING_DUE
from dunwell.ledger.queue import jit

NEVER_IN_DEFAULT, IN_DEFAULT, ON_PROBATION, NO_LONGER, IN_CURE = 0, 1, 2, 3, 4
"""Where an account stands: never in default; in it and materially past due; in it and observed; out of it; in it
through the year after its contract was changed.
"""

NOT_FORBORNE, PERFORMING_FORBORNE, NON_PERFORMING_FORBORNE = 0, 1, 2
"""What a changed contract makes of an account: nothing any more; observed; in default and observed."""


class DefaultFigures(NamedTuple):
    """The figures of a rule of default. ``relapse_days``: so many days past due in a probation that followed a cure are default
    again.
    """

    relative_num: int
    relative_den: int
    consecutive_days: int
    probation_months: int
    cure_months: int
    forborne_months: int
    relapse_days: int


class Forborne(NamedTuple):
    """What is told of accounts whose contracts were changed: ``state``, ``since`` when, until when at the earliest
    (``until``), and the change it rests on (``change``, -1: none), an account an entry; and every state with its first day
    (``row_*``).
    """

    state: Any
    since: Any
    until: Any
    change: Any
    row_account: Any
    row_on: Any
    row_state: Any


@jit
def is_material(overdue: int, exposure: int, absolute: int, relative_num: int, relative_den: int) -> bool:
    """Whether an overdue sum exceeds the absolute threshold and relative_num / relative_den (below 1) of the
    exposure, whatever their size.
    """
    if overdue <= absolute:  # most are, and a division costs more than all the rest of the walk
        return False
    whole, rest = exposure // relative_den, exposure % relative_den
    return overdue > whole * relative_num + rest * relative_num // relative_den


@jit
def _longest_late(row: int, account: int, as_of: int, row_account: Any, row_on: Any, row_oldest: Any) -> int:
    """The most consecutive days on which something of the account whose rows begin at ``row`` was past due, be it
    material or not.
    """
    longest, run_from, run_to = 0, 0, -NEVER
    while row < len(row_account) and row_account[row] == account and row_on[row] <= as_of:
        begins, ends = max(row_on[row], row_oldest[row] + 1), _last_day(row, row_account, row_on, as_of)
        if row_oldest[row] != NOTHING_DUE and ends >= begins:
            if begins != run_to + 1:
                run_from = begins
            run_to = ends
            longest = max(longest, run_to - run_from + 1)
        row += 1
    return longest


@jit
def _note(
    told: Any, count: int, first: int, account: int, on: int, is_forborne: bool, is_default: bool
) -> int:
    """Note the state that begins on a day, unless it holds already; how many are noted now. ``first``: where the account's
    begin.
    """
    state = NOT_FORBORNE
    if is_forborne:
        state = NON_PERFORMING_FORBORNE if is_default else PERFORMING_FORBORNE
    if count > first and told.row_on[count - 1] == on:
        count -= 1
    if state != (told.row_state[count - 1] if count > first else NOT_FORBORNE):
        told.row_account[count], told.row_on[count], told.row_state[count] = account, on, state
        count += 1
    return count


@jit
def find_defaults(
    first: int,
    last: int,
    as_of: int,
    row_account: Any,
    row_on: Any,
    row_oldest: Any,
    row_overdue: Any,
    row_exposure: Any,
    absolute_minor: Any,
    figures: Any,
    changes: Any,
    in_default: Any,
    sinces: Any,
    reasons: Any,
    told: Any,
) -> int:
    """Whether accounts [first, last) are in default: more than so many consecutive days materially past due,
    until so many months without material arrears have gone by. ``sinces``: the day default began, or ended,
    NO_DAY for never. ``reasons``: NEVER_IN_DEFAULT and so on.

    ``changes``: those of contracts that count (empty: none), their ``rank`` 1 where the change alone is default; an account
    with changes must have a row before the first. ``told``: what they make of it, filled where there are any; the result is
    how many of its rows are. On a day a change counts before anything ends.
    """
    row, row_end, noted = 0, len(row_account), 0
    has_changes = len(changes.on) > 0
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        change, change_end = 0, 0
        if has_changes:
            change, change_end = changes.offsets[a], changes.offsets[a + 1]
        elif (
            _longest_late(row, a, as_of, row_account, row_on, row_oldest) <= figures.consecutive_days
        ):  # most accounts
            in_default[a - first], sinces[a - first], reasons[a - first] = False, NO_DAY, NEVER_IN_DEFAULT
            continue
        run_from, run_to = 0, -NEVER  # the latest unbroken run of material days
        default_since, ended_on = NO_DAY, NO_DAY
        free_from = NEVER  # since when an account in default is without material arrears
        is_forborne, was_cured = False, False
        resting_on, starts_on = -1, -NEVER  # the change it is forborne by, and the first payment after it
        counts_from = -NEVER  # since when the cure or the probation runs
        first_noted = noted
        while row < row_end and row_account[row] == a and row_on[row] <= as_of:
            begins, oldest = row_on[row], row_oldest[row]
            last_day = _last_day(row, row_account, row_on, as_of)
            material = oldest != NOTHING_DUE and is_material(
                row_overdue[row],
                row_exposure[row],
                absolute_minor[a],
                figures.relative_num,
                figures.relative_den,
            )
            row += 1
            while begins <= last_day:  # the state, cut where the contract was changed
                while change < change_end and changes.on[change] <= begins:
                    if changes.rank[change] >= 0:
                        resting_on, starts_on = change, max(begins, changes.due[change])
                        counts_from = begins
                        if default_since == NO_DAY and (
                            changes.rank[change] > 0 or (is_forborne and was_cured)
                        ):
                            default_since, free_from = begins, NEVER
                        if default_since != NO_DAY:
                            counts_from = starts_on
                        is_forborne = True
                        noted = _note(told, noted, first_noted, a, begins, True, default_since != NO_DAY)
                    change += 1
                ends = last_day
                if change < change_end:
                    ends = min(ends, changes.on[change] - 1)
                late_from = ends + 1 if oldest == NOTHING_DUE else max(begins, oldest + 1)
                # Until late_from nothing is past due: what has run its time ends.
                if begins < late_from:
                    free_from = min(free_from, begins) if default_since != NO_DAY else NEVER
                    quiet_to = min(ends, late_from - 1)
                    if default_since != NO_DAY:
                        over_on = months_later(free_from, figures.probation_months)
                        if is_forborne:
                            over_on = max(over_on, months_later(counts_from, figures.cure_months), begins)
                        if over_on <= quiet_to:
                            default_since, ended_on, free_from = NO_DAY, over_on, NEVER
                            was_cured, counts_from = is_forborne, over_on
                            noted = _note(told, noted, first_noted, a, over_on, is_forborne, False)
                    if is_forborne and default_since == NO_DAY:
                        over_on = max(begins, months_later(counts_from, figures.forborne_months))
                        if over_on <= quiet_to:
                            is_forborne, was_cured, resting_on = False, False, -1
                            noted = _note(told, noted, first_noted, a, over_on, False, False)
                # From then on something is.
                if late_from <= ends:
                    if default_since != NO_DAY and not material:
                        free_from = min(free_from, late_from)
                    if default_since != NO_DAY and free_from != NEVER and not is_forborne:
                        over_on = months_later(free_from, figures.probation_months)
                        if over_on <= (late_from if material else ends):
                            default_since, ended_on, free_from = NO_DAY, over_on, NEVER
                    enters_on = NEVER
                    if is_forborne and was_cured:
                        enters_on = max(late_from, oldest + figures.relapse_days)
                    if material:
                        free_from = NEVER
                        if late_from != run_to + 1:
                            run_from = late_from
                        run_to = ends
                        enters_on = min(enters_on, run_from + figures.consecutive_days)
                    if default_since == NO_DAY and enters_on <= ends:
                        default_since = enters_on
                        if not material:
                            free_from = enters_on
                        if is_forborne:
                            counts_from = max(enters_on, starts_on)
                            noted = _note(told, noted, first_noted, a, enters_on, True, True)
                begins = ends + 1
        in_default[a - first] = default_since != NO_DAY
        sinces[a - first] = default_since if default_since != NO_DAY else ended_on
        reason = NEVER_IN_DEFAULT if ended_on == NO_DAY else NO_LONGER
        if default_since != NO_DAY:
            reason = IN_DEFAULT if free_from == NEVER else ON_PROBATION
            if is_forborne and free_from != NEVER:
                reason = IN_CURE
        reasons[a - first] = reason
        if has_changes:
            told.state[a - first] = told.row_state[noted - 1] if noted > first_noted else NOT_FORBORNE
            told.since[a - first] = told.row_on[noted - 1] if noted > first_noted else NO_DAY
            told.change[a - first], told.until[a - first] = resting_on, NO_DAY
            if is_forborne and default_since == NO_DAY:
                told.until[a - first] = months_later(counts_from, figures.forborne_months)
            elif is_forborne:
                over_on = months_later(counts_from, figures.cure_months)
                if free_from != NEVER:
                    over_on = max(over_on, months_later(free_from, figures.probation_months))
                told.until[a - first] = over_on
    return noted
