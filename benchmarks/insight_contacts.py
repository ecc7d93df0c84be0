"""Contact models on public data: ``python -m benchmarks.insight_contacts``.

Bank Marketing (UCI 222): does a call end in a yes, without the call's ``duration``, which is known only after
it. Twice: five stratified folds (seed 42), and in time: after the first 20,000 calls each next hundred by a
model of the 20,000 before it, as Moro, Cortez and Rita did (Decision Support Systems 62, 2014). Then the calls
of a bank's contact centre by five minutes, against the last day of the same weekday. No marital status is used.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from benchmarks.measuring import load, say, today
from dunwell.insight.contacts import CallLoad
from dunwell.insight.scoring import BoostedModel
from dunwell.insight.scoring.measures import auc, calibration_error

Floats = NDArray[np.float64]

FIRST_FORETOLD, LEARNED_FROM, AT_ONCE = 20_000, 20_000, 100
FIRST_DAY = 100


def bank_calls(folder: Path) -> tuple[pl.DataFrame, Floats]:
    """The calls in the order of time, and whether each ended in a yes. Beside the file's columns: the share of yes
    among the last hundred and five hundred calls before.
    """
    rows = pl.read_csv(folder / "bank_marketing_full.csv.gz")
    is_yes = pl.col("y") == "yes"
    frame = rows.with_columns(
        pl.when(pl.col("pdays") < 999).then("pdays"),
        **{
            f"yes_share_{n}": is_yes.cast(pl.Float64).shift(1).rolling_mean(n, min_samples=20)
            for n in (100, 500)
        },
    )
    return frame.drop("duration", "marital", "y"), rows.select(is_yes.cast(pl.Float64)).to_series().to_numpy()


def random_folds(frame: pl.DataFrame, target: Floats) -> tuple[float, float]:
    """Mean AUC over five folds, and the calibration error of all. Without what the calls before tell: in random
    folds those would be neighbours of the call itself.
    """
    inputs, told, aucs = frame.select(pl.exclude("^yes_share_.*$")), np.zeros(len(target)), []
    for learned, held in StratifiedKFold(5, shuffle=True, random_state=42).split(target, target):
        model = BoostedModel(psi_max=10.0).fit(inputs[learned], pl.Series(target[learned]))
        told[held] = model.predict_proba(inputs[held])[:, 1]
        aucs.append(auc(target[held], told[held]))
    return float(np.mean(aucs)), calibration_error(target, told)


def in_time(frame: pl.DataFrame, target: Floats, at_once: int = AT_ONCE) -> tuple[Floats, Floats]:
    """Outcome and chance of every call from FIRST_FORETOLD on, each by a model of the calls before it."""
    told = np.zeros(len(target) - FIRST_FORETOLD)
    for begin in range(FIRST_FORETOLD, len(target), at_once):
        known = slice(begin - LEARNED_FROM, begin)
        model = BoostedModel(rounds=80, learning_rate=0.05, folds=2, psi_max=1000.0)
        model.fit(frame[known], pl.Series(target[known]))
        next_ones = frame[begin : begin + at_once]
        told[begin - FIRST_FORETOLD :][: next_ones.height] = model.predict_proba(next_ones)[:, 1]
    return target[FIRST_FORETOLD:], told


def centre_calls(folder: Path) -> pl.DataFrame:
    """The contact centre's calls: at, calls."""
    rows = pl.read_csv(folder / "bank_calls_5min.csv.gz", try_parse_dates=True)
    return rows.select(at=pl.col("DateTime").dt.replace_time_zone(None), calls="Calls")


def centre_errors(calls: pl.DataFrame, ahead: int, step: int = 1) -> tuple[float, float, float, int]:
    """Mean absolute errors an interval, ours and the same weekday's last day, ``ahead`` open days on; the share of
    intervals within the 95 % interval; and how many days were foretold.
    """
    days: list[date] = calls["at"].dt.date().unique().sort().to_list()
    by_day = {day: part["calls"].to_numpy() for (day,), part in calls.group_by(pl.col("at").dt.date())}
    ours, naive, held = [], [], []
    for known in range(FIRST_DAY, len(days) - ahead + 1, step):
        model = CallLoad().fit(calls.filter(pl.col("at").dt.date() < days[known]))
        day = days[known + ahead - 1]
        told = model.forecast(days[known : known + ahead]).filter(pl.col("at").dt.date() == day)
        actual = by_day[day]
        last = next(one for one in reversed(days[:known]) if one.weekday() == day.weekday())
        ours.append(np.abs(told["expected"].to_numpy() - actual).mean())
        naive.append(np.abs(by_day[last] - actual).mean())
        held.append(((told["low"].to_numpy() <= actual) & (actual <= told["high"].to_numpy())).mean())
    return float(np.mean(ours)), float(np.mean(naive)), float(np.mean(held)), len(ours)


def _tell_bank(folder: Path) -> None:
    frame, target = bank_calls(folder)
    ranked, gap = random_folds(frame, target)
    say(f"\n## Bank Marketing: {len(target):,} calls, {100 * target.mean():.1f} % yes\n")
    say("| how | AUC | calibration error | aim |\n|---|---|---|---|")
    say(f"| five random folds | {ranked:.4f} | {gap:.4f} | AUC >= 0.805 |")
    actual, told = in_time(frame, target)
    whole = len(actual) // 1000 * 1000
    thousands = [
        auc(a, t)
        for a, t in zip(
            np.split(actual[:whole], whole // 1000), np.split(told[:whole], whole // 1000), strict=True
        )
    ]
    top = actual[np.argsort(-told, kind="stable")][: len(actual) // 2].sum() / actual.sum()
    say(
        f"| in time, {len(actual):,} calls | {auc(actual, told):.4f}; within a thousand calls in a row {np.mean(thousands):.3f} "
        f"on average | {calibration_error(actual, told):.4f} | AUC >= 0.80 |"
    )
    say(f"\nThe half with the higher chance held {top:.1%} of the yeses.")


def _tell_centre(folder: Path) -> None:
    calls = centre_calls(folder)
    say(
        f"\n## Contact centre: {calls.height:,} intervals, {calls['calls'].to_numpy().mean():.0f} calls each on average\n"
    )
    say(
        "| open days ahead | mean absolute error | same weekday before | ratio | within 95 % interval | days |"
    )
    say("|---|---|---|---|---|---|")
    for ahead in (1, 5, 10):
        ours, naive, held, count = centre_errors(calls, ahead)
        say(f"| {ahead} | {ours:.2f} | {naive:.2f} | {ours / naive:.2f} | {held:.1%} | {count} |")


def main(words: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_contacts", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}")
    for file, tell in (("bank_calls_5min.csv.gz", _tell_centre), ("bank_marketing_full.csv.gz", _tell_bank)):
        if (asked.data / file).is_file():
            tell(asked.data)
        else:
            say(f"\n{asked.data / file} is absent, not measured")


if __name__ == "__main__":
    main()
