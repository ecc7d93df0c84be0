"""How well time to event foretells the real panel of monthly card states: ``python -m benchmarks.insight_hazards``.

Learned from transitions that start before month -12, measured on those from then on, of applicants (accounts
with the same application) whom the model did not learn from: ten parts of people, each foretold by a model of
the other nine. The data may not be shipped; when absent, that is said. The settings were set by hand.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.insight_inputs import delinquency
from benchmarks.insight_models import PANEL
from benchmarks.measuring import load, say, today
from dunwell.insight.hazards import CURE, Cause, Periods, RepaymentHazards, person_periods
from dunwell.insight.rolls import HISTORY_INPUTS, OTHERS_INPUTS, SPELL_INPUTS, next_states, with_history
from dunwell.insight.scoring.measures import (
    Figure,
    auc_delong,
    calibration_error,
    calibration_gap,
    calibration_noise,
)

Floats = NDArray[np.float64]

WORSE = Cause("worse", pays=False, ends=False)
LATE = Cause("late", pays=False, ends=True)
LAST_LEARNED = -12
HISTORY = (*HISTORY_INPUTS, *SPELL_INPUTS, *OTHERS_INPUTS)
CURE_SETTINGS: dict[str, Any] = {
    "rounds": 300,
    "learning_rate": 0.02,
    "leaves": 16,
    "leaf_rows_min": 60,
    "column_share": 1.0,
    "ridge": 10.0,
    "folds": 10,
}
LATE_SETTINGS: dict[str, Any] = {
    "rounds": 120,
    "leaf_rows_min": 100,
    "column_share": 0.25,
    "ridge": 10.0,
    "folds": 2,
}


@dataclass(frozen=True, slots=True)
class Months:
    """Account-months with ``event``: what came by the next month's end; and the inputs to learn from."""

    rows: pl.DataFrame
    inputs: tuple[str, ...]


def months(folder: Path) -> tuple[Months, Months]:
    """The account-months of those 30 or more days late, and of those who are current."""
    data = delinquency(folder)
    known = next_states(with_history(data.panel, PANEL, person="person"), 1).filter(
        pl.col("next_state") != "gone"
    )
    is_late = pl.col("next_state").is_in(sorted(PANEL.late))
    place = pl.col("next_state").replace_strict(
        {name: float(k) for k, name in enumerate(PANEL.names)}, return_dtype=pl.Float64
    )
    late = known.filter(PANEL.is_late).with_columns(
        event=pl.when(~is_late)
        .then(pl.lit(CURE.name))
        .when(place > pl.col("severity"))
        .then(pl.lit(WORSE.name))
        .otherwise(pl.lit("nothing"))
    )
    current = known.filter(pl.col("state") == "0").with_columns(
        event=pl.when(is_late).then(pl.lit(LATE.name)).otherwise(pl.lit("nothing"))
    )
    return Months(late, HISTORY), Months(current, (*HISTORY, *data.applicant_inputs))


def foretold(
    asked: Months,
    causes: Sequence[Cause],
    settings: Mapping[str, Any],
    parts: int,
    since: int = LAST_LEARNED,
    until: int = 0,
) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """The rows from one month on up to another, and by cause the chances a model of other people gave them that learned from
    what came before the first.
    """
    is_learned, is_asked = pl.col("month") < since, pl.col("month").is_between(since, until - 1)
    clock = [pl.lit(0, pl.Int32).alias("period"), pl.lit(0, pl.Int32).alias("payments_before")]
    before, after = (asked.rows.filter(each).with_columns(clock) for each in (is_learned, is_asked))
    chances = np.zeros((after.height, len(causes)))
    mine = after["person"].to_numpy() % parts
    for k in range(parts):
        others = before.filter(pl.col("person") % parts != k)
        model = RepaymentHazards(Periods((0, 30)), causes, psi_max=10.0, **settings)
        model.fit(others.select(*asked.inputs, "period", "payments_before", "event"))
        chances[mine == k] = model.predict_proba(after.filter(pl.Series(mine == k)))[:, 1:]
    return after, {cause.name: chances[:, place] for place, cause in enumerate(causes)}


def quarters(late: Months) -> pl.DataFrame:
    """Person-periods of three months from each month in which an account is late: when it is cured."""
    rows = late.rows.select(
        "account_id", "person", "month", "event", *(name for name in late.inputs)
    ).with_columns(
        origin=pl.date(2020, 1, 1).dt.offset_by(pl.format("{}mo", pl.col("month"))),
        overdue_minor=pl.lit(1),
        followed_days=pl.min_horizontal(-pl.col("month"), pl.lit(3)).cast(pl.Int32) * 30,
    )
    cured = rows.filter(pl.col("event") == CURE.name).select("account_id", cured_in="month")
    events = (
        rows.join(cured, on="account_id")
        .with_columns(after=pl.col("cured_in") - pl.col("month"))
        .filter(pl.col("after").is_between(0, 2))
        .select(
            "account_id",
            "origin",
            day=(pl.col("after") + 1) * 30,
            cause=pl.lit(CURE.name),
            amount_minor=pl.lit(0),
        )
    )
    return person_periods(rows.drop("event"), events, Periods((0, 30, 60, 90)), (CURE,))


