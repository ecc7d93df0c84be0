"""A lender's overlay adds and narrows, and never loosens."""

import os
import re
import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from dunwell import cli
from dunwell.law import Attempt, Contact, Gate, Person
from dunwell.law.cases import run_cases
from dunwell.law.overlay import FLOOR, KeptLaw, read_law
from dunwell.law.pack import shipped_packs
from dunwell.policy import PolicyError

PERSON = Person("C1", ("America/New_York",))


def _law(folder: Path, text: str) -> Path:
    file = folder / "law.toml"
    file.write_text(text, encoding="utf-8")
    return file


def _rules_at(file: Path, at: str, packs: list[str]) -> list[str]:
    attempt = Attempt(customer_id="C1", at=datetime.fromisoformat(at), channel="call")
    gate = Gate(packs, "agency", known=read_law(file).packs)
    return [reason.rule for reason in gate.check(attempt, PERSON).reasons]


def test_narrower_hours_refuse_what_the_pack_allows(tmp_path: Path) -> None:
    file = _law(tmp_path, '[[tighten]]\nrule = "us-reg-f.hours"\nfrom = "10:00"\nto = 19:00:00\n')
    assert _rules_at(file, "2026-04-02T09:30:00-04:00", ["us-reg-f"]) == ["us-reg-f.hours"]
    assert _rules_at(file, "2026-04-02T19:00:00-04:00", ["us-reg-f"]) == ["us-reg-f.hours"]
    assert _rules_at(file, "2026-04-02T18:59:59-04:00", ["us-reg-f"]) == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            'rule = "us-reg-f.hours"\nfrom = "07:00"',
            "would loosen us-reg-f.hours. The pack says: opens = 08:00",
        ),
        ('rule = "us-reg-f.hours"\nto = "22:00"', "The pack says: closes = 21:00"),
        ('rule = "us-reg-f.call-attempts"\nat_most = 8', "The pack says: at_most = 7"),
        ('rule = "us-reg-f.nonsense"\nfrom = "09:00"', "there is no rule 'us-reg-f.nonsense'"),
        ('rule = "us-reg-f.cease"\nat_most = 1', "has no such figure"),
        ('rule = "us-reg-f.hours"', "sets nothing"),
        ('rule = "us-reg-f.hours"\nfrom = "20:00"\nto = "09:00"', "leaves no time at all"),
        ('rule = "us-reg-f.hours"\noff = true', "is not known"),
    ],
)
def test_what_would_loosen_or_means_nothing_is_refused(tmp_path: Path, entry: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told.replace("(", r"\(")):
        read_law(_law(tmp_path, f"[[tighten]]\n{entry}\n"))


def test_a_rule_of_the_houses_own(tmp_path: Path) -> None:
    file = _law(
        tmp_path,
        '[[rules]]\nid = "no-sundays"\nkind = "hours"\nopens = "00:00"\ncloses = "24:00"\n'
        'weekdays = ["mon", "tue", "wed", "thu", "fri", "sat"]\nen = "Never on Sundays."\nzh = "周日不联系。"\n',
    )
    assert read_law(file).packs_for("us", "US-NY") == ["us-reg-f", FLOOR, "house"]
    assert _rules_at(file, "2026-04-05T12:00:00-04:00", ["us-reg-f", "house"]) == ["house.no-sundays"]


def test_packs_bind_by_place_and_cannot_be_removed(tmp_path: Path) -> None:
    law = read_law(_law(tmp_path, 'also = ["cn-house"]\n'))
    assert law.packs_for("us", "US-MA") == ["us-ma", "us-reg-f", FLOOR]
    assert law.packs_for("cn") == ["cn", "cn-house", FLOOR]
    assert law.packs_for("xx") == ["xx", FLOOR]
    for text in ("packs = []\n", 'remove = ["us-reg-f"]\n', "enabled = false\n"):
        with pytest.raises(PolicyError, match="is not known"):
            read_law(_law(tmp_path, text))


