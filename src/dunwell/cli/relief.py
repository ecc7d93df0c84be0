"""``dunwell relief``: what the rules of re-ageing, restructuring, forbearance and breathing space say about one debt.

A question is a small text (TOML) with the facts, for the book does not hold them all: when a contract was changed before, which
of the new due days were missed. The answers are those of ``resolution.relief`` and ``resolution.restructuring``.
"""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

from dunwell.cli.errors import CommandError
from dunwell.policy import PolicyError
from dunwell.resolution.relief import (
    OpenEndAccount,
    breathing_space,
    crisis_breathing_space,
    may_apply_again,
    may_re_age,
)
from dunwell.resolution.restructuring import Change, Exposure, forborne_state, observed_class


def show_relief(file: Path, as_of: date, as_json: bool) -> int:
    """Print the answer to a question's text; returns the exit code."""
    try:
        asked = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{file}: cannot be read ({error}). Write it as TOML in UTF-8") from error
    kind = asked.pop("kind", None)
    if kind not in _ANSWERS:
        raise CommandError(f"{file}: kind is {kind!r}. Write kind = one of: {', '.join(_ANSWERS)}")
    try:
        told = _ANSWERS[kind](asked, as_of)
    except (TypeError, ValueError, KeyError, PolicyError) as error:
        raise CommandError(f"{file}: {_said(error)}") from error
    if asked:
        raise CommandError(f"{file}: {next(iter(asked))} is not known for {kind}")
    if as_json:
        print(
            json.dumps({"kind": kind, "as_of": str(as_of), **told}, ensure_ascii=False, indent=2, default=str)
        )
    else:
        for name, value in told.items():
            print(f"{name.replace('_', ' '):<16} {_plain(value)}")
    return 0


def _re_ageing(asked: dict[str, Any], as_of: date) -> dict[str, Any]:
    """Whether an open-end account may be re-aged, and every condition that is not met."""
    enters = _flag(asked, "enters_workout")
    return asdict(may_re_age(_made(OpenEndAccount, asked), as_of, enters_workout=enters))


def _restructuring(asked: dict[str, Any], as_of: date) -> dict[str, Any]:
    """The best class that a restructured debt may have, and until when it is observed."""
    changes = [Change(one["granted_on"], _days(one["due_days"])) for one in asked.pop("changes")]
    return asdict(
        observed_class(asked.pop("class_before"), changes, _days(asked.pop("missed_days", [])), as_of)
    )


def _forbearance(asked: dict[str, Any], as_of: date) -> dict[str, Any]:
    """Whether a debt is forborne, performing or not, and until when at the least."""
    return asdict(forborne_state(_made(Exposure, asked), as_of))


def _breathing_space(asked: dict[str, Any], as_of: date) -> dict[str, Any]:
    """From when to when a breathing space holds, and whether it does on the day."""
    registered = _day(asked.pop("registered_on"))
    if _flag(asked, "is_crisis"):
        ended = asked.pop("treatment_ended_on", None)
        space = crisis_breathing_space(registered, None if ended is None else _day(ended))
        return asdict(space) | {"holds": space.holds_on(as_of)}
    space, before = breathing_space(registered), _days(asked.pop("ended_before", []))
    return asdict(space) | {"holds": space.holds_on(as_of), "may_apply": may_apply_again(before, registered)}


_ANSWERS: Mapping[str, Callable[[dict[str, Any], date], dict[str, Any]]] = {
    "re-ageing": _re_ageing,
    "restructuring": _restructuring,
    "forbearance": _forbearance,
    "breathing-space": _breathing_space,
}


def _made(kind: type[Any], asked: dict[str, Any]) -> Any:
    """The facts of a kind, taken out of what was asked: days as days, lists of them in order."""
    values: dict[str, Any] = {}
    for one in fields(kind):
        if one.name not in asked:
            continue
        value = asked.pop(one.name)
        if isinstance(value, list):
            value = _days(value)
        elif one.name.endswith(("_on", "_since")):
            value = _day(value)
        elif type(value) is not one.type:
            raise ValueError(f"{one.name} is {value!r}. Write a value like those of the example in the docs")
        values[one.name] = value
    return kind(**values)


def _flag(asked: dict[str, Any], name: str) -> bool:
    value = asked.pop(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}. Write true or false")
    return value


def _day(value: Any) -> date:
    if type(value) is not date:
        raise ValueError(f"{value!r} is no day. Write it as 2026-11-23, without quotes")
    return value


def _days(values: Sequence[Any]) -> tuple[date, ...]:
    return tuple(sorted(_day(value) for value in values))


def _said(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value)) or "-"
    return (
        {True: "yes", False: "no", None: "-"}.get(value, str(value)) if not isinstance(value, str) else value
    )
