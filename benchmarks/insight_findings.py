"""How far findings, alarms and alerts can be trusted, on public data: ``python -m benchmarks.insight_findings``.

Each is asked twice: how often it speaks when there is nothing (labels shuffled, people dealt to other segments, rows
drawn again from the same population), and how often when something was put in. The data may not be shipped; what is
absent is said to be.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from benchmarks.insight_inputs import Task, delinquency, taiwan
from benchmarks.measuring import load, say, today
from dunwell.insight.drivers import Search, chance_findings, subgroups
from dunwell.insight.monitoring import watch
from dunwell.insight.monitoring.challenger import compare_models
from dunwell.insight.rolls import States, false_alarms, monthly_steps, turning_counts, turning_segments
from dunwell.insight.scoring import Scorecard
from dunwell.insight.scoring.measures import auc, share_interval

STATES = States(("X", "C", "0", "1", "2", "3", "4", "5"), frozenset("2345"))
EARLY = frozenset("1")
_SHUFFLED_ROWS = 2000
_SEGMENTS = ("NAME_INCOME_TYPE", "NAME_HOUSING_TYPE", "NAME_EDUCATION_TYPE", "OCCUPATION_TYPE")
_SEGMENTS_MIN = 4
_TRIES = 60


def main(words: list[str] | None = None) -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_findings", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument(
        "--only", default="drivers,monitoring,challenger,warning", help="also tradeoff: part of warning"
    )
    parser.add_argument("--rounds", type=int, default=200)
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}")
    runs: tuple[tuple[str, str, Callable[[], None]], ...] = (
        ("drivers", "uci_credit_default.csv.gz", lambda: _taiwan_drivers(asked.data, asked.rounds)),
        ("drivers", "lendingclub_outcomes_2015.csv.gz", lambda: _loan_drivers(asked.data, asked.rounds)),
        ("monitoring", "uci_credit_default.csv.gz", lambda: _monitoring(taiwan(asked.data), asked.rounds)),
        ("challenger", "uci_credit_default.csv.gz", lambda: _challengers(taiwan(asked.data), asked.rounds)),
        (
            "tradeoff",
            "credit_record_monthly.csv.gz",
            lambda: _trade_off(_segmented(asked.data), asked.rounds),
        ),
        ("tradeoff", "credit_record_monthly.csv.gz", lambda: _foretells(_segmented(asked.data))),
        ("warning", "credit_record_monthly.csv.gz", lambda: _warning(asked.data, asked.rounds)),
    )
    for name, file, run in runs:
        if name not in asked.only.split(","):
            continue
        if not (asked.data / file).is_file():
            say(f"\n{name}: {asked.data / file} is absent, not measured")
            continue
        run()


def _taiwan_drivers(data: Path, rounds: int) -> None:
    task = taiwan(data)
    columns = (
        *("LIMIT_BAL", "EDUCATION", "AGE", "PAY_0", "PAY_2", "late_worst", "late_months", "used_mean"),
        *("used_gain_5", "paid_of_limit", "paid_months", "paid_least"),
    )
    _found("UCI Taiwan, default next month", task.frame.select(columns), task.target, None, rounds)


def _loan_drivers(data: Path, rounds: int) -> None:
    """LendingClub's 36-month loans of 2015: charged off, and the share of the exposure lost of those that were."""
    rows = pl.read_csv(data / "lendingclub_outcomes_2015.csv.gz")
    rate = pl.col("int_rate") / 1200
    told = rows.with_columns(
        funded=pl.col("installment") * (1 - (1 + rate) ** -36) / rate,
        is_charged_off=(pl.col("loan_status") == "Charged Off"),
    ).with_columns(
        exposure=pl.col("funded") - pl.col("total_rec_prncp"),
        repaid_share=pl.col("total_rec_prncp") / pl.col("funded"),
    )
    at_issue = told.select("grade", "int_rate", "installment", "funded")
    _found("LendingClub, charged off", at_issue, told["is_charged_off"], told["issue_d"], rounds)
    lost = told.filter("is_charged_off", pl.col("exposure") > 100).with_columns(
        lost_share=(1 - pl.col("recoveries") / pl.col("exposure")).clip(0, 1).fill_nan(0).fill_null(0)
    )
    known = lost.select(
        "grade", "int_rate", "installment", "funded", "exposure", "repaid_share", "total_rec_late_fee"
    )
    _found(
        "LendingClub, share lost of what was charged off", known, lost["lost_share"], lost["issue_d"], rounds
    )


