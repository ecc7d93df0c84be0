"""The compiled parts of the repayment process: its two curves, the best control balance by balance, and simulated lives.

A process comes as an array: lambda_inf, kappa, delta10, delta11, delta2, rho, c, r.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from dunwell.rehearsal.chance_kernel import chance


@njit(cache=True, nogil=True)
def _slope(alpha: float, kappa: float, jumps: Any, shares: Any, weights: Any) -> Any:
    gain = 0.0
    for k in range(len(shares)):
        gain += weights[k] * (1.0 - (1.0 - shares[k]) * math.exp(-jumps[k] * alpha))
    return gain - kappa * alpha


@njit(cache=True, nogil=True)
def integrate_curves(
    kappa: float, resting: float, jumps: Any, shares: Any, weights: Any, step: float, count: int
) -> Any:
    """Alpha and beta at ``count`` + 1 times by the classical Runge-Kutta method; beta by Simpson's rule on each step."""
    alpha, beta = np.zeros(count + 1), np.zeros(count + 1)
    for i in range(count):
        a = alpha[i]
        k1 = _slope(a, kappa, jumps, shares, weights)
        k2 = _slope(a + step * k1 / 2, kappa, jumps, shares, weights)
        k3 = _slope(a + step * k2 / 2, kappa, jumps, shares, weights)
        k4 = _slope(a + step * k3, kappa, jumps, shares, weights)
        alpha[i + 1] = a + step * (k1 + 2 * k2 + 2 * k3 + k4) / 6
        middle = (a + alpha[i + 1]) / 2 + step * (k1 - k4) / 8
        beta[i + 1] = beta[i] + resting * step * (a + 4 * middle + alpha[i + 1]) / 6
    return alpha, beta


@njit(cache=True, nogil=True)
def _interpolate(row: Any, at: float, step: float) -> Any:
    place = at / step
    left = int(place)
    if left >= len(row) - 1:
        return row[-1]
    return row[left] + (row[left + 1] - row[left]) * (place - left)


@njit(cache=True, nogil=True)
def _next_values(
    values: Any, balances: Any, process: Any, i: int, nearest: int, step: float, out: Any
) -> None:
    """What a repayment is worth at balance i: its money and the value from then on, averaged over the share it takes."""
    jump, jump_per_share, least = process[2], process[3], process[7]
    balance = balances[i]
    for j in range(len(out)):
        out[j] = 0.0
    width = 1.0 - least
    for k in range(i - nearest, -1, -1):
        share = 1.0 - balances[k] / balance
        to_left = balances[k + 1] - balances[k] if k < i - nearest else 0.0
        to_right = balances[k] - balances[k - 1] if k > 0 else balances[0] * 2.0
        weight = (to_left + to_right) / 2.0 / balance / width
        if k == 0:
            weight = (to_left / 2.0 + balances[0]) / balance / width
        for j in range(len(out)):
            out[j] += weight * _interpolate(values[k], j * step + jump + jump_per_share * share, step)
    money = balance * (least + width / 2.0)
    for j in range(len(out)):
        out[j] += money


@njit(cache=True, nogil=True)
def _let_be(after: Any, process: Any, step: float, first: int, start: float, out: Any) -> None:
    """Values from grid point ``first`` (value ``start``) upwards when nothing is done there and the intensity sinks."""
    resting, kappa, rho = process[0], process[1], process[5]
    out[first] = start
    for j in range(first + 1, len(out)):
        level, below = j * step, (j - 1) * step
        gain = level * after[j]
        if below > resting:
            pull, pull_below = kappa * (level - resting), kappa * (below - resting)
            a, b = step / 2 / pull, step / 2 / pull_below
            out[j] = (out[j - 1] * (1 - b * (rho + below)) + b * below * after[j - 1] + a * gain) / (
                1 + a * (rho + level)
            )
            if b * (rho + below) < 0.5:
                continue
        a = step / max(kappa * (level - resting), 1e-12)
        out[j] = (out[j - 1] + a * gain) / (1 + a * (rho + level))


