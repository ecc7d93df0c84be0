"""The settings of the letter channel: where letters are laid, who writes, and which envelope they go into."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FONT_FOLDERS = (Path("/usr/share/fonts/truetype/wqy"), Path("/usr/share/fonts/wqy-microhei"))
"""Where the package fonts-wqy-microhei puts its Chinese font."""

ADDRESS_LINES_MAX = {"din5008": 6, "us10": 5}
"""Lines of address, the country's among them, that are seen however the sheet lies in its envelope."""

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_SHOWS_COLLECTING = re.compile(
    r"(?i)\b(?:collect\w*|debts?|recover(?:y|ies)|receivables?|arrears|delinquen\w*|overdue|past due|credit control)\b"
    r"|催收|清收|债|欠|逾期"
)


class SettingsUnusable(ValueError):
    """The letter channel's settings cannot be used; says which and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSettings:
    """``folder``: the print folder; ``batch``: the name of the batch in it, a folder of its own.

    ``letterhead``: the sender's name, then its address and how to reach it, a line each. ``return_line`` stands above the
    address (``din5008`` only) and is seen through the window: a name, if any, must not show that debts are collected
    (12 CFR 1006.22(f)(2)).
    ``envelope``: ``din5008`` (A4, form B, for DL and C6/5 windows) or ``us10`` (US Letter, #10 window). ``country``: where it
    is posted (ISO 3166-1). ``seal``: a picture (PNG or SVG) that is set beside the signature, as Chinese letters bear one.
    ``workers``: how many letters are set at once.
    """

    folder: Path
    batch: str
    letterhead: tuple[str, ...]
    country: str
    return_line: str = ""
    envelope: Literal["din5008", "us10"] = "din5008"
    font_folders: tuple[Path, ...] = FONT_FOLDERS
    seal: Path | None = None
    workers: int = 2

    def __post_init__(self) -> None:
        """Raises SettingsUnusable."""
        if not _BATCH.fullmatch(self.batch):
            raise SettingsUnusable(f"batch {self.batch!r}: letters, digits, dots and hyphens. Mend the name")
        if not self.letterhead or len(self.letterhead) > 7 or not all(self.letterhead):
            raise SettingsUnusable("letterhead: the sender's name and up to six lines below. Mend it")
        if self.envelope not in ("din5008", "us10"):
            raise SettingsUnusable(f"envelope {self.envelope!r} is not known. One of: din5008, us10")
        if not re.fullmatch("[A-Z]{2}", self.country):
            raise SettingsUnusable(f"country {self.country!r} is no ISO 3166-1 code. Write two capitals")
        if not 1 <= self.workers <= 64:
            raise SettingsUnusable(f"workers = {self.workers}: 1 to 64. Mend it")
        if len(self.return_line) > 90 or not self.return_line.isprintable():
            raise SettingsUnusable("return_line: one line of 90 characters at most. Shorten it")
        if found := _SHOWS_COLLECTING.search(self.return_line):
            raise SettingsUnusable(
                f"return_line shows {found.group()!r} through the window, and so that debts are collected "
                "(12 CFR 1006.22(f)(2)). Give the address alone, or a name that does not show it"
            )
        if self.seal is not None and self.seal.suffix not in (".png", ".svg"):
            raise SettingsUnusable(f"seal {self.seal.name}: a PNG or SVG picture. Name one")
