"""A text in the pieces that a model of sentences can read: the whole when it is short, runs of sentences when it is long."""

import re
from collections.abc import Iterator

CHARACTERS_MAX = {"en": 120, "zh": 45}
"""As long as a sentence or two: what the models have learnt from. In longer pieces one bad sentence drowns."""
_SENTENCE = re.compile(
    r"(?:[^.!?。！？;；\n]|[.!?]+(?![\s\"'”’.!?]|$))*"  # a full stop within an address or a figure ends nothing
    r"(?:[.!?]+[\"'”’]*|[。！？;；]+[」』”’\"]*|\n+|$)\s*"
)


def windows(text: str, language: str) -> Iterator[tuple[int, int]]:
    """The pieces as spans, in their order; together they are the text. None for a text of nothing but space."""
    most = CHARACTERS_MAX[language]
    start = end = 0
    if len(text) <= most:
        pieces = [len(text)]
    else:
        pieces = [match.end() for match in _SENTENCE.finditer(text) if match.group()] or [len(text)]
    for piece in pieces:
        if piece - start > most and end > start:
            if text[start:end].strip():
                yield start, end
            start = end
        end = piece
    if text[start:].strip():
        yield start, len(text)