def test_fewer_calls_refuse_sooner_and_the_verdict_says_who_is_stricter(tmp_path: Path) -> None:
    file = _law(tmp_path, '[[tighten]]\nrule = "us-reg-f.call-attempts"\nat_most = 2\n')
    past = [
        Contact(datetime.fromisoformat(f"2026-04-0{n}T12:00:00-04:00"), "call", "no_answer") for n in (1, 2)
    ]
    attempt = Attempt(
        customer_id="C1", at=datetime.fromisoformat("2026-04-03T12:00:00-04:00"), channel="call"
    )
    person = replace(PERSON, contacts=past)
    assert Gate(["us-reg-f"], "agency").check(attempt, person).allowed
    verdict = Gate(["us-reg-f"], "agency", known=read_law(file).packs).check(attempt, person)
    (reason,) = verdict.reasons
    assert reason.rule == "us-reg-f.call-attempts"
    assert "The house is stricter: at_most 2." in reason.detail
    assert reason.citation.endswith("; house policy")
    assert verdict.not_before == datetime.fromisoformat("2026-04-08T08:00:00-04:00")


def test_every_version_of_a_rule_is_narrowed(tmp_path: Path) -> None:
    law = read_law(_law(tmp_path, '[[tighten]]\nrule = "cn.hours"\nfrom = "09:00"\n'))
    versions = [rule for rule in law.packs["cn"].rules if rule.id == "cn.hours"]
    assert len(versions) > 1
    assert {rule.values["opens"] for rule in versions} == {"09:00"}


def test_a_house_pack_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="there is no pack 'deck'"):
        read_law(_law(tmp_path, 'also = ["deck"]\n'))


TEMPLATE = Path(cli.__file__).parent / "new_workspace" / "policy"


BUDGET = ["house.contact-budget-day", "house.contact-budget-week"]


def test_a_new_workspaces_text_sets_a_contact_budget_and_no_more_until_it_is_uncommented(
    tmp_path: Path,
) -> None:
    text = (TEMPLATE / "law.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text).keys() == {"rules"}
    packs = dict(read_law(TEMPLATE / "law.toml").packs)
    assert [rule.id for rule in packs.pop("house").rules] == BUDGET
    assert packs == shipped_packs()
    said = re.sub(r"^# (?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE)
    law = read_law(_law(tmp_path, said))
    assert law.packs_for("cn") == ["cn", "cn-house", FLOOR, "house"]
    assert [rule.id for rule in law.packs["house"].rules] == [*BUDGET, "house.tries-week", "house.no-sundays"]
    (hours,) = (rule for rule in law.packs["us-reg-f"].rules if rule.id == "us-reg-f.hours")
    assert (hours.values["opens"], hours.values["closes"]) == ("09:00", "20:00")


def test_a_new_workspaces_example_case_holds(tmp_path: Path) -> None:
    text = (TEMPLATE / "cases" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    file = tmp_path / "evening.yaml"
    file.write_text(example, encoding="utf-8")
    assert [(outcome.passed, outcome.detail) for outcome in run_cases([file])] == [(True, "")]


def test_what_is_tightened_while_a_process_runs_binds_its_next_contact(tmp_path: Path) -> None:
    file = tmp_path / "law.toml"
    kept = KeptLaw(file)
    shipped = kept.current()
    assert kept.current() is shipped
    for number, closes in enumerate(("19:00", "18:30"), start=1):
        file.write_text(f'[[tighten]]\nrule = "us-reg-f.hours"\nto = "{closes}"\n', encoding="utf-8")
        os.utime(
            file, ns=(number, number)
        )  # a clock too coarse to tell two writes apart would hide the second
        (hours,) = (rule for rule in kept.current().packs["us-reg-f"].rules if rule.id == "us-reg-f.hours")
        assert hours.values["closes"] == closes
    assert kept.current() is kept.current()


def test_a_law_that_cannot_be_read_any_more_is_not_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "law.toml"
    file.write_text("", encoding="utf-8")
    kept = KeptLaw(file)
    file.write_text('[[tighten]]\nrule = "us-reg-f.hours"\nto = "23:00"\n', encoding="utf-8")
    for _ in range(2):
        with pytest.raises(PolicyError, match="loosen"):
            kept.current()
    file.write_text("# mended", encoding="utf-8")
    assert kept.current().packs == shipped_packs()
