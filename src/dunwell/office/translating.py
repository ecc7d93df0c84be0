"""The office in Chinese: every text of its templates and code, in ``locale/zh_Hans``; ``make messages`` brings it up to date.

The texts are written in English where they stand; the catalogue is text to be reviewed, the compiled one beside it is what
Django reads.
"""

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

_OFFICE = Path(__file__).parent
CATALOGUE = _OFFICE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
_KEYWORDS = {
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "_": None,
}


def texts() -> Catalog:
    """Every text that the office shows, with the files it stands in."""
    catalogue = Catalog(locale="zh_Hans", project="dunwell", charset="utf-8", fuzzy=False)
    for file in sorted([*_OFFICE.rglob("*.html"), *_OFFICE.rglob("*.py")]):
        source = file.read_text(encoding="utf-8")
        if file.suffix == ".html":
            source = templatize(source)
        name = file.relative_to(_OFFICE).as_posix()
        for _, message, _, context in extract("python", io.BytesIO(source.encode()), _KEYWORDS):
            catalogue.add(message, locations=[(name, 0)], context=context)
    return catalogue


def catalogue() -> Catalog:
    """The Chinese catalogue as it stands."""
    with CATALOGUE.open("rb") as stream:
        return read_po(stream, locale="zh_Hans")


def missing() -> list[str]:
    """The texts that the catalogue does not have in Chinese."""
    known = catalogue()
    absent = []
    for message in texts():
        found = known.get(message.id, message.context) if message.id else None
        if message.id and (found is None or not _is_whole(found.string) or found.fuzzy):
            absent.append(message.id if isinstance(message.id, str) else message.id[0])
    return absent


def _is_whole(translated: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(translated) and all(translated or ())


def compiled() -> bytes:
    """The catalogue as Django reads it."""
    out = io.BytesIO()
    write_mo(out, catalogue())
    return out.getvalue()


def bring_up_to_date() -> list[str]:
    """Add what is new to the catalogue, drop what is gone, compile it; the texts that have no Chinese yet."""
    known = catalogue() if CATALOGUE.is_file() else Catalog(locale="zh_Hans")
    known.header_comment = (
        "# The office in Simplified Chinese. Made by `make messages`; the translations are written by hand."
    )
    known.project, known.version, known.fuzzy = "dunwell", "1", False
    known.update(texts(), no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    with CATALOGUE.open("wb") as stream:
        write_po(stream, known, width=110, omit_header=False, sort_output=True, include_lineno=False)
    CATALOGUE.with_suffix(".mo").write_bytes(compiled())
    return missing()


if __name__ == "__main__":
    left = bring_up_to_date()
    print("\n".join(left))  # noqa: T201 - run by hand
    print(f"{len(left)} texts have no Chinese yet")  # noqa: T201 - run by hand
