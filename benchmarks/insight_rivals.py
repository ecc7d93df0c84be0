"""Scorecards of others beside ours on the same folds: ``python -m benchmarks.insight_rivals``.

scorecardpy and toad need older packages than we have, so each gets an environment of its own under ``.build/rivals``, made by uv
(``make`` brings it) with the packages below, and the folds as CSV. OptBinning runs in ours. Folds: stratified, five, seed 42.
Times are CPU seconds of all threads and processes, reading the file not counted, as ratios to ``Scorecard`` in the same run. Each
is used as its own documentation shows it, on the inputs of ``insight_inputs``. What cannot be installed is told with the reason.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from benchmarks.insight_inputs import Task, give_me_some_credit, taiwan
from benchmarks.insight_models import SETTINGS, OptBinnings
from benchmarks.measuring import PROJECT, load, say, today
from dunwell.insight.scoring import AdditiveScorecard, BoostedModel, Scorecard
from dunwell.insight.scoring.measures import auc, calibration_error

RIVALS = {
    "scorecardpy": ("scorecardpy==0.1.9.7", "pandas<2.2", "numpy<2", "scikit-learn<1.6", "setuptools<80"),
    "toad": ("toad==0.1.7", "pandas<2.2", "numpy<2", "scikit-learn<1.6", "setuptools<80"),
}
"""What each needs: both call what pandas 2.2, NumPy 2 and setuptools 80 took away; toad 0.1.7 does not ask for scikit-learn, but
does not start without it.
"""

_UV = PROJECT / ".tools" / "bin" / "uv"
_ROOM = PROJECT / ".build" / "rivals"
_CARDS = Path(__file__).with_name("insight_rival_cards.py")


@dataclass(frozen=True, slots=True)
class Told:
    """What a model did: CPU seconds to fit and to score, and for each fold the chances of the rows held out."""

    name: str
    fit_s: float
    score_s: float
    chances: list[NDArray[np.float64]]


def main(words: list[str] | None = None) -> None:
    """Print a table a set."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_rivals", description=__doc__)
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--only", default="taiwan,credit")
    parser.add_argument("--folds", type=int, default=5, help="of the five, so many are run")
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}")
    sets: tuple[tuple[str, str, Callable[[Path], Task]], ...] = (
        ("taiwan", "uci_credit_default.csv.gz", taiwan),
        ("credit", "give_me_some_credit.csv.gz", give_me_some_credit),
    )
    for name, file, read in sets:
        if name not in asked.only.split(","):
            continue
        if not (asked.data / file).is_file():
            say(f"\n{name}: {asked.data / file} is absent, not measured")
            continue
        compare(read(asked.data), asked.folds)


def compare(task: Task, fold_count: int) -> None:
    """The table of a set."""
    settings, target = SETTINGS[task.name], task.target.cast(pl.Float64).to_numpy()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=42).split(target, target))[:fold_count]
    shared: dict[str, Any] = {"risk": task.risk, "special_values": task.special_values}
    ours: dict[str, Callable[[], Any]] = {
        "Scorecard": lambda: Scorecard(**shared, **settings["scorecard"]),
        "AdditiveScorecard": lambda: AdditiveScorecard(**shared, **settings["additive"]),
        "BoostedModel": lambda: BoostedModel(**shared, **settings["boosted"]),
        "OptBinning's scorecard": OptBinnings,
    }
    told = [_of_ours(name, make, task, folds) for name, make in ours.items()]
    reasons = []
    for name, packages in RIVALS.items():
        try:
            told.append(_of_rival(name, packages, task, folds))
        except subprocess.CalledProcessError as error:
            reasons.append(f"{name} could not be run: {(error.stderr or error.stdout or '').strip()[-600:]}")
    say(f"\n## {task.name}: {task.frame.height:,} rows, {task.frame.width} inputs, {len(folds)} of 5 folds\n")
    say("| model | AUC | calibration error | fit, x Scorecard | score, x Scorecard |")
    say("|---|---|---|---|---|")
    held = np.concatenate([target[rows] for _, rows in folds])
    for one in told:
        mean = np.mean(
            [auc(target[rows], chance) for (_, rows), chance in zip(folds, one.chances, strict=True)]
        )
        say(
            f"| {one.name} | {mean:.4f} | {calibration_error(held, np.concatenate(one.chances)):.4f} "
            f"| {one.fit_s / told[0].fit_s:.2f} | {one.score_s / told[0].score_s:.2f} |"
        )
    say(
        f"\n`Scorecard`: {told[0].fit_s / len(folds):.1f} CPU s to fit a fold, {told[0].score_s / len(folds):.3f} to score it"
    )
    for reason in reasons:
        say(reason)


def _of_ours(name: str, make: Callable[[], Any], task: Task, folds: list[Any]) -> Told:
    fit_s = score_s = 0.0
    chances = []
    for learned, held in folds:
        rows, target, asked = task.frame[learned], task.target[learned], task.frame[held]
        model, began = make(), time.process_time()
        model.fit(rows, target)
        fitted = time.process_time()
        chances.append(np.asarray(model.predict_proba(asked)[:, 1]))
        fit_s, score_s = fit_s + fitted - began, score_s + time.process_time() - fitted
    return Told(name, fit_s, score_s, chances)


def _of_rival(name: str, packages: tuple[str, ...], task: Task, folds: list[Any]) -> Told:
    """Run in its own environment. Raises CalledProcessError with what was said where it cannot be made or run."""
    python = _ROOM / name / "bin" / "python"
    if not python.is_file():
        _run(_UV, "venv", "--quiet", "--python", sys.executable, _ROOM / name)
    _run(_UV, "pip", "install", "--quiet", "--python", python, *packages)
    fold = np.full(task.frame.height, -1)
    for place, (_, held) in enumerate(folds):
        fold[held] = place
    rows, out = _ROOM / f"{name}.csv", _ROOM / f"{name}.json"
    task.frame.with_columns(target_=task.target.cast(pl.Int8), fold_=pl.Series(fold)).write_csv(rows)
    _run(python, "-W", "ignore", _CARDS, name, rows, out, len(folds))
    said = json.loads(out.read_bytes())
    return Told(
        f"{name} {said['version']}",
        sum(one["fit_s"] for one in said["folds"]),
        sum(one["score_s"] for one in said["folds"]),
        [np.array(one["chance"]) for one in said["folds"]],
    )


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


if __name__ == "__main__":
    main()
