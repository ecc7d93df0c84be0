"""Law cases: a situation and an outcome as text that a lawyer can read, run against the gate and the language review.

The format is that of formats.md section 3. A case that cannot be read fails by itself, with its name; the others run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from dunwell.law.case_situations import (
    CaseError,
    day_of_law,
    read_attempt,
    read_day,
    read_instant,
    read_person,
    refuse_unknown,
    texts,
)
from dunwell.law.gate import Gate, Reason, Verdict
from dunwell.law.pack import Pack

CASES_FOLDER = Path(__file__).parent / "cases"

_KEYS = {
    "name",
    "source",
    "packs",
    "actor",
    "customer",
    "history",
    "attempt",
    "expect",
    "notices",
    "accounts",
    "contact_points",
    "text",
    "language",
    "channel",
    "states",
    "preferences",
    "consents",
    "note",
}
_EXPECTED = {
    "allowed",
    "rule",
    "not_rule",
    "effect",
    "not_before",
    "owes",
    "due_by",
    "categories",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A case as read from its file; ``values`` is the rest."""

    name: str
    source: str
    file: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a case gave. ``detail`` says how it differs from what was expected; empty when it passed."""

    name: str
    passed: bool
    allowed: bool | None = None
    reasons: tuple[Reason, ...] = ()
    not_before: datetime | None = None
    categories: tuple[str, ...] = ()
    detail: str = ""
    file: str = field(default="", compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The outcome as plain values, for ``--json``."""
        return {
            "name": self.name,
            "passed": self.passed,
            "allowed": self.allowed,
            "reasons": [
                {"rule": r.rule, "citation": r.citation, "effect": r.effect, "detail": r.detail}
                for r in self.reasons
            ],
            "not_before": None if self.not_before is None else self.not_before.isoformat(),
            "categories": list(self.categories),
            "detail": self.detail,
        }


def read_cases(file: Path) -> list[Case]:
    """The cases of a YAML file. Raises CaseError when it is no list of cases."""
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CaseError(f"{file}: cannot be read ({error}). Mend the YAML, saved as UTF-8") from error
    if isinstance(found, Mapping) and isinstance(found.get("cases"), list):
        found = found["cases"]
    if found is None:
        return []
    if not isinstance(found, list):
        raise CaseError(f"{file}: is no list of cases. Begin each case with `- name: ...`")
    cases = []
    for number, values in enumerate(found, start=1):
        is_case = isinstance(values, Mapping)
        name = str(values.get("name", f"case {number}")) if is_case else f"case {number}"
        cases.append(
            Case(name, str(values.get("source", "")) if is_case else "", str(file), values if is_case else {})
        )
    return cases


