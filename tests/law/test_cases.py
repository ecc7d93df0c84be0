"""What a case may say and what is told when it does not hold; and that every version of every rule is seen both ways.

That each case which comes with dunwell holds stands in ``test_worked_cases``.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from dunwell.law import codes
from dunwell.law.case_situations import read_instant
from dunwell.law.cases import CASES_FOLDER, Case, CaseRunner, Outcome, read_cases
from dunwell.law.pack import Rule, shipped_packs
from tests.law.oracle import said_for_all

FILES = sorted(CASES_FOLDER.rglob("*.yaml"))
REFUSING_RULES = [rule for pack in shipped_packs().values() for rule in pack.rules if rule.row is not None]


@cache
def _shipped() -> tuple[tuple[Case, Outcome], ...]:
    """The shipped cases that are about a contact, not only about words."""
    runner = CaseRunner()
    cases = (case for file in FILES for case in read_cases(file))
    return tuple((case, runner.run(case)) for case in cases if "attempt" in case.values)


def _versions(case: Case) -> Iterator[Rule]:
    """The versions of the rules of a case's packs that hold on its day."""
    day = read_instant(case.values["attempt"]["at"]).date()
    for key in case.values["packs"]:
        for rule in shipped_packs()[key].rules if key in shipped_packs() else ():
            if rule.row is not None and rule.holds_on(day):
                yield rule


def _version(rule: Rule) -> str:
    return f"{rule.id} from {rule.from_on}"


def _binds(rule: Rule, case: Case) -> bool:
    """Whether a rule is about a case's actor, channel, purpose and party. A rule that never lets a party through has no
    allowing case with that party, so there any party will do.
    """
    attempt = case.values["attempt"]
    defaults = said_for_all(rule.id.partition(".")[0])
    said = {**defaults, **rule.values}
    is_absolute = rule.kind == "parties" and "locate" not in said and "agreement_with" not in said
    return (
        case.values.get("actor", "first_party") in said.get("actors", codes.ACTORS)
        and attempt.get("channel", "call") in said.get("channels", codes.CHANNELS)
        and attempt.get("purpose", "remind") in said.get("purposes", codes.PURPOSES)
        and (is_absolute or attempt.get("party", "self") in said.get("parties", codes.PARTIES))
    )


def test_every_version_of_every_rule_has_a_refusing_and_an_allowing_case() -> None:
    """On a day on which that version holds. A rule that makes a notice due refuses nothing: there is a case in which it is due
    and one in which it is not.
    """
    refusing: Counter[str] = Counter()
    allowing: Counter[str] = Counter()
    for case, outcome in _shipped():
        reasons = {reason.rule for reason in outcome.reasons}
        owed = case.values["expect"].get("owes", ())
        for rule in _versions(case):
            if rule.kind == "owes" and "owes" in case.values["expect"]:
                counted = refusing if owed and rule.id in owed else allowing
                counted[_version(rule)] += 1
            elif rule.id in reasons:
                refusing[_version(rule)] += 1
            elif outcome.allowed and rule.kind != "owes" and _binds(rule, case):
                allowing[_version(rule)] += 1
    versions = [_version(rule) for rule in REFUSING_RULES]
    assert [name for name in versions if not refusing[name]] == []
    assert [name for name in versions if not allowing[name]] == []


def test_every_case_says_its_source() -> None:
    assert [case.name for file in FILES for case in read_cases(file) if not case.source] == []


def test_a_name_stands_once_in_a_file() -> None:
    names = Counter((case.file, case.name) for case, _ in _shipped())
    assert [name for name, count in names.items() if count > 1] == []


_NEW_YORK = {"jurisdiction": "us", "timezones": ["America/New_York"]}
_NOON = {"at": "2026-06-03T12:00:00-04:00", "channel": "call", "debts": ["d1"]}


