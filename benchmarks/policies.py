"""Whom to call first, compared in the world: rules, a learned marginal value of a call, ours, and one who knows everything.

All may make the same calls a day to the same people with the same luck, in several worlds. What counts is the money beyond
calling nobody, less the cost of the calls; complaints, fatigue and the hardest tenth stand beside it. ``--turned`` lets times
turn half-way; ``--single`` asks how near to the known best one comes with a single debtor, learning from logged lives alone.
These are results of a simulation. Run: ``python -m benchmarks.policies [--accounts N] [--calls N] [--days N] [--worlds N]``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measuring import load, say, today
from dunwell.rehearsal.comparing import OURS, SEER, by_block, hard_pressed, policies_of, turned
from dunwell.rehearsal.learning_policy import Settings, learning
from dunwell.rehearsal.policies import RULES
from dunwell.rehearsal.policy_trial import compare, told
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
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--turned", action="store_true", help="times turn half-way")
    parser.add_argument("--single", type=int, default=0, metavar="DRAWS", help="single debtors instead")
    parser.add_argument("--out", type=Path, default=Path(".build/benchmarks"))
    chosen = parser.parse_args()
    if chosen.single:
        single_debtors(chosen.single)
        return
    busy = time.process_time()
    trial = hard_pressed(chosen.accounts, chosen.calls, chosen.days)
    policies = policies_of(trial, with_pilots=not chosen.turned)
    if chosen.turned:
        trial = turned(trial)
        unwatched = Settings(trial.call_cost_minor, surprise_most=np.inf)
        policies = {
            **{name: policies[name] for name in ("highest balance first", "constant effort", OURS)},
            "ours, forgetting nothing": learning(unwatched),
            SEER: policies[SEER],
        }
    results, daily = compare(trial, policies, range(chosen.worlds))
    chosen.out.mkdir(parents=True, exist_ok=True)
    results.write_parquet(chosen.out / ("policies_turned.parquet" if chosen.turned else "policies.parquet"))
    daily.write_parquet(
        chosen.out / ("policy_days_turned.parquet" if chosen.turned else "policy_days.parquet")
    )
    say(
        f"{today()}, load {load():.1f}: {chosen.accounts:,} accounts, {chosen.calls} calls a day, {chosen.days} days, "
        f"{chosen.worlds} worlds, {time.process_time() - busy:.0f} CPU s"
    )
    for line in table_lines(told(results, [name for name in RULES if name in policies])):
        say(line)
    for row in (
        by_block(daily, BLOCK_DAYS).filter(pl.col("policy") != "nobody is called").iter_rows(named=True)
    ):
        say(
            f"{row['policy']:26} from day {row['first_day']:>3}: {row['net_minor'] / 100:>9,.0f} "
            f"+- {row['error_minor'] / 100:,.0f}, {row['share']:.0%} of what can be known"
        )


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
