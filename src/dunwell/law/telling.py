"""The law told to people: a pack on a day, what changed between two days, and a page a pack for the docs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dunwell.law.pack import Pack, Rule, shipped_packs

_HIDDEN = ("id", "kind", "en", "zh", "citation", "source_quality", "effect", "rebuttal")


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that differs between two days: it ``began``, ``ended`` or ``changed`` (the figures that did, before and after)."""

    rule: str
    what: str
    before: Rule | None
    after: Rule | None
    figures: Mapping[str, tuple[Any, Any]]


def figures_of(rule: Rule) -> dict[str, Any]:
    """What a rule says beside its sentence: its figures and whom it binds."""
    return {key: value for key, value in rule.values.items() if key not in _HIDDEN}


def differences(pack: Pack, first: date, second: date) -> list[Change]:
    """What changed in a pack between two days, rule by rule in the pack's order."""
    before = {rule.id: rule for rule in pack.on(first)}
    after = {rule.id: rule for rule in pack.on(second)}
    changes = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            changes.append(Change(name, "began" if old is None else "ended", old, new, {}))
        elif old is not new:
            said, says = _told(old), _told(new)
            figures = {
                key: (said.get(key), says.get(key))
                for key in dict.fromkeys([*said, *says])
                if said.get(key) != says.get(key)
            }
            changes.append(Change(name, "changed", old, new, figures))
    return changes


def _told(rule: Rule) -> dict[str, Any]:
    return {**figures_of(rule), "effect": rule.effect, "citation": rule.source, "en": rule.en}


def rule_lines(rule: Rule, language: str = "en") -> list[str]:
    """A rule in a few lines: its sentence, figures, dates and source."""
    until = "" if rule.until_on is None else f" until {rule.until_on}"
    figures = "; ".join(f"{key} {_plain(value)}" for key, value in figures_of(rule).items())
    lines = [f"{rule.id} ({rule.kind}, {rule.effect}) from {rule.from_on}{until}"]
    lines.append(f"  {rule.zh if language == 'zh' else rule.en}")
    if figures:
        lines.append(f"  {figures}")
    if rule.rebuttal:
        lines.append(f"  may be rebutted by: {'; '.join(rule.rebuttal)}")
    return [*lines, f"  {rule.source}"]


def _plain(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def pack_page(pack: Pack) -> str:
    """The docs' page of a pack, as Markdown, made from its text alone."""
    binds = f"{pack.jurisdiction}{f' ({chr(44).join(pack.regions)})' if pack.regions else ''}"
    lines = [
        f"# {pack.key}",
        "",
        f"{pack.title} · {pack.title_zh}",
        "",
        f"For people of: {binds}. "
        + ("House policy: bound only where a lender chooses it. " if pack.is_house_policy else "")
        + f"Rests on {pack.citation}. This page is made from the pack's text by `make docs`.",
        "",
    ]
    for rule in pack.rules:
        until = "" if rule.until_on is None else f", until {rule.until_on}"
        lines += [f"## {rule.id}", "", rule.en, "", rule.zh, ""]
        lines += [f"- kind {rule.kind}, effect {rule.effect}, in force from {rule.from_on}{until}"]
        lines += [f"- {key}: {_plain(value)}" for key, value in figures_of(rule).items()]
        lines += [f"- may be rebutted by: {one}" for one in rule.rebuttal]
        lines += [f"- source: {rule.source}", ""]
    return "\n".join(lines).rstrip() + "\n"


_ABOUT_DOUBTS = (
    "Every rule of the packs whose wording was not read: *press* means somebody's account of it was, *memory* that it is held"
    " from memory. Have these checked before you rely on them. This page is made from the packs' text by `make docs`."
)


def doubts_page(packs: Mapping[str, Pack]) -> str:
    """The docs' page of every rule whose text was not read: held by press reports or from memory, to be verified."""
    lines = [
        "# Rules to verify",
        "",
        _ABOUT_DOUBTS,
        "",
        "| rule | source | held | in force from |",
        "| --- | --- | --- | --- |",
    ]
    for pack in packs.values():
        for rule in pack.rules:
            if rule.source_quality != "text":
                lines.append(
                    f"| [{rule.id}]({pack.key}.md) | {rule.citation} | {rule.source_quality} | {rule.from_on} |"
                )
    return "\n".join(lines) + "\n"


def pages(packs: Mapping[str, Pack]) -> dict[str, str]:
    """The docs' pages that are made from the packs, by file name."""
    return {
        **{f"{key}.md": pack_page(pack) for key, pack in packs.items()},
        "to-verify.md": doubts_page(packs),
    }


def write_pages(folder: Path) -> None:
    """Write those pages into a folder; pages of packs that are gone go too."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages(shipped_packs())
    for file in folder.glob("*.md"):
        if file.name not in made:
            file.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")