def _run(folder: Path, **changes: Any) -> Outcome:
    """One case's outcome, through a file; a key set to None is left out."""
    case = {
        "name": "the case",
        "packs": ["us-reg-f"],
        "actor": "agency",
        "customer": _NEW_YORK,
        "attempt": _NOON,
        "expect": {"allowed": True},
        **changes,
    }
    file = folder / "cases.yaml"
    file.write_text(yaml.safe_dump([{k: v for k, v in case.items() if v is not None}]), encoding="utf-8")
    (read,) = read_cases(file)
    return CaseRunner().run(read)


def _calls(outcome: str = "no_answer", **more: Any) -> dict[str, Any]:
    return {"at": "2026-06-02T12:00:00-04:00", "channel": "call", "outcome": outcome, "debts": ["d1"], **more}


def test_times_stands_for_so_many_contacts(tmp_path: Path) -> None:
    assert _run(tmp_path, history=[_calls(times=6)]).allowed
    assert not _run(tmp_path, history=[_calls(times=7)]).allowed


def test_contacts_of_other_people_are_none_of_this_persons(tmp_path: Path) -> None:
    others = [_calls(times=7, customer="c2"), _calls("conversation", customer="c3")]
    assert _run(tmp_path, history=others).allowed
    assert not _run(tmp_path, history=[*others, _calls("conversation")]).allowed


@pytest.mark.parametrize("since", ["since", "received_at"])
@pytest.mark.parametrize("via", [None, "email", "letter"])
def test_a_state_begins_when_it_was_learnt_by_whatever_channel(
    tmp_path: Path, since: str, via: str | None
) -> None:
    state = {"kind": "cease", since: "2026-06-03T12:00:00-04:00", "via": via}
    known = {key: value for key, value in state.items() if value is not None}
    outcome = _run(tmp_path, customer={**_NEW_YORK, "states": [known]}, expect={"rule": "us-reg-f.cease"})
    assert outcome.passed
    early = {**_NOON, "at": "2026-06-03T11:59:59-04:00"}
    assert _run(tmp_path, customer={**_NEW_YORK, "states": [known]}, attempt=early).passed


def test_nobody_is_known_without_a_customer(tmp_path: Path) -> None:
    outcome = _run(tmp_path, customer=None, expect={"allowed": False, "rule": "gate.unknown-customer"})
    assert outcome.passed
    assert outcome.not_before is None


def test_a_debt_is_unknown_beside_those_that_are_given(tmp_path: Path) -> None:
    expect = {"allowed": False, "rule": "gate.unknown-account", "effect": "missing", "not_before": None}
    assert _run(tmp_path, accounts={"d2": {"past_due_days": 3}}, expect=expect).passed
    assert _run(tmp_path, accounts={"d1": {"past_due_days": 3}}).passed


def test_instants_are_compared_as_instants(tmp_path: Path) -> None:
    night = {**_NOON, "at": "2026-06-04T05:00:00+02:00"}
    for not_before in ("2026-06-04T08:00:00-04:00", "2026-06-04T12:00:00+00:00", "2026-06-04T20:00:00+08:00"):
        assert _run(tmp_path, attempt=night, expect={"allowed": False, "not_before": not_before}).passed


_HOME_AND_TEXTS = {
    **_NEW_YORK,
    "contact_points": [{"contact_point_id": "h", "kind": "landline", "place": "home"}],
}


@pytest.mark.parametrize(
    ("preference", "attempt", "rule"),
    [
        ("not_place: home", {"contact_point_id": "h"}, "designated-places"),
        ("not_place: {place: home}", {"contact_point_id": "h"}, "designated-places"),
        ("not_channel: sms", {"channel": "sms"}, "media-opt-out"),
        ("not_channel: {channel: sms}", {"channel": "sms"}, "media-opt-out"),
        ("not_time: {weekdays: [wed], from: 10:00, to: 13:30}", {}, "designated-times"),
        ('not_time: {weekdays: Wednesday, from: "10:00", to: "24:00"}', {}, "designated-times"),
        ("only_time: {from: 13:00}", {}, "designated-times"),
    ],
)
def test_a_preference_may_be_written_in_short(
    tmp_path: Path, preference: str, attempt: dict[str, str], rule: str
) -> None:
    """An unquoted clock time, which YAML reads as a number of base 60, is a clock time too."""
    read = yaml.safe_load(f"- {preference}")
    expect = {"allowed": False, "rule": f"us-reg-f.{rule}"}
    customer = {**_HOME_AND_TEXTS, "preferences": read}
    outcome = _run(tmp_path, customer=customer, attempt={**_NOON, **attempt}, expect=expect)
    assert outcome.passed, outcome.detail
    assert _run(tmp_path, customer=_HOME_AND_TEXTS, attempt={**_NOON, **attempt}).passed


