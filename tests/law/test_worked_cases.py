"""The worked cases that come with dunwell: all hold, and every rule of every pack is seen both ways."""

from collections import Counter
from pathlib import Path

import pytest

from dunwell.law import codes, kinds
from dunwell.law.cases import CASES_FOLDER, CaseRunner, read_cases, run_cases
from dunwell.law.pack import Rule, shipped_packs

FILES = sorted(CASES_FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_case_holds(file: Path) -> None:
    outcomes = run_cases([file])
    assert outcomes
    assert [(outcome.name, outcome.detail) for outcome in outcomes if not outcome.passed] == []


def test_every_rule_has_a_refusing_and_an_allowing_case() -> None:
    """Allowing: a case of the pack that is allowed although the rule binds its actor, channel, party and purpose."""
    runner = CaseRunner()
    refusing: Counter[str] = Counter()
    allowing: Counter[str] = Counter()
    owing: Counter[str] = Counter()
    for file in FILES:
        for case in read_cases(file):
            outcome = runner.run(case)
            refusing.update(reason.rule for reason in outcome.reasons)
            owed = case.values["expect"].get("owes")
            owing.update([owed] if isinstance(owed, str) else owed or [])
            if outcome.allowed:
                given = case.values["attempt"]
                for key in case.values["packs"]:
                    for rule in shipped_packs()[key].rules if key in shipped_packs() else ():
                        if rule.row is not None and _binds(rule, case.values.get("actor"), given):
                            allowing[rule.id] += 1
    rules = [rule for pack in shipped_packs().values() for rule in pack.rules if rule.row is not None]
    lacking = [
        rule.id for rule in rules if not (refusing[rule.id] or owing[rule.id]) or not allowing[rule.id]
    ]
    assert lacking == []


def _binds(rule: Rule, actor: str | None, attempt: dict[str, str]) -> bool:
    """A rule on parties names those it refuses, so its allowing case has another party."""
    row = rule.row or ()
    said = [
        (kinds.ACTOR_MASK, codes.ACTORS, actor or "first_party"),
        (kinds.CHANNEL_MASK, codes.CHANNELS, attempt.get("channel", "call")),
        (kinds.PURPOSE_MASK, codes.PURPOSES, attempt.get("purpose", "remind")),
    ]
    if rule.kind != "parties":
        said.append((kinds.PARTY_MASK, codes.PARTIES, attempt.get("party", "self")))
    return all(row[column] >> words.index(word) & 1 for column, words, word in said)


def test_a_case_that_cannot_be_read_fails_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(
        """
- name: no attempt
  packs: [us-reg-f]
  customer: {timezones: [America/New_York]}
  expect: {allowed: true}
- name: unknown channel
  packs: [us-reg-f]
  customer: {timezones: [America/New_York]}
  attempt: {at: "2026-04-02T10:00:00-04:00", channel: pigeon}
  expect: {allowed: true}
- name: a case that holds
  packs: [us-reg-f]
  actor: agency
  customer: {timezones: [America/New_York]}
  attempt: {at: "2026-04-02T10:00:00-04:00", channel: call}
  expect: {allowed: true}
- name: a case that does not
  packs: [us-reg-f]
  actor: agency
  customer: {timezones: [America/New_York]}
  attempt: {at: "2026-04-02T21:00:00-04:00", channel: call}
  expect: {allowed: true, not_rule: us-reg-f.hours, not_before: null}
""",
        encoding="utf-8",
    )
    outcomes = run_cases([file])
    assert [outcome.passed for outcome in outcomes] == [False, False, True, False]
    assert "attempt is missing" in outcomes[0].detail
    assert "pigeon" in outcomes[1].detail
    assert "us-reg-f.hours is among the reasons" in outcomes[3].detail
    assert "not_before is 2026-04-03T12:00:00+00:00" in outcomes[3].detail


def test_a_file_that_is_no_list_of_cases(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("just: [a", encoding="utf-8")
    (outcome,) = run_cases([file])
    assert not outcome.passed
    assert "cannot be read" in outcome.detail
