"""Settlements and recoveries on real loans: ``python -m benchmarks.insight_settlement``.

LendingClub, 36-month loans issued April to August 2015, outcomes as of early 2019. Which settlements broke, from
what was known when they were agreed: ten times five stratified folds (seeds from 42). Then what came back after
charge-off. Zip codes are not used. Offers were not drawn by lot: nothing here says what another offer would do.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from benchmarks.measuring import load, say, today
from dunwell.insight.scoring.measures import (
    auc,
    auc_delong,
    calibration_error,
    calibration_gap,
    calibration_noise,
)
from dunwell.insight.settlement import LossModel, breakage_model, by_term, matured, plan_inputs

Floats = NDArray[np.float64]

SEEN_UNTIL = date(2019, 1, 31)
REPEATS = 10
_MONTHS = 36
_FILE = "lendingclub_outcomes_2015.csv.gz"


def charged_off(folder: Path) -> pl.DataFrame:
    """The loans that were charged off, with what was owed then (exposure) and what had been paid before."""
    rate = pl.col("int_rate") / 1200
    funded = pl.col("installment") * (1 - (1 + rate) ** -_MONTHS) / rate
    rows = pl.read_csv(folder / _FILE).filter(pl.col("loan_status") == "Charged Off")
    return rows.with_columns(funded=funded).with_columns(
        exposure=pl.col("funded") - pl.col("total_rec_prncp"),
        paid_months=(pl.col("total_pymnt") - pl.col("recoveries")) / pl.col("installment"),
        paid_share=pl.col("total_rec_prncp") / pl.col("funded"),
    )


def settlements(folder: Path) -> tuple[pl.DataFrame, Floats]:
    """The settlements that came to an end, as plans with what was known when they were agreed; whether each broke."""
    rows = charged_off(folder).filter(pl.col("settlement_status").is_in(["COMPLETE", "BROKEN"]))
    agreed_on = pl.col("settlement_date").str.to_date()
    months = (agreed_on - pl.col("issue_d").str.to_date()).dt.total_days() / 30.4375
    plans = rows.select(
        "int_rate",
        "exposure",
        "paid_months",
        late_fee=pl.col("total_rec_late_fee"),
        months_on_book=months,
        agreed_on=agreed_on,
        term_months=pl.col("settlement_term").cast(pl.Int64),
        agreed_minor=(pl.col("settlement_amount") * 100).round(),
        balance_minor=(pl.col("settlement_amount") / pl.col("settlement_percentage") * 10_000).round(),
        instalment_minor=(pl.col("installment") * 100).round(),
    )
    broken = rows.select((pl.col("settlement_status") == "BROKEN").cast(pl.Float64)).to_series().to_numpy()
    return plan_inputs(plans), broken


def breakage(plans: pl.DataFrame, broken: Floats, repeats: int = REPEATS) -> tuple[list[float], Floats]:
    """The AUC of each repeat over its five folds' held-out plans, and the first repeat's chances."""
    inputs, aucs, first = plans.drop("agreed_on"), [], np.zeros(len(broken))
    for repeat in range(repeats):
        told = np.zeros(len(broken))
        for learned, held in StratifiedKFold(5, shuffle=True, random_state=42 + repeat).split(broken, broken):
            model = breakage_model(psi_max=10.0).fit(inputs[learned], pl.Series(broken[learned]))
            told[held] = model.predict_proba(inputs[held])[:, 1]
        aucs.append(auc(broken, told))
        first = first if repeat else told
    return aucs, first


def losses(folder: Path) -> tuple[pl.DataFrame, Floats]:
    """What was known at charge-off, and the share of the exposure that came back (at most all of it)."""
    rows = charged_off(folder)
    share = (rows["recoveries"] / rows["exposure"]).clip(0, 1).to_numpy()
    inputs = [
        "int_rate",
        "installment",
        "funded",
        "exposure",
        "paid_share",
        "paid_months",
        "total_rec_late_fee",
    ]
    return rows.select(inputs), share


def _tell_breakage(name: str, plans: pl.DataFrame, broken: Floats, aim: str) -> Floats:
    aucs, told = breakage(plans, broken)
    say(
        f"| {name} ({len(broken):,}; {broken.mean():.1%} broken) | AUC {np.mean(aucs):.4f} (repeats {min(aucs):.3f} to "
        f"{max(aucs):.3f}; one repeat's own interval {auc_delong(broken, told)}), calibration error "
        f"{calibration_error(broken, told):.4f} (a perfect forecast: {calibration_noise(told):.4f}; beyond chance "
        f"{calibration_gap(broken, told):.4f}) | {aim} |"
    )
    return told


def main(words: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_settlement", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    asked = parser.parse_args(words)
    say(f"{today()}, load average {load():.1f}\n")
    if not (asked.data / _FILE).is_file():
        say(f"{asked.data / _FILE} is absent, not measured")
        return
    plans, broken = settlements(asked.data)
    say("| task | measured | aim |\n|---|---|---|")
    told = _tell_breakage("settlement breaks, all that ended", plans, broken, "AUC >= 0.73")
    ended = plans.with_columns(broken=pl.Series(broken))
    had_time = matured(ended, SEEN_UNTIL)
    _tell_breakage(
        "the same, of those whose term had run", had_time.drop("broken"), had_time["broken"].to_numpy(), ""
    )
    frame, share = losses(asked.data)
    learned = np.random.default_rng(42).permutation(len(share)) < 0.75 * len(share)
    model = LossModel().fit(frame.filter(pl.Series(learned)), pl.Series(share[learned]))
    held = model.predict_frame(frame.filter(pl.Series(~learned)))
    actual, mean = share[~learned], share[learned].mean()
    expected = 1 - held["loss_share"].to_numpy()
    r2 = 1 - ((actual - expected) ** 2).sum() / ((actual - mean) ** 2).sum()
    inside = (held["loss_low"].to_numpy() <= 1 - actual) & (1 - actual <= held["loss_high"].to_numpy())
    came, chance = (actual > 0).astype(np.float64), held["chance_of_any"].to_numpy()
    say(
        f"| any recovery ({len(actual):,} held back; {came.mean():.1%}) | AUC {auc_delong(came, chance)}, "
        f"calibration error {calibration_error(came, chance):.4f} | 0.653 |"
    )
    say(
        f"| recovered share | R2 {r2:.3f} (of its size given any: {model.amount_r2_:.3f}); mean {expected.mean():.4f} foretold, "
        f"{actual.mean():.4f} came; the 90 % interval held {inside.mean():.1%} | R2 about 0.03 |"
    )
    say(f"\n{model.told()}\n\n| months | plans | foretold | broken (95 %) |\n|---|---|---|---|")
    for row in by_term(plans["term_months"], pl.Series(broken), pl.Series(told)).iter_rows(named=True):
        seen = f"{row['broken']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        say(f"| {row['term']} | {row['plans']} | {row['foretold']:.3f} | {seen} |")


if __name__ == "__main__":
    main()