@pytest.mark.parametrize("hours", ["[21:00, 22:30]", '["21:00", "22:30"]', '[21:00, "22:30"]'])
def test_agreed_hours_may_be_unquoted(tmp_path: Path, hours: str) -> None:
    consent = {
        "channel": "call",
        "given_at": "2026-06-01T12:00:00-04:00",
        "hours": yaml.safe_load(f"hours: {hours}")["hours"],
    }
    late = {**_NOON, "at": "2026-06-03T21:45:00-04:00"}
    outcome = _run(tmp_path, customer={**_NEW_YORK, "consents": [consent]}, attempt=late)
    assert outcome.passed, outcome.detail


@pytest.mark.parametrize(
    ("zone", "at"),
    [
        ("America/New_York", "2026-06-{}T{}-04:00"),
        ("Pacific/Honolulu", "2026-06-{}T{}-10:00"),
        ("Asia/Shanghai", "2026-06-{}T{}+08:00"),
    ],
)
def test_a_bare_day_is_a_day_of_the_persons_own_clock(tmp_path: Path, zone: str, at: str) -> None:
    """An agreement of 3 June for one day is one of that whole day, and of no other."""
    consent = {"channel": "call", "given_at": "2026-06-03", "days": 1}
    customer = {"timezones": [zone], "consents": [consent]}
    history = [_calls(times=7, at=at.format("02", "12:00:00"))]
    for clock in ("08:00:00", "20:59:59"):
        attempt = {**_NOON, "at": at.format("03", clock)}
        outcome = _run(tmp_path, customer=customer, history=history, attempt=attempt)
        assert outcome.passed, outcome.detail
    next_day = {**_NOON, "at": at.format("04", "20:59:59")}
    expect = {"allowed": False, "rule": "us-reg-f.call-attempts"}
    assert _run(tmp_path, customer=customer, history=history, attempt=next_day, expect=expect).passed


