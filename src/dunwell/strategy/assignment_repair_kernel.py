"""From the best choices at some prices to a choice that keeps every limit: moves between near-equal treatments.

A move's *loss* is what it gives up net of prices; with the prices it adds up to the distance from the bound, so small losses are
looked for. All sums of use are whole numbers: a limit is kept exactly or not at all.

Numba keeps compiled code by the file of the function that was called: everything compiled for the repair lies in this file.
"""

from typing import Any

import numpy as np

from dunwell.strategy.assignment_kernel import NOTHING, jit


@jit
def _add_use(
    columns: Any, features: Any, first_feature: Any, amounts: Any, row: int, choice: int, sign: int, use: Any
) -> None:
    """Adds to ``use`` what a customer's treatment uses of each limit, ``sign`` times."""
    if choice >= 0:
        for f in range(first_feature[choice], first_feature[choice + 1]):
            m = features[f, 1]
            units = sign if m < 0 else sign * columns[m, row]
            for k in range(amounts.shape[0]):
                use[k] += amounts[k, f] * units


ALL, RELIEVING, FILLING, FORCED = range(4)
"""Which moves to list."""


@jit
def list_moves(
    net: Any,
    columns: Any,
    features: Any,
    first_feature: Any,
    amounts: Any,
    weights: Any,
    choice: Any,
    over: Any,
    is_pinned: Any,
    which: int,
    loss_most: float,
    rows: Any,
    targets: Any,
    rates: Any,
) -> int:
    """The moves that lose at most ``loss_most``: row, new choice, and loss for what it brings (a rate; the loss itself for ALL).

    ``net[row]`` are the treatments' values net of prices, minus infinity where one is ruled out.
    RELIEVING moves lower the use of limits that are exceeded (``over`` > 0); FILLING ones use more of what is left and exceed
    nothing, each limit's unit counted at its weight; FORCED ones are rated by how little their target is worse than the best
    at the prices, for what they change. Who ``is_pinned`` does not move. Lists no more than fit into ``rows``; returns how many.
    """
    found = 0
    change, given_back = np.empty(amounts.shape[0], np.int64), np.empty(amounts.shape[0], np.int64)
    for row in range(net.shape[0]):
        if is_pinned[row]:
            continue
        is_given_back = False
        now = net[row, choice[row]] if choice[row] >= 0 else 0.0
        best = 0.0
        if which == FORCED:
            for target in range(net.shape[1]):
                best = max(best, net[row, target])
        for target in range(NOTHING, net.shape[1]):
            loss = now - (net[row, target] if target >= 0 else 0.0)
            if loss > loss_most or loss == np.inf or target == choice[row]:
                continue
            rate = loss
            if which != ALL:
                if not is_given_back:  # the same for all of a row's targets
                    given_back[:] = 0
                    _add_use(columns, features, first_feature, amounts, row, choice[row], -1, given_back)
                    is_given_back = True
                change[:] = given_back
                _add_use(columns, features, first_feature, amounts, row, target, 1, change)
                brings, is_kept, size = 0.0, True, 1e-300
                for k in range(over.shape[0]):
                    if which == FORCED:
                        size += weights[k] * abs(change[k])
                    if which == FILLING:
                        brings += weights[k] * change[k]
                        is_kept &= over[k] + change[k] <= max(over[k], 0)
                    elif over[k] > 0:
                        brings += weights[k] * max(min(-change[k], over[k]), -over[k])
                if not is_kept:
                    continue
                if which == FORCED:
                    rate = (best - now + loss) / size
                elif brings > 0.0:
                    rate = loss / brings
                elif which == RELIEVING or loss >= 0.0:
                    continue
                if which == FILLING and rate >= 1.0:
                    continue
            rows[found], targets[found], rates[found] = row, target, rate
            found += 1
            if found == rows.shape[0]:
                return found
    return found


@jit
def move(
    columns: Any,
    features: Any,
    first_feature: Any,
    amounts: Any,
    row: int,
    target: int,
    choice: Any,
    over: Any,
) -> None:
    """Make one move, whatever it exceeds."""
    _add_use(columns, features, first_feature, amounts, row, choice[row], -1, over)
    _add_use(columns, features, first_feature, amounts, row, target, 1, over)
    choice[row] = target


