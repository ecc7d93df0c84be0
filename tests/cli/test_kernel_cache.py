"""Compiled code that a crash has cut off is thrown away, not loaded."""

import pickle
from pathlib import Path

import pytest

from dunwell.cli.progress import remove_cut_off_code


@pytest.mark.parametrize(
    "name", ["kernel.settle_accounts-1.py311.nbi", "kernel.settle_accounts-1.py311.1.nbc"]
)
def test_what_was_cut_off_goes_and_what_is_whole_stays(tmp_path: Path, name: str) -> None:
    whole, cut, empty, other = (tmp_path / f for f in (name, f"cut-{name}", f"empty-{name}", "kernel.py"))
    whole.write_bytes(pickle.dumps({"code": b"\x00\x01"}))
    cut.write_bytes(pickle.dumps({"code": b"\x00\x01"})[:-3])
    for file in (empty, other):
        file.touch()
    remove_cut_off_code(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, "kernel.py"])
