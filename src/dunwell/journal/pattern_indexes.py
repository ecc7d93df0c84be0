"""For migrations: takes away the indexes that Django makes on PostgreSQL for prefixes of text keys (``..._like``)."""

from collections.abc import Callable

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_FIND = """
SELECT indexname FROM pg_indexes
WHERE schemaname = current_schema() AND tablename LIKE %s AND indexname LIKE %s AND indexdef LIKE %s
"""


def drop_pattern_indexes(app: str) -> Callable[[object, BaseDatabaseSchemaEditor], None]:
    """What a migration runs to drop them from an app's tables; on another database it does nothing."""

    def drop(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute(_FIND, [rf"{app}\_%", r"%\_like", "%varchar_pattern_ops%"])
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            schema_editor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")

    return drop
