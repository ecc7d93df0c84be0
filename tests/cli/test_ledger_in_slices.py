"""``dunwell ledger`` on a tape that it takes in slices says, to the byte, what it says of the same tape read whole."""

import os
import subprocess
import sys
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from dunwell.book import Tape
from dunwell.cli import ledger
from dunwell.cli.parts import PartsFile
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio


@pytest.mark.parametrize("is_messy", [False, True])
def test_slices_change_no_position_and_no_quarantined_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_messy: bool
) -> None:
    tape = tmp_path / "tape"
    write_portfolio(tape, 1000, 7, date(2026, 6, 30), format="parquet", messy=is_messy)
    _change_contracts(tape, is_messy)
    frames = []
    used_slices: list[bool] = []
    before = ledger._frames

    def spied(tape: Tape, *rest: object) -> object:
        used_slices.append(tape.is_in_slices)
        return before(tape, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "_frames", spied)
    for name, rows, held in (
        ("whole", 10**9, 10**9),
        ("sliced", 3000, 10**9),
        ("again", 3000, 10**9),
        ("many", 3000, 100),
    ):
        monkeypatch.setattr(ledger, "ROWS_A_SLICE", rows)
        monkeypatch.setattr(ledger, "Tape", partial(Tape, parents_held=held))
        out = tmp_path / name / "positions.parquet"
        out.parent.mkdir()
        code = ledger.write_positions(tape, TERMS_FOLDER, "2026-06-30", None, out, as_json=True)
        bad = sorted((tmp_path / name / "positions-quarantine").glob("*.parquet"))
        frames.append((code, pl.read_parquet(out), {file.name: pl.read_parquet(file) for file in bad}))
    code, positions, bad_rows = frames[0]
    assert positions.filter(pl.col("ifrs_stage") == 2, pl.col("past_due_days") == 0).height > 5
    assert used_slices[0] is True
    assert code == (2 if is_messy else 0)
    for its_code, its_positions, its_bad_rows in frames[1:]:
        assert its_code == code
        assert positions.equals(its_positions)
        assert bad_rows.keys() == its_bad_rows.keys()
        assert all(rows.equals(its_bad_rows[name]) for name, rows in bad_rows.items())
    assert (tmp_path / "sliced" / "positions.parquet").read_bytes() == (
        tmp_path / "again" / "positions.parquet"
    ).read_bytes()


def _change_contracts(tape: Path, is_messy: bool) -> None:
    """Let every tenth contract of the tape have been changed, and some rows of that be bad."""
    accounts = pl.read_parquet(tape / "accounts.parquet").filter(pl.int_range(pl.len()) % 10 == 0)
    rows = accounts.select(
        pl.format("M{}", "account_id").alias("modification_id"),
        "account_id",
        pl.lit("restructuring").alias("kind"),
        pl.lit(date(2026, 3, 1)).alias("agreed_on"),
    )
    if is_messy:
        rows = pl.concat([rows, rows.head(3).with_columns(account_id=pl.lit("nobody's"))])
    rows.write_parquet(tape / "modifications.parquet")


def test_a_file_that_cannot_be_written_stops_its_parts(tmp_path: Path) -> None:
    part = pl.DataFrame({"n": range(1000)})
    with pytest.raises(OSError, match="missing"), PartsFile(tmp_path / "missing" / "x.parquet") as parts:
        for _ in range(100):
            parts.add(part)


def test_parts_that_are_given_up_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="gone"), PartsFile(tmp_path / "x.parquet") as parts:
        parts.add(pl.DataFrame({"n": [1]}))
        raise KeyError("gone")
    assert not list(tmp_path.iterdir())


def test_parts_are_written_where_polars_has_but_one_thread(tmp_path: Path) -> None:
    # What makes the parts asks Polars too: a writer that kept the only thread while it waits would wait for ever.
    script = """
import sys
from pathlib import Path
import polars as pl
from dunwell.cli.parts import PartsFile
folder = Path(sys.argv[1])
pl.DataFrame({"n": range(100_000)}).write_parquet(folder / "in.parquet", row_group_size=1000)
with PartsFile(folder / "out.parquet") as parts:
    for part in pl.scan_parquet(folder / "in.parquet").collect_batches(chunk_size=5000, maintain_order=True):
        parts.add(part)
assert pl.read_parquet(folder / "out.parquet").equals(pl.read_parquet(folder / "in.parquet"))
"""
    alone = os.environ | {"POLARS_MAX_THREADS": "1"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=alone, check=True, timeout=300)
