"""The load test's journal and queue are what the product writes: the verifier finds no fault, and publishing changes nothing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.postgresql import programs

ROOT = Path(__file__).parents[2]

_HELD = """
import sys
from pathlib import Path
from benchmarks.office.filling import office
from benchmarks.office.database import cluster
at = Path(sys.argv[1])
with cluster(at / "postgresql") as url:
    import os
    os.environ["DATABASE_URL"] = url
    place = office(at / "shop")
    from dunwell.journal.signing import public_keys
    from dunwell.journal.verifying import verify
    from dunwell.office.cases.models import Case
    from dunwell.office.cases.publishing import publish
    from dunwell.office.tallies.models import Mark
    names = [column.name for column in Case._meta.concrete_fields if column.name not in ("rank", "why")]
    before = {row[0]: row for row in Case.objects.values_list(*names)}
    Mark.objects.filter(name="run").update(said="")
    publish(place)
    after = {row[0]: row for row in Case.objects.values_list(*names)}
    asked = set(Case.objects.filter(needs_person=True).values_list("pk", flat=True))
    changed = [name for name in before if before[name] != after[name] and name not in asked]
    whole = verify(public_keys(place.settings), (), place.journal.vault)
    print(len(before), len(after), len(changed), whole.sealed_count, len(whole.faults), whole.faults[:3], file=sys.stderr)
    print(len(before), len(after), len(changed), whole.sealed_count, len(whole.faults))
"""


@pytest.mark.slow
@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")
def test_a_small_filled_office_is_what_the_product_writes() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # the server's own user looks in
        command = [
            sys.executable,
            "-m",
            "benchmarks.office",
            "fill",
            "--at",
            name,
            "--cases",
            "600",
            "--pattern",
            "300",
        ]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        held = [sys.executable, "-c", _HELD, name]
        told = subprocess.run(
            held, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
    assert told.stdout.split() == ["600", "600", "0", "6000", "0"], told.stderr
