"""A letter's plain text as what its reader sees: paragraphs, headings, lists, facts and boxes to tick.

The text of a letter carries no markup. A blank line ends a paragraph, and its look tells what it is:

- lines that begin with "- " are a list, lines that begin with "[ ] " boxes to tick;
- two lines or more that all read "name: value" are facts, set as a table;
- one short line without a stop or colon at its end, and more below it, is a heading;
- anything else is a paragraph, its line ends kept.
"""

import re
from dataclasses import dataclass
from typing import Literal

HEADING_MAX = 80
_FACT = re.compile(r"([^.:：。!?！？\n]{1,90})[:：]\s*(\S.*)")
_NO_HEADING_END = ".,;:!…。，；：！、-)）”\"'"


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its kind and its lines (of facts: name and value)."""

    kind: Literal["paragraph", "heading", "list", "choices", "facts"]
    lines: tuple[str, ...] | tuple[tuple[str, str], ...]


def blocks_of(text: str) -> list[Block]:
    r"""A text's blocks, in order; nothing of the text is lost but blanks and marks.

    >>> [block.kind for block in blocks_of("Dear Li,\n\nIf you disagree\n\nTell us.")]
    ['paragraph', 'heading', 'paragraph']
    """
    paragraphs = [part.strip("\n") for part in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text) if part.strip()]
    return [
        _block(paragraph.split("\n"), is_last=number == len(paragraphs), is_first=number == 1)
        for number, paragraph in enumerate(paragraphs, start=1)
    ]


def _block(lines: list[str], *, is_last: bool, is_first: bool) -> Block:
    if all(line.startswith("- ") for line in lines):
        return Block("list", tuple(line[2:] for line in lines))
    if all(line.startswith("[ ] ") for line in lines):
        return Block("choices", tuple(line[4:] for line in lines))
    facts = [_FACT.fullmatch(line) for line in lines]
    if len(lines) > 1 and all(facts):
        return Block("facts", tuple((fact.group(1).strip(), fact.group(2)) for fact in facts if fact))
    is_short = (
        len(lines) == 1 and len(lines[0]) <= HEADING_MAX and lines[0].rstrip()[-1] not in _NO_HEADING_END
    )
    if is_short and not is_last and not is_first:
        return Block("heading", tuple(lines))
    return Block("paragraph", tuple(lines))