def _found(name: str, frame: pl.DataFrame, target: pl.Series, period: pl.Series | None, rounds: int) -> None:
    began = time.process_time()
    told = subgroups(frame, target, frame.columns, period=period)
    took = time.process_time() - began
    say(f"\n## {name}: {frame.height:,} rows, {frame.width} columns, {told.condition_count} conditions")
    say(f"{told.found.height} of {told.frame.height} found in {took:.1f} CPU s; over all {told.mean:.4f}")
    for row in told.found.head(4).iter_rows(named=True):
        say(
            f"  {row['inside']:.3f} against {row['outside']:.3f} ({row['difference']:+.3f}, {row['low']:+.3f} to "
            f"{row['high']:+.3f}), {row['row_share']:.1%} of rows, adjusted p {row['adjusted_p']:.1g}, same sign in "
            f"{row['same_sign_share']} of {row['period_count']} periods: {row['subgroup']}"
        )
    few = frame.sample(min(_SHUFFLED_ROWS, frame.height), seed=1, with_replacement=False)
    labels = target.sample(min(_SHUFFLED_ROWS, frame.height), seed=1, with_replacement=False)
    adjusts: tuple[Literal["bh", "by"], ...] = ("bh", "by")
    for adjust in adjusts:
        chance = chance_findings(few, labels, frame.columns, rounds=rounds, search=Search(adjust=adjust))
        say(f"shuffled labels, {few.height:,} rows, {adjust}: any finding in {chance} of {rounds} runs")


def _monitoring(task: Task, rounds: int) -> None:
    """A model of half the rows, looked at over 2,000 rows of the other half drawn again and again."""
    draw = np.random.default_rng(4)
    order = draw.permutation(task.frame.height)
    half = len(order) // 2
    columns = [
        "LIMIT_BAL",
        "AGE",
        "PAY_0",
        "late_months",
        "used_mean",
        "paid_of_limit",
        "paid_months",
        "EDUCATION",
    ]
    frame = task.frame.select(columns)
    model = Scorecard().fit(frame[order[:half]], task.target[order[:half]])
    rest, came = frame[order[half:]], task.target[order[half:]].cast(pl.Float64)
    changes: dict[str, Callable[[pl.DataFrame, pl.Series], tuple[pl.DataFrame, pl.Series]]] = {
        "nothing changed": lambda rows, y: (rows, y),
        "limits a tenth lower": lambda rows, y: (rows.with_columns(pl.col("LIMIT_BAL") * 0.9), y),
        "limits a quarter lower": lambda rows, y: (rows.with_columns(pl.col("LIMIT_BAL") * 0.75), y),
        "use of limits missing in a tenth": lambda rows, y: (_emptied(rows, draw, 0.1), y),
        "one in ten more defaults": lambda rows, y: (rows, _raised(y, draw, 0.10)),
        "one in four more defaults": lambda rows, y: (rows, _raised(y, draw, 0.25)),
    }
    say(
        f"\n## Monitoring, UCI Taiwan: {len(columns)} inputs, looks of 2,000 rows with outcomes, {rounds} each\n"
    )
    say("| put in | share of looks with an alert (95 %) | of inputs | of calibration |\n|---|---|---|---|")
    for name, change in changes.items():
        fired, of_drift, of_calibration = 0, 0, 0
        for _ in range(rounds):
            chosen = draw.choice(rest.height, 2000, replace=False)
            rows, outcomes = change(rest[chosen], came[chosen])
            alerts = watch(model, rows, outcomes).alerts["kind"].to_list()
            fired += bool(alerts)
            of_drift += "drift" in alerts
            of_calibration += "calibration" in alerts
        share = share_interval(fired, rounds)
        say(f"| {name} | {share} | {of_drift / rounds:.3f} | {of_calibration / rounds:.3f} |")


