"""What was told of since the tape: the journal and the desk's own rows, for the daily run of a workspace that has a database."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dunwell.settings import Settings, django_settings

if TYPE_CHECKING:
    import polars as pl

    from dunwell.journal.recording import Journal
    from dunwell.nightly.run import Forgotten, ToldSince


def told_since(settings: Settings, now: datetime) -> "ToldSince | None":
    """Puts what the journal and the desk have seen into a partition's tables; None while the workspace has no database.

    Raises KeysUnusable where the database is there and its keys are not: a run that left out who asked to be left in peace
    would plan what may not be done.
    """
    if (journal := _journal(settings, now)) is None:
        return None
    from django.db import connection

    return telling(journal, now, has_desk="cases_received" in connection.introspection.table_names())


def _journal(settings: Settings, now: datetime | None) -> "Journal | None":
    """The workspace's journal, where it has one and something was recorded in it. Raises KeysUnusable."""
    if not _has_database(settings):
        return None
    from dunwell.journal.keys import read_master_keys
    from dunwell.office.project import set_up_office

    set_up_office(settings)
    from django.db import connection

    if "journal_event" not in set(connection.introspection.table_names()):
        return None
    from dunwell.journal.models import Event
    from dunwell.journal.recording import Journal

    if not Event.objects.exists():
        return None  # nothing was told, and a workspace without a journal needs no keys
    master = read_master_keys(settings.keys_folder, os.environ, os.urandom)
    return Journal(master, clock=lambda: now or datetime.now(UTC), random=os.urandom)


def forgotten_by(settings: Settings) -> "Forgotten | None":
    """Those of some customers whom the vault has erased, asked for when it is called; None while the workspace has no journal."""
    if (journal := _journal(settings, None)) is None:
        return None
    return journal.vault.forgotten


def telling(journal: "Journal", now: datetime, *, has_desk: bool = True) -> "ToldSince":
    """Puts what this journal and, where there is one, the desk have seen up to ``now`` into a partition's tables."""
    from dunwell.book.additions import Addition, with_additions
    from dunwell.outreach.told import with_told

    received: list[Addition] = []
    if has_desk:
        from dunwell.office.cases.models import Received

        rows = Received.objects.filter(received_at__lte=now).order_by("received_at", "pk")
        received = [Addition(one.table, one.row, one.received_at) for one in rows]

    def told(tables: Mapping[str, "pl.DataFrame"]) -> dict[str, "pl.DataFrame"]:
        return with_told(with_additions(tables, received), journal, now)

    return told


def _has_database(settings: Settings) -> bool:
    database = django_settings(settings)["DATABASES"]["default"]
    return "sqlite3" not in database["ENGINE"] or Path(database["NAME"]).is_file()