@jit
def relieve(
    columns: Any,
    features: Any,
    first_feature: Any,
    amounts: Any,
    weights: Any,
    choice: Any,
    over: Any,
    is_allowed_more: bool,
    rows: Any,
    targets: Any,
) -> int:
    """Make the moves in turn as long as a limit is exceeded; returns how many were made.

    A move is made when it lowers what is exceeded and exceeds nothing else; or, where ``is_allowed_more``, when it lowers the
    whole of it, each limit's unit counted at its weight. A limit of weight 0 is passed over.
    """
    change = np.empty(amounts.shape[0], np.int64)
    made = 0
    for n in range(rows.shape[0]):
        row = rows[n]
        if choice[row] == targets[n]:
            continue
        change[:] = 0
        _add_use(columns, features, first_feature, amounts, row, choice[row], -1, change)
        _add_use(columns, features, first_feature, amounts, row, targets[n], 1, change)
        relief, size, is_worse, is_done = 0.0, 0.0, False, True
        for k in range(over.shape[0]):
            before, after = max(over[k], 0), max(over[k] + change[k], 0)
            relief += weights[k] * (before - after)
            size += weights[k] * abs(change[k])
            is_worse |= (after > before) & (weights[k] > 0.0)
            is_done &= (before == 0) | (weights[k] == 0.0)
        if is_done:
            break
        if relief > 1e-12 * size and (is_allowed_more or not is_worse):
            for k in range(over.shape[0]):
                over[k] += change[k]
            choice[row] = targets[n]
            made += 1
    return made


@jit
def fill(
    values: Any,
    columns: Any,
    features: Any,
    first_feature: Any,
    amounts: Any,
    choice: Any,
    over: Any,
    rows: Any,
    targets: Any,
) -> int:
    """Make the moves, in turn, that are worth more and keep every limit; returns how many were made."""
    change = np.empty(amounts.shape[0], np.int64)
    made = 0
    for n in range(rows.shape[0]):
        row, target = rows[n], targets[n]
        now = values[choice[row], row] if choice[row] >= 0 else 0.0
        then = values[target, row] if target >= 0 else 0.0
        if not then > now:
            continue
        change[:] = 0
        _add_use(columns, features, first_feature, amounts, row, choice[row], -1, change)
        _add_use(columns, features, first_feature, amounts, row, target, 1, change)
        is_kept = True
        for k in range(over.shape[0]):
            is_kept &= over[k] + change[k] <= max(over[k], 0)
        if is_kept:
            for k in range(over.shape[0]):
                over[k] += change[k]
            choice[row] = target
            made += 1
    return made


@jit
def weigh(
    values: Any,
    columns: Any,
    features: Any,
    first_feature: Any,
    amounts: Any,
    choice: Any,
    rows: Any,
    targets: Any,
    changes: Any,
    gains: Any,
) -> None:
    """Writes what each move alone changes of each limit's use, and what it is worth."""
    for n in range(rows.shape[0]):
        row, target = rows[n], targets[n]
        now = values[choice[row], row] if choice[row] >= 0 else 0.0
        gains[n] = (values[target, row] if target >= 0 else 0.0) - now
        changes[n, :] = 0
        _add_use(columns, features, first_feature, amounts, row, choice[row], -1, changes[n])
        _add_use(columns, features, first_feature, amounts, row, target, 1, changes[n])


@jit
def exchange(choice: Any, over: Any, rows: Any, targets: Any, changes: Any, gains: Any, is_stale: Any) -> int:
    """Make pairs of moves that together are worth more and keep every limit; returns how many pairs were made.

    The moves come with what each alone changes and gains, the largest gain first. A row that has moved is left alone
    (``is_stale``).
    """
    limits = over.shape[0]
    made = 0
    for n in range(rows.shape[0]):
        if gains[n] <= 0.0:
            break
        if is_stale[n]:
            continue
        for o in range(rows.shape[0]):
            if gains[n] + gains[o] <= 0.0:
                break
            if rows[o] == rows[n] or is_stale[o]:
                continue
            is_kept = True
            for k in range(limits):
                if over[k] + changes[n, k] + changes[o, k] > max(over[k], 0):
                    is_kept = False
                    break
            if is_kept:
                for k in range(limits):
                    over[k] += changes[n, k] + changes[o, k]
                choice[rows[n]], choice[rows[o]] = targets[n], targets[o]
                made += 1
                for other in range(rows.shape[0]):
                    if rows[other] == rows[n] or rows[other] == rows[o]:
                        is_stale[other] = True
                break
    return made
