"""A lender's overlay: ``policy/law.toml`` narrows the packs and adds rules of its own. It can only tighten.

``[[tighten]]`` names a rule and sets a later ``from``, an earlier ``to`` or a lower ``at_most``; ``[[rules]]`` adds rules
under the key ``house``, written as in a pack; ``also`` chooses house packs that come with dunwell. What would loosen a
rule is refused, with both texts shown.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from dunwell.law import kinds
from dunwell.law.pack import Pack, Rule, parse_pack, shipped_packs
from dunwell.policy import PolicyError, PolicyText, content_hash

HOUSE = "house"
FLOOR = "house-floor"
"""The house's floor, which binds everybody in the daily run."""

_KEYS = {"tighten", "rules", "also"}
_TIGHTEN_KEYS = {"rule", "from", "to", "at_most", "why"}


@dataclass(frozen=True, slots=True)
class LenderLaw:
    """The packs as a lender applies them, and which house packs they chose."""

    packs: Mapping[str, Pack]
    also: tuple[str, ...] = ()

    def packs_for(self, jurisdiction: str, region: str | None = None) -> list[str]:
        """The keys of the packs that bind a person: their jurisdiction's law, the house packs chosen,
        the house's floor, the lender's own rules.

        A jurisdiction without a pack names itself, so that the gate refuses it as unknown.
        """
        law = [
            key
            for key, pack in self.packs.items()
            if not pack.is_house_policy and pack.binds(jurisdiction, region)
        ]
        return list(
            dict.fromkeys([*(law or [jurisdiction]), *self._chosen(jurisdiction, region), FLOOR, *self._own])
        )

    def with_own(self, keys: Sequence[str], jurisdiction: str | None, region: str | None = None) -> list[str]:
        """Some packs, and what the lender chose beside them for a person: the house packs that bind there, their own rules.

        ``jurisdiction`` None: the person is not known, and only the lender's own rules are added.
        """
        chosen = [] if jurisdiction is None else self._chosen(jurisdiction, region)
        return list(dict.fromkeys([*keys, *chosen, *self._own]))

    def _chosen(self, jurisdiction: str, region: str | None) -> list[str]:
        return [key for key in self.also if self.packs[key].binds(jurisdiction, region)]

    @property
    def _own(self) -> list[str]:
        return [HOUSE] if HOUSE in self.packs else []


def read_law(file: Path | None) -> LenderLaw:
    """The packs under a lender's overlay; as shipped when there is no file. Raises PolicyError."""
    if file is None or not file.is_file():
        return LenderLaw(shipped_packs())
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(
            file, "file", f"cannot be read ({error})", "Mend the TOML, saved as UTF-8"
        ) from error
    unknown = sorted(set(values) - _KEYS)
    if unknown:
        raise PolicyError(file, unknown[0], "is not known", f"Known: {', '.join(sorted(_KEYS))}")
    packs = dict(shipped_packs())
    for number, entry in enumerate(_list(file, values, "tighten"), start=1):
        packs = _tightened(file, f"tighten[{number}]", entry, packs)
    if "rules" in values:
        packs[HOUSE] = _house_pack(file, values["rules"])
    also = tuple(values.get("also", ()))
    for key in also:
        if key not in packs:
            raise PolicyError(file, "also", f"there is no pack {key!r}", f"One of: {', '.join(packs)}")
    return LenderLaw(packs, also)


