"""The figures of a text that holds a few of them by name (``[[figure]]`` with ``name`` and ``value``)."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from dunwell.policy import PolicyError, PolicyText, read_policy

TEXTS_FOLDER = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Figures:
    """A text's figures on a day."""

    text: PolicyText
    day: date

    def whole(self, name: str) -> int:
        """A whole number. Raises PolicyError where the text does not hold it."""
        value = self._value(name)
        if type(value) is not int:
            raise PolicyError(self.text.file, f"figure {name}", f"{value!r} is not whole", "Write value = 12")
        return value

    def word(self, name: str) -> str:
        """A word. Raises PolicyError where the text does not hold it."""
        return str(self._value(name))

    @property
    def source(self) -> str:
        """Who says so, and how well it is known."""
        return self.text.source

    def _value(self, name: str) -> Any:
        found = [e for e in self.text.entries("figure", self.day) if e.values.get("name") == name]
        if not found or not self.text.holds_on(self.day):
            raise PolicyError(
                self.text.file, f"figure {name}", f"is not in force on {self.day}", "Write one that is"
            )
        return found[-1].values.get("value")


@cache
def figures(key: str, day: date) -> Figures:
    """The figures of one of dunwell's texts on a day. Raises PolicyError."""
    return Figures(read_policy(TEXTS_FOLDER / f"{key}.toml"), day)
