"""Who may grant how much: alone, with a second pair of eyes, or not at all."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.policy import PolicyError
from dunwell.resolution.authority import GIVES_UP, KINDS, Authority, may_grant, may_second, read_authority

DAY = date(2026, 11, 23)
HEAD = 'key = "authority"\ntitle = "T"\nfrom = 2026-01-01\ncitation = "board"\nsource_quality = "text"\n'
TEXT = (
    HEAD
    + """
[[grant]]
role = "collector"
kinds = ["waiver"]
alone = { CNY = "200.00" }
at_most = { CNY = "1000.00" }
seconds = ["team_lead"]
[[grant]]
role = "team_lead"
kinds = ["waiver", "settlement"]
alone = { CNY = "1000.00" }
at_most = { CNY = "1000.00" }
"""
)


def authority(tmp_path: Path, text: str = TEXT, day: date = DAY) -> Authority:
    file = tmp_path / "authority.toml"
    file.write_text(text, encoding="utf-8")
    return read_authority(file, day)


@pytest.mark.parametrize(
    ("role", "kind", "amount", "allowed", "needs_second"),
    [
        ("collector", "waiver", 20000, True, False),
        ("collector", "waiver", 20001, True, True),
        ("collector", "waiver", 100000, True, True),
        ("collector", "waiver", 100001, False, False),
        ("collector", "settlement", 1, False, False),
        ("team_lead", "settlement", 100000, True, False),
        ("team_lead", "settlement", 100001, False, False),
        ("trainee", "waiver", 0, False, False),
    ],
)
def test_what_a_role_may_grant(
    tmp_path: Path, role: str, kind: str, amount: int, allowed: bool, needs_second: bool
) -> None:
    decision = may_grant(authority(tmp_path), role, kind, amount, "CNY")
    assert (decision.allowed, decision.needs_second) == (allowed, needs_second)
    assert decision.why


def test_a_currency_that_is_not_named_grants_nothing(tmp_path: Path) -> None:
    assert "no amount of USD" in may_grant(authority(tmp_path), "collector", "waiver", 1, "USD").why


def test_four_eyes_are_two_people_of_the_right_roles(tmp_path: Path) -> None:
    asked = may_grant(authority(tmp_path), "collector", "waiver", 50000, "CNY")
    assert not may_second(asked, "li", "li", "team_lead").allowed
    assert not may_second(asked, "li", "wu", "collector").allowed
    granted = may_second(asked, "li", "wu", "team_lead")
    assert granted.allowed and not granted.needs_second
    assert "wu agreed as team_lead" in granted.why
    alone = may_grant(authority(tmp_path), "collector", "waiver", 1, "CNY")
    assert may_second(alone, "li", "li", "collector") == alone


@given(amount=st.integers(0, 10**9), more=st.integers(0, 10**9), kind=st.sampled_from(KINDS))
def test_more_is_never_easier_to_grant(amount: int, more: int, kind: str) -> None:
    """In the text that a new workspace gets."""
    file = Path("src/dunwell/cli/new_workspace/policy/authority.toml")
    held = read_authority(Path(__file__).parents[2] / file, DAY)
    rank = {(True, False): 0, (True, True): 1, (False, False): 2}
    for role in ("collector", "team_lead", "manager", "nobody"):
        low, high = (may_grant(held, role, kind, a, "CNY") for a in (amount, amount + more))
        assert rank[low.allowed, low.needs_second] <= rank[high.allowed, high.needs_second]


def test_what_was_given_up_before_counts_with_it(tmp_path: Path) -> None:
    """One waiver split in two asks for the same eyes as the whole."""
    first = may_grant(authority(tmp_path), "collector", "waiver", 15000, "CNY")
    second = may_grant(authority(tmp_path), "collector", "waiver", 15000, "CNY", 15000)
    assert (first.allowed, first.needs_second) == (True, False)
    assert (second.allowed, second.needs_second) == (True, True)
    assert "150.00 CNY was given up before and counts" in second.why
    assert not may_grant(authority(tmp_path), "collector", "waiver", 15000, "CNY", 90000).allowed


@given(amounts=st.lists(st.integers(0, 10**6), min_size=1, max_size=5), kind=st.sampled_from(GIVES_UP))
def test_splitting_a_grant_is_never_easier_than_the_whole(amounts: list[int], kind: str) -> None:
    file = Path("src/dunwell/cli/new_workspace/policy/authority.toml")
    held = read_authority(Path(__file__).parents[2] / file, DAY)
    for role in ("collector", "team_lead", "manager"):
        whole = may_grant(held, role, kind, sum(amounts), "CNY")
        last = may_grant(held, role, kind, amounts[-1], "CNY", sum(amounts[:-1]))
        assert (whole.allowed, whole.needs_second) == (last.allowed, last.needs_second)


@pytest.mark.parametrize("days", ["0", "-3", '"a year"', "100000"])
def test_a_window_that_is_none_is_refused(tmp_path: Path, days: str) -> None:
    text = f'{HEAD}within_days = {days}\n[[grant]]\nrole = "r"\nkinds = ["waiver"]\n'
    with pytest.raises(PolicyError, match="within_days"):
        authority(tmp_path, text)


def test_without_a_text_or_before_it_nothing_is_granted(tmp_path: Path) -> None:
    for held in (
        read_authority(tmp_path / "none.toml", DAY),
        authority(tmp_path, day=date(2025, 12, 31)),
    ):
        assert not may_grant(held, "collector", "waiver", 1, "CNY").allowed


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ('kinds = ["waiver"]', "role"),
        ('role = "r"\nkinds = ["gift"]', "kinds"),
        (
            'role = "r"\nkinds = ["waiver"]\nalone = { CNY = "2.00" }\nat_most = { CNY = "1.00" }',
            "at_most.CNY",
        ),
        ('role = "r"\nkinds = ["waiver"]\nalone = { CNY = "-2.00" }', "alone"),
        ('role = "r"\nkinds = ["waiver"]\nalone = 7', "alone"),
    ],
)
def test_a_grant_that_cannot_be_meant_is_refused(tmp_path: Path, grant: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        authority(tmp_path, f"{HEAD}[[grant]]\n{grant}\n")


def test_what_is_no_grant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no kind of grant"):
        may_grant(authority(tmp_path), "collector", "gift", 1, "CNY")
    with pytest.raises(ValueError, match="cannot be granted"):
        may_grant(authority(tmp_path), "collector", "waiver", -1, "CNY")
