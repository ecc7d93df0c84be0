"""What an experiment says today: each arm against the control, for every window, and what must stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.experiments.adjusting import adjusted
from dunwell.strategy.experiments.design import STOPPED, Experiment
from dunwell.strategy.experiments.guarding import Alarm, harm_evidence
from dunwell.strategy.experiments.outcomes import outcomes_by_window
from dunwell.strategy.experiments.randomising import allowed_matrix, propensities
from dunwell.strategy.experiments.sequential import Interval, always_valid, critical_value
from dunwell.strategy.experiments.stopping import taken_up_on
from dunwell.strategy.problems import StrategyError

Floats = NDArray[np.float64]

_IMBALANCE_ALPHA = 0.01
_LOG = {"customer_id": pl.String, "assigned_on": pl.Date, "arm": pl.String, "probability": pl.Float64}


@dataclass(frozen=True, slots=True)
class Comparison:
    """An arm against the control in one window: means of those whose window is closed, the difference and its interval.

    ``count``: closed windows in arm and control. ``open_count``: those still open, of which nothing is said.
    """

    arm: str
    window_days: int
    count: int
    open_count: int
    arm_mean: float
    control_mean: float
    difference: float
    standard_error: float
    interval: Interval
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """An experiment as of a day. ``imbalance``: sentences about arms that got more or fewer customers than their shares
    explain; while there are any, no comparison is to be trusted.
    """

    comparisons: tuple[Comparison, ...]
    alarms: tuple[Alarm, ...]
    imbalance: tuple[str, ...]

    def verdict(self, arm: str) -> str:
        """One of: stopped, unsound, better, worse, undecided."""
        if any(alarm.arm == arm for alarm in self.alarms):
            return "stopped"
        if self.imbalance:
            return "unsound"
        primary = next(one for one in self.comparisons if one.arm == arm and one.is_primary)
        if not primary.interval.excludes_zero:
            return "undecided"
        return "better" if primary.interval.low > 0 else "worse"


def read_experiment(
    experiment: Experiment,
    log: pl.DataFrame,
    payments: pl.DataFrame,
    known_until: date,
    harms: pl.DataFrame | None = None,
    before: Sequence[str] = (),
) -> Reading:
    """The experiment as of a day, to be read as often as one likes.

    ``log``: customer_id, assigned_on, arm, probability, ``blocked`` where something was ruled out, and the columns named
    in ``before`` (what was known earlier, for CUPED). ``payments``: customer_id, on, amount. ``harms``: customer_id, on,
    event (the names of the guard-rails). Customers for whom both arms were possible are compared, each weighted by one
    over the probability of what they got. Who drew an arm when it was stopped (``STOPPED`` after its name) got the control and
    is compared with it, but is not counted by the guard-rails, whose arms must grow in step; of whom only the control was left
    nothing is learned.
    """
    enrolled = _enrolled(experiment, log)
    outcomes = outcomes_by_window(enrolled, payments, experiment.windows_days, known_until)
    allowed = _open_arms(experiment, enrolled)
    comparisons = []
    for column, arm in enumerate(experiment.treatments[1:], start=1):
        both = enrolled.filter(pl.Series(allowed[:, 0] & allowed[:, column])).filter(
            pl.col("arm").is_in([experiment.control, arm])
        )
        for window in experiment.windows_days:
            rows = both.join(outcomes.filter(pl.col("window_days") == window), on="customer_id", how="left")
            comparisons.append(_compared(experiment, arm, window, rows, before))
    return Reading(
        tuple(comparisons),
        tuple(_alarms(experiment, enrolled, allowed, harms, known_until)),
        tuple(_imbalance(experiment, enrolled, allowed)),
    )


def guard_alarms(
    experiment: Experiment, log: pl.DataFrame, harms: pl.DataFrame, known_until: date
) -> tuple[Alarm, ...]:
    """The arms whose guard-rails are crossed as of a day. ``log``: customer_id, assigned_on, arm and ``blocked``, a customer a
    row; ``harms`` as for ``read_experiment``.
    """
    drawn = _with_drawn(log)
    return tuple(_alarms(experiment, drawn, _open_arms(experiment, drawn), harms, known_until))


def _with_drawn(log: pl.DataFrame) -> pl.DataFrame:
    """The log with ``drawn``, the arm that the lot fell on, and ``is_stopped``, whether it was stopped."""
    return log.with_columns(
        pl.col("arm").str.strip_suffix(STOPPED).alias("drawn"),
        pl.col("arm").str.ends_with(STOPPED).alias("is_stopped"),
    )


def _open_arms(experiment: Experiment, enrolled: pl.DataFrame) -> NDArray[np.bool_]:
    """Which arms could be given to each customer: neither ruled out nor stopped on the day, by the text or as the log says."""
    allowed = allowed_matrix(enrolled, experiment.treatments)
    for column, arm in enumerate(experiment.treatments):
        days = enrolled.filter((pl.col("drawn") == arm) & pl.col("is_stopped"))["assigned_on"].unique()
        allowed[:, column] &= ~enrolled["assigned_on"].is_in(days.implode()).to_numpy()
        for stop in experiment.stops:
            if stop.arm == arm:
                last = date.max if stop.until is None else stop.until
                on = pl.col("assigned_on")
                allowed[:, column] &= (
                    ~enrolled.select((on >= stop.since) & (on < last)).to_series().to_numpy()
                )
    return allowed


def _enrolled(experiment: Experiment, log: pl.DataFrame) -> pl.DataFrame:
    """The log's rows in the experiment, checked. Raises StrategyError."""
    for name in _LOG:
        if name not in log.columns:
            raise StrategyError(f"the log has no column {name!r}. It needs: {', '.join(_LOG)}")
    rows = log.filter(pl.col("arm").is_not_null()).with_columns(
        pl.col(name).cast(kind) for name, kind in _LOG.items()
    )
    rows = _with_drawn(rows)
    strangers = set(rows["drawn"].unique()) - set(experiment.treatments)
    if strangers:
        raise StrategyError(
            f"the log has an arm {min(strangers)!r} that experiment {experiment.name!r} has not. "
            f"Its arms: {', '.join(experiment.treatments)}"
        )
    if rows["customer_id"].is_duplicated().any():
        twice = rows.filter(pl.col("customer_id").is_duplicated())["customer_id"][0]
        raise StrategyError(f"customer {twice!r} is in the log twice. Keep the row of the first assignment")
    rows = rows.with_columns(
        pl.when("is_stopped").then(pl.lit(experiment.control)).otherwise("arm").alias("arm")
    )
    if experiment.stops or rows["is_stopped"].any():
        rows = rows.filter(pl.Series(_open_arms(experiment, rows).sum(axis=1) >= 2))
    wrong = rows.filter(~pl.col("probability").is_between(0, 1, closed="none").fill_null(False))
    if wrong.height:
        raise StrategyError(
            f"customer {wrong['customer_id'][0]!r} has probability {wrong['probability'][0]}: nothing is learned from what was "
            "certain or impossible. Log the probability of the arm, between 0 and 1"
        )
    return rows


