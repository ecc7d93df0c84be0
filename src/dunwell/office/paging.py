"""Pages of long lists: how many there are in all is counted only so far; to count a million takes longer than to show 25."""

from contextlib import suppress
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

COUNTED_MAX = 10_000
COUNTED_AT_ONCE = 1_000


def counted_to(rows: "QuerySet[Any]", most: int) -> tuple[int, bool]:
    """How many rows a query finds, at most ``most``; and whether there are more."""
    found = rows.order_by()[: most + 1].count()
    return min(found, most), found > most


class LongPaginator(Paginator):  # type: ignore[type-arg]  # generic to the stubs alone
    """Pages of a query that may find very much: a thousand are counted, and of who pages on the next thousand. What lies behind
    the first 10,000 is reached by narrowing the filters.
    """

    object_list: "QuerySet[Any]"
    _asked = 1

    def get_page(self, number: Any) -> Page[Any]:
        """That page, or the first or the last where there is none of that number."""
        with suppress(TypeError, ValueError):
            self._asked = max(int(number), 1)
        return super().get_page(number)

    @cached_property
    def _counted(self) -> tuple[int, bool]:
        shown = self._asked * int(self.per_page)
        return counted_to(
            self.object_list, min((shown // COUNTED_AT_ONCE + 1) * COUNTED_AT_ONCE, COUNTED_MAX)
        )

    @cached_property
    def count(self) -> int:
        """How many of them were counted and can be paged through."""
        return self._counted[0]

    @cached_property
    def is_cut(self) -> bool:
        """Whether there are more."""
        return self._counted[1]
