"""What somebody searches among the decisions: whose, of which days, by which rule, of what kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from dunwell.office.workplace import Workplace

RUN, PERMITTED, REFUSED = "run", "permitted", "refused"
KINDS = (RUN, PERMITTED, REFUSED)
"""What a nightly run chose; what the gate permitted, and what it refused."""


@dataclass(frozen=True, slots=True)
class Sought:
    """``name``: the id of a customer, an account, a contact point, a message, an event or a decision; ``first`` and ``last``: the
    days, both included (a run's own day; the gate's in UTC); ``rule``: one that ruled something out; ``kind``: of KINDS. What is
    empty or None narrows nothing.
    """

    name: str = ""
    first: date | None = None
    last: date | None = None
    rule: str = ""
    kind: str = ""

    @property
    def is_anything(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.name or self.first or self.last or self.rule or self.kind)

    @property
    def begins(self) -> datetime | None:
        """The first instant of the days."""
        return None if self.first is None else datetime.combine(self.first, time(), UTC)

    @property
    def ends(self) -> datetime | None:
        """The instant after the days."""
        if self.last is None or self.last == date.max:
            return None
        return datetime.combine(self.last + timedelta(days=1), time(), UTC)

    def wants(self, *kinds: str) -> bool:
        """Whether decisions of one of these kinds are asked for."""
        return not self.kind or self.kind in kinds


def sought_in(asked: Mapping[str, str]) -> Sought:
    """What a page's address asks for (``q``, ``from``, ``to``, ``rule``, ``kind``); what makes no sense narrows nothing."""
    name, rule, kind = (asked.get(one, "").replace("\0", "").strip() for one in ("q", "rule", "kind"))
    return Sought(
        name,
        _day(asked.get("from", "")),
        _day(asked.get("to", "")),
        rule,
        kind if kind in KINDS else "",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def customer_of(place: Workplace, name: str) -> str | None:
    """Whose id it is, of a customer, an account or a contact point; None where the book knows none of that id. Raises NoBook."""
    shelf = place.shelf
    if shelf.file(name) is not None:
        return name
    return shelf.owner(name) or _owner_of_point(place, name)


def _owner_of_point(place: Workplace, name: str) -> str | None:
    for points in place.shelf.whole("contact_points", ["contact_point_id", "customer_id"]):
        found = points.filter(pl.col("contact_point_id") == name)
        if found.height:
            return str(found["customer_id"][0])
    return None
