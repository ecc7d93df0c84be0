"""What the office's pages stand on, opened once a process: the workspace's settings, policies, book and journal."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from threading import RLock

from django.conf import settings as django_conf

from dunwell.book import NoBook
from dunwell.journal.keys import read_master_keys
from dunwell.journal.recording import Journal
from dunwell.law import Gate
from dunwell.law.overlay import KeptLaw, LenderLaw
from dunwell.ledger import Terms, read_terms
from dunwell.office.cases.shelf import Shelf
from dunwell.resolution.promise_policy import PromisePolicy, read_promise_policy
from dunwell.settings import Settings


def clock() -> datetime:
    """The instant now."""
    return datetime.now(UTC)  # noqa: TID251 - the office is where people are, and their clock


@dataclass
class Workplace:
    """A workspace as the office works in it. The policies are read when first asked for, the law anew when its file changed,
    the book anew when a run replaced it.
    """

    settings: Settings
    clock: Callable[[], datetime] = clock
    _gates: dict[tuple[str, ...], Gate] = field(default_factory=dict)
    _gates_of: LenderLaw | None = None
    _lock: RLock = field(default_factory=RLock)
    _shelf: Shelf | None = None
    _stamp: int = 0

    @cached_property
    def journal(self) -> Journal:
        """The workspace's journal. Raises KeysUnusable."""
        master = read_master_keys(self.settings.keys_folder, os.environ, os.urandom)
        return Journal(master, clock=self.clock, random=os.urandom)

    @cached_property
    def terms(self) -> Mapping[str, Terms]:
        """The products' terms. Raises TermsError."""
        return read_terms(self.settings.terms_folder)

    @property
    def law(self) -> LenderLaw:
        """The lender's law as it is now: which packs bind whom, and what the house adds. Raises PolicyError."""
        return self._kept_law.current()

    @cached_property
    def _kept_law(self) -> KeptLaw:
        return KeptLaw(self.settings.root / "policy" / "law.toml")

    @cached_property
    def promise_policy(self) -> PromisePolicy:
        """When a promise counts as kept. Raises PolicyError."""
        return read_promise_policy(self.settings.root / "policy" / "promises.toml")

    @cached_property
    def second_factor_roles(self) -> frozenset[str]:
        """The roles of which a second factor is asked. Raises PolicyError."""
        from dunwell.office.access.second_factor import roles_asked

        return roles_asked(self.settings.root / "policy")

    def gate(self, jurisdiction: str, region: str | None = None) -> Gate:
        """The gate of the packs that bind contacts with a person."""
        with self._lock:
            law = self.law
            if law is not self._gates_of:
                self._gates, self._gates_of = {}, law
            packs = tuple(law.packs_for(jurisdiction, region))
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
        """The day for which the desk tells what is owed: today, or the book's own day where that is later."""
        return max(self.clock().date(), date.fromisoformat(self.shelf.as_of))


_current: list[Workplace] = []


def workplace() -> Workplace:
    """The process's workplace, of the workspace that Django was set up for."""
    if not _current:
        _current.append(Workplace(django_conf.DUNWELL))  # type: ignore[misc]
    return _current[0]


def use(place: Workplace | None) -> None:
    """Work in another workplace from now on, with another clock or workspace; None: in Django's own again."""
    _current.clear()
    if place is not None:
        _current.append(place)