class KeptLaw:
    """A lender's law, read anew when its file has changed: what is tightened while a process runs binds its next contact."""

    def __init__(self, file: Path) -> None:
        """Raises PolicyError."""
        self._file, self._lock = file, Lock()
        self._stamp, self._law = self._stamp_now(), read_law(file)

    def current(self) -> LenderLaw:
        """The law as the file says it now; the same object until it changes. Raises PolicyError."""
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp:  # a file that cannot be read raises until it is mended
                self._law = read_law(self._file)
                self._stamp = stamp
            return self._law

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _list(file: Path, values: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = values.get(key, [])
    if not isinstance(found, list):
        raise PolicyError(file, key, "is no list", f"Write [[{key}]]")
    return found


def _house_pack(file: Path, rules: Any) -> Pack:
    """The lender's own rules as a pack that binds everybody."""
    text = PolicyText(
        file=str(file),
        key=HOUSE,
        title="House rules",
        from_on=date(2000, 1, 1),
        until_on=None,
        citation="house policy",
        source_quality="text",
        values={
            "key": HOUSE,
            "title_zh": "内部规则",
            "jurisdiction": "any",
            "is_house_policy": True,
            "rules": rules,
        },
    )
    return parse_pack(text, content_hash(file))


def _tightened(
    file: Path, place: str, entry: Mapping[str, Any], packs: Mapping[str, Pack]
) -> dict[str, Pack]:
    """The packs with one rule narrowed, in all its versions."""
    unknown = sorted(set(entry) - _TIGHTEN_KEYS)
    if unknown:
        raise PolicyError(
            file, f"{place}.{unknown[0]}", "is not known", f"Known: {', '.join(sorted(_TIGHTEN_KEYS))}"
        )
    name = str(entry.get("rule", ""))
    key, _, _ = name.partition(".")
    pack = packs.get(key)
    if pack is None or not any(rule.id == name for rule in pack.rules):
        raise PolicyError(file, f"{place}.rule", f"there is no rule {name!r}", "See `dunwell law show PACK`")
    rules = [_narrowed(file, place, entry, rule) if rule.id == name else rule for rule in pack.rules]
    told = json.dumps([pack.content_hash, entry], sort_keys=True, default=str)
    digest = sha256(told.encode()).hexdigest()
    return {**packs, key: replace(pack, rules=tuple(rules), content_hash=digest)}


def _narrowed(file: Path, place: str, entry: Mapping[str, Any], rule: Rule) -> Rule:
    settings = {key: entry[key] for key in ("from", "to", "at_most") if key in entry}
    if not settings:
        raise PolicyError(file, place, "sets nothing", "Write from, to or at_most")
    row = list(rule.row or ())
    values = dict(rule.values)
    for key, value in settings.items():
        theirs, column, is_later = _NARROWS[key]
        if not row or rule.kind not in _HAS[key]:
            raise PolicyError(
                file, f"{place}.{key}", f"{rule.id} ({rule.kind}) has no such figure", "Remove the key"
            )
        number = _number(file, place, key, value)
        before = row[column]
        if (number < before) if is_later else (number > before):
            raise PolicyError(
                file,
                f"{place}.{key}",
                f"{_said(value)} would loosen {rule.id}. The pack says: {theirs} = {_said(rule.values[theirs])}"
                f' ("{rule.en}" {rule.citation}). The overlay says: {key} = {_said(value)}',
                "An overlay can only tighten: remove the entry or narrow it",
            )
        row[column] = number
        values[theirs] = _said(value) if key != "at_most" else value
    if rule.kind == "hours" and row[kinds.OPENS] >= row[kinds.CLOSES]:
        raise PolicyError(file, place, "leaves no time at all", "Write from before to")
    told = ", ".join(f"{key} {_said(value)}" for key, value in settings.items())
    return replace(
        rule,
        row=tuple(row),
        values=values,
        en=f"{rule.en} The house is stricter: {told}.",
        zh=f"{rule.zh}本机构更严:{told}。",
        citation=f"{rule.citation}; house policy",
    )


_NARROWS: Mapping[str, tuple[str, int, bool]] = {
    "from": ("opens", kinds.OPENS, True),
    "to": ("closes", kinds.CLOSES, False),
    "at_most": ("at_most", kinds.AT_MOST, False),
}
"""For each setting: the pack's key, its column, and whether a larger value is the stricter."""

_HAS = {"from": ("hours",), "to": ("hours",), "at_most": ("frequency",)}


def _number(file: Path, place: str, key: str, value: Any) -> int:
    try:
        if key == "at_most":
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{value!r} is not a count")
            return value
        return kinds.clock(value.isoformat() if isinstance(value, time) else value)
    except ValueError as error:
        mend = "Write a whole number" if key == "at_most" else 'Write a time like "09:00"'
        raise PolicyError(file, f"{place}.{key}", str(error), mend) from error


def _said(value: Any) -> str:
    return value.strftime("%H:%M") if isinstance(value, time) else str(value)