def _challengers(task: Task, rounds: int) -> None:
    """A champion of a third of the rows and challengers of another third, on looks of 2,000 rows of the last: one made like it of
    other rows, one that has more inputs, one whose probabilities are off though it ranks alike.
    """
    draw = np.random.default_rng(8)
    parts = np.array_split(draw.permutation(task.frame.height), 3)
    few = ["LIMIT_BAL", "PAY_0", "used_mean", "paid_of_limit"]
    one, other = (Scorecard().fit(task.frame[part].select(few), task.target[part]) for part in parts[:2])
    more = Scorecard().fit(task.frame[parts[1]], task.target[parts[1]])
    rest, came = task.frame[parts[2]], task.target[parts[2]].cast(pl.Float64).to_numpy()
    champion, alike, better = (
        model.probability_of(rest.select(model.inputs_.names)) for model in (one, other, more)
    )
    off = champion**0.5
    truth = {
        name: auc(came, chance) - auc(came, champion)
        for name, chance in (("alike", alike), ("better", better))
    }
    say(
        f"\n## Champion and challenger, UCI Taiwan, looks of 2,000 rows, {rounds} each; over all {len(came):,} the one made "
        f"alike has {truth['alike']:+.4f} AUC, the one of all inputs {truth['better']:+.4f}\n"
    )
    say("| challenger | wins (95 %) | champion wins | no difference |\n|---|---|---|---|")
    for name, chance in (
        ("the champion with a little noise", None),
        ("made alike", alike),
        ("of all inputs", better),
        ("off", off),
    ):
        verdicts = []
        for _ in range(rounds):
            rows = draw.choice(len(came), 2000, replace=False)
            asked = champion[rows]
            given = (
                np.clip(asked + draw.normal(0, 1e-3, len(rows)), 1e-4, 1) if chance is None else chance[rows]
            )
            verdicts.append(compare_models(came[rows], asked, given, rounds=100).verdict)
        wins, losses = verdicts.count("challenger"), verdicts.count("champion")
        say(
            f"| {name} | {share_interval(wins, rounds)} | {losses / rounds:.3f} | {1 - (wins + losses) / rounds:.3f} |"
        )


def _emptied(rows: pl.DataFrame, draw: np.random.Generator, share: float) -> pl.DataFrame:
    gone = pl.Series(draw.random(rows.height) < share)
    return rows.with_columns(used_mean=pl.when(gone).then(None).otherwise("used_mean"))


def _raised(came: pl.Series, draw: np.random.Generator, share: float) -> pl.Series:
    """So many more events than there were, among those for whom none came."""
    values = came.to_numpy()
    more = share * values.sum() / max(1.0, float((values == 0).sum()))
    return pl.Series(np.where((values == 0) & (draw.random(len(values)) < more), 1.0, values))