class CaseRunner:
    """Runs cases against the packs there are (None: as shipped), keeping a gate for each choice of packs and actor."""

    def __init__(self, known: Mapping[str, Pack] | None = None) -> None:
        self._known = known
        self._gates: dict[tuple[tuple[str, ...], str], Gate] = {}

    def run(self, case: Case) -> Outcome:
        """One case's outcome; a case that cannot be read has failed."""
        try:
            return self._run(case)
        except (CaseError, ValueError, KeyError, TypeError, AttributeError) as error:
            return Outcome(case.name, False, detail=f"cannot be read: {error}", file=case.file)

    def _run(self, case: Case) -> Outcome:
        values = case.values
        if not values:
            raise CaseError("it is no set of keys. Write name, packs, customer, attempt, expect")
        refuse_unknown(values, _KEYS, "case")
        expected = values.get("expect")
        if not isinstance(expected, Mapping) or not expected:
            raise CaseError("expect is missing. Write expect: {allowed: true}")
        refuse_unknown(expected, _EXPECTED, "expect")
        packs = texts(values.get("packs"), "packs")
        actor = str(values.get("actor", "first_party"))
        if "text" in values:
            return self._review(case, packs, actor, expected)
        verdict = self._gate(packs, actor).check(read_attempt(values), read_person(values))
        return Outcome(
            case.name,
            not (detail := differences(verdict, expected)),
            verdict.allowed,
            verdict.reasons,
            verdict.not_before,
            detail=detail,
            file=case.file,
        )

    def _gate(self, packs: tuple[str, ...], actor: str) -> Gate:
        if (packs, actor) not in self._gates:
            self._gates[packs, actor] = Gate(packs, actor, known=self._known)
        return self._gates[packs, actor]

    def _review(self, case: Case, packs: tuple[str, ...], actor: str, expected: Mapping[str, Any]) -> Outcome:
        from dunwell.law.language import review

        values = case.values
        found = review(
            str(values["text"]),
            language=str(values.get("language", "en")),
            channel=str(values.get("channel", "call")),
            packs=packs,
            actor=actor,
            on=day_of_law(values),
        )
        wanted = texts(expected.get("categories", []), "expect.categories")
        problems = []
        if "allowed" in expected and found.allowed is not expected["allowed"]:
            problems.append(f"allowed is {found.allowed}")
        missing = sorted(set(wanted) - set(found.categories))
        if missing:
            problems.append(f"not found: {', '.join(missing)}")
        if "categories" in expected and not wanted and found.categories:
            problems.append(f"found: {', '.join(found.categories)}")
        reasons = tuple(
            Reason(one.rule, one.citation, "prohibited", f"{one.category}: {one.quoted!r}. {one.suggestion}")
            for one in found.findings
        )
        return Outcome(
            case.name,
            not problems,
            found.allowed,
            reasons,
            categories=found.categories,
            detail="; ".join(problems),
            file=case.file,
        )


def run_cases(files: Iterable[Path], known: Mapping[str, Pack] | None = None) -> list[Outcome]:
    """Every case of some files (or of folders of ``*.yaml``), in their order. A file that cannot be read is a failed case."""
    runner = CaseRunner(known)
    outcomes = []
    for file in case_files(files):
        try:
            cases = read_cases(file)
        except (CaseError, OSError) as error:
            outcomes.append(Outcome(file.name, False, detail=str(error), file=str(file)))
            continue
        outcomes += [runner.run(case) for case in cases]
    return outcomes


def case_files(paths: Iterable[Path]) -> list[Path]:
    """The YAML files among some files and folders."""
    found: list[Path] = []
    for path in paths:
        found += sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]
    return found


def differences(verdict: Verdict, expected: Mapping[str, Any]) -> str:
    """How a verdict differs from what a case expects; empty when it does not."""
    problems = []
    rules = [reason.rule for reason in verdict.reasons]
    if "allowed" in expected and verdict.allowed is not expected["allowed"]:
        problems.append(f"allowed is {verdict.allowed}{f' ({chr(44).join(rules)})' if rules else ''}")
    for rule in texts(expected.get("rule", []), "expect.rule"):
        if rule not in rules:
            problems.append(f"{rule} is not among the reasons ({', '.join(rules) or 'none'})")
    for rule in texts(expected.get("not_rule", []), "expect.not_rule"):
        if rule in rules:
            problems.append(f"{rule} is among the reasons")
    if "effect" in expected:
        named = texts(expected.get("rule", []), "expect.rule")
        effects = [reason.effect for reason in verdict.reasons if not named or reason.rule in named]
        if expected["effect"] not in effects:
            problems.append(f"the effect is {', '.join(effects) or 'none'}")
    if "not_before" in expected:
        wanted = None if expected["not_before"] is None else read_instant(expected["not_before"])
        if verdict.not_before != wanted:
            problems.append(f"not_before is {verdict.not_before and verdict.not_before.isoformat()}")
    owed = {obligation.notice: obligation.due_by for obligation in verdict.owes}
    if "owes" in expected:
        wanted_notices = texts([] if expected["owes"] is None else expected["owes"], "expect.owes")
        if not wanted_notices and owed:
            problems.append(f"it owes {', '.join(owed)}")
        for notice in wanted_notices:
            if notice not in owed:
                problems.append(f"{notice} is not owed ({', '.join(owed) or 'nothing'} is)")
            elif "due_by" in expected and owed[notice] != read_day(expected["due_by"]):
                problems.append(f"{notice} is due by {owed[notice]}")
    return "; ".join(problems)
