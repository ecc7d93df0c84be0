"""Lists page by page: a cursor names the last row that was shown, so what comes in meanwhile moves no page."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from itertools import dropwhile, islice
from typing import Annotated, TypeVar

from ninja import Field
from ninja.errors import HttpError

from dunwell.office.api.problems import Problem

LIMIT_MAX = 200
Cursor = Annotated[str | None, Field(max_length=400)]
"""``next_cursor`` of the answer before; null for the first page."""
Limit = Annotated[int, Field(ge=1, le=LIMIT_MAX)]
"""How many rows at most."""

T = TypeVar("T")


def page_of(
    rows: Iterable[T], name: Callable[[T], str], cursor: str | None, limit: int
) -> tuple[list[T], str | None]:
    """The rows after the one that the cursor names, ``limit`` at most, and the cursor of the next page (None: there is none).

    ``name`` tells rows apart. Raises HttpError for a cursor that is none of ours or whose row is gone.
    """
    following = iter(rows)
    if cursor is not None:
        _, last = decoded(cursor)
        following = dropwhile(lambda row: name(row) != last, following)
        if next(following, None) is None:
            raise Problem(422, "cursor names a row that is gone. Begin again without it")
    found = list(islice(following, limit + 1))
    shown = found[:limit]
    return shown, encoded(0, name(shown[-1])) if len(found) > limit else None


def encoded(rank: int, name: str) -> str:
    """A place in an order, as a cursor."""
    return base64.urlsafe_b64encode(json.dumps([rank, name]).encode()).decode().rstrip("=")


def decoded(cursor: str) -> tuple[int, str]:
    """The place that a cursor of ours names. Raises HttpError."""
    try:
        rank, name = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, TypeError, RecursionError) as error:
        raise HttpError(
            422, "cursor is none of ours. Send next_cursor of the answer before as it is"
        ) from error
    is_ours = (
        isinstance(rank, int) and not isinstance(rank, bool) and isinstance(name, str) and "\0" not in name
    )
    if not is_ours or abs(rank) >= 2**63:
        raise HttpError(422, "cursor is none of ours. Send next_cursor of the answer before as it is")
    return rank, name
