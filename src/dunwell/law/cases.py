"""Law cases: a situation and an outcome as text that a lawyer can read, run against the gate and the language review.

The format is that of formats.md section 3. A case that cannot be read fails by itself, with its name; the others run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import yaml

from dunwell.law import codes
from dunwell.law.gate import Gate, Reason, Verdict
from dunwell.law.kinds import clock
from dunwell.law.pack import Pack
from dunwell.law.person import (
    Account,
    Attempt,
    Consent,
    Contact,
    ContactPoint,
    Notice,
    Person,
    State,
    read_preference,
)

CASES_FOLDER = Path(__file__).parent / "cases"

_SELF = "c1"
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
_CUSTOMER_KEYS = {
    "customer_id",
    "jurisdiction",
    "region",
    "language",
    "timezones",
    "states",
    "preferences",
    "consents",
    "accounts",
    "contact_points",
    "name",
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


class CaseError(ValueError):
    """A case cannot be read; says which key, what is wrong and the mend."""


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
        _refuse_unknown(values, _KEYS, "case")
        expected = values.get("expect")
        if not isinstance(expected, Mapping) or not expected:
            raise CaseError("expect is missing. Write expect: {allowed: true}")
        _refuse_unknown(expected, _EXPECTED, "expect")
        packs = _texts(values.get("packs"), "packs")
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
            on=_on(values),
        )
        wanted = _texts(expected.get("categories", []), "expect.categories")
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
    for rule in _texts(expected.get("rule", []), "expect.rule"):
        if rule not in rules:
            problems.append(f"{rule} is not among the reasons ({', '.join(rules) or 'none'})")
    for rule in _texts(expected.get("not_rule", []), "expect.not_rule"):
        if rule in rules:
            problems.append(f"{rule} is among the reasons")
    if "effect" in expected:
        named = _texts(expected.get("rule", []), "expect.rule")
        effects = [reason.effect for reason in verdict.reasons if not named or reason.rule in named]
        if expected["effect"] not in effects:
            problems.append(f"the effect is {', '.join(effects) or 'none'}")
    if "not_before" in expected:
        wanted = None if expected["not_before"] is None else read_instant(expected["not_before"])
        if verdict.not_before != wanted:
            problems.append(f"not_before is {verdict.not_before and verdict.not_before.isoformat()}")
    owed = {obligation.notice: obligation.due_by for obligation in verdict.owes}
    if "owes" in expected:
        wanted_notices = _texts([] if expected["owes"] is None else expected["owes"], "expect.owes")
        if not wanted_notices and owed:
            problems.append(f"it owes {', '.join(owed)}")
        for notice in wanted_notices:
            if notice not in owed:
                problems.append(f"{notice} is not owed ({', '.join(owed) or 'nothing'} is)")
            elif "due_by" in expected and owed[notice] != read_day(expected["due_by"]):
                problems.append(f"{notice} is due by {owed[notice]}")
    return "; ".join(problems)


def read_attempt(values: Mapping[str, Any]) -> Attempt:
    """A case's attempt. Raises CaseError or ValueError."""
    given = values.get("attempt")
    if not isinstance(given, Mapping):
        raise CaseError('attempt is missing. Write attempt: {at: "...", channel: call}')
    return Attempt(
        customer_id=_SELF,
        at=read_instant(given["at"]),
        channel=str(given.get("channel", "call")),
        account_ids=_debts(given),
        contact_point_id=_text(given.get("contact_point_id")),
        party=_text(given.get("party")),
        purpose=str(given.get("purpose", "remind")),
        automated=bool(given.get("automated", False)),
        text_id=_text(given.get("text_id")),
        in_reply_to=_text(given.get("in_reply_to")),
        visitors=given.get("visitors"),
    )


def read_person(values: Mapping[str, Any]) -> Person | None:
    """A case's customer; None when it has none. Raises CaseError or ValueError."""
    customer = values.get("customer")
    if customer is None:
        return None
    _refuse_unknown(customer, _CUSTOMER_KEYS, "customer")

    def said(key: str) -> Any:
        return customer.get(key) if key in customer else values.get(key)

    accounts, notices = said("accounts"), values.get("notices")
    points = {str(one["contact_point_id"]): _point(one) for one in said("contact_points") or ()}
    zones = [str(zone) for zone in customer.get("timezones") or ()]
    zones += [str(one["timezone"]) for one in said("contact_points") or () if _tells_zone(one)]
    return Person(
        customer_id=_SELF,
        timezones=tuple(dict.fromkeys(zones)),
        accounts=None if accounts is None else {str(key): _account(one) for key, one in accounts.items()},
        contact_points=points,
        states=tuple(_state(one) for one in said("states") or ()),
        preferences=tuple(
            read_preference(kind, detail or {})
            for one in said("preferences") or ()
            for kind, detail in one.items()
        ),
        consents=tuple(_consent(one) for one in said("consents") or ()),
        contacts=[contact for one in values.get("history") or () for contact in _contacts(one)],
        notices=None if notices is None else tuple(_notice(one) for one in notices),
    )


