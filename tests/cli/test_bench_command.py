"""``dunwell bench``: what it measures, on a tape small enough for every day."""

import json
import sys

import pytest

from dunwell.cli import bench
from dunwell.cli.errors import CommandError


def test_every_room_is_measured_beside_its_yardstick(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.bench_machine(1_000, 1, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    measured = told["measured"]
    assert [each["room"] for each in measured] == ["ledger"] * 3 + ["gate"] * 2 + ["assignment"] * 2
    assert all(each["wall_s"] > 0 for each in measured)
    # A yardstick has no ratio; what is measured beside it has.
    assert [each["times_yardstick"] is None for each in measured] == [
        True,
        False,
        False,
        True,
        False,
        True,
        False,
    ]


def test_a_process_that_fails_is_told_with_what_it_printed() -> None:
    with pytest.raises(CommandError, match="No such command 'nothing'"):
        bench._child([sys.executable, "-m", "dunwell", "nothing"])
