"""Classes of accounts whose contracts were changed, beside the rules read day by day in plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import example, given, note
from hypothesis import strategies as st

from dunwell.calendars import add_months, day_number, day_of
from tests.ledger.arrears import START, Change, State, classes, cleared, late_from
from tests.ledger.test_classification import histories

CHINA = ["normal", "special_mention", "substandard", "doubtful", "loss"]
DAY = timedelta(days=1)


@dataclass
class SlowChina:
    """China's class of a changed contract, a day after the other."""

    dues: Sequence[date]
    changes: Sequence[Change]
    rank: int = 0
    since: date | None = None
    worst: int = 0
    until: date | None = None
    watched: int = 0
    watched_until: date | None = None
    starts_on: date = date.min
    missed: date = date.min
    changed_on: date | None = None
    is_again: bool = False

    def _observed(self, start: date, months: int) -> date:
        later = sorted({due for due in self.dues if due > start})
        return max([add_months(start, months), *later[1:2]])

    def next_day(self, day: date, oldest: date | None) -> None:
        days = (day - oldest).days if oldest else 0
        level = sum(days >= limit for limit in (1, 91, 271, 361))
        for change in self.changes:
            if change.agreed_on == day and change.financial_difficulty:
                if change.agreed_on != self.changed_on:  # those of one day are one
                    self.is_again, self.changed_on = self.watched > 0, day
                least = 2 if self.is_again else 1
                before = CHINA.index(change.class_before) if change.class_before else 0
                kept = self.rank if self.rank >= 2 else 0
                self.watched = max(least, before, kept, self.watched)
                self.starts_on = first_due(change, self.dues)
                self.until = self.watched_until = None
        if oldest and self.watched:  # not paid by the end of the day on which it was due
            self.watched_until = None
            self.missed = max([oldest, *(due for due in self.dues if due <= day)])
        if days > 0:
            self.until = None
            if level >= 2:
                self.worst = max(self.worst, level)
        else:
            if self.worst and self.until is None:
                self.until = self._observed(max(day, self.starts_on), 6)
            if self.watched and oldest is None and self.watched_until is None:
                self.watched_until = self._observed(max(self.starts_on, self.missed), 12)
            if oldest is None and self.until and day >= self.until:
                self.worst, self.until = 0, None
            if oldest is None and self.watched_until and day >= self.watched_until:
                self.watched, self.watched_until = 0, None
        rank = max(level, self.worst, self.watched)
        if rank != self.rank:
            self.rank, self.since = rank, day


def first_due(change: Change, dues: Sequence[date]) -> date:
    """The first payment after a change: told, or the next instalment, or the day itself where there is none."""
    return change.first_due_on or min(
        (due for due in dues if due > change.agreed_on), default=change.agreed_on
    )


@dataclass
class SlowForbearance:
    """Default, and what forbearance makes of it, a day after the other."""

    dues: Sequence[date]
    changes: Sequence[Change]
    is_default: bool = False
    changed_on: date | None = None
    run: int = 0
    free_from: date | None = None
    is_forborne: bool = False
    was_cured: bool = False
    counts_from: date = date.min
    starts_on: date = date.min

    def _enter(self, day: date) -> None:
        if not self.is_default:
            self.is_default, self.changed_on, self.free_from = True, day, None

    def next_day(self, day: date, state: State) -> None:
        days = (day - state.oldest).days if state.oldest else 0
        is_material = days >= 1 and state.overdue * 100 > state.exposure
        if self.is_default and not self.is_forborne and not self._changed(day):
            self._leave(day)
        was_default = self.is_default
        self.run = self.run + 1 if is_material else 0
        if self.run > 90 or (self.is_forborne and self.was_cured and days > 30):
            self._enter(day)
        if self.is_default and not was_default and self.is_forborne:
            self.counts_from = max(day, self.starts_on)
        for change in self._changed(day):
            if change.class_before in ("substandard", "doubtful", "loss", "non_performing"):
                self._enter(day)
            if (change.value_lost_ppb or 0) > 10_000_000 or (self.is_forborne and self.was_cured):
                self._enter(day)
            self.is_forborne, self.starts_on = True, max(day, first_due(change, self.dues))
            self.counts_from = self.starts_on if self.is_default else day
        if self.is_default:
            self.free_from = None if is_material else (self.free_from or day)
        if days == 0 and self.is_forborne and self.is_default and day >= add_months(self.counts_from, 12):
            self._leave(day)
        is_probation = self.is_forborne and not self.is_default
        if days == 0 and is_probation and day >= add_months(self.counts_from, 24):
            self.is_forborne = self.was_cured = False

    def _changed(self, day: date) -> list[Change]:
        return [one for one in self.changes if one.agreed_on == day and one.financial_difficulty]

    def _leave(self, day: date) -> None:
        if self.free_from is not None and day >= add_months(self.free_from, 3):
            self.is_default, self.changed_on, self.free_from = False, day, None
            self.was_cured, self.counts_from = self.is_forborne, day

    @property
    def state(self) -> int:
        return (2 if self.is_default else 1) if self.is_forborne else 0


