"""Pages of long lists: how many there are in all is counted only so far; to count a million takes longer than to show 25."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

COUNTED_MAX = 10_000


class LongPaginator(Paginator):  # type: ignore[type-arg]  # generic to the stubs alone
    """Pages of a query that may find very much. What lies behind the first 10,000 is reached by narrowing the filters."""

    object_list: "QuerySet"  # type: ignore[type-arg]  # generic to the stubs alone

    @cached_property
    def counted(self) -> int:
        """How many there are, at most one more than are counted."""
        return self.object_list.order_by()[: COUNTED_MAX + 1].count()

    @cached_property
    def count(self) -> int:
        """How many of them can be paged through."""
        return min(self.counted, COUNTED_MAX)

    @cached_property
    def is_cut(self) -> bool:
        """Whether there are more."""
        return self.counted > COUNTED_MAX
