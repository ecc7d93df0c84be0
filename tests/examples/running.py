"""Examples run as their READMEs say: the converter as a script, then ``dunwell ledger`` on the tape it wrote."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl

PROJECT = Path(__file__).resolve().parents[2]
DUNWELL = Path(sys.executable).with_name("dunwell")


def convert(example: str, data: Path, folder: Path, *options: str) -> Path:
    """Run an example's converter; the folder of the tape it wrote."""
    script = PROJECT / "examples" / example / "to_tape.py"
    _run(sys.executable, script, "--data", data, "--out", folder, *options)
    return folder


def positions(tape: Path, example: str, as_of: date) -> pl.DataFrame:
    """The positions of the tape as of a day, by the command; it must be clean (exit code 0: no row in quarantine)."""
    out = tape.parent / f"positions-{as_of}.parquet"
    terms = PROJECT / "examples" / example / "terms"
    _run(DUNWELL, "ledger", "--tape", tape, "--terms", terms, "--as-of", as_of, "--out", out)
    return pl.read_parquet(out)


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stdout}{done.stderr}"
