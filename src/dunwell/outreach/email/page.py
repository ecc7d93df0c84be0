"""The HTML of a message, made from its plain text by one function: the same words in the same order, nothing added.

The plain text is what was reviewed, so it decides. What it shows by its layout becomes structure: paragraphs, lists of
lines that begin with a dash or a bullet, headings that are underlined with ``===`` or ``---``, links. There is nothing
remote in the page, no picture, no script; without its few lines of style it still reads well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup, escape

_LINK = re.compile(
    r"https?://[^\s<>\"'，。；：！？（）《》、“”]+|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
)
_ANCHOR = Markup('<a href="{}">{}</a>')
_LINK_TAIL = ".,;:!?)]}"
_BULLET = re.compile(r"\s*[-•*·]\s+(?=\S)")
_UNDERLINE = re.compile(r"\s*(={3,}|-{3,})\s*")

# Text on ground, and links on ground, have a contrast of 7:1 and more, light and dark (WCAG 2.2, 1.4.6).
_PAGE = """\
<!DOCTYPE html>
<html lang="@LANGUAGE@">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; padding: 1rem; font: 1rem/1.6 system-ui, sans-serif; color: #1b1b1b; background: #ffffff; }
main { max-width: 36rem; margin: 0 auto; overflow-wrap: break-word; }
h1 { font-size: 1.4rem; line-height: 1.3; }
h2 { font-size: 1.15rem; line-height: 1.3; }
a { color: #0b4f9e; }
@media (prefers-color-scheme: dark) {
body { color: #f2f2f2; background: #1b1b1b; }
a { color: #9ecbff; }
}
</style>
</head>
<body>
<main>
@BLOCKS@</main>
</body>
</html>"""
# What the page has around language, title and blocks: nobody's words are ever looked through for a place to put others.
_BEFORE_LANGUAGE, _BEFORE_TITLE, _BEFORE_BLOCKS, _AFTER_BLOCKS = re.split(
    "@LANGUAGE@|@TITLE@|@BLOCKS@", _PAGE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A heading (h1, h2), a paragraph (p) or a list, with its lines."""

    kind: str
    lines: tuple[str, ...]


def html_from_text(text: str, language: str, title: str) -> str:
    r"""The page that says just what the text says, in that language; ``title`` is for the window, not for the page.

    >>> page = html_from_text("Your options\n============\n\n- Pay later\n- Call us", "en", "Your options")
    >>> "<h1>Your options</h1>" in page, "<li>Pay later</li>" in page
    (True, True)
    """
    pieces = (_BEFORE_LANGUAGE, escape(language), _BEFORE_TITLE, escape(title), _BEFORE_BLOCKS)
    return "".join([*pieces, *map(_stretch_html, _stretches(text)), _AFTER_BLOCKS])


@lru_cache(maxsize=4096)  # most of a message's paragraphs are everybody's
def _stretch_html(lines: tuple[str, ...]) -> str:
    return "".join(map(_block_html, _blocks(lines)))


def _block_html(block: "Block") -> str:
    lines = [linked(line) for line in block.lines]
    if block.kind == "list":
        items = "".join(f"<li>{line}</li>\n" for line in lines)
        return f"<ul>\n{items}</ul>\n"
    return f"<{block.kind}>{f'<br>{chr(10)}'.join(lines)}</{block.kind}>\n"


def blocks(text: str) -> Iterator[Block]:
    """The text's paragraphs, headings and lists, in order; no word is dropped."""
    for lines in _stretches(text):
        yield from _blocks(lines)


def _stretches(text: str) -> Iterator[tuple[str, ...]]:
    """The lines between empty ones."""
    gathered: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            gathered.append(line)
        elif gathered:
            yield tuple(gathered)
            gathered = []


def _blocks(lines: tuple[str, ...]) -> Iterator[Block]:
    gathered: list[str] = []
    for line in lines:
        if gathered and (underline := _UNDERLINE.fullmatch(line)):
            yield from _paragraph(gathered[:-1])
            yield Block("h1" if underline[1][0] == "=" else "h2", (gathered[-1].strip(),))
            gathered = []
        else:
            gathered.append(line)
    yield from _paragraph(gathered)


def _paragraph(lines: list[str]) -> Iterator[Block]:
    """The lines, cut where plain lines and listed ones meet."""
    gathered: list[str] = []
    is_list = False
    for line in lines:
        is_listed = bool(_BULLET.match(line))
        if gathered and is_listed != is_list:
            yield Block("list" if is_list else "p", tuple(gathered))
            gathered = []
        is_list = is_listed
        gathered.append(_BULLET.sub("", line, count=1) if is_listed else line.strip())
    if gathered:
        yield Block("list" if is_list else "p", tuple(gathered))


def linked(text: str) -> Markup:
    """The line with its web and e-mail addresses as links, which show just what was written.

    >>> linked("See https://lender.example/plan.")
    Markup('See <a href="https://lender.example/plan">https://lender.example/plan</a>.')
    """
    pieces, end = [], 0
    for found in _LINK.finditer(text) if "://" in text or "@" in text else ():
        shown = found[0].rstrip(_LINK_TAIL)
        target = shown if "://" in shown else f"mailto:{shown}"
        pieces += [escape(text[end : found.start()]), _ANCHOR.format(target, shown)]
        end = found.start() + len(shown)
    return Markup("").join([*pieces, escape(text[end:])]) if pieces else escape(text)