def _compared(
    experiment: Experiment, arm: str, window: int, rows: pl.DataFrame, before: Sequence[str]
) -> Comparison:
    closed = rows.filter("is_closed")
    is_arm = (closed["arm"] == arm).to_numpy()
    outcome, weights = closed["outcome"].to_numpy(), 1 / closed["probability"].to_numpy()
    count, open_count = closed.height, rows.height - closed.height
    is_primary = window == experiment.outcome_days
    if min(is_arm.sum(), (~is_arm).sum()) < 2:
        nothing = Interval(-math.inf, math.inf)
        return Comparison(
            arm, window, count, open_count, math.nan, math.nan, math.nan, math.inf, nothing, is_primary
        )
    if before:
        told = closed.select(pl.col(name).cast(pl.Float64) for name in before).to_numpy()
        outcome = adjusted(outcome, told, weights, is_arm.astype(np.int64))
    arm_mean, arm_error = _mean(outcome[is_arm], weights[is_arm])
    control_mean, control_error = _mean(outcome[~is_arm], weights[~is_arm])
    error = math.hypot(arm_error, control_error)
    difference = arm_mean - control_mean
    interval = always_valid(difference, error, count, experiment.first_look, experiment.alpha_per_arm)
    return Comparison(
        arm, window, count, open_count, arm_mean, control_mean, difference, error, interval, is_primary
    )


