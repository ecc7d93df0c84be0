"""A strategy's text read as it is pasted, and what a second person agreed to put in force: without Django's pages."""

import os
import re
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
    return file.read_bytes().decode("utf-8") if file.is_file() else ""


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


def put_in_force(place: Workplace, text: str, day: date) -> None:
    """Let a text take the strategy's place, and keep the one before it under ``policy/earlier``.

    Whoever reads the file sees the old text or the new one, whole.
    """
    file = file_in_force(place)
    if file.is_file():
        old = file.read_bytes()
        name = f"strategy-until-{day.isoformat()}-{sha256(old).hexdigest()[:12]}.toml"
        kept = file.parent / EARLIER / name
        kept.parent.mkdir(exist_ok=True)
        _write(kept, old)
    _write(file, text.encode("utf-8"))


def _write(file: Path, content: bytes) -> None:
    staging = file.with_name(f".{file.name}.new")
    with staging.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    staging.replace(file)
