"""Re-ageing in the United States, breathing space in England and Wales."""

from dataclasses import replace
from datetime import date

import pytest

from dunwell.policy import PolicyError
from dunwell.resolution.relief import (
    OpenEndAccount,
    breathing_space,
    crisis_breathing_space,
    may_apply_again,
    may_re_age,
)

AS_OF = date(2026, 11, 23)
GOOD = OpenEndAccount(date(2026, 2, 23), 3, shows_willingness=True, shows_ability=True)


def test_an_account_that_meets_every_condition_may_be_re_aged() -> None:
    found = may_re_age(GOOD, AS_OF)
    assert (found.allowed, found.missing) == (True, ())
    assert "65 FR 36903" in found.source


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"opened_on": date(2026, 2, 24)}, "has not existed 9 months"),
        ({"minimum_payments": 2}, "fewer than 3 minimum payments"),
        ({"shows_willingness": False}, "willingness"),
        ({"shows_ability": False}, "ability"),
        ({"is_open_end": False}, "no open-end account"),
        ({"re_aged_on": (date(2025, 11, 24),)}, "within 12 months, on 2025-11-24"),
        ({"re_aged_on": (date(2021, 11, 24), date(2024, 1, 1))}, "2 times within 5 years"),
    ],
)
def test_each_condition_is_told_when_it_is_missing(change: dict[str, object], says: str) -> None:
    found = may_re_age(replace(GOOD, **change), AS_OF)  # type: ignore[arg-type]
    assert not found.allowed
    assert len(found.missing) == 1 and says in found.missing[0]


@pytest.mark.parametrize(
    "change",
    [
        {"minimum_payments": 0, "paid_equivalent": True},
        {"re_aged_on": (date(2025, 11, 23),)},
        {"re_aged_on": (date(2021, 11, 23), date(2024, 1, 1))},
        {"workout_re_aged_on": (date(2026, 1, 1),)},
    ],
    ids=[
        "the same in one sum",
        "twelve months ago",
        "the first more than five years ago",
        "a workout counts apart",
    ],
)
def test_what_does_not_stand_in_the_way(change: dict[str, object]) -> None:
    assert may_re_age(replace(GOOD, **change), AS_OF).allowed  # type: ignore[arg-type]


def test_entering_a_workout_has_one_of_its_own() -> None:
    twice = replace(GOOD, re_aged_on=(date(2025, 1, 1), date(2026, 6, 1)))
    assert may_re_age(twice, AS_OF, enters_workout=True).allowed
    used = replace(GOOD, workout_re_aged_on=(date(2023, 1, 1),))
    assert "in a workout within 5 years" in may_re_age(used, AS_OF, enters_workout=True).missing[0]


def test_a_standard_breathing_space_is_sixty_days_from_the_day_after() -> None:
    space = breathing_space(date(2026, 3, 1))
    assert (space.begins_on, space.ends_on) == (date(2026, 3, 2), date(2026, 4, 30))
    assert [
        space.holds_on(day)
        for day in (date(2026, 3, 1), date(2026, 3, 2), date(2026, 4, 30), date(2026, 5, 1))
    ] == [
        False,
        True,
        True,
        False,
    ]


def test_one_for_a_crisis_lasts_as_long_as_treatment_and_thirty_days() -> None:
    assert crisis_breathing_space(date(2026, 3, 1), None).holds_on(date(2027, 3, 1))
    assert crisis_breathing_space(date(2026, 3, 1), date(2026, 6, 1)).ends_on == date(2026, 7, 1)


def test_a_standard_one_may_be_applied_for_when_the_last_ended_more_than_twelve_months_ago() -> None:
    ended = breathing_space(date(2026, 1, 1)).ends_on
    assert ended == date(2026, 3, 2)
    assert not may_apply_again([ended], date(2027, 3, 2)), "twelve months, not more"
    assert may_apply_again([ended], date(2027, 3, 3))
    assert not may_apply_again([ended], date(2026, 2, 1)), "it still runs"
    assert may_apply_again([], date(2026, 2, 1))


def test_before_the_scheme_there_was_none() -> None:
    with pytest.raises(PolicyError, match="is not in force on 2021-05-03"):
        breathing_space(date(2021, 5, 3))
