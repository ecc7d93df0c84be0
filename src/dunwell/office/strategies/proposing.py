"""A strategy's text read as it is pasted, and what a second person agreed to put in force: without Django's pages."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.translation import gettext as _

from dunwell.office.access.models import Staff
from dunwell.office.strategies.models import DONE, Proposal
from dunwell.office.workplace import Workplace
from dunwell.policy import PolicyError
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import Strategy, read_strategy

TEXT_BYTES_MAX = 500_000
_AGREED = ".strategy-agreed-"
EARLIER = "earlier"
"""The folder beside the strategy in which those that were replaced are kept."""
_FROM = re.compile(r"^from\s*=\s*\d{4}-\d{2}-\d{2}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """A text as the strategy room reads it: the strategy and what is likely not meant, or the error with its place and mend."""

    strategy: Strategy | None
    cautions: tuple[str, ...] = ()
    error: PolicyError | None = None


def read_text(text: str) -> Read:
    """Read a strategy's text whole, as ``dunwell strategy lint`` does."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "strategy.toml"
        file.write_text(text, encoding="utf-8", newline="")
        try:
            strategy = read_strategy(file)
        except PolicyError as error:
            return Read(None, error=error)
    return Read(strategy, tuple(cautions(strategy)))


def file_in_force(place: Workplace) -> Path:
    """Where the workspace's strategy stands."""
    return place.settings.root / "policy" / "strategy.toml"


def text_in_force(place: Workplace) -> str:
    """The text of the strategy in force; empty where there is none."""
    file = file_in_force(place)
    return file.read_bytes().decode("utf-8", errors="replace") if file.is_file() else ""


def starts_too_late(text: str, today: date) -> bool:
    """Whether a text says that it holds from a day that has not come."""
    strategy = read_text(text).strategy
    return strategy is not None and strategy.policy.from_on > today


def why_not(proposal: Proposal, staff: Staff, place: Workplace) -> str | None:
    """Why somebody may not decide this; None when they may."""
    if proposal.decision:
        return _("It was decided already.")
    if proposal.asked_at is None:
        return _("Nobody has asked for a decision yet.")
    if proposal.proposed_by_id == staff.pk:
        return _("You proposed it: somebody else must decide.")
    return is_outdated(proposal, place)


def is_outdated(proposal: Proposal, place: Workplace) -> str | None:
    """Why a comparison is not one with the strategy in force; None when it is."""
    if proposal.comparing != DONE:
        return _("The comparison is not there yet.")
    if proposal.based_on != text_in_force(place):
        return _("The strategy in force has changed since. Compare again.")
    return None


def dated(text: str, day: date) -> str:
    """A text as it is put in force on a day: its own ``from`` becomes that day."""
    return _FROM.sub(f"from = {day.isoformat()}", text, count=1)


@contextmanager
def deciding(place: Workplace) -> Iterator[None]:
    """Nobody else decides about a strategy, or finishes what was decided, until this is over: of two proposals compared with the
    same text only one can take its place.
    """
    folder = place.settings.evidence_folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".strategy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def lay_ready(place: Workplace, number: int, text: str, day: date) -> Path:
    """Lay the text of a proposal of that number beside the strategy, ready to take its place, and keep the one in force under
    ``policy/earlier``. Call it in the transaction that decides, within ``deciding``; once that has ended, ``put_in_force``.

    So both lie there, whole, before anything is decided, and what a crash leaves between is finished by ``finish_decided``.
    """
    file = file_in_force(place)
    if file.is_file():
        old = file.read_bytes()
        name = f"strategy-until-{day.isoformat()}-{sha256(old).hexdigest()[:12]}.toml"
        kept = file.parent / EARLIER / name
        kept.parent.mkdir(exist_ok=True)
        _write(kept, old)
    waiting = file.with_name(f"{_AGREED}{number}.toml")
    _write(waiting, text.encode("utf-8"))
    return waiting


def put_in_force(place: Workplace, ready: Path) -> None:
    """Let a text that lies ready take the strategy's place: whoever reads the file sees the old text or the new one, whole."""
    ready.replace(file_in_force(place))


def finish_decided(place: Workplace) -> None:
    """Put in force what was agreed to when a crash came between the decision and the file; what was not decided is undone."""
    folder = file_in_force(place).parent
    if not any(folder.glob(f"{_AGREED}*.toml")):
        return
    with deciding(place):
        for waiting in sorted(folder.glob(f"{_AGREED}*.toml"), key=lambda one: one.stat().st_mtime_ns):
            number = waiting.stem.removeprefix(_AGREED)
            proposal = Proposal.objects.filter(pk=int(number)).first() if number.isdecimal() else None
            is_ours = proposal is not None and proposal.decision == "approved"
            if proposal is not None and is_ours and proposal.based_on == text_in_force(place):
                waiting.replace(file_in_force(place))
            else:
                waiting.unlink()


def _write(file: Path, content: bytes) -> None:
    staging = file.with_name(f".{file.name}.new")
    with staging.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    staging.replace(file)
