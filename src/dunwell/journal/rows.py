"""Many rows written in one statement, for what is written for every message.

The ORM's ``bulk_create`` and ``bulk_update`` make an object and some hundred calls for every row; here a row is a tuple. On
PostgreSQL all rows travel as one JSON text (the server reads it faster than a long list of values is bound and parsed); on
SQLite the driver runs the statement a row.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add rows to a model's table. ``columns``: the database's names, in the order of each row's values."""
    if not rows:
        return
    names = ", ".join(map(_quoted, columns))
    table = _quoted(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            told = f"SELECT {names} FROM {_record(model, columns)}"
            cursor.execute(f"INSERT INTO {table} ({names}) {told}", [_json(columns, rows)])
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", _adapted(rows))


def update(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Set columns of rows that are there. The last of ``columns`` is the table's primary key, by which each row is found."""
    if not rows:
        return
    *changed, key = map(_quoted, columns)
    table = _quoted(model._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            new = ", ".join(f"{name} = told.{name}" for name in changed)
            told = f"FROM {_record(model, columns)} WHERE {table}.{key} = told.{key}"
            cursor.execute(f"UPDATE {table} SET {new} {told}", [_json(columns, rows)])
        else:
            new = ", ".join(f"{name} = %s" for name in changed)
            cursor.executemany(f"UPDATE {table} SET {new} WHERE {key} = %s", _adapted(rows))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _record(model: type[models.Model], columns: Sequence[str]) -> str:
    """The rows as PostgreSQL reads them out of the JSON, each column with its field's type."""
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    named = ", ".join(f"{_quoted(name)} {types[name]}" for name in columns)
    return f"json_to_recordset(%s) AS told({named})"


def _json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_text)


def _text(value: Any) -> str:
    """An instant or bytes, as PostgreSQL reads them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot stand in a row")


def _adapted(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Instants as the database keeps them. Most rows of a batch have the same few."""
    adapt = cache(connection.ops.adapt_datetimefield_value)
    return [tuple(adapt(value) if type(value) is datetime else value for value in row) for row in rows]
