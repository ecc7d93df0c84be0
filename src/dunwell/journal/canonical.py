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
    return _encode(_plain(values))


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_AS_THEY_STAND = frozenset({str, int, bool, type(None)})


def _plain(value: Any) -> Any:
    if type(value) in _AS_THEY_STAND or isinstance(value, str | int):
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
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


EVENT_COLUMNS = ("event_id", "kind", "subject", "happened_at", "recorded_at", "body", "corrects", "key")
"""What an event's leaf is made of: every column that says something."""


def event_bytes(values: Mapping[str, Any]) -> bytes:
    """The leaf of an event, from its columns (instants as such or as text)."""
    return canonical({name: values[name] for name in EVENT_COLUMNS}).encode()
