"""Whom to call first, compared in the world: rules, a learned marginal value of a call, ours, and one who knows everything.

All may make the same calls a day to the same people with the same luck, in several worlds. What counts is the money beyond
calling nobody, less the cost of the calls; complaints, fatigue and the hardest tenth stand beside it. ``--turned`` lets times
turn half-way; ``--single`` asks how near to the known best one comes with a single debtor, learning from logged lives alone.
These are results of a simulation. Run: ``python -m benchmarks.policies [--accounts N] [--calls N] [--days N] [--worlds N]``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measuring import load, say, today
from dunwell.rehearsal.comparing import (
    KNOWS_NEW,
    OURS,
    SEER,
    TOLD,
    by_block,
    hard_pressed,
    policies_of,
    policies_of_turned_times,
    tuned_settings,
    turned,
)
from dunwell.rehearsal.policies import RULES, Policy
from dunwell.rehearsal.policy_trial import IDLE, Trial, compare, t95, told
from dunwell.rehearsal.policy_words import table_lines
from dunwell.rehearsal.repayment import RepaymentProcess, best_control, simulate, untreated_value
from dunwell.rehearsal.repayment_log import learned_frontier, logged_lives

BLOCK_DAYS = 15
BALANCE, INTENSITY = 75.0, 0.11


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=50, help="calls a day")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--first", type=int, default=100, help="the first world's seed")
    parser.add_argument("--turned", action="store_true", help="times turn half-way")
    parser.add_argument("--single", type=int, default=0, metavar="DRAWS", help="single debtors instead")
    parser.add_argument("--out", type=Path, default=Path(".build/benchmarks"))
    chosen = parser.parse_args()
    if chosen.single:
        single_debtors(chosen.single)
        return
    busy = time.process_time()
    trial = hard_pressed(chosen.accounts, chosen.calls, chosen.days)
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.turned:
        trial = turned(trial)
        policies, name = policies_of_turned_times(trial), "turned"
    else:
        policies, name = _as_tuned(trial, chosen.out / "settings.json"), "policies"
    parts = []
    for seed in range(chosen.first, chosen.first + chosen.worlds):
        # A world that was lived through already is not lived through again: a long comparison can be taken up where it stopped.
        place = chosen.out / f"{name}-{chosen.accounts}-{chosen.calls}-{chosen.days}-{seed}"
        if not place.is_dir():
            results, daily = compare(trial, policies, [seed])
            place.mkdir()
            daily.write_parquet(place / "daily.parquet")
            results.write_parquet(place / "results.parquet")
        parts.append((pl.read_parquet(place / "results.parquet"), pl.read_parquet(place / "daily.parquet")))
    results, daily = (pl.concat(frames) for frames in zip(*parts, strict=True))
    say(
        f"{today()}, load {load():.1f}: {chosen.accounts:,} accounts, {chosen.calls} calls a day, {chosen.days} days, "
        f"{chosen.worlds} worlds, {time.process_time() - busy:.0f} CPU s"
    )
    for line in table_lines(told(results, [name for name in RULES if name in policies] or [OURS])):
        say(line)
    for line in differences(results):
        say(line)
    if chosen.turned:
        for line in recovery(daily, chosen.days // 2):
            say(line)
    for row in by_block(daily, BLOCK_DAYS).filter(pl.col("policy") != IDLE).iter_rows(named=True):
        say(
            f"{row['policy']:26} from day {row['first_day']:>3}: {row['net_minor'] / 100:>9,.0f} "
            f"+- {row['error_minor'] / 100:,.0f}, {row['share']:.0%} of what can be known"
        )


def _as_tuned(trial: Trial, file: Path) -> dict[str, Policy]:
    """Everybody tuned; what was chosen is kept in a file and not sought again."""
    if not file.is_file():
        file.write_text(json.dumps(tuned_settings(trial), indent=1))
    words = json.loads(file.read_text())
    for name, setting in words.items():
        say(f"{name}: {setting}")
    return policies_of(trial, words)


def differences(results: pl.DataFrame) -> list[str]:
    """Ours less every other policy, by world, with its 95 % interval; and in how many worlds the one who knows all is first."""
    wide = results.pivot(on="policy", index="seed", values="net_minor").sort("seed")
    ours = wide[OURS].to_numpy() / 100
    lines = []
    for name in wide.columns[1:]:
        if name in (OURS, IDLE):
            continue
        less = ours - wide[name].to_numpy() / 100
        half = t95(len(less) - 1) * less.std(ddof=1) / np.sqrt(len(less))
        lines.append(
            f"ours less {name}: {less.mean():,.0f} ({less.mean() - half:,.0f} to {less.mean() + half:,.0f})"
        )
    others = wide.drop("seed", SEER, IDLE).to_numpy().max(axis=1)
    first = int((wide[SEER].to_numpy() > others).sum())
    return [*lines, f"{SEER}: first in {first} of {wide.height} worlds"]


def recovery(daily: pl.DataFrame, turn: int) -> list[str]:
    """By blocks of days after the turn, how far each is from one who knew the new times beforehand, with its 95 % interval."""
    wide = (
        daily.filter(pl.col("day") >= turn)
        .with_columns(((pl.col("day") - turn) // BLOCK_DAYS * BLOCK_DAYS).alias("first_day"))
        .group_by("policy", "seed", "first_day")
        .agg(pl.col("net_minor").sum() / 100)
        .pivot(on="policy", index=["first_day", "seed"], values="net_minor")
        .sort("first_day", "seed")
    )
    lines = []
    for block in wide.partition_by("first_day"):
        first_day = int(block["first_day"][0])
        for name in (OURS, TOLD):
            less = (block[name] - block[KNOWS_NEW]).to_numpy()
            half = t95(len(less) - 1) * less.std(ddof=1) / np.sqrt(len(less))
            lines.append(
                f"day {first_day} after the turn, {name} less {KNOWS_NEW} ({block[KNOWS_NEW].to_numpy().mean():,.0f}): "
                f"{less.mean():,.0f} ({less.mean() - half:,.0f} to {less.mean() + half:,.0f})"
            )
    return lines


def single_debtors(draws: int) -> None:
    """How near to the known best the learned frontier comes, over parameters drawn at random."""
    generator = np.random.default_rng(5)
    shares = []
    for draw in range(draws):
        process = RepaymentProcess() if draw == 0 else drawn_process(generator)
        best = best_control(process, 100.0, intensity_steps=300, steps_a_share=8)
        log = logged_lives(process, 100.0, 40_000, 30, draw)
        mine = learned_frontier(log, process.effort_cost, process.discount_rate, best)
        nets = [
            simulate(process, INTENSITY, BALANCE, 40_000, 7, control=one).net.mean() for one in (best, mine)
        ]
        nothing = untreated_value(process, INTENSITY, BALANCE)
        shares.append(nets[1] / nets[0])
        say(
            f"draw {draw}: untreated {nothing:.2f}, learned {nets[1]:.2f}, best {nets[0]:.2f}: {shares[-1]:.2%}"
        )
    say(f"{today()}: mean {np.mean(shares):.2%}, least {min(shares):.2%} of the best, {draws} draws")


def drawn_process(generator: np.random.Generator) -> RepaymentProcess:
    """A process with parameters from half to twice the reference's, about."""
    return RepaymentProcess(
        resting_intensity=generator.uniform(0.05, 0.2),
        return_rate=generator.uniform(0.4, 1.2),
        jump=generator.uniform(0.0, 0.05),
        jump_per_share=generator.uniform(0.2, 0.8),
        discount_rate=generator.uniform(0.03, 0.1),
        effort_cost=generator.uniform(3.0, 10.0),
        least_share=generator.uniform(0.05, 0.2),
    )


if __name__ == "__main__":
    main()
