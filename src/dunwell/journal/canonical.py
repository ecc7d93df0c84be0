"""The bytes that are hashed and signed: JSON that is the same for the same values.

Nothing here needs a database: a pack of evidence is checked with it anywhere.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


class Unsayable(ValueError):
    """A value that has no canonical form; says which and what to write instead."""


def canonical(values: Mapping[str, Any]) -> str:
    """JSON that is the same for the same values: sorted keys, no spaces, no floats (RFC 8785 where no numbers but integers are).

    Raises Unsayable for what it cannot say.
    """
    return json.dumps(
        _plain(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return instant_text(value)
    raise Unsayable(
        f"{type(value).__name__} cannot stand in an event: write it as text, a whole number, or a list of those"
    )


def instant_text(at: datetime) -> str:
    """An instant as events write it: UTC to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


EVENT_COLUMNS = ("event_id", "kind", "subject", "happened_at", "recorded_at", "body", "corrects", "key")
"""What an event's leaf is made of: every column that says something."""


def event_bytes(values: Mapping[str, Any]) -> bytes:
    """The leaf of an event, from its columns (instants as such or as text)."""
    return canonical({name: values[name] for name in EVENT_COLUMNS}).encode()
