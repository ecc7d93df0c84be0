"""The texts of a workspace as they stand now: read and reviewed anew when a file has changed or the day has.

A worker runs for weeks. What a lender takes back, mends or ends holds for the next message, and nothing is sent under a review
of words that are no longer there.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic

from dunwell.outreach.texts.reading import SHIPPED, load_texts, read_text
from dunwell.outreach.texts.text import Fault, Text

ALWAYS = ("channel_stopped", "stop_confirmed")
"""Stages without which a STOP would go unanswered: where a workspace has no text of its own, the shipped one is used."""

Kind = tuple[str, str, str]
"""Language, channel and stage."""


class ApprovedTexts:
    """The texts of a folder, for many threads. ``today``: the day by whose law they are reviewed; the folder is looked at again
    after so many seconds.
    """

    def __init__(self, folder: Path, today: Callable[[], date], look_seconds: float = 0.5) -> None:
        self._folder, self._today, self._look_seconds = folder, today, look_seconds
        self._stamp: object = None
        self._looked_at = float("-inf")
        self._texts: tuple[Text, ...] = ()
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Text, ...]:
        """The texts that may be used now. Raises TextsRefused; after it, again until they are mended."""
        with self._lock:
            now = monotonic()
            if self._stamp is not None and now - self._looked_at < self._look_seconds:
                return self._texts
            stamp = (self._today(), stamp_of(self._folder))
            self._looked_at = now
            if stamp != self._stamp:
                self._stamp = None
                own = load_texts(self._folder, stamp[0])
                self._texts = (*own, *_always(own, stamp[0]))
                self._stamp = stamp
            return self._texts


def stamp_of(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What is different after any file of the folder was written, added or taken away."""
    found = [(file, file.stat()) for file in sorted(folder.rglob("*.txt"))]
    return tuple((file.name, one.st_ino, one.st_size, one.st_mtime_ns) for file, one in found)


def _always(own: Sequence[Text], on: date) -> list[Text]:
    """The shipped texts of the stages that must never lack, where the workspace has none of that kind."""
    there = {_kind(text) for text in own}
    wanted = [text for text, _ in _shipped() if text.stage in ALWAYS and _kind(text) not in there]
    return [text for text in wanted if text.holds_on(on)]


def _kind(text: Text) -> Kind:
    return text.language, text.channel, text.stage


def _shipped() -> list[tuple[Text, Path]]:
    """The texts that come with dunwell, each with its file."""
    found = (
        (file, read_text(file, file.relative_to(SHIPPED).as_posix())[0])
        for file in sorted(SHIPPED.rglob("*.txt"))
    )
    return [(text, file) for file, text in found if text is not None]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at a folder of texts finds: the shipped texts of a kind that it has none of, and files that are no texts."""

    missing: tuple[tuple[Text, Path], ...]
    faults: tuple[Fault, ...]

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that are missing."""
        return sorted({_kind(text) for text, _ in self.missing})


def look(folder: Path, channels: Iterable[str], actor: str) -> Looked:
    """What a folder lacks for these channels and this role. Nothing is reviewed, so it is quick."""
    texts, faults = [], []
    for file in sorted(folder.rglob("*.txt")):
        text, found = read_text(file, file.relative_to(folder).as_posix())
        texts += [text] if text is not None else []
        faults += found
    there = {_kind(text) for text in texts}
    wanted = set(channels)
    missing = [
        (text, file)
        for text, file in _shipped()
        if _kind(text) not in there and text.channel in wanted and actor in text.actors
    ]
    return Looked(tuple(missing), tuple(faults))


def add(folder: Path, missing: Iterable[tuple[Text, Path]]) -> tuple[list[str], list[str]]:
    """Copy shipped texts into the folder; the names of those that were added, and of those in whose place a file lies, which is
    left as it is.
    """
    added, left = [], []
    for _, file in missing:
        name = file.relative_to(SHIPPED)
        target = folder / name
        if target.exists():
            left.append(name.as_posix())
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_suffix(".new")
        shutil.copyfile(file, staging)
        staging.replace(target)
        added.append(name.as_posix())
    return added, left
