"""The database refuses to change or remove what was recorded, on SQLite and on PostgreSQL.

An event's only change is its place in the tree, once, when it is sealed.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SAID = "the journal is append-only: record a correction as a new event"
_FIXED = (
    *("id", "event_id", "kind", "subject_id", "happened_at", "recorded_at"),
    *("body", "corrects", "key", "leaf_hash"),
)
_TABLES = ("journal_seal", "journal_node")

_POSTGRESQL = f"""
CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{_SAID}'; END $$;
CREATE TRIGGER journal_event_stays BEFORE DELETE ON journal_event
  FOR EACH ROW EXECUTE FUNCTION journal_refuse();
CREATE TRIGGER journal_event_is_fixed BEFORE UPDATE ON journal_event FOR EACH ROW
  WHEN (OLD.leaf_index IS NOT NULL OR ({", ".join(f"OLD.{name}" for name in _FIXED)})
        IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in _FIXED)}))
  EXECUTE FUNCTION journal_refuse();
""" + "".join(
    f"CREATE TRIGGER {table}_is_fixed BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION journal_refuse();"
    for table in _TABLES
)

_SQLITE = [
    f"""CREATE TRIGGER journal_event_stays BEFORE DELETE ON journal_event
        BEGIN SELECT RAISE(ABORT, '{_SAID}'); END""",
    f"""CREATE TRIGGER journal_event_is_fixed BEFORE UPDATE ON journal_event
        WHEN OLD.leaf_index IS NOT NULL OR {" OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _FIXED)}
        BEGIN SELECT RAISE(ABORT, '{_SAID}'); END""",
    *(
        f"""CREATE TRIGGER {table}_{what.lower()}_refused BEFORE {what} ON {table}
            BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"""
        for table in _TABLES
        for what in ("UPDATE", "DELETE")
    ),
]


def guard(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers in place."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_POSTGRESQL, None)
    else:
        for statement in _SQLITE:
            schema_editor.execute(statement, None)


def unguard(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take them away again."""
    names = {
        "journal_event": ["journal_event_stays", "journal_event_is_fixed"],
    }
    if schema_editor.connection.vendor == "postgresql":
        names |= {table: [f"{table}_is_fixed"] for table in _TABLES}
    else:
        names |= {table: [f"{table}_update_refused", f"{table}_delete_refused"] for table in _TABLES}
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for table, triggers in names.items():
        for trigger in triggers:
            schema_editor.execute(f"DROP TRIGGER {trigger}" + (f" ON {table}" if is_postgresql else ""), None)
    if is_postgresql:
        schema_editor.execute("DROP FUNCTION journal_refuse()", None)


class Migration(migrations.Migration):
    """Append-only, said by the database itself."""

    dependencies = [("journal", "0001_initial")]
    operations = [migrations.RunPython(guard, unguard)]
