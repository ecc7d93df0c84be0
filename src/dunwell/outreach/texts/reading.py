"""Reading approved texts: files ``<language>/<channel>/<name>.txt``, TOML between two lines of ``+++``, then the words."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dunwell.law.language import LANGUAGES
from dunwell.law.pack import shipped_packs
from dunwell.outreach.texts.checking import faults_of
from dunwell.outreach.texts.text import (
    ACTORS,
    CHANNELS,
    KINDS,
    PURPOSES_BY_STAGE,
    STAGES,
    Fault,
    Lines,
    Text,
    TextsRefused,
)
from dunwell.policy import content_hash

SHIPPED = Path(__file__).with_name("shipped")
"""The texts that come with dunwell; ``dunwell init`` lays them into a workspace's ``policy/texts``."""

_FENCE = "+++"
_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_SLOT_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OPTIONAL = ("until", "subject", "slots", "disclosures")
_NEEDED = (
    "id",
    "version",
    "language",
    "channel",
    "stage",
    "purpose",
    "packs",
    "actors",
    "approved_by",
    "approved_on",
    "from",
)
_DISCLOSING = ("text", "owes", "notice")
"""Kinds of rules that a text may fulfil by what it says."""


def load_texts(folder: Path, on: date) -> tuple[Text, ...]:
    """Every text of a folder, each reviewed in every pack and role that it names, by its id and version.

    ``on``: today; a text is held against the law of that day, or of the day from which it may be used. Raises
    TextsRefused with all that is wrong, when anything is.
    """
    texts, faults = read_texts(folder, on)
    if faults:
        raise TextsRefused(faults)
    return texts


def read_texts(folder: Path, on: date) -> tuple[tuple[Text, ...], tuple[Fault, ...]]:
    """The texts of a folder that may be used, and what is wrong with the others."""
    texts: list[Text] = []
    faults: list[Fault] = []
    for file in sorted(folder.rglob("*.txt")):
        name = file.relative_to(folder).as_posix()
        text, found = read_text(file, name)
        if text is not None and not found:
            is_new = text.content_hash not in _shipped()
            found = faults_of(text, max(on, text.from_on), second_opinion=is_new)
        if text is not None and not found:
            texts.append(text)
        faults += found
    texts.sort(key=lambda text: (text.id, text.version))
    clashing = _clashes(texts)
    kept = tuple(text for text in texts if text.file not in {fault.file for fault in clashing})
    return kept, (*faults, *clashing)


@cache
def _shipped() -> frozenset[str]:
    """The content of the texts that come with dunwell: people have read them, so no model is asked whether somebody should."""
    return frozenset(content_hash([file]) for file in SHIPPED.rglob("*.txt"))


def read_text(file: Path, name: str) -> tuple[Text | None, list[Fault]]:
    """One file's text, None when it cannot be read, and what is wrong with its front matter."""
    try:
        lines = file.read_bytes().decode("utf-8").replace("\r\n", "\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        return None, [Fault(name, 0, "front_matter", f"cannot be read ({error})", "Save it as UTF-8")]
    fences = [number for number, line in enumerate(lines) if line.rstrip() == _FENCE][:2]
    if len(fences) < 2 or fences[0] != 0:
        return None, [
            Fault(
                name, 1, "front_matter", "does not begin with +++, keys and +++", "See docs/outreach-texts.md"
            )
        ]
    try:
        values = tomllib.loads("\n".join(lines[1 : fences[1]]))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found.group(1)) + 1 if found else 1
        return None, [Fault(name, line, "front_matter", f"is no TOML ({error})", "Mend the line")]
    front = _Front(name, lines, values)
    faults = front.faults()
    if faults:
        return None, faults
    begin = fences[1] + 1
    while begin < len(lines) and not lines[begin].strip():
        begin += 1
    return front.text("\n".join(lines[begin:]).rstrip(), begin + 1, content_hash([file])), []


