"""The guide of a conversation: its goal, the opening with the disclosures due, and what to say to what the customer says.

The words are policy text (``guide.toml``), in the customer's language; the disclosures are those of the packs in force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from dunwell.law import codes, kinds
from dunwell.law.pack import Pack, Rule
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk.opening import open_case
from dunwell.office.workplace import Stamp, stamp_of
from dunwell.policy import PolicyText, read_policy

GUIDE_FILE = Path(__file__).with_name("guide.toml")
_BROKEN_DAYS = 14
_LATE_DAYS = 30
_SPOKEN = ("conversation",)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Something that must be said: the line for it where the guide has one, else what the rule asks for; and where it stands."""

    line: str
    must_hold: tuple[str, ...]
    rule: str
    words: str
    citation: str


@dataclass(frozen=True, slots=True)
class Branch:
    """What the customer may say, and how to go on: a kind word first, then what to say, then what to record."""

    name: str
    heard: str
    kind: str
    say: tuple[str, ...]
    then: str
    hard: bool


@dataclass(frozen=True, slots=True)
class Guide:
    """A conversation's guide for one customer. ``language``: that of the lines."""

    goal: str
    language: str
    is_foreign: bool
    opening: tuple[str, ...]
    disclosures: tuple[Disclosure, ...]
    matter: tuple[str, ...]
    branches: tuple[Branch, ...]
    closing: tuple[str, ...]


@lru_cache(maxsize=8)
def _read(file: Path, stamp: Stamp) -> PolicyText:
    return read_policy(file)


def guide_text(root: Path) -> PolicyText:
    """The guide as the lender wrote it (policy/guide.toml), else dunwell's. Raises PolicyError."""
    own = root / "policy" / "guide.toml"
    file = own if own.is_file() else GUIDE_FILE
    return _read(file, stamp_of(file))


def guide_for(file: CaseFile, staff: Staff, direction: str = "out") -> Guide:
    """The guide for a conversation with this customer. ``direction``: in when they call us."""
    language = (file.customer["language"] or file.place.settings.locale).split("-")[0]
    spoken = language if language in ("en", "zh") else "en"
    text = guide_text(file.place.settings.root)
    reader = "zh" if (get_language() or "").startswith("zh") else "en"
    slots = {
        "me": staff.get_full_name() or staff.username,
        "lender": file.place.settings.acts_for or "us",
    }

    def lines(name: str) -> tuple[str, ...]:
        own = text.values.get(f"{name}_{direction}") or text.values[name]
        return tuple(filled(entry[spoken], slots) for entry in own)

    goals = {entry["when"]: entry[reader] for entry in text.values["goal"]}
    return Guide(
        goals[goal_of(file)],
        spoken,
        spoken != language,
        lines("opening"),
        tuple(disclosures(file, spoken, reader)),
        lines("matter"),
        tuple(_branch(entry, spoken, reader, slots) for entry in text.values["branch"]),
        lines("closing"),
    )


def filled(line: str, slots: Mapping[str, str]) -> str:
    """A line with its slots filled."""
    for name, value in slots.items():
        line = line.replace(f"{{{name}}}", value)
    return line


def _branch(entry: Mapping[str, Any], spoken: str, reader: str, slots: Mapping[str, str]) -> Branch:
    say = tuple(filled(line, slots) for line in entry[f"say_{spoken}"])
    kind = filled(entry[f"kind_{spoken}"], slots)
    return Branch(entry["name"], entry[reader], kind, say, entry["then"], entry.get("hard", False))


def goal_of(file: CaseFile) -> str:
    """What the contact is for: the first of the guide's goals that fits."""
    worst = file.positions["past_due_days"].max()
    fits = {
        "held": any(_binds(state.kind, state.until, file.day) for state in file.person.states),
        "asked": bool(file.case is not None and file.case.needs_person),
        "broken": _count(file, (pl.col("broken_on") >= file.day - timedelta(days=_BROKEN_DAYS))) > 0,
        "promised": _count(file, pl.col("state") == "open") > 0,
        "first": not was_spoken_to(file),
        "late": isinstance(worst, int) and worst > _LATE_DAYS,
        "any": True,
    }
    goals = guide_text(file.place.settings.root).values["goal"]
    return next(str(entry["when"]) for entry in goals if fits[entry["when"]])


def _binds(kind: str, until: Any, day: date) -> bool:
    return kind != "pause" and (until is None or str(until)[:10] >= day.isoformat())


def _count(file: CaseFile, fits: pl.Expr) -> int:
    return file.promises.filter(fits).height


def was_spoken_to(file: CaseFile) -> bool:
    """Whether anybody of ours ever spoke with the customer."""
    return any(contact.outcome in _SPOKEN and contact.party == "self" for contact in file.person.contacts)


def disclosures(file: CaseFile, spoken: str, reader: str) -> Sequence[Disclosure]:
    """What the packs in force require to be said in a call by who we act as."""
    is_first = not was_spoken_to(file)
    written = {
        entry["rule"]: entry[spoken]
        for entry in guide_text(file.place.settings.root).values["disclosure"]
        if entry["first"] == is_first
    }
    found = []
    for pack in file.gate.packs:
        for rule in pack.on(file.day) if binds_actor(pack, file.gate.actor) else ():
            if is_said_in_a_call(rule):
                must_hold = tuple(rule.values.get("must_hold", ()))
                words = rule.zh if reader == "zh" else rule.en
                found.append(Disclosure(written.get(rule.id, ""), must_hold, rule.id, words, rule.citation))
    return found


def binds_actor(pack: Pack, actor: str) -> bool:
    """Whether a pack has any rule for who we act as."""
    bit = 1 << codes.code(codes.ACTORS, actor)
    return any(rule.row[kinds.ACTOR_MASK] & bit for rule in pack.rules if rule.row is not None)


def is_said_in_a_call(rule: Rule) -> bool:
    """Whether a rule asks for words in a call (a voicemail's rule is none for a conversation)."""
    channels = rule.values.get("channels")
    is_for_calls = channels is None or "call" in channels
    return rule.kind == "text" and is_for_calls and not rule.id.endswith(".limited-content")


@needs("case.work")
@require_GET
def guide(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The guide on a page of its own, to prepare a conversation."""
    file = open_case(request, customer_id)
    context = {"guide": guide_for(file, staff_of(request)), "customer_id": customer_id, "is_prepared": True}
    return render(request, "office/guide.html", context)