def _tell(name: str, aim: str, rows: pl.DataFrame, cause: str, chance: Floats) -> None:
    target = (rows["event"] == cause).cast(pl.Float64).to_numpy()
    error, gap = by_person(rows, cause, chance)
    say(
        f"| {name} ({len(target):,} rows) | AUC {auc_delong(target, chance)}, calibration error {error} (a perfect forecast: "
        f"{calibration_noise(chance):.4f}); beyond chance {gap}; foretold {chance.mean():.4f}, came {target.mean():.4f} | {aim} |"
    )


def rolling(late: Months, parts: int) -> tuple[pl.DataFrame, dict[str, Floats]]:
    """Four years, each foretold by models that learned from what came before, of other people: more rows to see the calibration
    of, and years that no setting was looked at for.
    """
    years = [
        foretold(late, (CURE, WORSE), CURE_SETTINGS, parts, since, since + 12) for since in range(-48, 0, 12)
    ]
    rows = pl.concat([rows for rows, _ in years])
    return rows, {
        name: np.concatenate([chances[name] for _, chances in years]) for name in (CURE.name, WORSE.name)
    }


def by_person(rows: pl.DataFrame, cause: str, chance: Floats, rounds: int = 300) -> tuple[Figure, Figure]:
    """The calibration error and what of it is beyond chance, with intervals over drawn people."""
    target = (rows["event"] == cause).cast(pl.Float64).to_numpy()
    people = np.split(
        np.argsort(rows["person"].to_numpy()),
        np.cumsum(np.unique(rows["person"].to_numpy(), return_counts=True)[1])[:-1],
    )
    draw, told = np.random.default_rng(0), []
    for _ in range(rounds):
        chosen = np.concatenate([people[k] for k in draw.integers(0, len(people), len(people))])
        told.append(
            (
                calibration_error(target[chosen], chance[chosen]),
                calibration_gap(target[chosen], chance[chosen]),
            )
        )
    figures = []
    for place, measure in enumerate((calibration_error, calibration_gap)):
        value, drawn = measure(target, chance), np.array(told)[:, place]
        low, high = np.percentile(drawn, [2.5, 97.5]) - (
            drawn.mean() - value
        )  # drawing people again adds to an error
        figures.append(Figure(value, max(0.0, float(low)), max(0.0, float(high))))
    return figures[0], figures[1]


def _tell_quarters(late: Months) -> None:
    """Three months ahead from one model: each horizon's cures, foretold and come."""
    made = quarters(late).drop("overdue_minor", "amount_minor")
    before = made.filter(pl.col("month") < LAST_LEARNED - 2)
    after = made.filter(pl.col("month") >= LAST_LEARNED, pl.col("month") <= -3)
    firsts, told = after.filter(pl.col("period") == 0), []
    mine, cured = firsts["person"].to_numpy() % 5, np.zeros((firsts.height, 3))
    for k in range(5):
        model = RepaymentHazards(
            Periods((0, 30, 60, 90)), (CURE,), psi_max=10.0, **CURE_SETTINGS | {"folds": 3}
        )
        model.fit(before.filter(pl.col("person") % 5 != k).drop("person", "month"))
        curves = model.curves(firsts.filter(pl.Series(mine == k)))
        cured[mine == k] = curves.came[CURE.name]
    key = ["account_id", "origin"]
    for h in range(3):
        came = after.filter(pl.col("period") <= h, pl.col("event") == CURE.name).select(key).unique()
        target = (
            firsts.join(came.with_columns(came=1.0), on=key, how="left", maintain_order="left")["came"]
            .fill_null(0.0)
            .to_numpy()
        )
        told.append(
            f"{h + 1}: AUC {auc_delong(target, cured[:, h])}, foretold {cured[:, h].mean():.3f}, came {target.mean():.3f}"
        )
    say(f"| cure from 30+ within months ({firsts.height:,} rows) | {'; '.join(told)} | |")


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_hazards", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--rolling", action="store_true", help="the four years in turn alone")
    parser.add_argument("--parts", type=int, default=5, help="of people, for the four years in turn")
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}\n")
    if not (asked.data / "credit_record_monthly.csv.gz").is_file():
        say(f"{asked.data}: credit_record_monthly.csv.gz is absent, not measured")
        return
    late, current = months(asked.data)
    say("| task | measured | aim |\n|---|---|---|")
    if not asked.rolling:
        rows, chances = foretold(late, (CURE, WORSE), CURE_SETTINGS, 10)
        _tell("cure next month from 30+", "AUC >= 0.78, < 0.01", rows, CURE.name, chances[CURE.name])
        _tell("worse next month from 30+", "", rows, WORSE.name, chances[WORSE.name])
    rows, chances = rolling(late, asked.parts)
    _tell("cure, four years in turn", "< 0.01", rows, CURE.name, chances[CURE.name])
    _tell("worse, four years in turn", "", rows, WORSE.name, chances[WORSE.name])
    if asked.rolling:
        return
    rows, chances = foretold(current, (LATE,), LATE_SETTINGS, 5)
    _tell("current to 30+ next month", "AUC >= 0.74, < 0.01", rows, LATE.name, chances[LATE.name])
    _tell_quarters(late)


if __name__ == "__main__":
    main()