@dataclass(frozen=True, slots=True)
class _Front:
    """The front matter of one file: its keys as read, and where they stand."""

    file: str
    lines: list[str]
    values: Mapping[str, Any]

    def faults(self) -> list[Fault]:
        """Everything that is wrong with it."""
        missing = [key for key in _NEEDED if key not in self.values]
        if missing:
            return [self._fault("", f"{key} is missing", f"Write {key} = ...") for key in missing]
        unknown = [key for key in self.values if key not in _NEEDED + _OPTIONAL]
        faults = [self._fault(key, f"{key} is not known", "Remove it, or mend its name") for key in unknown]
        for key, is_right, mend in _RULES:
            if key in self.values and not is_right(self.values[key]):
                faults.append(self._fault(key, f"{key} = {self.values[key]!r} cannot be used", mend))
        return faults or self._together()

    def _together(self) -> list[Fault]:
        """What only several keys together tell, once each by itself is right."""
        values, faults = self.values, []
        if values["purpose"] not in PURPOSES_BY_STAGE[values["stage"]]:
            allowed = ", ".join(PURPOSES_BY_STAGE[values["stage"]])
            faults.append(
                self._fault(
                    "purpose", f"a {values['stage']} is not {values['purpose']}", f"One of: {allowed}"
                )
            )
        if "until" in values and values["until"] <= values["from"]:
            faults.append(
                self._fault("until", "lies not after from", "until is the first day without the text")
            )
        if values["from"] < values["approved_on"]:
            faults.append(
                self._fault("from", "lies before approved_on", "Nothing is used before it is approved")
            )
        place = f"{values['language']}/{values['channel']}/"
        if not (self.file.startswith(place) and self.file.count("/") == 2):
            faults.append(Fault(self.file, 0, "place", "lies in the wrong folder", f"Move it to {place}"))
        if (values["channel"] == "sms") == bool(values.get("subject")):
            faults.append(
                self._fault("subject", "an SMS has no subject, any other text has one", "Mend subject")
            )
        packs = shipped_packs()
        known = {
            rule.id for pack in values["packs"] for rule in packs[pack].rules if rule.kind in _DISCLOSING
        }
        for rule in values.get("disclosures", ()):
            if rule not in known:
                mend = f"One of: {', '.join(sorted(known)) or 'none: its packs demand none'}"
                faults.append(self._fault("disclosures", f"{rule} is no disclosure of its packs", mend))
        return faults

    def text(self, body: str, body_line: int, digest: str) -> Text:
        """The text, once nothing is wrong."""
        values = self.values
        return Text(
            id=values["id"],
            version=values["version"],
            language=values["language"],
            channel=values["channel"],
            stage=values["stage"],
            purpose=values["purpose"],
            packs=tuple(values["packs"]),
            actors=tuple(values["actors"]),
            slots=MappingProxyType(dict(values.get("slots", {}))),
            disclosures=tuple(values.get("disclosures", ())),
            approved_by=values["approved_by"],
            approved_on=values["approved_on"],
            from_on=values["from"],
            until_on=values.get("until"),
            subject=values.get("subject", ""),
            body=body,
            file=self.file,
            lines=self._lines(body_line),
            content_hash=digest,
        )

    def _lines(self, body_line: int) -> Lines:
        subject = self._line("subject")
        return Lines(
            body=body_line,
            subject=subject,
            subject_column=self.lines[subject - 1].find('"') + 1,
            slots={name: self._line(name) for name in self.values.get("slots", {})},
        )

    def _line(self, key: str) -> int:
        """The line, from 1 on, where a key (or a table) of the front matter stands; the first where none does."""
        found = re.compile(rf"\s*(?:{re.escape(key)}\s*=|\[{re.escape(key)}\])")
        return next((number for number, line in enumerate(self.lines, start=1) if found.match(line)), 1)

    def _fault(self, key: str, problem: str, mend: str) -> Fault:
        return Fault(self.file, self._line(key) if key else 1, "front_matter", problem, mend)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value


def _is_day(value: object) -> bool:
    return type(value) is date


def _is_list_of(known: tuple[str, ...]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(one in known for one in value)


def _are_slots(value: object) -> bool:
    return isinstance(value, dict) and all(
        _SLOT_NAME.fullmatch(name) and kind in KINDS for name, kind in value.items()
    )


_PACKS = tuple(key for key, pack in shipped_packs().items() if not pack.is_house_policy)
_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    (
        "id",
        lambda v: isinstance(v, str) and bool(_ID.fullmatch(v)),
        "Small letters, digits, dots and hyphens",
    ),
    ("version", lambda v: type(v) is int and v > 0, "A whole number from 1 on"),
    ("language", lambda v: v in LANGUAGES, f"One of: {', '.join(LANGUAGES)}"),
    ("channel", lambda v: v in CHANNELS, f"One of: {', '.join(CHANNELS)}"),
    ("stage", lambda v: v in STAGES, f"One of: {', '.join(STAGES)}"),
    ("purpose", _is_text, "remind, demand, notice, service or locate"),
    ("packs", _is_list_of(_PACKS), f"A list of: {', '.join(_PACKS)}"),
    ("actors", _is_list_of(ACTORS), f"A list of: {', '.join(ACTORS)}"),
    ("approved_by", _is_text, "Who approved it: a text that nobody approved is not used"),
    ("approved_on", _is_day, "A day, like 2026-11-24"),
    ("from", _is_day, "A day, like 2026-11-24"),
    ("until", _is_day, "A day, like 2026-11-24"),
    ("subject", _is_text, "One line"),
    ("slots", _are_slots, f"A table: name = kind. Kinds: {', '.join(KINDS)}"),
    ("disclosures", lambda v: isinstance(v, list), "A list of rule ids"),
)


def _clashes(texts: list[Text]) -> tuple[Fault, ...]:
    """Two versions of one text that hold on one day, or one version twice: nobody could tell which was sent."""
    faults = []
    for number, text in enumerate(texts):
        for other in texts[:number]:
            if other.id != text.id:
                continue
            first, second = sorted((other, text), key=lambda one: one.from_on)
            if text.version == other.version or first.until_on is None or second.from_on < first.until_on:
                problem = (
                    f"version {text.version} of {text.id} holds beside version {other.version} ({other.file})"
                )
                mend = "Count the version up, and end the older one with until"
                faults.append(Fault(text.file, 0, "front_matter", problem, mend))
    return tuple(faults)
