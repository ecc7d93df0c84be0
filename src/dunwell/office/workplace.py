"""What the office's pages stand on, opened once a process: the workspace's settings, policies, book and journal."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from django.conf import settings as django_conf

from dunwell.book import NoBook
from dunwell.journal.keys import read_master_keys
from dunwell.journal.recording import Journal
from dunwell.law import Gate
from dunwell.law.civil_days import civil_day
from dunwell.law.overlay import KeptLaw, LenderLaw
from dunwell.ledger import Terms, TermsError, read_terms
from dunwell.office.cases.shelf import Shelf
from dunwell.policy import PolicyError
from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.settings import Settings

if TYPE_CHECKING:
    from dunwell.office.compliance.clocks import Clock


def clock() -> datetime:
    """The instant now."""
    return datetime.now(UTC)  # noqa: TID251 - the office is where people are, and their clock


_FIRST_ZONE = "Pacific/Kiritimati"
"""Where a day begins first, fourteen hours ahead of UTC."""

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int], ...]
_log = logging.getLogger(__name__)


def stamp_of(*files: Path) -> Stamp:
    """When some files were changed last, and how long they are; those that are not there are left out."""
    found = []
    for file in files:
        with suppress(OSError):
            about = file.stat()
            found.append((str(file), about.st_mtime_ns, about.st_size))
    return tuple(found)


class Policy(Generic[T]):
    """A policy of the workspace: read when it is first asked for, and anew when one of its files changed, by every process.

    A text that cannot be read any more changes nothing: what was read last holds, and the log says why.
    """

    def __init__(
        self, read: Callable[["Workplace"], T], files: Callable[["Workplace"], Iterable[Path]]
    ) -> None:
        """``files``: those it is read from."""
        self._read, self._files = read, files

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, place: "Workplace | None", owner: type) -> T:
        if place is None:
            raise AttributeError(self._name)
        stamp = stamp_of(*self._files(place))
        with place._lock:
            kept = place._policies.get(self._name)
            if kept is not None and kept[0] == stamp:
                return cast(T, kept[1])
            try:
                value = self._read(place)
            except (PolicyError, TermsError) as error:
                if kept is None:
                    raise
                _log.warning("the %s cannot be read anew: %s", self._name.replace("_", " "), error)
                value = cast(T, kept[1])
            place._policies[self._name] = (stamp, value)
            return value


def _second_factor_roles(place: "Workplace") -> frozenset[str]:
    from dunwell.office.access.second_factor import roles_asked

    return roles_asked(place.policy)


def _idle(place: "Workplace") -> timedelta:
    from dunwell.office.access.lasting import idle_of

    return idle_of(place.policy)


def _complaint_clocks(place: "Workplace") -> "Mapping[str, Clock]":
    from dunwell.office.compliance.clocks import read_clocks

    return read_clocks(place.policy)


@dataclass
class Workplace:
    """A workspace as the office works in it. The policies are read when first asked for, and anew when their files change; the
    book when a run replaced it.
    """

    settings: Settings
    clock: Callable[[], datetime] = clock
    _gates: dict[tuple[str, ...], Gate] = field(default_factory=dict)
    _gates_of: LenderLaw | None = None
    _policies: dict[str, tuple[Stamp, Any]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)
    _shelf: Shelf | None = None
    _stamp: int = 0

    @cached_property
    def journal(self) -> Journal:
        """The workspace's journal. Raises KeysUnusable."""
        master = read_master_keys(self.settings.keys_folder, os.environ, os.urandom)
        return Journal(master, clock=self.clock, random=os.urandom)

    @property
    def policy(self) -> Path:
        """The folder of the lender's policy."""
        return self.settings.root / "policy"

    @property
    def law(self) -> LenderLaw:
        """The lender's law as its file says it now: which packs bind whom, and what the house adds.

        While it cannot be read nothing is lawful: raises PolicyError.
        """
        return self._kept_law.current()

    @cached_property
    def _kept_law(self) -> KeptLaw:
        return KeptLaw(self.policy / "law.toml")

    terms = Policy[Mapping[str, Terms]](
        lambda place: read_terms(place.settings.terms_folder),
        lambda place: sorted(place.settings.terms_folder.glob("*.toml")),
    )
    """The products' terms. Raises TermsError."""

    promise_policy = Policy[PromisePolicy](
        lambda place: read_promise_policy(place.policy / "promises.toml"),
        lambda place: [place.policy / "promises.toml"],
    )
    """When a promise counts as kept. Raises PolicyError."""

    second_factor_roles = Policy[frozenset[str]](
        _second_factor_roles, lambda place: [place.policy / "access.toml"]
    )
    """The roles of which a second factor is asked. Raises PolicyError."""

    idle = Policy[timedelta](_idle, lambda place: [place.policy / "access.toml"])
    """After how long without a page somebody signs in again. Raises PolicyError."""

    complaint_clocks = Policy["Mapping[str, Clock]"](
        _complaint_clocks, lambda place: [place.policy / "complaints.toml"]
    )
    """How soon a complaint must be answered, by jurisdiction. Raises PolicyError."""

    def gate(self, jurisdiction: str, region: str | None = None) -> Gate:
        """The gate of the packs that bind contacts with a person."""
        law = self.law
        packs = tuple(law.packs_for(jurisdiction, region))
        with self._lock:
            if self._gates_of is not law:
                self._gates, self._gates_of = {}, law
            if packs not in self._gates:
                self._gates[packs] = Gate(packs, self.settings.actor, known=law.packs)
            return self._gates[packs]

    @property
    def shelf(self) -> Shelf:
        """The book by customer, opened anew when a run has replaced it. Raises NoBook."""
        file = self.settings.book_folder / "book.json"
        with self._lock:
            if not file.is_file():
                raise NoBook(self.settings.book_folder)
            stamp = file.stat().st_mtime_ns
            if self._shelf is None or stamp != self._stamp:
                hides = self.journal.vault.is_forgotten
                self._shelf, self._stamp = Shelf(self.settings.book_folder, hides), stamp
            return self._shelf

    def today(self) -> date:
        """The day of pages that are about no single customer: the day at the lender's place."""
        return self._unless_ahead(civil_day(self.clock(), (), self.settings.timezone))

    def day_at(self, zones: Sequence[str]) -> date:
        """The day for which the desk tells what a customer owes and promised: the civil day at their place (``law.civil_days``).
        Where the book is of a day that has begun nowhere on earth yet, as of a rehearsal, it is the book's.
        """
        return self._unless_ahead(civil_day(self.clock(), zones))

    def _unless_ahead(self, here: date) -> date:
        of_book = date.fromisoformat(self.shelf.as_of)
        return of_book if of_book > civil_day(self.clock(), [_FIRST_ZONE]) else here


_current: list[Workplace] = []


def workplace() -> Workplace:
    """The process's workplace, of the workspace that Django was set up for."""
    if not _current:
        _current.append(Workplace(django_conf.DUNWELL))  # type: ignore[misc]  # ``set_up_office`` puts it there
    return _current[0]


def use(place: Workplace | None) -> None:
    """Work in another workplace from now on, with another clock or workspace; None: in Django's own again."""
    _current.clear()
    if place is not None:
        _current.append(place)
