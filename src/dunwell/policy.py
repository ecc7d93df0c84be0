"""Dated, cited policy text read from TOML: what holds on a day, on whose word, and how sure we are of it.

Every text says since when it is in force (``from``, a day; ``until`` when it has ended, the first day on
which it no longer holds), where it stands (``citation``) and how well we hold it (``source_quality``: text
when its wording was read, press when an account of it was, memory when neither). An entry inside a text may
say its own; what it does not say is the text's.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What holds from a day until another, on somebody's word; ``values`` is the rest as read."""

    from_on: date
    until_on: date | None
    citation: str
    source_quality: str
    values: Mapping[str, Any]

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return self.from_on <= day and (self.until_on is None or day < self.until_on)

    @property
    def source(self) -> str:
        """The citation with how well it is held, for people."""
        doubts = {"text": "", "press": ", by press reports", "memory": ", held from memory: verify"}
        return f"{self.citation}{doubts[self.source_quality]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Dated):
    """A rule or figure inside a text; ``key`` names its place in the file, as errors do."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText(Dated):
    """One text: its file, key and title, when it holds and on whose word, and the rest as read."""

    file: str
    key: str
    title: str

    def entries(self, name: str, day: date) -> list[Entry]:
        """The entries of a list (``[[name]]``) in force on a day, each with its own dates and source, or the
        text's.
        """
        found = [
            Entry(
                from_on=values.get("from", self.from_on),
                until_on=values.get("until", self.until_on),
                citation=values.get("citation", self.citation),
                source_quality=values.get("source_quality", self.source_quality),
                values=values,
                key=f"{name}[{number}]",
            )
            for number, values in enumerate(self.values.get(name, ()), start=1)
        ]
        return in_force(found, day)


AnyDated = TypeVar("AnyDated", bound=Dated)


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
    if "from" not in values:
        raise PolicyError(
            file.name, "from", "is missing", "Write since when the text is in force, from = 2023-07-01"
        )
    _check_entries(file, values, "")
    return PolicyText(
        file=file.name,
        key=values["key"],
        title=values["title"],
        from_on=values["from"],
        until_on=values.get("until"),
        citation=values["citation"],
        source_quality=values["source_quality"],
        values=values,
    )


def read_policies(folder: Path) -> tuple[PolicyText, ...]:
    """Every text of a folder, by file name."""
    return tuple(read_policy(file) for file in sorted(folder.glob("*.toml")))


def in_force(dated: Iterable[AnyDated], day: date) -> list[AnyDated]:
    """Those of some texts or entries that hold on a day."""
    return [one for one in dated if one.holds_on(day)]


def content_hash(files: Path | Iterable[Path]) -> str:
    """A hash of texts (files, or every ``*.toml`` of a folder) under their names, for receipts.

    The same texts give the same hash wherever they lie and whatever line ends git gave them.
    """
    if isinstance(files, Path):
        files = files.glob("*.toml") if files.is_dir() else [files]
    contents = sorted((file.name, file.read_bytes().replace(b"\r\n", b"\n")) for file in files)
    digest = sha256()
    for name, content in contents:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _check_entries(file: Path, value: Any, key: str) -> None:
    """The text's own demands on whatever an entry inside it says for itself."""
    if isinstance(value, list):
        for number, entry in enumerate(value, start=1):
            _check_entries(file, entry, f"{key.removesuffix('.')}[{number}].")
        return
    if not isinstance(value, Mapping):
        return
    _check_dates(file, value, key)
    _check_source(file, value, key)
    for name, entry in value.items():
        _check_entries(file, entry, f"{key}{name}.")


def _check_source(file: Path, value: Mapping[str, Any], key: str) -> None:
    """A figure with a date of its own needs a citation of its own, and a citation says how well it is held."""
    needed = {"from": ("citation", "source_quality"), "citation": ("source_quality",)}
    for said, names in needed.items():
        for name in names:
            if said in value and name not in value:
                raise PolicyError(
                    file.name, f"{key}{name}", f"is missing beside {said}", f'Write {name} = "..."'
                )
    quality = value.get("source_quality")
    if quality is not None and quality not in SOURCE_QUALITIES:
        raise PolicyError(
            file.name,
            f"{key}source_quality",
            f"{quality!r} is not known",
            f"One of: {', '.join(SOURCE_QUALITIES)}",
        )


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
