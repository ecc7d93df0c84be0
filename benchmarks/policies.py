"""Whom to call first, compared in the world: rules, a learned marginal value of a call, and one who knows everything.

All make the same calls a day to the same people with the same luck, in several worlds. What counts is the money beyond calling
nobody, less the cost of the calls; complaints, fatigue and the hardest tenth stand beside it. These are results of a simulation.
Run: ``python -m benchmarks.policies [--accounts N] [--calls N] [--days N] [--worlds N]``.
"""

import argparse
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from benchmarks.measuring import load, say, today
from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.policies import RULES, clairvoyant, marginal_value
from dunwell.rehearsal.policy_trial import Trial, compare, pilot, told

AS_OF = date(2026, 6, 30)
CALL_COST_MINOR = 100.0
PILOTS = 3


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--calls", type=int, default=50, help="calls a day")
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path(".build/benchmarks/policies.parquet"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_portfolio(Path(folder), chosen.accounts, 11, AS_OF, jurisdictions=["us"], stress=4.0)
        census = read_census(Path(folder), read_terms(TERMS_FOLDER), AS_OF)
    busy = time.process_time()
    trial = Trial(census, read_effects(), AS_OF, chosen.calls, chosen.days, CALL_COST_MINOR)
    logs = [pilot(trial, 1_000 + number) for number in range(PILOTS)]
    policies = {
        **RULES,
        "marginal value of a call": marginal_value(logs),
        "clairvoyant": clairvoyant(AS_OF + timedelta(days=chosen.days)),
    }
    results = compare(trial, policies, range(chosen.worlds))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    results.write_parquet(chosen.out)
    say(
        f"{today()}, load {load():.1f}: {chosen.accounts:,} accounts, {chosen.calls} calls a day, {chosen.days} days, "
        f"{chosen.worlds} worlds, {sum(len(log.cells) for log in logs):,} people-days of pilots, "
        f"{time.process_time() - busy:.0f} CPU s"
    )
    say(
        f"{'':26} {'net':>10} {'gain over the best rule, 95 %':>32} {'30+':>6} {'fatigue':>8} {'complaints':>11} {'stops':>6}"
    )
    for row in told(results, list(RULES)).iter_rows(named=True):
        gain = f"{row['gain']:+.0%} ({row['gain_low']:+.0%} to {row['gain_high']:+.0%})"
        if row["is_best_rule"]:
            gain = "the best rule"
        say(
            f"{row['policy']:26} {row['net_minor'] / 100:>10,.0f} {gain:>32} {row['late_30']:>6.0f} {row['fatigue']:>8.2f} "
            f"{row['complaints']:>11.1f} {row['stops']:>6.1f}   hardest tenth: {row['hardest_money_minor'] / 100:,.0f}, "
            f"fatigue {row['hardest_fatigue']:.2f}; most called tenth: {row['most_calls']:.1f} calls"
        )


if __name__ == "__main__":
    main()
