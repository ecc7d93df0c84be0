"""What a changed contract does to the class: China's observation, the European Union's cure and probation."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.calendars import add_months
from dunwell.policy import PolicyError
from dunwell.resolution.restructuring import (
    Change,
    Exposure,
    Forbearance,
    Observation,
    forborne_state,
    observed_class,
)

GRANTED = date(2024, 3, 1)
DUE = tuple(add_months(date(2024, 4, 1), n) for n in range(36))
FIRST = Change(GRANTED, DUE)


def observed(
    before: str = "normal", *changes: Change, missed: tuple[date, ...] = (), as_of: date = date(2024, 8, 1)
) -> Observation:
    return observed_class(before, changes or (FIRST,), missed, as_of)


# China, 2023.


def test_what_was_normal_is_special_mention_while_observed() -> None:
    found = observed()
    assert (found.class_at_least, found.ends_on) == ("special_mention", date(2025, 4, 1))
    assert observed("special_mention").class_at_least == "special_mention"
    assert "memory" in found.source


def test_what_was_worse_keeps_its_class() -> None:
    assert observed("doubtful").class_at_least == "doubtful"


def test_the_observation_lasts_a_year_from_the_first_payment() -> None:
    assert observed(as_of=date(2025, 3, 31)).class_at_least == "special_mention"
    assert observed(as_of=date(2025, 4, 1)).class_at_least is None


def test_a_missed_payment_begins_it_anew_from_the_day_it_was_due() -> None:
    late_start = observed(missed=DUE[:2], as_of=date(2025, 4, 2))
    assert (late_start.class_at_least, late_start.ends_on) == ("special_mention", date(2025, 5, 1))
    assert observed(missed=DUE[:2], as_of=date(2024, 5, 20)).ends_on is None


def test_and_until_two_periods_in_a_row_were_kept() -> None:
    """Paid half-yearly with one missed and repaid half a year later: 182 days past due by then, which is substandard."""
    days = tuple(add_months(date(2024, 4, 1), 6 * n) for n in range(8))
    half_yearly = Change(GRANTED, days)
    assert observed("normal", half_yearly).ends_on == date(2025, 4, 1)
    missed = observed("normal", half_yearly, missed=(days[1],), as_of=date(2025, 5, 1))
    assert missed.ends_on == days[3] == date(2025, 10, 1)
    assert missed.class_at_least == "substandard"


def test_while_something_is_past_due_no_end_is_known() -> None:
    assert observed(as_of=date(2024, 3, 15)).ends_on == date(2025, 4, 1)
    assert observed(missed=DUE[:12], as_of=date(2025, 3, 15)).ends_on is None
    one = Change(GRANTED, (DUE[0], DUE[1]))
    assert (
        observed("normal", one, missed=(DUE[1],), as_of=date(2024, 7, 30)).class_at_least == "special_mention"
    )
    assert observed("normal", one, missed=(DUE[1],), as_of=date(2027, 1, 1)).class_at_least == "loss"


def test_changed_again_within_it_is_substandard_and_begins_anew() -> None:
    again = Change(date(2024, 10, 1), tuple(add_months(date(2024, 11, 1), n) for n in range(24)))
    found = observed("normal", FIRST, again, as_of=date(2025, 5, 1))
    assert (found.class_at_least, found.ends_on) == ("substandard", date(2025, 11, 1))
    assert "restructured again on 2024-10-01" in found.why
    assert observed("normal", FIRST, again, as_of=date(2024, 9, 1)).class_at_least == "special_mention"


def test_changed_again_after_it_is_a_first_change() -> None:
    later = Change(date(2025, 8, 1), tuple(add_months(date(2025, 9, 1), n) for n in range(24)))
    assert observed("normal", FIRST, later, as_of=date(2025, 12, 1)).class_at_least == "special_mention"


def test_an_unchanged_contract_is_not_observed() -> None:
    assert observed_class("normal", (), (), date(2024, 8, 1)).class_at_least is None
    with pytest.raises(ValueError, match="is no class"):
        observed("good")
    with pytest.raises(PolicyError, match="is not in force on 2023-06-30"):
        observed("normal", Change(date(2023, 1, 1), DUE), as_of=date(2023, 6, 30))


@given(
    before=st.sampled_from(["normal", "special_mention", "substandard", "doubtful", "loss"]),
    changed=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    missed=st.sets(st.integers(0, 35)),
    months=st.integers(0, 60),
)
def test_observation_never_makes_a_class_better(
    before: str, changed: list[int], missed: set[int], months: int
) -> None:
    order = ["normal", "special_mention", "substandard", "doubtful", "loss"]
    changes = [
        Change(add_months(GRANTED, n), tuple(add_months(GRANTED, n + 1 + k) for k in range(36)))
        for n in changed
    ]
    days = tuple(day for change in changes for k, day in enumerate(change.due_days) if k in missed)
    found = observed_class(before, changes, days, add_months(GRANTED, months))
    if found.class_at_least is not None:
        assert order.index(found.class_at_least) >= max(order.index(before), 1)


# The European Union.


def forborne(as_of: date, **more: object) -> Forbearance:
    values = {"granted_on": (GRANTED,), "is_non_performing": False} | more
    return forborne_state(Exposure(**values), as_of)  # type: ignore[arg-type]


def test_two_years_of_probation_when_it_performed() -> None:
    assert forborne(date(2026, 2, 28)).state == "performing_forborne"
    ended = forborne(date(2026, 3, 1))
    assert (ended.state, ended.since) == ("not_forborne", date(2026, 3, 1))


def test_a_year_of_cure_and_two_of_probation_when_it_did_not() -> None:
    """At least three years in all (EBA Q&A 2014_1018)."""
    assert forborne(date(2025, 2, 28), is_non_performing=True).state == "non_performing_forborne"
    cured = forborne(date(2025, 3, 1), is_non_performing=True)
    assert (cured.state, cured.since, cured.until) == (
        "performing_forborne",
        date(2025, 3, 1),
        date(2027, 3, 1),
    )
    assert forborne(date(2027, 3, 1), is_non_performing=True).state == "not_forborne"


def test_late_or_forborne_again_in_probation_after_non_performing_is_non_performing_again() -> None:
    for event in (
        {"over_30_on": (date(2025, 9, 1),)},
        {"granted_on": (GRANTED, date(2025, 9, 1))},
    ):
        found = forborne(date(2025, 10, 1), is_non_performing=True, **event)
        assert (found.state, found.until) == ("non_performing_forborne", date(2026, 9, 1))


def test_what_always_performed_is_not_made_non_performing_by_thirty_days_or_a_new_measure() -> None:
    """EBA Q&A 2014_736 and 2015_1842; a new measure begins the probation anew."""
    assert forborne(date(2025, 10, 1), over_30_on=(date(2025, 9, 1),)).state == "performing_forborne"
    again = forborne(date(2026, 3, 1), granted_on=(GRANTED, date(2025, 9, 1)))
    assert (again.state, again.until) == ("performing_forborne", date(2027, 9, 1))


def test_ninety_days_always_does() -> None:
    found = forborne(date(2025, 10, 1), over_90_on=(date(2025, 9, 1),))
    assert (found.state, found.since) == ("non_performing_forborne", date(2025, 9, 1))


def test_neither_period_ends_while_something_is_past_due() -> None:
    late = date(2025, 2, 20)
    cure = forborne(date(2025, 3, 5), is_non_performing=True, arrears_since=late)
    assert (cure.state, "past due since 2025-02-20" in cure.why) == ("non_performing_forborne", True)
    probation = forborne(date(2026, 3, 5), arrears_since=date(2026, 2, 20))
    assert probation.state == "performing_forborne"


def test_a_cure_does_not_end_within_the_thirty_days_that_are_only_told_at_their_end() -> None:
    """More than 30 days past due on 20 March: it was past due on 1 March, when the year was over."""
    found = forborne(
        date(2025, 3, 25),
        is_non_performing=True,
        over_30_on=(date(2025, 3, 20),),
        arrears_since=date(2025, 2, 17),
    )
    assert (found.state, found.since) == ("non_performing_forborne", GRANTED)


def test_after_probation_a_new_measure_is_a_first_one() -> None:
    found = forborne(date(2028, 1, 1), is_non_performing=True, granted_on=(GRANTED, date(2027, 6, 1)))
    assert (found.state, found.until) == ("performing_forborne", date(2029, 6, 1))


def test_no_forbearance_no_state() -> None:
    assert forborne(date(2024, 2, 1)).state == "not_forborne"
