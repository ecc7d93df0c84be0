"""What must be kept is kept until its clock has run out, and says under which rule."""

from datetime import UTC, date, datetime

import pytest

from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.retention import Clock, after_years, retention
from dunwell.law.pack import shipped_packs

pytestmark = pytest.mark.django_db

THREE = Clock("us-reg-f.records", "12 CFR 1006.100", 3)
FIVE = Clock("cn.recordings", "art. 68", 5)


def _contact(journal: Journal, customer: str, at: datetime) -> None:
    body = {"channel": "call", "outcome": "conversation", "direction": "out"}
    journal.record([NewEvent("contact.made", at, customer, body=body)])


def test_the_last_activity_starts_the_clock_and_the_longest_one_binds(journal: Journal) -> None:
    _contact(journal, "C1", datetime(2020, 5, 4, 12, tzinfo=UTC))
    _contact(journal, "C1", datetime(2024, 2, 29, 12, tzinfo=UTC))
    reference = journal.vault.references(["C1"])["C1"]
    (kept,) = retention({reference: "C1"}, {"C1": [THREE, FIVE]})
    assert kept.keep_until == date(2029, 3, 1)
    assert "cn.recordings" in kept.why
    assert not kept.may_be_erased(date(2029, 3, 1))
    assert kept.may_be_erased(date(2029, 3, 2))


def test_where_no_clock_is_held_a_person_decides(journal: Journal) -> None:
    _contact(journal, "C1", datetime(2010, 5, 4, 12, tzinfo=UTC))
    reference = journal.vault.references(["C1"])["C1"]
    (kept,) = retention({reference: "C1"}, {})
    assert kept.keep_until is None and not kept.may_be_erased(date(2040, 1, 1))
    assert "no period is held" in kept.why


def test_looking_at_data_does_not_lengthen_the_time(journal: Journal) -> None:
    _contact(journal, "C1", datetime(2020, 5, 4, 12, tzinfo=UTC))
    journal.record(
        [NewEvent("data.read", datetime(2026, 1, 1, tzinfo=UTC), "C1", body={"by": "a", "why": "b"})]
    )
    reference = journal.vault.references(["C1"])["C1"]
    assert retention({reference: "C1"}, {"C1": [THREE]})[0].keep_until == date(2023, 5, 4)


def test_a_leap_day_has_its_anniversary() -> None:
    assert after_years(date(2024, 2, 29), 4) == date(2028, 2, 29)
    assert after_years(date(2024, 2, 29), 3) == date(2027, 3, 1)


def test_where_the_law_names_no_period_what_it_says_of_it_is_told(journal: Journal) -> None:
    _contact(journal, "C1", datetime(2026, 1, 2, tzinfo=UTC))
    subjects = {reference: customer for customer, reference in journal.vault.references(["C1"]).items()}
    (kept,) = retention(subjects, {}, {"C1": "gb.records: no period was found [DISP 1.9.1R; not verified]"})
    assert kept.keep_until is None and not kept.may_be_erased(date(2099, 1, 1))
    assert kept.why.startswith("gb.records")


@pytest.mark.parametrize("pack", [key for key, one in shipped_packs().items() if not one.is_house_policy])
def test_every_pack_of_law_says_how_long_records_are_kept_or_that_it_is_not_known(pack: str) -> None:
    if pack == "us-ma":
        return  # beside Regulation F, which says so
    rules = [rule for rule in shipped_packs()[pack].rules if rule.kind == "retention"]
    assert rules and all(rule.citation and rule.source_quality for rule in rules)
    for rule in rules:
        assert "keep_years" in rule.values or "No period" in rule.en
