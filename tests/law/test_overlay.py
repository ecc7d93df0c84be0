"""A lender's overlay adds and narrows, and never loosens."""

from datetime import datetime
from pathlib import Path

import pytest

from dunwell.law import Attempt, Gate, Person
from dunwell.law.overlay import FLOOR, read_law
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
