"""One look at a model in use, and the alerts it raises.

An alert needs two things: that it is beyond chance after all that was looked at, and that it is large enough to
matter. Either alone would cry wolf every night or sleep through.
"""

from dataclasses import dataclass

import polars as pl

from dunwell.insight.monitoring.calibration import Calibration, calibration_now
from dunwell.insight.monitoring.challenger import Comparison, compare_models
from dunwell.insight.monitoring.drift import input_drift
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.inputs import DRIFT_ROWS_MIN


@dataclass(frozen=True, slots=True)
class Limits:
    """When a move matters. ``psi``: the field's rule of thumb for a shift worth a look (0.25 for another
    population); ``ratio``: how far actual over expected may leave 1; ``slope``: how far the recalibration slope may;
    ``level``: the chance of a false alarm in one look at inputs, and in one at calibration.
    """

    psi: float = 0.10
    ratio: float = 0.10
    slope: float = 0.15
    level: float = 0.01


@dataclass(frozen=True, slots=True)
class Watched:
    """``drift``: ``input_drift``; ``calibration`` and ``comparison`` where outcomes were given. ``alerts``: kind,
    what, figure, limit, p and words, a row an alert.
    """

    row_count: int
    drift: pl.DataFrame
    calibration: Calibration | None
    comparison: Comparison | None
    alerts: pl.DataFrame

    @property
    def is_quiet(self) -> bool:
        """Whether nothing fired."""
        return self.alerts.is_empty()


def watch(
    model: Model,
    frame: pl.DataFrame,
    target: pl.Series | None = None,
    *,
    measured: pl.DataFrame | None = None,
    challenger: Model | None = None,
    groups: pl.Series | None = None,
    limits: Limits | None = None,
) -> Watched:
    """Look at a model over the rows it scores now. ``target``: what came of the rows of ``measured`` (of ``frame``,
    when not given), by which its probabilities and a ``challenger`` are judged. Drifted rows are scored all the
    same: to see how wrong is the point. Below 500 rows no drift is told.
    """
    held = limits or Limits()
    drift = input_drift(model, frame)
    alerts = _drift_alerts(drift, held) if frame.height >= DRIFT_ROWS_MIN else []
    calibration = comparison = None
    if target is not None:
        rows = frame if measured is None else measured
        values = target.cast(pl.Float64).to_numpy()
        probability = model.probability_of(rows)
        calibration = calibration_now(values, probability)
        alerts += _calibration_alerts(calibration, held)
        if challenger is not None:
            comparison = compare_models(
                values, probability, challenger.probability_of(rows), groups=groups, seed=model.seed
            )
            if comparison.verdict == "challenger":
                gain = comparison.auc_gain
                words = f"the challenger ranks better on the same accounts: AUC {gain} above the champion's"
                alerts.append(_alert("challenger", "auc", gain.value, 0.0, comparison.p, words))
    return Watched(frame.height, drift, calibration, comparison, pl.DataFrame(alerts, schema=_SCHEMA))


_SCHEMA = {
    "kind": pl.String,
    "what": pl.String,
    "figure": pl.Float64,
    "limit": pl.Float64,
    "p": pl.Float64,
    "words": pl.String,
}


def _alert(kind: str, what: str, figure: float, limit: float, p: float, words: str) -> dict[str, object]:
    return {"kind": kind, "what": what, "figure": figure, "limit": limit, "p": p, "words": words}


def _drift_alerts(drift: pl.DataFrame, limits: Limits) -> list[dict[str, object]]:
    moved = drift.filter(pl.col("adjusted_p") <= limits.level, pl.col("psi") > limits.psi)
    return [
        _alert(
            "drift",
            row["input"],
            row["psi"],
            limits.psi,
            row["adjusted_p"],
            f"{row['input']} is no longer distributed as when the model learned: population stability index "
            f"{row['psi']:.2f}, missing {row['missing_before']:.1%} then and {row['missing_now']:.1%} now. "
            "Look for a change in the source first",
        )
        for row in moved.iter_rows(named=True)
    ]


def _calibration_alerts(now: Calibration, limits: Limits) -> list[dict[str, object]]:
    if now.p > limits.level:
        return []
    alerts = []
    if abs(now.ratio.value - 1) > limits.ratio and not now.ratio.low <= 1 <= now.ratio.high:
        words = (
            f"{now.actual:.1%} came where {now.expected:.1%} were foretold ({now.ratio} times). "
            "Recalibrate, or train anew"
        )
        alerts.append(_alert("calibration", "ratio", now.ratio.value, limits.ratio, now.p, words))
    if abs(now.slope.value - 1) > limits.slope and not now.slope.low <= 1 <= now.slope.high:
        words = (
            f"high and low probabilities are {'too far apart' if now.slope.value < 1 else 'too close together'}: "
            f"recalibration slope {now.slope}. Recalibrate, or train anew"
        )
        alerts.append(_alert("calibration", "slope", now.slope.value, limits.slope, now.p, words))
    return alerts
