"""Somebody is kept and erased; before, after and after the scrub the database's own files are looked through for their key.

A process of its own, on a database of its own: python -m tests.journal.erasing_program FOLDER DATABASE FILES
(FILES: where the database's files lie). Prints as JSON how often the wrapped key's bytes stand in them.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from dunwell.settings import Settings, set_up_django


def main() -> None:
    folder, database, files = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    os.environ["DATABASE_URL"] = database
    set_up_django(Settings(root=folder))
    from django.core.management import call_command
    from django.db import connection

    from dunwell.journal.keys import LocalMasterKeys
    from dunwell.journal.models import Subject
    from dunwell.journal.recording import Journal, NewEvent

    call_command("migrate", verbosity=0)
    master = LocalMasterKeys({"k1": bytes(range(32))}, os.urandom)
    journal = Journal(master, clock=lambda: datetime.now(UTC), random=os.urandom)
    for number in range(300):
        body = {"channel": "sms", "language": "en"}
        said = NewEvent("contact.replied", journal.clock(), f"C{number}", body=body, personal={"text": "no"})
        journal.record([said])
    reference = journal.vault.references(["C150"])["C150"]
    key = bytes(Subject.objects.get(pk=reference).wrapped_key or b"")

    def found() -> int:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("CHECKPOINT")
            else:
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        # The log is another matter: it is recycled in time (docs/journal.md).
        tables = [one for one in files.rglob("*") if one.is_file() and "pg_wal" not in one.parts]
        return sum(one.read_bytes().count(key) for one in tables)

    told = {"kept": found()}
    journal.erase("C150", by="officer", why="asked")
    told["erased"] = found()
    told["is_complete"] = journal.vault.scrub()
    told["scrubbed"] = found()
    told["others"] = Subject.objects.filter(wrapped_key__isnull=False).count()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
