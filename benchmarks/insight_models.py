"""How good the models are on public data, in five folds: ``python -m benchmarks.insight_models``.

Each row is a mean over stratified folds (shuffled, seed 42) that every model shares; the calibration error is
that of all held-out predictions together, in ten bins. The settings were set by hand on the same sets, once
for all folds. Times are ratios to OptBinning's own scorecard on the same folds. The data may not be shipped;
what is absent is said to be.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from benchmarks.insight_inputs import Delinquency, Task, delinquency, give_me_some_credit, taiwan
from benchmarks.measuring import load, say, today
from dunwell.insight.rolls import (
    HISTORY_INPUTS,
    OTHERS_INPUTS,
    RollRates,
    States,
    backtest,
    next_states,
    with_history,
)
from dunwell.insight.scoring import MODELS, AdditiveScorecard, BoostedModel, Model, Scorecard
from dunwell.insight.scoring.measures import auc, auc_delong, calibration_error, kolmogorov_smirnov, log_loss

SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "UCI Taiwan": {
        "scorecard": {},
        "additive": {"pairs_max": 60},
        "boosted": {"rounds": 450},
    },
    "Give Me Some Credit": {
        "scorecard": {},
        "additive": {"rounds": 1000, "learning_rate": 0.05, "column_share": 0.4, "steps_max": 127},
        "boosted": {"rounds": 250, "learning_rate": 0.05, "leaves": 12, "leaf_rows_min": 100, "ridge": 10.0},
    },
}
PANEL = States(("X", "C", "0", "1", "2", "3", "4", "5"), frozenset("12345"))
_LAST_LEARNED = -12


class OptBinnings:
    """OptBinning's own scorecard with a logistic regression, as its documentation shows it."""

    def fit(self, frame: pl.DataFrame, target: pl.Series) -> None:
        """Bin, and learn the weights."""
        from optbinning import BinningProcess
        from optbinning import Scorecard as OptBinningScorecard

        process = BinningProcess(frame.columns, min_prebin_size=0.02, max_n_bins=12)
        self._card = OptBinningScorecard(
            binning_process=process,
            estimator=LogisticRegression(max_iter=500),
            scaling_method="pdo_odds",
            scaling_method_params={"pdo": 20, "odds": 50, "scorecard_points": 600},
        )
        self._card.fit(frame.to_pandas(), target.to_numpy())

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        """The chances of 0 and of 1."""
        return self._card.predict_proba(frame.to_pandas())