def _tells_zone(point: Mapping[str, Any]) -> bool:
    """Whether a contact point tells where the person may be: their own, as in a tape, and not known to be somebody else's."""
    is_own = point.get("party", "self") == "self" and point.get("not_theirs_from") is None
    return is_own and bool(point.get("timezone"))


def _contacts(given: Mapping[str, Any]) -> list[Contact]:
    """A line of history; contacts of other people are none of this person's."""
    if str(given.get("customer", _SELF)) not in (_SELF, "self"):
        return []
    contact = Contact(
        at=read_instant(given["at"]),
        channel=_known(codes.CHANNELS, given.get("channel", "call")),
        outcome=_known(codes.OUTCOMES, given.get("outcome", "no_answer")),
        debts=_debts(given),
        direction=_known(codes.DIRECTIONS, given.get("direction", "out")),
        party=_known(codes.PARTIES, given.get("party", "self")),
        contact_point_id=_text(given.get("contact_point_id")),
        contact_id=_text(given.get("contact_id")),
        in_reply_to=_text(given.get("in_reply_to")),
    )
    return [contact] * int(given.get("times", 1))


def _account(given: Any) -> Account:
    given = given or {}
    return Account(given.get("past_due_days"), _text(given.get("group")))


def _point(given: Mapping[str, Any]) -> ContactPoint:
    since = given.get("not_theirs_from")
    kind, place = given.get("kind"), given.get("place")
    return ContactPoint(
        kind=None if kind is None else _known(codes.POINT_KINDS, kind),
        party=_known(codes.PARTIES, given.get("party", "self")),
        place=None if place is None else _known(codes.PLACES, place),
        not_theirs_from=None if since is None else _start_of(since),
    )


def _state(given: Mapping[str, Any]) -> State:
    since = given.get("since", given.get("received_at"))
    return State(
        kind=_known(codes.STATES, given["kind"]),
        since=date.min if since is None else read_moment(since),
        until=None if given.get("until") is None else read_moment(given["until"]),
        debts=_debts(given),
    )


def _consent(given: Mapping[str, Any]) -> Consent:
    hours = given.get("hours")
    return Consent(
        given_at=_start_of(given["given_at"]),
        channel=_text(given.get("channel")),
        contact_point_id=_text(given.get("contact_point_id")),
        withdrawn_at=None if given.get("withdrawn_at") is None else _start_of(given["withdrawn_at"]),
        days=given.get("days"),
        hours=None if hours is None else (clock(hours[0]), clock(hours[1])),
        source=_known(codes.SOURCES, given.get("source", "collector")),
        debts=_debts(given),
    )


def _notice(given: Mapping[str, Any]) -> Notice:
    return Notice(_known(codes.NOTICES, given["kind"]), _start_of(given["sent_at"]), _debts(given))


def read_moment(value: Any) -> date | datetime:
    """A day or an instant as YAML or text holds it. Raises ValueError."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if len(text) == 10:
        return date.fromisoformat(text)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_instant(value: Any) -> datetime:
    """An instant with an offset. Raises CaseError for a bare day or an instant without one."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if not isinstance(value, datetime) and len(str(value).strip()) == 10:
        raise CaseError(f"{value!r} is a day. Write an instant like 2026-04-02T10:00:00-04:00")
    if at.tzinfo is None:
        raise CaseError(f"{value!r} has no offset. Write it like 2026-04-02T10:00:00-04:00, in quotes")
    return at


def read_day(value: Any) -> date:
    """A day. Raises ValueError."""
    found = read_moment(value)
    return found.date() if isinstance(found, datetime) else found


def _start_of(value: Any) -> datetime:
    """An instant; a bare day is its first, UTC."""
    found = read_moment(value)
    return found if isinstance(found, datetime) else datetime.combine(found, time.min, UTC)


def _on(values: Mapping[str, Any]) -> date:
    """The day of law for a language case: the one it names, else the newest law."""
    attempt = values.get("attempt")
    if isinstance(attempt, Mapping) and "at" in attempt:
        return read_day(attempt["at"])
    return date(2026, 11, 24)


def _known(words: Sequence[str], word: Any) -> str:
    codes.code(words, str(word))
    return str(word)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise CaseError(f"{key} is {value!r}. Write a list")
    return tuple(str(one) for one in value)


def _debts(given: Mapping[str, Any]) -> tuple[str, ...]:
    debts = given.get("debts", given.get("account_ids"))
    if debts is None:
        return ()
    return (debts,) if isinstance(debts, str) else tuple(str(debt) for debt in debts)


def _refuse_unknown(values: Mapping[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise CaseError(f"{what}: {unknown[0]!r} is not known. Known: {', '.join(sorted(known))}")
