"""Rule packs: dated, cited text that says what is allowed, read from TOML into typed rules.

A pack says whom it binds (jurisdiction, regions, actors) and lists its rules. A rule names its kind and figures,
says since when it holds and on whose word, and tells itself in a plain sentence in English and Chinese. The same
rule id may stand several times with other dates: the versions of one rule.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from dunwell.calendars import day_number
from dunwell.law import codes, kinds
from dunwell.policy import PolicyError, PolicyText, content_hash, read_policy

PACKS_FOLDER = Path(__file__).parent / "packs"

_ABOUT_PACK = ("key", "title", "title_zh", "from", "until", "citation", "source_quality", "jurisdiction")
_ABOUT_BINDING = ("regions", "is_house_policy", "calendar", "rules")
_ABOUT_RULE = (
    "id",
    "kind",
    "from",
    "until",
    "citation",
    "source_quality",
    "effect",
    "en",
    "zh",
    "rebuttal",
    "note",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One version of a rule. ``id`` is PACK.RULE; ``row`` is what the gate's pass reads, None for a mere duty.

    ``rebuttal``: the facts that may rebut a presumption, as the text lists them. ``values``: the rule as read.
    """

    id: str
    kind: str
    from_on: date
    until_on: date | None
    citation: str
    source_quality: str
    effect: str
    en: str
    zh: str
    rebuttal: tuple[str, ...]
    row: tuple[int, ...] | None
    calendar: str | None
    values: Mapping[str, Any]

    def holds_on(self, day: date) -> bool:
        """Whether this version is in force on that day."""
        return self.from_on <= day and (self.until_on is None or day < self.until_on)

    @property
    def source(self) -> str:
        """The citation with how well it is held, for people."""
        doubts = {"text": "", "press": ", by press reports", "memory": ", held from memory: verify"}
        return f"{self.citation}{doubts[self.source_quality]}"

    @property
    def detail(self) -> str:
        """What a refusal by this rule tells: the plain sentence, and what may rebut a presumption."""
        if not self.rebuttal:
            return self.en
        return f"{self.en} May be rebutted by: {'; '.join(self.rebuttal)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack of rules. ``is_house_policy``: no law, bound only where a lender chooses it."""

    key: str
    title: str
    title_zh: str
    jurisdiction: str
    regions: tuple[str, ...]
    is_house_policy: bool
    from_on: date
    citation: str
    source_quality: str
    rules: tuple[Rule, ...]
    content_hash: str

    def on(self, day: date) -> list[Rule]:
        """The rules in force on a day."""
        return [rule for rule in self.rules if rule.holds_on(day)]

    def binds(self, jurisdiction: str, region: str | None) -> bool:
        """Whether it is for people of a jurisdiction and region."""
        is_theirs = self.jurisdiction in (jurisdiction, "any")
        return is_theirs and (not self.regions or region in self.regions)


def read_pack(file: Path) -> Pack:
    """A pack from its TOML file. Raises PolicyError naming file, rule, key and mend."""
    return parse_pack(read_policy(file), content_hash(file))


def parse_pack(text: PolicyText, digest: str) -> Pack:
    """A pack from its text as read. Raises PolicyError."""
    values = text.values
    defaults = {key: value for key, value in values.items() if key in kinds.COMMON}
    unknown = set(values) - set(_ABOUT_PACK) - set(_ABOUT_BINDING) - set(kinds.COMMON)
    if unknown:
        raise PolicyError(text.file, sorted(unknown)[0], "is not known", "Remove it, or mend the key's name")
    for key in ("title_zh", "jurisdiction"):
        if not isinstance(values.get(key), str) or not values[key]:
            raise PolicyError(text.file, key, "is missing or not text", f'Write {key} = "..."')
    rules = tuple(
        parse_rule(text, f"rules[{number}]", entry, defaults)
        for number, entry in enumerate(values.get("rules", ()), start=1)
    )
    _check_versions(text.file, rules)
    return Pack(
        key=text.key,
        title=text.title,
        title_zh=values["title_zh"],
        jurisdiction=values["jurisdiction"],
        regions=tuple(values.get("regions", ())),
        is_house_policy=values.get("is_house_policy", False),
        from_on=text.from_on,
        citation=text.citation,
        source_quality=text.source_quality,
        rules=rules,
        content_hash=digest,
    )


def parse_rule(text: PolicyText, place: str, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Rule:
    """A rule of a text. ``defaults``: whom the pack binds where the rule says nothing. Raises PolicyError."""
    for key in ("id", "kind", "en", "zh"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise PolicyError(text.file, f"{place}.{key}", "is missing or not text", f'Write {key} = "..."')
    place = f"{place} ({entry['id']})"
    kind = entry["kind"]
    if kind not in kinds.KINDS and kind not in kinds.DUTIES:
        known = ", ".join([*kinds.KINDS, *kinds.DUTIES])
        raise PolicyError(text.file, f"{place}.kind", f"{kind!r} is not known", f"One of: {known}")
    own = kinds.KINDS[kind][1] if kind in kinds.KINDS else kinds.DUTIES[kind]
    unknown = set(entry) - set(_ABOUT_RULE) - set(own) - set(kinds.COMMON)
    if unknown:
        raise PolicyError(
            text.file,
            f"{place}.{sorted(unknown)[0]}",
            f"is no key of the kind {kind}",
            f"Its keys: {', '.join([*own, *kinds.COMMON])}",
        )
    effect = entry.get("effect", "prohibited")
    if effect not in codes.EFFECTS:
        raise PolicyError(
            text.file,
            f"{place}.effect",
            f"{effect!r} is not known",
            f"One of: {', '.join(codes.EFFECTS)}",
        )
    from_on, until_on = entry.get("from", text.from_on), entry.get("until", text.until_on)
    row = None
    if kind in kinds.KINDS:
        try:
            numbers = kinds.row_of(kind, entry, defaults)
        except ValueError as error:
            raise PolicyError(text.file, place, str(error).split(". Write")[0], _mend_of(error)) from error
        numbers[kinds.FROM_DAY] = day_number(from_on)
        numbers[kinds.UNTIL_DAY] = kinds.FOREVER if until_on is None else day_number(until_on)
        row = tuple(numbers)
    return Rule(
        id=f"{text.key}.{entry['id']}",
        kind=kind,
        from_on=from_on,
        until_on=until_on,
        citation=entry.get("citation", text.citation),
        source_quality=entry.get("source_quality", text.source_quality),
        effect=effect,
        en=entry["en"],
        zh=entry["zh"],
        rebuttal=tuple(entry.get("rebuttal", ())),
        row=row,
        calendar=text.values.get("calendar") if entry.get("days", "any") != "any" else None,
        values={key: value for key, value in entry.items() if key not in ("from", "until")},
    )


def _mend_of(error: ValueError) -> str:
    _, _, mend = str(error).partition(". Write ")
    return f"Write {mend}"


def _check_versions(file: str, rules: Iterable[Rule]) -> None:
    """No two versions of a rule hold on one day."""
    seen: dict[str, list[Rule]] = {}
    for rule in rules:
        for other in seen.setdefault(rule.id, []):
            first, second = sorted((rule, other), key=lambda version: version.from_on)
            if first.until_on is None or second.from_on < first.until_on:
                raise PolicyError(
                    file, rule.id, "stands twice for the same days", "End the older version with until"
                )
        seen[rule.id].append(rule)


@cache
def shipped_packs() -> Mapping[str, Pack]:
    """The packs that come with dunwell, by key."""
    packs = [read_pack(file) for file in sorted(PACKS_FOLDER.glob("*.toml"))]
    return {pack.key: pack for pack in packs}
