"""The journal and the dispatcher on PostgreSQL: the same migrations, the same tests, and workers that are killed there too."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outreach.smtp_server import SmtpServer, at_random
from tests.outreach.test_crashes import FAULTS, Workers, check, crash_and_restart, finish
from tests.postgresql import postgresql, programs, restart

pytestmark = pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        yield Path(name)


def test_the_journal_and_the_dispatcher_pass_their_tests_there(folder: Path) -> None:
    with postgresql(folder) as url:
        files = [
            *(
                f"tests/journal/test_{name}.py"
                for name in ("recording", "evidence_of_tampering", "packs", "retention")
            ),
            *(
                f"tests/outreach/test_{name}.py"
                for name in ("dispatching", "incoming", "planning", "promised", "receipts")
            ),
        ]
        found = [file for file in files if (ROOT / file).exists()]
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--no-cov",
            *found,
        ]
        told = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 0, told.stdout[-4000:]
    assert " passed" in told.stdout and "skipped" not in told.stdout


def test_killed_workers_and_a_killed_database_lose_nothing_and_send_nothing_twice(folder: Path) -> None:
    people = 120
    with postgresql(folder) as url, SmtpServer(plan=at_random(5, FAULTS, 0.08)) as server:
        workers = Workers(folder, url, server.port, people)
        workers.run("plan")
        crash_and_restart(workers, server, kills=1, seed=5)
        restart(folder)
        running = [workers.start("work", name) for name in ("w1", "w2")]
        restart(folder)
        for one in running:
            assert one.wait(timeout=300) == 0
        counted = check(finish(workers), server, people)
    assert counted["sent"] > 0.7 * people
