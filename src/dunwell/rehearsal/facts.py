"""The published figures that the rehearsal is calibrated to, each with where it comes from; nothing here is anybody's row.

Quality of a source: ``data`` was computed from the named public set, ``house`` is our own choice where nothing is published.
"""

from typing import NamedTuple

import numpy as np


class Target(NamedTuple):
    """A figure to be met: its name in the manifest, its value, how far the realised figure may lie from it (chance
    aside), and its source.
    """

    name: str
    value: float
    tolerance: float
    source: str
    source_quality: str


_DUE_DATES = "SuperLender short digital loans 2016-17 (18,183 loans): first due date against first payment"
_PANEL = "monthly delinquency panel 'Credit Card Approval Prediction' (1,048,575 account-months)"
_TAIWAN = "UCI 350, Taiwan card clients: 4,410 cards two or more months late in August 2005"

LATE_SHARE, WEEK_LATE_SHARE, MEDIAN_DAYS_LATE = 0.174, 0.072, -2

ROLL_OUT_OF_CURRENT = 0.019
"""Monthly, from less than 30 days past due to 30 or more."""

ROLL_RATES = np.array(
    # months past due a month later: 0      1      2      3      4      5+
    [
        [1 - ROLL_OUT_OF_CURRENT, ROLL_OUT_OF_CURRENT, 0.0, 0.0, 0.0, 0.0],
        [0.629, 0.319, 0.052, 0.0, 0.0, 0.0],
        [0.383, 0.155, 0.159, 0.303, 0.0, 0.0],
        [0.201, 0.050, 0.061, 0.099, 0.589, 0.0],
        [0.215, 0.0, 0.0, 0.012, 0.108, 0.665],
        [0.085, 0.003, 0.005, 0.003, 0.0, 0.904],
    ]
)
"""Monthly transitions between months past due (row: now, column: a month later), from the panel; what cannot happen within
one month is left out and its weight, below 0.5 %, given to its neighbours."""

PAID_SOMETHING_SHARE = 0.488
"""Of accounts two or more months late, those that pay anything the month after."""

TARGETS = (
    Target("paid after the due date", LATE_SHARE, 0.003, _DUE_DATES, "data"),
    Target("paid a week or more late", WEEK_LATE_SHARE, 0.002, _DUE_DATES, "data"),
    Target("median days late", MEDIAN_DAYS_LATE, 0, _DUE_DATES, "data"),
    Target("monthly roll 0 -> 30+", ROLL_OUT_OF_CURRENT, 0.001, _PANEL, "data"),
    Target("monthly roll 1 -> 0 (cured)", 0.629, 0.005, _PANEL, "data"),
    Target("monthly roll 1 -> 2", 0.052, 0.003, _PANEL, "data"),
    Target("monthly roll 2 -> 3", 0.303, 0.01, _PANEL, "data"),
    Target("monthly roll 3 -> 4", 0.589, 0.02, _PANEL, "data"),
    Target("monthly roll 4 -> 5", 0.665, 0.01, _PANEL, "data"),
    Target("monthly roll 5 stays 5", 0.904, 0.01, _PANEL, "data"),
    Target("paid something when 2+ months late", PAID_SOMETHING_SHARE, 0.03, _TAIWAN, "data"),
    Target("accounts a customer", 1.25, 0.01, "house: some people have several accounts", "house"),
    Target("payments in two pieces", 0.12, 0.005, "house", "house"),
)
"""Tolerances are for what remains when chance is gone, in a portfolio of millions; the rare states need many accounts."""

_SETTLEMENTS = "LendingClub 2015: 2,569 debt settlements, broken share by agreed term"

EFFECT_TARGETS = (
    Target("plans of 2 to 6 months that break", 0.084, 0.02, _SETTLEMENTS, "data"),
    Target("plans of 7 to 12 months that break", 0.169, 0.02, _SETTLEMENTS, "data"),
    Target(
        "cured by a message, more than without",
        0.024,
        0.007,
        "Campbell, Grant and Thorp 2022: reminder at 30 days late, 64.3 against 61.9 % cured (+1.68 to 3.12 points)",
        "paper",
    ),
    Target(
        "collected by people by day 30, more than by an automated voice",
        0.09,
        0.015,
        "Choi, Huang, Yang and Zhang, NBER w33669, 2025: automated calls collect 9 points less of the value",
        "paper",
    ),
    Target(
        "recovered of what was owed at charge-off",
        0.128,
        0.01,
        "LendingClub 2015, 17,798 charged-off loans, by 2018; in the world three years",
        "data",
    ),
    Target(
        "charged-off debts that yield something",
        0.723,
        0.02,
        "LendingClub 2015, 17,798 charged-off loans, by 2018; in the world three years",
        "data",
    ),
)
"""What contacts do and what follows charge-off: the world is calibrated to these, the portfolio's past is not. ``paper``: read in
a stored page or abstract."""
