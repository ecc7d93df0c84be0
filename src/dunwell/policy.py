"""Dated, cited policy text read from TOML: what holds on a day, on whose word, and how sure we are of it.

Every text says since when it is in force (``from``, a day; ``until`` when it has ended, the first day on
which it no longer holds), where it stands (``citation``) and how well we hold it (``source_quality``: text
when its wording was read, press, or memory). An entry inside a text may say its own; otherwise the text's
hold.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

SOURCE_QUALITIES = ("text", "press", "memory")


class PolicyError(ValueError):
    """A policy text cannot be used; says the file and key, what is wrong and what to write instead."""

    def __init__(self, file: Path | str, key: str, problem: str, mend: str) -> None:
        super().__init__(f"{file}: {key}: {problem}. {mend}")
        self.file, self.key, self.problem, self.mend = str(file), key, problem, mend


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One text: its key, title, when it holds and on whose word, and the rest as read (``values``)."""

    file: str
    key: str
    title: str
    from_on: date
    until_on: date | None
    citation: str
    source_quality: str
    values: Mapping[str, Any]

    def holds_on(self, day: date) -> bool:
        """Whether the text is in force on that day."""
        return self.from_on <= day and (self.until_on is None or day < self.until_on)

    @property
    def source(self) -> str:
        """The citation with how well it is held, for people."""
        doubts = {"text": "", "press": ", by press reports", "memory": ", held from memory: verify"}
        return f"{self.citation}{doubts[self.source_quality]}"


Text = TypeVar("Text", bound=PolicyText)


def read_policy(file: Path) -> PolicyText:
    """A text from its TOML file. Raises PolicyError naming file, key and mend."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PolicyError(
            file.name, "file", f"cannot be read ({error})", "Mend the TOML, saved as UTF-8"
        ) from error
    for key in ("key", "title", "citation", "source_quality"):
        if not isinstance(values.get(key), str) or not values[key]:
            raise PolicyError(file.name, key, "is missing or not text", f'Write {key} = "..."')
    _check_dates(file, values, "")
    if "from" not in values:
        raise PolicyError(
            file.name, "from", "is missing", "Write since when the text is in force, from = 2023-07-01"
        )
    _check_entries(file, values, "")
    return PolicyText(
        file.name,
        values["key"],
        values["title"],
        values["from"],
        values.get("until"),
        values["citation"],
        values["source_quality"],
        values,
    )


def read_policies(folder: Path) -> tuple[PolicyText, ...]:
    """Every text of a folder, by file name."""
    return tuple(read_policy(file) for file in sorted(folder.glob("*.toml")))


def in_force(texts: Iterable[Text], day: date) -> list[Text]:
    """The texts that hold on a day."""
    return [text for text in texts if text.holds_on(day)]


def content_hash(files: Iterable[Path]) -> str:
    """A hash of the texts' bytes under their names, for receipts: the same texts give the same hash wherever
    they lie.
    """
    digest = sha256()
    for file in sorted(files, key=lambda f: f.name):
        content = file.read_bytes()
        digest.update(f"{file.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _check_entries(file: Path, value: Any, key: str) -> None:
    """The same demands on whatever an entry says for itself."""
    if isinstance(value, list):
        for i, entry in enumerate(value):
            _check_entries(file, entry, f"{key}[{i + 1}]")
        return
    if not isinstance(value, Mapping):
        return
    quality = value.get("source_quality")
    if quality is not None and quality not in SOURCE_QUALITIES:
        raise PolicyError(
            file.name,
            f"{key}source_quality".lstrip("."),
            f"{quality!r} is not known",
            f"One of: {', '.join(SOURCE_QUALITIES)}",
        )
    _check_dates(file, value, key)
    for name, entry in value.items():
        _check_entries(file, entry, f"{key}{name}" if isinstance(entry, list) else f"{key}{name}.")


def _check_dates(file: Path, value: Mapping[str, Any], key: str) -> None:
    for name in ("from", "until"):
        if name in value and type(value[name]) is not date:
            raise PolicyError(
                file.name, f"{key}{name}", f"{value[name]!r} is not a day", f"Write {name} = 2023-07-01"
            )
    if "from" in value and "until" in value and value["until"] <= value["from"]:
        raise PolicyError(
            file.name,
            f"{key}until",
            "lies not after from",
            "until is the first day on which it no longer holds",
        )