def main(words: list[str] | None = None) -> None:
    """Print a table a set."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_models", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--only", default="taiwan,credit,panel", help="of these and twins")
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}")
    runs: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("taiwan", "uci_credit_default.csv.gz", lambda: _scores(taiwan(asked.data))),
        ("credit", "give_me_some_credit.csv.gz", lambda: _scores(give_me_some_credit(asked.data))),
        (
            "twins",
            "give_me_some_credit.csv.gz",
            lambda: _twins([read(asked.data) for read in (taiwan, give_me_some_credit)]),
        ),
        ("panel", "credit_record_monthly.csv.gz", lambda: _panel(delinquency(asked.data))),
    )
    for name, file, run in runs:
        if name not in asked.only.split(","):
            continue
        if not (asked.data / file).is_file():
            say(f"\n{name}: {asked.data / file} is absent, not measured")
            continue
        run()


def _scores(task: Task) -> None:
    settings = SETTINGS[task.name]
    shared: dict[str, Any] = {"risk": task.risk, "special_values": task.special_values}
    makers: dict[str, Callable[[], Any]] = {
        "OptBinning's scorecard": OptBinnings,
        "Scorecard": lambda: Scorecard(**shared, **settings["scorecard"]),
        "AdditiveScorecard": lambda: AdditiveScorecard(**shared, **settings["additive"]),
        "BoostedModel": lambda: BoostedModel(**shared, **settings["boosted"]),
    }
    target = task.target.cast(pl.Float64).to_numpy()
    say(
        f"\n## {task.name}: {task.frame.height:,} rows, {task.frame.width} inputs, {100 * target.mean():.1f} % events\n"
    )
    say(
        "| model | AUC (spread of folds) | KS | calibration error | log-loss | fit, x OptBinning | score, x OptBinning |"
    )
    say("|---|---|---|---|---|---|---|")
    fit_base = score_base = 0.0
    for name, make in makers.items():
        held_out, fit_s, score_s, folds = np.zeros(len(target)), 0.0, 0.0, []
        for learned, held in StratifiedKFold(5, shuffle=True, random_state=42).split(target, target):
            model = make()
            began = time.process_time()
            model.fit(task.frame[learned], task.target[learned])
            fitted = time.process_time()
            held_out[held] = model.predict_proba(task.frame[held])[:, 1]
            fit_s, score_s = fit_s + fitted - began, score_s + time.process_time() - fitted
            folds.append(
                (auc(target[held], held_out[held]), kolmogorov_smirnov(target[held], held_out[held]))
            )
        fit_base, score_base = fit_base or fit_s, score_base or score_s
        mean, spread = np.mean(folds, axis=0), np.std(folds, axis=0)
        say(
            f"| {name} | {mean[0]:.4f} (+- {spread[0]:.4f}) | {mean[1]:.3f} | {calibration_error(target, held_out):.4f} "
            f"| {log_loss(target, held_out):.4f} | {fit_s / fit_base:.2f} | {score_s / score_base:.2f} |"
        )
    say(f"\nOptBinning's: {fit_base / 5:.1f} CPU s to fit a fold, {score_base / 5:.2f} to score it.")


def _twins(tasks: Sequence[Task]) -> None:
    """A table a set: ``_twins_of``."""
    for task in tasks:
        _twins_of(task)


def _twins_of(task: Task) -> None:
    """Whether rows that say the same in every input, some learned from and some held out, make the figures: the folds
    as above, their AUC over all held-out rows and over those without such a twin; and folds that part no twins.
    """
    settings, target = SETTINGS[task.name], task.target.cast(pl.Float64).to_numpy()
    person = task.frame.select(pl.struct(pl.all()).hash(1)).to_series().to_numpy()
    _, place, times = np.unique(person, return_inverse=True, return_counts=True)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=42).split(target, target))
    parted = np.concatenate([held[np.isin(person[held], person[learned])] for learned, held in folds])
    is_parted = np.isin(np.arange(len(target)), parted)
    say(
        f"\n## Twins in {task.name}: {(times[place] > 1).sum():,} of {len(target):,} rows have one; {is_parted.sum():,} "
        f"({100 * is_parted.mean():.2f} %) one in another fold\n"
    )
    say("| model | AUC | of held-out rows without a twin learned from | no twins parted by the folds |")
    say("|---|---|---|---|")
    whole = list(StratifiedGroupKFold(5, shuffle=True, random_state=42).split(target, target, person))
    shared: dict[str, Any] = {"risk": task.risk, "special_values": task.special_values}
    for kind in ("additive", "boosted"):
        told: list[list[float]] = [[], [], []]
        for place_of, parts in enumerate((folds, whole)):
            for learned, held in parts:
                model = MODELS[kind](**shared, **settings[kind]).fit(
                    task.frame[learned], task.target[learned]
                )
                chance = model.predict_proba(task.frame[held])[:, 1]
                own = ~is_parted[held]
                if place_of:
                    told[2].append(auc(target[held], chance))
                else:
                    told[0].append(auc(target[held], chance))
                    told[1].append(auc(target[held][own], chance[own]))
        say(f"| {kind} | " + " | ".join(f"{np.mean(each):.4f}" for each in told) + " |")


def _panel(data: Delinquency) -> None:
    known = with_history(data.panel, PANEL, person="person")
    rows = next_states(known, 1)
    learned, tested = (
        rows.filter(pl.col("month") < _LAST_LEARNED),
        rows.filter(pl.col("month") >= _LAST_LEARNED),
    )
    say(
        f"\n## Delinquency panel: {known.height:,} account-months; learned before month {_LAST_LEARNED}, tested from it on\n"
    )
    _next_state(known, tested)
    _binary("cure next month from 30+", learned, tested, sorted(PANEL.late), data, is_cure=True)
    _binary("current to 30+ next month", learned, tested, ["0"], data, is_cure=False)
    told = backtest(data.panel, PANEL, months=12, origins=range(-30, -11))
    plain = backtest(data.panel, PANEL, months=12, origins=range(-30, -11), refine=())
    within = told.select(
        (pl.col("actual") >= pl.col("low")) & (pl.col("actual") <= pl.col("high"))
    ).to_series()
    error, plainly = (float(np.abs(each["error"].to_numpy()).mean()) for each in (told, plain))
    bias, last = float(told["error"].to_numpy().mean()), float(told["error"][-1])
    say(
        f"| 30+ stock 12 months on, {told.height} rolling origins | mean error {error:.1%} (bias {bias:+.1%}, last {last:+.1%}); "
        f"without months on book {plainly:.1%}; interval held {within.sum()} of {told.height} | <= 10 % |"
    )


def _next_state(known: pl.DataFrame, tested: pl.DataFrame) -> None:
    """Log-loss of the next state among those still in the book, as the reference has it."""
    stayed = tested.filter(pl.col("next_state") != "gone")
    place = stayed["next_state"].replace_strict({name: k for k, name in enumerate(PANEL.names)}).to_numpy()
    told = []
    for refine in (
        (),
        ("duration",),
        ("duration", "late_months_12", "previous_severity_1", "months_on_book"),
    ):
        rates = RollRates(PANEL, refine=refine, window=36).fit(known.filter(pl.col("month") <= _LAST_LEARNED))
        chances = rates.chances(stayed)[:, :-1]
        chances /= chances.sum(axis=1, keepdims=True)
        told.append(-float(np.log(chances[np.arange(len(place)), place]).mean()))
    say("| task | measured | aim |\n|---|---|---|")
    say(
        f"| next state, log-loss | roll rates by state {told[0]:.4f}, with duration {told[1]:.4f}, with history {told[2]:.4f} "
        "| < 0.280 |"
    )


def _binary(
    name: str,
    learned: pl.DataFrame,
    tested: pl.DataFrame,
    states: Sequence[str],
    data: Delinquency,
    *,
    is_cure: bool,
) -> None:
    """Twice: on later months, and on later months of applicants whom it did not learn from (five parts)."""
    is_late = pl.col("next_state").is_in(sorted(PANEL.late))
    asked = pl.col("state").is_in(states) & (pl.col("next_state") != "gone")
    before, after = (
        part.filter(asked).with_columns(has_come=~is_late if is_cure else is_late)
        for part in (learned, tested)
    )
    inputs = [*HISTORY_INPUTS, *OTHERS_INPUTS] + ([] if is_cure else list(data.applicant_inputs))

    def make() -> Model:
        return BoostedModel(
            rounds=500 if is_cure else 250,
            learning_rate=0.02 if is_cure else 0.03,
            leaves=8 if is_cure else 15,
            leaf_rows_min=30 if is_cure else 100,
            column_share=0.25,
            ridge=10.0,
            psi_max=10.0,
            folds=3,
        )

    target = after["has_come"].cast(pl.Float64).to_numpy()
    later = make().fit(before.select(inputs), before["has_come"]).predict_proba(after.select(inputs))[:, 1]
    others = np.zeros(len(target))
    part_before, part_after = before["person"].to_numpy() % 5, after["person"].to_numpy() % 5
    for k in range(5):
        model = make().fit(
            before.filter(pl.Series(part_before != k)).select(inputs),
            before.filter(pl.Series(part_before != k))["has_come"],
        )
        others[part_after == k] = model.predict_proba(
            after.filter(pl.Series(part_after == k)).select(inputs)
        )[:, 1]
    aim = "AUC >= 0.78" if is_cure else "AUC >= 0.74"
    say(
        f"| {name} ({len(target):,} rows) | AUC {auc_delong(target, others)}, calibration error "
        f"{calibration_error(target, others):.4f} on other applicants; {auc_delong(target, later)}, "
        f"{calibration_error(target, later):.4f} on the same | {aim}, < 0.01 |"
    )


if __name__ == "__main__":
    main()
