"""Many workers on one SQLite file: they make messages side by side, and what is learned meanwhile still binds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dunwell.journal.finding import events_of
from dunwell.outreach.knowing import KINDS


def test_workers_side_by_side_claim_different_people_and_a_stop_meanwhile_binds(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.outreach.claim_program", str(tmp_path)]
    told = json.loads(subprocess.run(program, check=True, capture_output=True, text=True, timeout=120).stdout)
    slow, quick = told["slow"], told["quick"]
    assert len(quick) == 20, "the quick one did not wait for the slow one, nor for the write lock"
    assert not set(slow) & set(quick)
    assert told["stopped"] not in slow, "who said stop while their message was made is not written to"
    assert len(slow) == 19


@pytest.mark.django_db
def test_a_persons_events_are_found_by_the_person_however_much_the_journal_holds() -> None:
    plan = events_of([f"{number:032x}" for number in range(100)], KINDS).explain()
    assert "subject" in plan.lower() and "event_of_kind" not in plan
