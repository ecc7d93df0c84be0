"""What a pattern is: a definition in words and figures, read from ``patterns.toml``, and what it asks of us."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import dataframely as dy


class Asks(StrEnum):
    """What a pattern asks of us, the most careful first. There is no other answer: no pattern asks for more
    pressure.
    """

    PEOPLE = "people"
    FORBEARANCE = "forbearance"
    GENTLER = "gentler"
    THANKS = "thanks"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A way of behaving. ``definition`` says what is looked for, with its figures; ``words`` what to do."""

    name: str
    meaning: str
    meaning_zh: str
    definition: str
    asks: Asks
    words: str
    words_zh: str
    figures: Mapping[str, float]

    def days(self, name: str = "days") -> int:
        """A figure that is a whole number."""
        return int(self.figures[name])


class Behaviours(dy.Schema):
    """A customer and a pattern seen in what they did. ``since``: the first day of the evidence; ``evidence``: the
    events, each with its kind and id or days. There is no number to rank people by.
    """

    customer_id = dy.String(primary_key=True)
    pattern = dy.String(primary_key=True)
    since = dy.Date()
    evidence = dy.List(dy.String())
    asks = dy.Enum([one.value for one in Asks])


@cache
def patterns() -> Mapping[str, Pattern]:
    """Every pattern by its name, in the file's order."""
    text = tomllib.loads(Path(__file__).with_name("patterns.toml").read_text(encoding="utf-8"))
    found = {}
    for name, entry in text.items():
        figures = {key: value for key, value in entry.items() if isinstance(value, int | float)}
        found[name] = Pattern(
            name,
            entry["meaning"],
            entry["meaning_zh"],
            entry["definition"].format(**figures),
            Asks(entry["asks"]),
            entry["words"],
            entry["words_zh"],
            figures,
        )
    return found
