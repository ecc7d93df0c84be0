"""The page: a letter as PDF/A-2a and PDF/UA-1 (an archive can keep it, a screen reader can read it), set by Typst.

All text goes to ``page.typ`` as data and never as markup. The same message gives the same bytes. The QR code holds the
message_id and nothing else; it stands where no window shows it (a code seen through the envelope tells of a debt:
DiNaples v. MRS BPO, 934 F.3d 275 (3d Cir. 2019)).
"""

import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import segno
import typst
from babel import Locale

from dunwell.outreach.channel import Message
from dunwell.outreach.letter.address import AddressUnusable, address_of
from dunwell.outreach.letter.blocks import blocks_of
from dunwell.outreach.letter.settings import ADDRESS_LINES_MAX, LetterSettings
from dunwell.outreach.texts.values import written

MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
CJK_FONT = "WenQuanYi Micro Hei"
_FONT = "Libertinus Serif"
_HAN = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_PAGES = re.compile(rb"/Type ?/Pages\b.{0,400}?/Count (\d+)|/Count (\d+).{0,400}?/Type ?/Pages\b", re.DOTALL)
_WORDS = {
    "en": {"date": "Date", "reference": "Letter", "page": "Page", "of": "of"},
    "zh": {"date": "日期", "reference": "信函编号", "page": "第", "of": "页，共"},
}


class LetterUnprintable(ValueError):
    """A letter cannot be set. ``is_for_good`` when only another text or address helps; the message tells no personal data."""

    def __init__(self, problem: str, mend: str, *, is_for_good: bool) -> None:
        super().__init__(f"{problem}. {mend}")
        self.is_for_good = is_for_good


@dataclass(frozen=True, slots=True)
class Page:
    """A letter set: the file's bytes and how many pages it has."""

    pdf: bytes
    page_count: int


def letter_pdf(message: Message, settings: LetterSettings) -> Page:
    """The letter for a message. Raises LetterUnprintable."""
    pdf = typeset(message, settings, "pdf")[0]
    return Page(pdf, _page_count(pdf))


def typeset(message: Message, settings: LetterSettings, form: Literal["pdf", "png"]) -> list[bytes]:
    """The letter as one PDF file, or as a picture of each page (144 dots an inch). Raises LetterUnprintable."""
    told = _told(message, settings)
    fonts = fonts_of(settings.font_folders)
    everything = json.dumps(told, ensure_ascii=False)
    families = [family for family in (_FONT, CJK_FONT) if family in fonts.families()]
    if CJK_FONT not in families and _HAN.search(everything):
        folders = ", ".join(map(str, settings.font_folders)) or "none"
        raise LetterUnprintable(
            f"the font {CJK_FONT!r} for Chinese is not in {folders}",
            "Install fonts-wqy-microhei, or name its folder in font_folders",
            is_for_good=False,
        )
    day = date.fromisoformat(message.headers["Date"])
    try:
        made: Any = typst.compile(  # a list where there are several pictures
            files("dunwell.outreach.letter").joinpath("page.typ").read_bytes(),
            font_paths=fonts,
            sys_inputs={"letter": json.dumps(told | {"fonts": families}, ensure_ascii=False)},
            format=form,
            pdf_standards=["a-2a", "ua-1"],
            timestamp=datetime(day.year, day.month, day.day, tzinfo=UTC),
        )
    except typst.TypstError as error:
        raise _unprintable(error) from error
    return made if isinstance(made, list) else [made]


@cache
def fonts_of(folders: tuple[Path, ...]) -> typst.Fonts:
    """Typst's own fonts and those of some folders."""
    present = [str(folder) for folder in folders if folder.is_dir()]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=present)


def _told(message: Message, settings: LetterSettings) -> dict[str, object]:
    """Everything the page says, as text."""
    if not MESSAGE_ID.fullmatch(message.message_id):
        raise LetterUnprintable(
            "the message_id is none of ours", "Letters, digits, hyphens, 36 at most", is_for_good=True
        )
    try:
        address = address_of(message)
        day = date.fromisoformat(message.headers.get("Date", ""))
        dated = written(day, "date", message.language, "letter")
    except AddressUnusable as error:
        problem, _, mend = str(error).partition(". ")
        raise LetterUnprintable(problem, mend, is_for_good=True) from error
    except ValueError as error:
        raise LetterUnprintable(
            "the message carries no date, or a language unknown here", "Make it with render", is_for_good=True
        ) from error
    language = message.language.split("-")[0]
    words = _WORDS[language]
    lines = list(address.lines)
    if address.country != settings.country:
        lines.append(Locale("en").territories.get(address.country, address.country).upper())
    if len(lines) > (lines_max := ADDRESS_LINES_MAX[settings.envelope]):
        raise LetterUnprintable(
            f"the address has {len(lines)} lines, the window shows {lines_max}",
            "Join lines",
            is_for_good=True,
        )
    seal = settings.seal.read_bytes() if settings.seal is not None else b""
    return {
        "language": language,
        "envelope": settings.envelope,
        "letterhead": settings.letterhead,
        "return_line": settings.return_line,
        "address": lines,
        "facts": [(words["date"], dated), (words["reference"], message.message_id)],
        "page": words["page"],
        "of": words["of"],
        "page_end": " 页" if language == "zh" else "",
        "subject": message.subject,
        "message_id": message.message_id,
        "blocks": [{"kind": block.kind, "lines": block.lines} for block in blocks_of(message.text)],
        "code": _code(message.message_id),
        "seal": list(seal),
        "seal_format": settings.seal.suffix[1:] if settings.seal is not None else "",
    }


def _code(message_id: str) -> str:
    """The QR code of a message_id as a picture (error correction M: it reads with 15 % of it gone)."""
    picture = io.BytesIO()
    segno.make_qr(message_id, error="m").save(picture, kind="svg", border=2, xmldecl=False)
    return picture.getvalue().decode()


def _page_count(pdf: bytes) -> int:
    counts = [int(match.group(1) or match.group(2)) for match in _PAGES.finditer(pdf)]
    assert counts, "Typst writes the page tree in the clear"
    return max(counts)


def _unprintable(error: typst.TypstError) -> LetterUnprintable:
    """A refusal of Typst's in our words: what it quotes of the text stays out of it."""
    if "could not be displayed" in error.message or "font" in error.message:
        return LetterUnprintable(
            "a letter of the text or the address is in none of the fonts",
            "Add a folder with a font that has it to font_folders",
            is_for_good=True,
        )
    return LetterUnprintable("Typst could not set the page", "See docs/outreach-texts.md", is_for_good=True)
