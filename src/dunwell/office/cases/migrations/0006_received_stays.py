"""The database refuses to change what came in and what was promised: a promise is withdrawn by an event, a payment reversed by
another. Rows go only with their person, when they are erased; a promise stands in the journal as well.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SAID = "what came in and what was promised is not changed: withdraw a promise, reverse a payment"
_POSTGRESQL = f"""
CREATE FUNCTION cases_received_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{_SAID}'; END $$;
CREATE TRIGGER cases_received_is_fixed BEFORE UPDATE ON cases_received
  FOR EACH ROW EXECUTE FUNCTION cases_received_refuse();
"""
_SQLITE = f"""CREATE TRIGGER cases_received_is_fixed BEFORE UPDATE ON cases_received
    BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"""


def guard(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the trigger in place."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(_POSTGRESQL if is_postgresql else _SQLITE, None)


def unguard(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take it away again."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER cases_received_is_fixed ON cases_received", None)
        schema_editor.execute("DROP FUNCTION cases_received_refuse()", None)
    else:
        schema_editor.execute("DROP TRIGGER cases_received_is_fixed", None)


class Migration(migrations.Migration):
    """Rows that came in are fixed, said by the database itself."""

    dependencies = [("cases", "0005_wants")]
    operations = [migrations.RunPython(guard, unguard)]