def test_a_key_that_the_format_does_not_know_is_a_note(tmp_path: Path) -> None:
    assert _run(
        tmp_path, attempt={**_NOON, "why": "the form said so"}, history=[_calls(note="rang out")]
    ).passed


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expect": {"allowed": False}}, "allowed is True"),
        ({"expect": {"rule": "us-reg-f.hours"}}, "us-reg-f.hours is not among the reasons (none)"),
        (
            {"history": [_calls("conversation")], "expect": {"rule": "us-reg-f.hours"}},
            "us-reg-f.hours is not among the reasons (us-reg-f.call-after-conversation)",
        ),
        (
            {"history": [_calls("conversation")], "expect": {"not_rule": "us-reg-f.call-after-conversation"}},
            "us-reg-f.call-after-conversation is among the reasons",
        ),
        (
            {"history": [_calls("conversation")], "expect": {"effect": "prohibited"}},
            "the effect is presumed_violation",
        ),
        (
            {"history": [_calls("conversation")], "expect": {"not_before": "2026-06-09T00:00:00-04:00"}},
            "not_before is 2026-06-09T12:00:00+00:00",
        ),
        ({"history": [_calls("conversation")], "expect": {"not_before": None}}, "not_before is 2026-06-09"),
        ({"expect": {"owes": "cn-house.rights"}}, "cn-house.rights is not owed (us-reg-f.validation is)"),
        ({"expect": {"owes": []}}, "it owes us-reg-f.validation"),
        (
            {"expect": {"owes": "us-reg-f.validation", "due_by": "2026-06-09"}},
            "us-reg-f.validation is due by 2026-06-08",
        ),
    ],
)
def test_a_difference_is_told(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    outcome = _run(tmp_path, **changes)
    assert not outcome.passed
    assert told in outcome.detail


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expect": None}, "expect is missing"),
        ({"expect": {"allow": True}}, "'allow' is not known"),
        ({"attempt": None}, "attempt is missing"),
        ({"attempt": {**_NOON, "at": "2026-06-03"}}, "is a day"),
        ({"attempt": {**_NOON, "at": "2026-06-03T12:00:00"}}, "has no offset"),
        ({"attempt": {**_NOON, "channel": "pigeon"}}, "'pigeon' is not known"),
        ({"attempt": {**_NOON, "purpose": "gloat"}}, "'gloat' is not known"),
        ({"actor": "uncle"}, "'uncle' is not known"),
        ({"packs": None}, "packs"),
        ({"weather": "fine"}, "'weather' is not known"),
        ({"customer": {**_NEW_YORK, "mood": "low"}}, "'mood' is not known"),
        ({"history": [_calls("sulked")]}, "'sulked' is not known"),
        ({"customer": {**_NEW_YORK, "states": [{"kind": "bored"}]}}, "'bored' is not known"),
        ({"customer": {**_NEW_YORK, "preferences": [{"not_time": {"month": 3}}]}}, "'month' is not known"),
        ({"customer": {**_NEW_YORK, "preferences": [{"not_place": {}}]}}, "not_place needs place"),
        ({"customer": {**_NEW_YORK, "preferences": [{"not_time": "evenings"}]}}, "is no set of keys"),
        ({"customer": {**_NEW_YORK, "preferences": [{"not_place": "moon"}]}}, "'moon' is not known"),
        ({"attempt": {**_NOON, "partys": "reference"}}, "attempt: 'partys' is not known. Write party"),
        ({"history": [{**_calls(), "debt": ["d1"]}]}, "history: 'debt' is not known. Write debts"),
        (
            {"customer": {**_NEW_YORK, "states": [{"kind": "cease", "debt": ["d2"]}]}},
            "states: 'debt' is not known. Write debts",
        ),
    ],
)
def test_a_case_that_cannot_be_read_fails_with_its_name(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    outcome = _run(tmp_path, **changes)
    assert (outcome.name, outcome.passed, outcome.allowed) == ("the case", False, None)
    assert outcome.detail.startswith("cannot be read: ")
    assert told in outcome.detail


def test_a_line_that_is_no_case_fails_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("- just a word\n- {name: second}\n", encoding="utf-8")
    outcomes = [CaseRunner().run(case) for case in read_cases(file)]
    assert [(outcome.name, outcome.passed) for outcome in outcomes] == [("case 1", False), ("second", False)]


@pytest.mark.parametrize(
    ("point", "allowed"),
    [
        ({"party": "self"}, False),
        ({}, False),
        ({"party": "reference"}, True),
        ({"party": "self", "not_theirs_from": "2026-03-01"}, True),
    ],
    ids=["own", "own by default", "a reference's", "somebody else's by now"],
)
def test_a_contact_point_tells_a_clock_when_it_is_the_persons_own(
    point: dict[str, Any], allowed: bool
) -> None:
    """Nine in the morning in New York is six in Los Angeles; a tape is read the same way."""
    values = {
        "packs": ["us-reg-f"],
        "actor": "agency",
        "customer": {
            "timezones": ["America/New_York"],
            "contact_points": [
                {"contact_point_id": "m1", "kind": "mobile", "timezone": "America/Los_Angeles", **point}
            ],
        },
        "attempt": {"at": "2026-04-02T09:00:00-04:00", "channel": "sms"},
        "expect": {"allowed": allowed},
    }
    outcome = CaseRunner().run(Case("a clock", "", "", values))
    assert outcome.passed, outcome.detail
