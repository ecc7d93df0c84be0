"""What takes longer than somebody waits for a page: a command of dunwell's own, run by the keeper in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from dunwell.office.workplace import Workplace


def run_beside(place: Workplace, words: Sequence[str], answer: Path, stop: Event, minutes_max: int) -> str:
    """Run ``dunwell`` with these words in the workspace, at low priority, and keep the JSON that it prints.

    Returns an empty text, or why it failed (what it said last). ``stop`` ends it.
    """
    command = [sys.executable, "-m", "dunwell", *words]
    if shutil.which("nice"):
        command = ["nice", "-n", "10", *command]
    new, said = answer.with_name(f".{answer.name}.new"), answer.with_name("problem.txt")
    with new.open("wb") as out, said.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=place.settings.root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            env=dict(os.environ),
        )
        for _ in range(minutes_max * 120):
            if process.poll() is not None or stop.wait(0.5):
                break
        if process.poll() is None:
            process.kill()
            process.wait()
            return f"ended after {minutes_max} minutes"
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    try:
        json.loads(new.read_text(encoding="utf-8"))
    except ValueError:
        return lines[-1] if lines else f"ended with {process.returncode} and said nothing"
    new.replace(answer)
    said.unlink()
    return ""
