"""Repayment schedules: level instalments whose principal adds up, to the minor unit, to what was lent."""

import numpy as np
from numpy.typing import NDArray

RATE_UNIT = 1_000_000
"""Yearly rates are integers in parts per million, so that interest is exact integer arithmetic."""


def annuity(
    principal_minor: NDArray[np.int64], annual_rate_ppm: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Principal and interest of ``count`` monthly instalments of level size, as two matrices (accounts, count) in minor units.

    Interest of a month is a twelfth of the yearly rate on the principal outstanding, rounded half up. The last instalment
    takes what is left, so that each row of the first matrix adds up to the account's principal.
    """
    monthly = annual_rate_ppm / (12 * RATE_UNIT)
    discount, annuity_factor = np.ones(len(monthly)), np.zeros(len(monthly))
    for _ in range(count):
        discount = discount / (1.0 + monthly)
        annuity_factor = annuity_factor + discount
    level_minor = np.rint(principal_minor / annuity_factor).astype(np.int64)

    principals = np.empty((len(principal_minor), count), dtype=np.int64)
    interests = np.empty_like(principals)
    balance = principal_minor.copy()
    for k in range(count):
        interests[:, k] = (2 * balance * annual_rate_ppm + 12 * RATE_UNIT) // (24 * RATE_UNIT)
        is_last = k == count - 1
        principals[:, k] = balance if is_last else np.clip(level_minor - interests[:, k], 0, balance)
        balance = balance - principals[:, k]
    return principals, interests


def months_after(opened_on: NDArray[np.int32], months: NDArray[np.int64] | int) -> NDArray[np.int32]:
    """The same day of the month so many months later, or the month's last day where it has no such day.

    Days are numbers since 1970-01-01; the two arguments broadcast.
    """
    stamps = opened_on.astype("datetime64[D]")
    in_months = stamps.astype("datetime64[M]")
    day_of_month = (stamps - in_months).astype(np.int64)
    target = in_months.astype(np.int64) + months
    first = target.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    next_first = (target + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    numbers: NDArray[np.int32] = (first + np.minimum(day_of_month, next_first - first - 1)).astype(np.int32)
    return numbers
