"""A workspace's journal, opened for a command: its database brought up to date, its keys read."""

import fcntl
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dunwell.journal.keys import Signer, read_master_keys, read_signer
from dunwell.settings import Settings, read_settings, set_up_django

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal

PUBLIC_KEYS = "public_keys.json"


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


def signer_of(settings: Settings) -> Signer:
    """The workspace's signing key; its public half is written down beside the evidence. Raises KeysUnusable."""
    signer = read_signer(settings.keys_folder, os.environ)
    known = public_keys(settings)
    if signer.key_id not in known:
        known[signer.key_id] = signer.public
        file = settings.evidence_folder / PUBLIC_KEYS
        file.parent.mkdir(parents=True, exist_ok=True)
        staging = file.with_suffix(".new")
        staging.write_text(json.dumps({name: key.hex() for name, key in known.items()}, indent=2) + "\n")
        staging.replace(file)
    return signer


def public_keys(settings: Settings) -> dict[str, bytes]:
    """Every public key that ever signed, by fingerprint."""
    file = settings.evidence_folder / PUBLIC_KEYS
    if not file.is_file():
        return {}
    return {name: bytes.fromhex(key) for name, key in json.loads(file.read_text(encoding="ascii")).items()}


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
