"""``dunwell relief``: a question as text, the rules' answer with its source."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dunwell.cli.errors import CommandError
from dunwell.cli.relief import show_relief
from tests.resolution.test_promises_command import dunwell

AS_OF = date(2026, 11, 23)
RE_AGEING = """kind = "re-ageing"
opened_on = 2026-02-23
minimum_payments = 3
shows_willingness = true
shows_ability = true
"""
RESTRUCTURING = """kind = "restructuring"
class_before = "normal"
[[changes]]
granted_on = 2026-01-05
due_days = [2026-02-10, 2026-03-10, 2026-04-10]
"""
FORBEARANCE = """kind = "forbearance"
granted_on = [2025-01-10]
is_non_performing = true
"""
SPACE = """kind = "breathing-space"
registered_on = 2026-11-01
"""


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def asked(text: str, *, as_json: bool = True) -> Any:
        file = tmp_path / "question.toml"
        file.write_text(text, encoding="utf-8")
        assert show_relief(file, AS_OF, as_json) == 0
        said = capsys.readouterr().out
        return json.loads(said) if as_json else said

    return asked


def test_an_account_may_be_re_aged_or_is_told_what_is_missing(ask: Any) -> None:
    assert ask(RE_AGEING)["allowed"]
    again = ask(RE_AGEING + "re_aged_on = [2026-01-10]\n")
    assert not again["allowed"]
    assert again["missing"] == ["it was re-aged within 12 months, on 2026-01-10"]
    assert ask(RE_AGEING + "re_aged_on = [2026-01-10]\nenters_workout = true\n")["allowed"]


def test_a_restructured_debt_is_observed_for_a_year(ask: Any) -> None:
    told = ask(RESTRUCTURING)
    assert (told["class_at_least"], told["ends_on"]) == ("special_mention", "2027-02-10")
    missed = ask("missed_days = [2026-04-10]\n" + RESTRUCTURING)
    assert (missed["class_at_least"], missed["ends_on"]) == ("substandard", None), "227 days past due"


def test_forbearance_is_cured_and_then_on_probation(ask: Any) -> None:
    told = ask(FORBEARANCE)
    assert (told["state"], told["since"], told["until"]) == (
        "performing_forborne",
        "2026-01-10",
        "2028-01-10",
    )


def test_a_breathing_space_holds_for_sixty_days_and_a_year_lies_between_two(ask: Any) -> None:
    told = ask(SPACE + "ended_before = [2026-02-01]\n")
    assert (told["begins_on"], told["ends_on"], told["holds"], told["may_apply"]) == (
        *("2026-11-02", "2026-12-31"),
        *(True, False),
    )
    crisis = ask(SPACE + "is_crisis = true\n", as_json=False)
    assert "ends on          -" in crisis


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "holiday"', "kind is 'holiday'"),
        ("kind =", "cannot be read"),
        (SPACE + "colour = 1\n", "colour is not known"),
        ('kind = "breathing-space"', "registered_on is missing"),
        ('kind = "breathing-space"\nregistered_on = "2026-11-01"', "is no day"),
        ('kind = "re-ageing"\nopened_on = 2026-01-01', "minimum_payments"),
        (RE_AGEING.replace("= 3", '= "3"'), "minimum_payments is '3'"),
        (RESTRUCTURING.replace("normal", "fine"), "is no class"),
        ('kind = "restructuring"\nclass_before = "normal"', "changes is missing"),
    ],
)
def test_a_question_that_cannot_be_read_says_what_to_mend(ask: Any, text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        ask(text)


@pytest.mark.slow
def test_it_is_a_command(tmp_path: Path) -> None:
    (tmp_path / "question.toml").write_text(SPACE, encoding="utf-8")
    assert "2026-12-31" in dunwell("relief", "question.toml", "--as-of", str(AS_OF), at=tmp_path)
