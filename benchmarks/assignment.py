"""How fast treatments are assigned: ten million customers, eight treatments, ten capacities; and HiGHS where it can follow.

``python -m benchmarks.assignment`` runs both parts, each problem in a process of its own. Seconds of processor are told beside
those of the clock, since other work on a machine alters them less.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import polars as pl

from benchmarks.assignment_inputs import Solved, solve_with_highs
from benchmarks.measuring import load, say, today
from dunwell.rehearsal.benchmark_choices import made_frames
from dunwell.strategy import Assignment, assign
from dunwell.strategy.assignment_pacing import left_of


def use_by_polars(assigned: pl.DataFrame, candidates: pl.DataFrame, uses: pl.DataFrame) -> dict[str, int]:
    """What an assignment uses of each capacity, added up without the code that is measured."""
    frame = candidates.with_columns(assigned["treatment"].cast(pl.String).alias("treatment"))
    amounts = {
        (row["treatment"], row["capacity"]): pl.lit(row["amount"])
        if row["column"] is None
        else pl.col(row["column"])
        for row in uses.iter_rows(named=True)
    }
    sums = [
        pl.when(pl.col("treatment") == treatment)
        .then(amount.cast(pl.Int64))
        .sum()
        .alias(f"{treatment}>{capacity}")
        for (treatment, capacity), amount in amounts.items()
    ]
    total: dict[str, int] = {}
    for name, value in frame.select(sums).row(0, named=True).items():
        capacity = name.split(">")[1]
        total[capacity] = total.get(capacity, 0) + (value or 0)
    return total


def is_kept(done: Assignment, candidates: pl.DataFrame, uses: pl.DataFrame) -> bool:
    """Whether every capacity is kept, to the unit."""
    total = use_by_polars(done.assigned, candidates, uses)
    return all(
        total[name] <= most for name, most in done.capacities.select("capacity", "available").iter_rows()
    )


def measure_alone(count: int, seed: int) -> None:
    """One problem in this process, after a small one to compile: cold, and again an hour later. Prints JSON."""
    assign(*made_frames(3000))
    candidates, uses, capacities = made_frames(count, seed)
    made_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, busy = time.perf_counter(), time.process_time()
    done = assign(candidates, uses, capacities)
    cold = time.perf_counter() - began, time.process_time() - busy
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kept = is_kept(done, candidates, uses)
    # An hour later: of each treatment a fiftieth is done, and its uses are spent.
    is_done = pl.Series(np.random.default_rng(1).random(count) < 0.02)
    spent = use_by_polars(done.assigned.filter(is_done), candidates.filter(is_done), uses)
    left = candidates.filter(~is_done)
    changed = left_of(capacities, pl.DataFrame({"capacity": list(spent), "used": list(spent.values())}))
    began, busy = time.perf_counter(), time.process_time()
    again = assign(left, uses, changed, earlier=done.capacities)
    warm = time.perf_counter() - began, time.process_time() - busy
    say(
        json.dumps(
            {
                "cold": cold,
                "warm": warm,
                "gap": done.gap,
                "warm_gap": again.gap,
                "kept": kept and is_kept(again, left, uses),
                "value": done.value,
                "bound": done.bound,
                "made_mib": made_mib,
                "peak_mib": peak_mib,
            }
        )
    )


def measure_large(count: int, rounds: int) -> None:
    """Rounds of one size, each in a process of its own."""
    say(f"{count:,} customers x 8 treatments x 10 capacities")
    say("  round  load   wall s   CPU s   peak MiB   gap       kept   an hour later: wall s   CPU s   gap")
    colds = []
    for number in range(1, rounds + 1):
        load_before = load()
        run = json.loads(run_alone(count, number))
        (wall, cpu), (warm_wall, warm_cpu) = run["cold"], run["warm"]
        colds.append((wall, cpu))
        say(
            f"  {number:5}  {load_before:4.1f}  {wall:7.2f} {cpu:7.2f}   {run['peak_mib']:8.0f}   {run['gap']:.1e}   "
            f"{'yes' if run['kept'] else 'NO':4}   {warm_wall:28.2f} {warm_cpu:7.2f}   {run['warm_gap']:.1e}"
        )
    wall, cpu = (statistics.median(each) for each in zip(*colds, strict=True))
    say(f"  median {wall:.2f} s by the clock, {cpu:.2f} s of processor")


def run_alone(count: int, seed: int) -> str:
    """The last line that a process of its own prints."""
    command = [sys.executable, "-m", "benchmarks.assignment", "--alone", str(count), str(seed)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


def measure_against_highs(count: int, solvers: list[str], whole_s: float) -> None:
    """The same frames to HiGHS: the linear bound by each solver, and the best whole answer within a time."""
    frames = made_frames(count)
    assign(*frames)
    runs = []
    for _ in range(5):
        began, busy = time.perf_counter(), time.process_time()
        done = assign(*frames)
        runs.append((time.perf_counter() - began, time.process_time() - busy))
    wall, cpu = (min(each) for each in zip(*runs, strict=True))
    say(
        f"{count:,} customers: {wall:.3f} s, {cpu:.3f} CPU s (best of 5); value {done.value:.2f}, gap {done.gap:.1e}"
    )
    for solver in solvers:
        relaxed = solve_with_highs(*frames, is_whole=False, solver=solver, seconds_most=900)
        tell(f"HiGHS {solver}, linear", relaxed, wall, cpu, done)
    if whole_s:
        best = solve_with_highs(*frames, is_whole=True, seconds_most=whole_s, gap=1e-6)
        tell("HiGHS, whole choices", best, wall, cpu, done)


def tell(name: str, solved: Solved, wall: float, cpu: float, done: Assignment) -> None:
    """One line: HiGHS's seconds by ours, its value and bound beside ours."""
    if math.isfinite(solved.value) and solved.value > 0:
        value, bound = done.value / solved.value - 1, done.bound / solved.bound - 1
        beside = f"our value / its value - 1 = {value:+.1e}, our bound / its bound - 1 = {bound:+.1e}"
    else:
        beside = "no answer yet"
    say(
        f"  {name:24} {solved.status:18} {solved.wall_s:8.2f} s {solved.cpu_s:8.2f} CPU s, {solved.cpu_s / cpu:5.0f} times ours"
        f" (clock {solved.wall_s / wall:.0f}); {beside}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole-seconds", type=float, default=60, help="for HiGHS to look for whole answers")
    parser.add_argument("--no-highs", action="store_true")
    parser.add_argument("--alone", type=int, nargs=2, metavar=("CUSTOMERS", "SEED"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone:
        measure_alone(*chosen.alone)
        return
    say(today())
    measure_large(chosen.customers, chosen.rounds)
    if not chosen.no_highs:
        measure_against_highs(10_000, ["simplex", "ipm"], chosen.whole_seconds)
        measure_against_highs(100_000, ["ipm"], 0)


if __name__ == "__main__":
    main()
