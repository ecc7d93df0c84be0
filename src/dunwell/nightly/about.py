"""What a run says about itself: which tape it read, under which policy, and which rows it could not use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class TapeFile:
    """One file of the tape: the table it holds, its name, and how many of its rows were read, used and quarantined."""

    table: str
    file: str
    read_count: int
    quarantined_count: int

    @property
    def used_count(self) -> int:
        """Rows that went into the book."""
        return self.read_count - self.quarantined_count


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule that rows of a table broke: how many, the first place (row 1 is the first after the header), how to mend it."""

    table: str
    rule: str
    row_count: int
    file: str
    row: int
    mend: str

    @property
    def place(self) -> str:
        """Where to look first: file and row."""
        return f"{self.file}:{self.row}"


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """An optional file of the tape that could not be read at all, why, and how to mend it."""

    file: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What of the tape could not be used. A row that broke several rules counts once in its file and once in each rule."""

    files: tuple[TapeFile, ...] = ()
    rules: tuple[BrokenRule, ...] = ()
    unreadable: tuple[UnreadableFile, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def row_count(self) -> int:
        """All rows in quarantine."""
        return sum(file.quarantined_count for file in self.files)

    def heaviest_rules(self) -> list[BrokenRule]:
        """The broken rules, those with most rows first."""
        return sorted(self.rules, key=lambda rule: (-rule.row_count, rule.table, rule.rule))

    @property
    def is_clean(self) -> bool:
        """Whether every row was used and every file read."""
        return not self.row_count and not self.unreadable


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run this was.

    ``as_of``: the day the figures hold for. ``previous_as_of``: the day of the run they are compared with, None when there was
    none. ``known_at``: only what was recorded by then was used; None means everything. ``policy_hash``: content hash of the
    policy. ``versions``: name to version of the parts used. ``files``: what the run wrote, name to path.
    """

    run_id: str
    as_of: date
    previous_as_of: date | None
    policy_hash: str
    known_at: datetime | None = None
    lender: str = ""
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