def _warning(data: Path, rounds: int) -> None:
    """The real panel by what the applicants said, and with a segment made to turn in its last three months."""
    panel = _segmented(data)
    say(
        f"\n## Early warning: {panel['account_id'].n_unique():,} accounts, {panel['month'].n_unique()} months"
    )
    for segment in _SEGMENTS:
        chance = false_alarms(panel, STATES, [segment], EARLY, rounds=rounds, person="person")
        say(f"{segment}: people dealt anew, any alarm in {chance} of {rounds} books")
    _trade_off(panel, rounds)
    _foretells(panel)
    flagged, quiet = [], []
    for origin in range(-36, -5):
        told = turning_segments(panel.filter(pl.col("month") <= origin), STATES, list(_SEGMENTS[:2]), EARLY)
        later = _late_steps(panel, origin, list(_SEGMENTS[:2]))
        both = told.join(later, on=list(_SEGMENTS[:2]), how="inner")
        flagged += both.filter("is_turning")["change"].to_list()
        quiet += both.filter(~pl.col("is_turning"))["change"].to_list()
    say(
        f"31 origins by income and housing: {len(flagged)} alarms; 60+ accounts six months on over then: "
        f"mean change {_mean(flagged):+.4f} where turning, {_mean(quiet):+.4f} elsewhere"
    )
    say("\n| steps out of good standing, times | share seen (95 %) |\n|---|---|")
    draw = np.random.default_rng(6)
    for times in (1.5, 2.0, 3.0):
        seen = 0
        tries = max(20, rounds // 4)
        for _ in range(tries):
            told = turning_segments(_turned(panel, draw, times), STATES, ["NAME_HOUSING_TYPE"], EARLY)
            seen += bool(told.filter(pl.col("NAME_HOUSING_TYPE") == "With parents")["is_turning"].any())
        say(f"| {times} | {share_interval(seen, tries)} |")


def _segmented(data: Path) -> pl.DataFrame:
    """The panel by what the applicants said."""
    people = pl.read_csv(data / "credit_record_applicants.csv.gz").select(
        pl.col("ID").alias("account_id"), *_SEGMENTS
    )
    return (
        delinquency(data)
        .panel.select("account_id", "month", "state", "person")
        .join(people.unique("account_id"), on="account_id", how="inner")
    )


def _trade_off(panel: pl.DataFrame, rounds: int) -> None:
    """By how many recent months are looked at: how often anything is called turning where people are dealt anew, and how often a
    segment is whose steps were so many times what its own past gives, for as many months. The steps of all segments in the months
    since are drawn from their own past rates, moved as the book moved.
    """
    draw, windows, levels = np.random.default_rng(7), (1, 3, 6), (0.05, 0.20)
    known = panel.filter(pl.col("month") >= -30)
    say(
        "\n| by | recent months | level | any false alarm | turned | its steps in them | 1.25 times | 1.5 | 2 | 3 |"
    )
    say("|---|---|---|---|---|---|---|---|---|---|")
    for by, turned in (("NAME_HOUSING_TYPE", "With parents"), ("NAME_INCOME_TYPE", "Commercial associate")):
        people = known.select("person", by).unique("person", keep="last", maintain_order=True)
        false = dict.fromkeys(((window, level) for window in windows for level in levels), 0)
        deals = max(40, rounds // 4)
        for _ in range(deals):
            dealt = people.select("person").hstack(people.select(by)[draw.permutation(people.height)])
            counts = monthly_steps(known.drop(by).join(dealt, on="person", how="left"), STATES, [by], EARLY)
            for window, level in false:
                told = turning_counts(counts, [by], recent=window, level=level)
                false[window, level] += bool(told["is_turning"].any())
        counts = monthly_steps(known, STATES, [by], EARLY)
        for (window, level), alarms in false.items():
            seen, steps = [], 0.0
            for times in (1.25, 1.5, 2.0, 3.0):
                found = 0
                for _ in range(_TRIES):
                    made, steps = _drawn_steps(counts, by, turned, window, times, draw)
                    told = turning_counts(made, [by], recent=window, level=level)
                    found += bool(told.filter(pl.col(by) == turned)["is_turning"].any())
                seen.append(f"{100 * found / _TRIES:.0f} %")
            share = share_interval(alarms, deals)
            say(f"| {by} | {window} | {level} | {share} | {turned} | {steps:.0f} | {' | '.join(seen)} |")


def _drawn_steps(
    counts: pl.DataFrame, by: str, turned: str, window: int, times: float, draw: np.random.Generator
) -> tuple[pl.DataFrame, float]:
    """The counts with the last months' steps drawn anew, the turned segment's so many times as likely; and how many steps it
    would have had unturned.
    """
    last = int(counts["month"].to_numpy().max())
    is_new, is_past = (
        pl.col("month") > last - window,
        pl.col("month").is_between(last - window - 11, last - window),
    )
    rate = pl.col("steps").filter(is_past).sum().over(by) / pl.col("at_risk").filter(is_past).sum().over(by)
    whole = counts.group_by("month").agg(_moved=pl.col("steps").sum() / pl.col("at_risk").sum())
    usual = counts.filter(is_past).select(pl.col("steps").sum() / pl.col("at_risk").sum()).item()
    rows = counts.with_columns(_rate=rate.fill_null(0.0)).join(whole, on="month", maintain_order="left")
    is_turned = (pl.col(by) == turned) & is_new
    chance = rows.select(
        (pl.col("_rate") * pl.col("_moved") / usual * pl.when(is_turned).then(times).otherwise(1.0)).clip(
            0, 1
        )
    )
    drawn = draw.binomial(rows["at_risk"].to_numpy(), np.nan_to_num(chance.to_series().to_numpy()))
    made = rows.with_columns(steps=pl.when(is_new).then(pl.Series(drawn)).otherwise("steps")).select(
        counts.columns
    )
    mean = (
        rows.filter(is_turned)
        .select((pl.col("_rate") * pl.col("_moved") / usual * pl.col("at_risk")).sum())
        .item()
    )
    return made, float(mean)


def _foretells(panel: pl.DataFrame) -> None:
    """Whether segments that move more than the rest of the book are later than the rest half a year on: rank correlation over
    segments, a mean over origins three months apart, which share few of their months.
    """
    from scipy.stats import spearmanr

    for by in _SEGMENTS:
        told = []
        for origin in range(-42, -5, 3):
            moved = turning_segments(panel.filter(pl.col("month") <= origin), STATES, [by], EARLY)
            both = moved.join(_late_steps(panel, origin, [by]), on=[by], how="inner")
            if both.height >= _SEGMENTS_MIN:
                told.append(float(spearmanr(both["ratio"].to_numpy(), both["change"].to_numpy()).statistic))
        ranks = np.array(told)
        half = 1.96 * ranks.std(ddof=1) / np.sqrt(len(ranks))
        say(
            f"{by}: rank correlation of the move with the change of 60+ six months on, {len(ranks)} origins: "
            f"{ranks.mean():+.2f} ({ranks.mean() - half:+.2f} to {ranks.mean() + half:+.2f})"
        )


def _late_steps(panel: pl.DataFrame, origin: int, by: list[str]) -> pl.DataFrame:
    """By segment, the share of accounts 60 days late or more six months after the origin less that of the origin."""
    shares = [
        panel.filter(pl.col("month") == month)
        .group_by(pl.col(one).fill_null("not known") for one in by)
        .agg(pl.col("state").is_in(sorted(STATES.late)).mean().alias(name))
        for month, name in ((origin, "then"), (origin + 6, "later"))
    ]
    return shares[0].join(shares[1], on=by).with_columns(change=pl.col("later") - pl.col("then"))


def _turned(panel: pl.DataFrame, draw: np.random.Generator, times: float) -> pl.DataFrame:
    """More of the people who live with their parents step out of good standing in the last three months."""
    last = int(panel["month"].to_numpy().max())
    is_well = pl.col("state").is_in(["X", "C", "0"])
    mine = (pl.col("NAME_HOUSING_TYPE") == "With parents") & (pl.col("month") > last - 3)
    rate = panel.filter(mine).select(1 - is_well.mean()).item()
    more = pl.Series(draw.random(panel.height) < (times - 1) * rate)
    return panel.with_columns(state=pl.when(mine & is_well & more).then(pl.lit("1")).otherwise("state"))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    main()
