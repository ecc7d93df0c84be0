"""After an erasure the person's key stands nowhere in the database's own files."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.postgresql import postgresql, programs


def told(folder: Path, database: str, files: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.journal.erasing_program", str(folder), database, str(files)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_key_of_somebody_erased_is_gone_from_a_sqlite_file_and_its_log(tmp_path: Path) -> None:
    found = told(tmp_path, f"sqlite:///{tmp_path / 'journal.sqlite3'}", tmp_path)
    assert found["kept"] >= 1
    assert found["is_complete"] and found["scrubbed"] == 0
    assert found["others"] == 299


@pytest.mark.skipif(programs() is None, reason="no PostgreSQL server is installed")
def test_the_key_of_somebody_erased_is_gone_from_the_tables_of_postgresql() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="pg") as name,
        tempfile.TemporaryDirectory() as workspace,
        postgresql(Path(name)) as url,
    ):
        found = told(Path(workspace), url, Path(name) / "data")
    assert found["kept"] >= 1
    assert found["erased"] >= 1, "PostgreSQL keeps the row as it was until something takes its place"
    assert found["is_complete"] and found["scrubbed"] == 0
    assert found["others"] == 299