@st.composite
def changes(draw: st.DrawFn) -> list[Change]:
    """Up to three changes, some told with their first payment, the class before or the value lost, or for another reason."""
    agreed = draw(st.lists(st.integers(0, 900), min_size=1, max_size=3))
    return [
        Change(
            START + timedelta(days=day),
            draw(st.none() | st.sampled_from([START + timedelta(days=day + n) for n in (0, 1, 20, 90, 200)])),
            draw(st.sampled_from(["restructuring", "forbearance", "refinancing", "re_ageing"])),
            draw(st.sampled_from([None, None, "normal", "special_mention", "substandard", "doubtful"])),
            draw(st.sampled_from([None, None, 10_000_000, 10_000_001])),
            draw(st.sampled_from([True, True, True, False])),
        )
        for day in sorted(agreed)
    ]


@given(
    states=histories(),
    days=st.integers(0, 1200),
    gaps=st.lists(st.integers(0, 200), max_size=8),
    changed=changes(),
    jurisdiction=st.sampled_from(["cn", "eu"]),
)
@example([late_from(START), cleared(START + 40 * DAY)], 800, [0, 31, 31], [Change(START + 20 * DAY)], "cn")
@example([late_from(START), cleared(START + 95 * DAY)], 900, [0], [Change(START + 93 * DAY)], "eu")
@example(
    [late_from(START), State(START + 100 * DAY, START, 999)],
    92,
    [],
    [Change(START, financial_difficulty=False)],
    "eu",
)
@example([late_from(START), cleared(START + DAY)], 500, [0, 31], [Change(START - DAY)], "cn")
def test_the_walk_is_the_rules_read_day_by_day(
    states: list[State], days: int, gaps: list[int], changed: list[Change], jurisdiction: str
) -> None:
    as_of = states[-1].on + timedelta(days=days)
    note(f"{states} {as_of} {gaps} {changed} {jurisdiction}")
    dues = [START + timedelta(days=sum(gaps[: k + 1])) for k in range(len(gaps))]
    told = classes(states, as_of, jurisdiction, dues=dues, changes=changed)
    china, forbearance = SlowChina(dues, changed), SlowForbearance(dues, changed)
    begins = min(states[0].on, changed[0].agreed_on)
    floor = stage = 0
    class_rank = stage_rank = 0
    class_since = stage_since = None
    for number in range(day_number(begins), day_number(as_of) + 1):
        day = day_of(number)
        state = max((s for s in states if s.on <= day), key=lambda s: s.on, default=cleared(begins))
        china.next_day(day, state.oldest)
        forbearance.next_day(day, state)
        late = (day - state.oldest).days if state.oldest else 0
        floor = max(int(late >= 91), int(forbearance.state == 2))
        stage = max(int(late >= 31) + int(late >= 90), forbearance.state)
        if floor != class_rank:
            class_rank, class_since = floor, day
        if stage != stage_rank:
            stage_rank, stage_since = stage, day
    if jurisdiction == "cn":
        assert (told["asset_class"], told["class_since"]) == (CHINA[china.rank], china.since)
    else:
        names = ["performing", "non_performing"]
        assert (told["asset_class"], told["class_since"]) == (names[class_rank], class_since)
    assert (told["in_default"], told["default_since"]) == (forbearance.is_default, forbearance.changed_on)
    assert told["ifrs_stage"] == stage_rank + 1
    why = told["why"]
    assert why["ifrs_stage"]["since"] == (stage_since and stage_since.isoformat())
    if any(one.financial_difficulty and one.agreed_on <= as_of for one in changed):
        state_names = ["not_forborne", "performing_forborne", "non_performing_forborne"]
        assert why["forbearance"]["value"] == state_names[forbearance.state]


@pytest.mark.parametrize("jurisdiction", ["cn", "us", "eu"])
def test_a_change_that_is_no_concession_changes_nothing(jurisdiction: str) -> None:
    history = [late_from(START), cleared(START + 40 * DAY)]
    for as_of in (START + 30 * DAY, START + 60 * DAY):
        before = classes(history, as_of, jurisdiction)
        after = classes(
            history, as_of, jurisdiction, changes=[Change(START + 10 * DAY, financial_difficulty=False)]
        )
        assert before == after
