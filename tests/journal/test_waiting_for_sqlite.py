"""A transaction waits for SQLite's write lock with short looks, and gives up in the words that the workers know."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sqlite3, sys, threading, time
from pathlib import Path
from dunwell.settings import Settings, set_up_django
set_up_django(Settings(root=Path(sys.argv[1])))
from django.conf import settings
from django.db import OperationalError, connection, transaction
if sys.argv[2] == "gives up":
    connection.settings_dict["OPTIONS"]["timeout"] = 0.05
other = sqlite3.connect(Path(sys.argv[1]) / "dunwell.sqlite3", isolation_level=None, check_same_thread=False)
other.execute("PRAGMA journal_mode = WAL")
other.execute("BEGIN IMMEDIATE")
freed_at = []
def free():
    time.sleep(0.3)
    freed_at.append(time.monotonic())
    other.execute("COMMIT")
if sys.argv[2] == "waits":
    threading.Thread(target=free).start()
try:
    with transaction.atomic():
        print("began", time.monotonic() - freed_at[0] < 1)
    print(connection.cursor().execute("PRAGMA busy_timeout").fetchone()[0])
except OperationalError as error:
    print("gave up:", error)
"""


def ran(folder: Path, how: str) -> str:
    command = [sys.executable, "-c", PROGRAM, str(folder), how]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_it_begins_as_soon_as_the_lock_is_free_and_other_statements_still_wait(tmp_path: Path) -> None:
    assert ran(tmp_path, "waits").splitlines() == ["began True", "30000"]


def test_after_the_time_out_it_says_that_the_database_is_locked(tmp_path: Path) -> None:
    assert ran(tmp_path, "gives up").strip() == "gave up: database is locked"