def _mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """The weighted mean (Hajek's) and its standard error."""
    share = weights / weights.sum()
    mean = float(share @ values)
    correction = len(values) / (len(values) - 1)
    return mean, math.sqrt(correction * float(((share * (values - mean)) ** 2).sum()))


def _alarms(
    experiment: Experiment,
    enrolled: pl.DataFrame,
    allowed: NDArray[np.bool_],
    harms: pl.DataFrame | None,
    known_until: date,
) -> list[Alarm]:
    if harms is None or harms.is_empty():
        return []
    since = harms.join(enrolled.select("customer_id", "assigned_on"), on="customer_id").filter(
        (pl.col("on") > pl.col("assigned_on")) & (pl.col("on") <= known_until)
    )
    found = []
    for rail in experiment.guard_rails:
        struck = since.filter(pl.col("event") == rail.event)["customer_id"].unique()
        is_struck = enrolled["customer_id"].is_in(struck.implode()).to_numpy()
        for column, arm in enumerate(experiment.treatments[1:], start=1):
            both = allowed[:, 0] & allowed[:, column]
            if (again := taken_up_on(experiment, arm, known_until)) is not None:
                both = both & (enrolled["assigned_on"] >= again).to_numpy()
            in_arm, in_control = (
                both & ((enrolled["drawn"] == name) & ~enrolled["is_stopped"]).to_numpy()
                for name in (arm, experiment.control)
            )
            counts = (
                int((in_arm & is_struck).sum()),
                int(in_arm.sum()),
                int((in_control & is_struck).sum()),
                int(in_control.sum()),
            )
            evidence = harm_evidence(*counts, ratio_max=rail.ratio_max)
            if evidence >= 1 / rail.alpha:
                sentence = (
                    f"{rail.event}: {counts[0]} of {counts[1]:,} customers with {arm!r}, "
                    f"{counts[2]} of {counts[3]:,} with {experiment.control!r}. Stop {arm!r}"
                )
                found.append(Alarm(arm, rail.event, *counts, evidence, sentence))
    return found


def _imbalance(experiment: Experiment, enrolled: pl.DataFrame, allowed: NDArray[np.bool_]) -> list[str]:
    """Arms with more or fewer customers than the shares, within what was allowed, explain: sample ratio mismatch, at any look."""
    by_lot = allowed_matrix(enrolled, experiment.treatments)
    expected = propensities(np.array([arm.share for arm in experiment.arms]), by_lot)
    expected[:, 0] += np.where(allowed, 0.0, expected).sum(axis=1)
    expected = np.where(allowed, expected, 0.0)
    growth = max(enrolled.height / experiment.first_look, 1.0)
    limit = critical_value(growth, _IMBALANCE_ALPHA / len(experiment.arms))
    found = []
    for column, arm in enumerate(experiment.treatments):
        seen, mean = int((enrolled["arm"] == arm).sum()), float(expected[:, column].sum())
        spread = math.sqrt(float((expected[:, column] * (1 - expected[:, column])).sum()))
        if abs(seen - mean) > limit * spread + 0.5:
            found.append(
                f"{arm!r} has {seen:,} customers where its share explains {mean:,.0f}: "
                "some were lost or moved after the lots were drawn. Find out why before reading on"
            )
    return found
