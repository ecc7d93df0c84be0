"""``dunwell rehearse``: policies compared in worlds of debtors who answer, before any of them touches a person."""

import json
from pathlib import Path

from dunwell.cli.progress import prepare_kernels, progress
from dunwell.rehearsal.comparing import hard_pressed, policies_of, turned
from dunwell.rehearsal.policies import RULES
from dunwell.rehearsal.policy_trial import compare, told
from dunwell.rehearsal.policy_words import table_lines


def rehearse_policies(
    seeds: int, accounts: int, calls: int, days: int, times_turn: bool, out: Path | None, as_json: bool
) -> int:
    """Compare every policy in so many worlds, print a table, and write the outcomes; returns the exit code."""
    prepare_kernels("ledger", "world")
    with progress() as report:
        trial = hard_pressed(accounts, calls, days)
        policies = policies_of(trial)
        results, _ = compare(turned(trial) if times_turn else trial, policies, range(seeds), report)
    if out is not None:
        results.write_parquet(out)
    compared = told(results, list(RULES))
    if as_json:
        print(json.dumps({"policies": json.loads(compared.write_json())}, indent=2))
        return 0
    print(f"{accounts:,} accounts, {calls} calls a day, {days} days, {seeds} worlds; net in USD")
    for line in table_lines(compared):
        print(line)
    if out is not None:
        print(f"every world's outcome: {out}")
    return 0
