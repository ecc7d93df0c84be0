"""One process, measured from outside: wall time, CPU seconds and peak memory; and the machine it ran on.

Standard library alone: a child's peak memory is counted from its fork, so the process that forks must stay small.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DUNWELL = Path(sys.executable).with_name("dunwell")


class Failed(RuntimeError):
    """A measured command did not succeed; carries what it printed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a process: seconds on the clock, CPU seconds (user and system), peak memory in MiB; and what its
    own stopwatch said of the part that counts, when it carries one (``inner_*``).
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    inner_wall_s: float | None = None
    inner_cpu_s: float | None = None


def run_process(command: Sequence[object], cwd: Path = PROJECT) -> Run:
    """Run a command to its end and measure it. Raises Failed when it does not exit with 0."""
    words = [str(word) for word in command]
    began = time.perf_counter()
    with subprocess.Popen(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{' '.join(words)}: exit {process.returncode}\n{printed}")
    inner = _stopwatch(printed)
    return Run(
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2),
        inner.get("wall_s"),
        inner.get("cpu_s"),
    )


def run_subject(name: str, *arguments: object) -> Run:
    """Run one of ``benchmarks.subjects`` in a process of its own."""
    return run_process([sys.executable, "-m", "benchmarks.subjects", name, *arguments])


def _stopwatch(printed: str) -> dict[str, float]:
    """The last line, when it is a subject's stopwatch."""
    lines = printed.splitlines()
    if not lines or not lines[-1].startswith('{"wall_s"'):
        return {}
    found: dict[str, float] = json.loads(lines[-1])
    return found


def machine() -> dict[str, str]:
    """What the figures were measured on: processor, cores, memory, system, versions."""
    from importlib.metadata import version

    facts = {
        "processor": _line_of("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    facts["commit"] = _commit()
    return facts | {part: version(part) for part in ("dunwell", "polars", "pyarrow", "numba", "numpy")}


def _commit() -> str:
    """The code that was measured: its commit, and whether files differ from it; unknown outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=, with changes"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()


def load() -> float:
    """The load average of the last minute: how many others wanted the machine."""
    return os.getloadavg()[0]


def today() -> str:
    """The day and minute, UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def say(text: str) -> None:
    """A line to whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _memory() -> str:
    kib = _line_of("/proc/meminfo", "MemTotal")
    return f"{int(kib.split()[0]) / 1024**2:.0f} GiB" if kib else "unknown"


def _line_of(file: str, key: str) -> str:
    if not Path(file).is_file():
        return ""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
