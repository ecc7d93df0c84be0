"""How long ``dunwell --help`` takes: ``python -m benchmarks.startup --repeats 20``."""

import argparse
from statistics import median

from benchmarks.measuring import DUNWELL, load, run_process, say


def main(words: list[str] | None = None) -> None:
    """Time the command's help and print fastest, median and slowest, beside an empty interpreter."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args(words).repeats
    python = DUNWELL.with_name("python")
    runs = [(run_process([DUNWELL, "--help"]), run_process([python, "-c", ""])) for _ in range(repeats)]
    for label, walls, cpus in (
        ("dunwell --help", [run.wall_s for run, _ in runs], [run.cpu_s for run, _ in runs]),
        ("python -c ''  ", [bare.wall_s for _, bare in runs], [bare.cpu_s for _, bare in runs]),
    ):
        say(
            f"{label}  wall {median(walls):.3f} s ({min(walls):.3f} to {max(walls):.3f}), CPU {median(cpus):.3f} s"
        )
    say(f"{repeats} runs each, load average {load():.1f}")


if __name__ == "__main__":
    main()
