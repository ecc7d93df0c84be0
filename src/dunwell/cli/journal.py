"""A workspace's journal, opened for a command: its database brought up to date, its keys read."""

import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dunwell.journal.keys import read_master_keys
from dunwell.settings import Settings, read_settings, set_up_django

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal


def now() -> datetime:
    """The instant at which something is recorded."""
    return datetime.now(UTC)


def open_journal(root: Path, clock: Callable[[], datetime] = now) -> tuple[Settings, "Journal"]:
    """The workspace's settings and journal. Raises SettingsError, KeysUnusable."""
    settings = read_settings(root)
    master = read_master_keys(settings.keys_folder, os.environ, os.urandom)
    set_up_django(settings)
    _bring_up_to_date(settings)
    from dunwell.journal.recording import Journal

    return settings, Journal(master, clock=clock, random=os.urandom)


def _bring_up_to_date(settings: Settings) -> None:
    """Apply what the database lacks, one process at a time."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    settings.evidence_folder.mkdir(parents=True, exist_ok=True)
    with (settings.evidence_folder / ".database.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