@njit(cache=True, nogil=True)
def fill_values(
    values: Any, frontier: Any, balances: Any, intensities: Any, process: Any, first: int, nearest: int
) -> None:
    """Replace the values of all balances from ``first`` on by those under the best control, lowest balance first."""
    resting, kappa, gain, rho, cost = process[0], process[1], process[4], process[5], process[6]
    step = intensities[1] - intensities[0]
    slope = cost / gain
    count = len(intensities)
    after, quiet = np.empty(count), np.empty(count)
    at_rest = round(resting / step)
    for i in range(first, len(balances)):
        _next_values(values, balances, process, i, nearest, step, after)
        rest_value = resting * _interpolate(after, resting, step) / (rho + resting)
        _let_be(after, process, step, at_rest, rest_value, quiet)
        for j in range(at_rest - 1, -1, -1):
            a = step / (kappa * max(resting - j * step, step / 2))
            quiet[j] = (quiet[j + 1] + a * j * step * after[j]) / (1 + a * (rho + j * step))
        best, held = -1.0, 0
        for j in range(at_rest, count):
            level = j * step
            worth = (level * after[j] - slope * kappa * (level - resting)) / (rho + level) - slope * level
            if j == at_rest or worth > best:
                best, held = worth, j
        if held > at_rest:
            _hold(values, frontier, after, process, i, held, step)
            continue
        last = 0
        for j in range(at_rest):
            if quiet[j + 1] - quiet[j] > slope * step:
                last = j + 1
        for j in range(count):
            values[i, j] = quiet[j] if j >= last else quiet[last] - slope * (last - j) * step
        frontier[i] = last * step


@njit(cache=True, nogil=True)
def _hold(values: Any, frontier: Any, after: Any, process: Any, i: int, held: int, step: float) -> None:
    """Balance i where the intensity is raised to a level above rest and held there: the best level between grid points."""
    resting, kappa, gain, rho, cost = process[0], process[1], process[4], process[5], process[6]
    slope = cost / gain
    count = len(after)
    worths = np.empty(3)
    for k in range(3):
        j = min(held - 1 + k, count - 1)
        level = j * step
        worths[k] = (level * after[j] - slope * kappa * (level - resting)) / (rho + level) - slope * level
    bend = worths[0] - 2 * worths[1] + worths[2]
    shift = 0.0 if bend >= 0 else min(max((worths[0] - worths[2]) / 2 / bend, -0.5), 0.5)
    frontier[i] = (held + shift) * step
    best = worths[1] - (worths[0] - worths[2]) * shift / 4
    row = values[i]
    for j in range(held + 1):
        row[j] = best + slope * j * step
    start = row[held]
    _let_be(after, process, step, held, start, row)


@njit(cache=True, nogil=True)
def live(
    process: Any,
    intensity: float,
    balance: float,
    count: int,
    seed: int,
    effort_rate: float,
    least_treated: float,
    balances: Any,
    frontier: Any,
    horizon: float,
) -> Any:
    """Discounted money and discounted cost of ``count`` lives, by thinning: candidates come at the highest intensity ahead."""
    resting, kappa, jump, jump_per_share = process[0], process[1], process[2], process[3]
    gain, rho, cost, least = process[4], process[5], process[6], process[7]
    received, spent = np.zeros(count), np.zeros(count)
    for n in range(count):
        level, owed, time, draw = intensity, balance, 0.0, 0
        while time < horizon and owed > balance * 1e-3:
            barrier = np.interp(owed, balances, frontier)
            is_pushed = effort_rate > 0 and owed > least_treated
            if level < barrier:
                spent[n] += cost * (barrier - level) / gain * math.exp(-rho * time)
                level = barrier
            target = resting + gain * effort_rate / kappa if is_pushed else resting
            most = max(level, target)
            draw += 1
            wait = -math.log(1.0 - chance(seed + n * 1_000_003, draw, 1)) / most
            until = min(time + wait, horizon)
            effort = _effort_between(level, barrier, process, time, until)
            if is_pushed:
                effort = effort_rate * (math.exp(-rho * time) - math.exp(-rho * until)) / rho
            spent[n] += cost * effort
            level = max(target + (level - target) * math.exp(-kappa * (until - time)), barrier)
            time = until
            if time >= horizon or chance(seed + n * 1_000_003, draw, 2) * most >= level:
                continue
            share = least + (1.0 - least) * chance(seed + n * 1_000_003, draw, 3)
            received[n] += share * owed * math.exp(-rho * time)
            owed *= 1.0 - share
            level += jump + jump_per_share * share
    return received, spent


@njit(cache=True, nogil=True)
def _effort_between(level: float, barrier: float, process: Any, since: float, until: float) -> Any:
    """Discounted effort that keeps an intensity sinking from ``level`` from sinking below a barrier above rest."""
    resting, kappa, gain, rho = process[0], process[1], process[4], process[5]
    if barrier <= resting:
        return 0.0
    reached = since
    if level > barrier:
        reached = since + math.log((level - resting) / (barrier - resting)) / kappa
    if reached >= until:
        return 0.0
    return kappa * (barrier - resting) / gain * (math.exp(-rho * reached) - math.exp(-rho * until)) / rho
