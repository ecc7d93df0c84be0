"""Classes from the history of arrears: worked cases at every boundary, and a slow day-by-day oracle beside the compiled walk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.calendars import add_months, day_number, day_of
from dunwell.ledger.classification import class_texts
from tests.ledger.arrears import START, State, classes, cleared, late_from


@pytest.mark.parametrize(
    ("jurisdiction", "credit", "days", "asset_class"),
    [
        ("cn", "closed_end", 0, "normal"),
        ("cn", "closed_end", 1, "special_mention"),
        ("cn", "closed_end", 90, "special_mention"),
        ("cn", "closed_end", 91, "substandard"),
        ("cn", "closed_end", 270, "substandard"),
        ("cn", "closed_end", 271, "doubtful"),
        ("cn", "closed_end", 360, "doubtful"),
        ("cn", "closed_end", 361, "loss"),
        ("us", "closed_end", 89, "pass"),
        ("us", "closed_end", 90, "substandard"),
        ("us", "closed_end", 119, "substandard"),
        ("us", "closed_end", 120, "loss"),
        ("us", "open_end", 120, "substandard"),
        ("us", "open_end", 179, "substandard"),
        ("us", "open_end", 180, "loss"),
        ("gb", "closed_end", 90, "performing"),
        ("in", "closed_end", 91, "non_performing"),
    ],
)
def test_each_class_begins_on_its_day(jurisdiction: str, credit: str, days: int, asset_class: str) -> None:
    told = classes([late_from(START)], START + timedelta(days=days), jurisdiction, credit=credit)
    assert told["asset_class"] == asset_class


@pytest.mark.parametrize(
    ("days", "stage", "term"),
    [
        (0, 1, "current"),
        (1, 1, "short"),
        (30, 1, "short"),
        (31, 2, "middle"),
        (89, 2, "middle"),
        (90, 3, "middle"),
        (91, 3, "long"),
    ],
)
def test_stages_and_terms_go_by_the_days_alone(days: int, stage: int, term: str) -> None:
    told = classes([late_from(START)], START + timedelta(days=days))
    assert (told["ifrs_stage"], told["term"]) == (stage, term)


def test_before_the_text_was_in_force_china_has_the_text_for_everybody() -> None:
    due = date(2022, 1, 10)
    assert classes([late_from(due)], date(2023, 6, 30))["asset_class"] == "non_performing"
    assert classes([late_from(due)], date(2023, 7, 1))["asset_class"] == "loss"
    why = classes([late_from(due)], date(2023, 6, 30))["why"]["asset_class"]["why"]
    assert "the text held for cn is not in force on 2023-06-30" in why


def test_where_no_text_is_in_force_there_is_no_class_and_the_reason_says_so() -> None:
    due = date(2010, 1, 10)
    told = classes([late_from(due)], date(2010, 6, 30))
    assert [told[name] for name in ("asset_class", "ifrs_stage", "in_default")] == [None, None, None]
    for name in ("asset_class", "ifrs_stage", "in_default"):
        assert told["why"][name]["why"] == "no text is held for it on 2010-06-30"


class TestUpgradeInChina:
    """Substandard or worse stays until all arrears are repaid and then through the observation."""

    reached = START + timedelta(days=300)

    def history(self, *later: State) -> list[State]:
        return [late_from(START), *later]

    def test_paying_part_of_the_arrears_upgrades_nothing(self) -> None:
        partly = State(self.reached, START + timedelta(days=270))
        told = classes(self.history(partly), self.reached + timedelta(days=10))
        assert (told["days"], told["asset_class"]) == (40, "doubtful")
        assert told["class_since"] == START + timedelta(days=271)

    def test_all_repaid_is_observed_for_six_months(self) -> None:
        history = self.history(cleared(self.reached))
        end = add_months(self.reached, 6)
        assert classes(history, end - timedelta(days=1))["asset_class"] == "doubtful"
        told = classes(history, end)
        assert (told["asset_class"], told["class_since"]) == ("normal", end)

    def test_two_payment_periods_when_they_are_longer(self) -> None:
        history = self.history(cleared(self.reached))
        second_due = self.reached + timedelta(days=400)
        dues = [self.reached, self.reached + timedelta(days=200), second_due]
        assert classes(history, second_due - timedelta(days=1), dues=dues)["asset_class"] == "doubtful"
        assert classes(history, second_due, dues=dues)["asset_class"] == "normal"

    def test_a_new_arrear_begins_the_observation_anew(self) -> None:
        again = self.reached + timedelta(days=100)
        history = self.history(cleared(self.reached), late_from(again), cleared(again + timedelta(days=5)))
        assert classes(history, add_months(self.reached, 6))["asset_class"] == "doubtful"
        end = add_months(again + timedelta(days=5), 6)
        assert classes(history, end - timedelta(days=1))["asset_class"] == "doubtful"
        assert classes(history, end)["asset_class"] == "normal"

    def test_paid_on_the_due_date_breaks_no_observation(self) -> None:
        due = self.reached + timedelta(days=100)
        history = self.history(cleared(self.reached), late_from(due), cleared(due + timedelta(days=0)))
        assert classes(history[:2] + history[3:], add_months(self.reached, 6))["asset_class"] == "normal"

    def test_the_observation_begins_though_another_instalment_falls_due_that_day(self) -> None:
        due = self.reached
        history = self.history(State(due, due), cleared(due + timedelta(days=1)))
        end = add_months(self.reached, 6)
        assert classes(history, end - timedelta(days=1), dues=[due])["asset_class"] == "doubtful"
        assert classes(history, end, dues=[due])["asset_class"] == "normal"

    def test_an_instalment_due_on_its_last_day_must_be_paid(self) -> None:
        end = add_months(self.reached, 6)
        dues = [end - timedelta(days=30), end]
        unpaid = self.history(cleared(self.reached), late_from(end))
        assert classes(unpaid, end, dues=dues)["asset_class"] == "doubtful"
        assert classes(unpaid, end + timedelta(days=1), dues=dues)["asset_class"] == "doubtful"

    def test_two_rows_due_on_one_day_are_one_payment_period(self) -> None:
        dues = [self.reached + timedelta(days=days) for days in (200, 200, 400)]
        told = classes(self.history(cleared(self.reached)), dues[-1] - timedelta(days=1), dues=dues)
        assert told["asset_class"] == "doubtful"

    def test_the_reason_says_what_is_waited_for_and_where_it_stands(self) -> None:
        partly = State(self.reached, START + timedelta(days=270))
        told = classes(self.history(partly), self.reached + timedelta(days=1))["why"]["asset_class"]
        assert told["why"] == "the worst class reached stays until all arrears are repaid"
        assert told["since"] == (START + timedelta(days=271)).isoformat()
        assert "商业银行金融资产风险分类办法" in told["source"]
        assert told["source"].endswith("verify")
        observed = classes(self.history(cleared(self.reached)), self.reached)["why"]["asset_class"]["why"]
        assert observed.startswith(
            "arrears are repaid and under observation: the longer of 2 payment periods"
        )

    def test_paying_the_oldest_of_two_instalments_is_no_new_class(self) -> None:
        history = [late_from(START), State(START + timedelta(days=40), START + timedelta(days=31))]
        told = classes(history, START + timedelta(days=41))
        assert (told["asset_class"], told["class_since"]) == ("special_mention", START + timedelta(days=1))

    def test_special_mention_has_no_memory(self) -> None:
        history = [late_from(START), cleared(START + timedelta(days=60))]
        assert classes(history, START + timedelta(days=60))["asset_class"] == "normal"


class TestDefault:
    """More than 90 consecutive days materially past due, until three months without."""

    def test_begins_on_the_91st_day(self) -> None:
        assert not classes([late_from(START)], START + timedelta(days=90))["in_default"]
        told = classes([late_from(START)], START + timedelta(days=91))
        assert told["in_default"]
        assert told["default_since"] == START + timedelta(days=91)

    @pytest.mark.parametrize(
        ("currency", "overdue", "exposure", "is_default"),
        [
            ("CNY", 1_000, 100_000, False),
            ("CNY", 1_001, 100_000, True),
            ("EUR", 10_000, 100_000, False),
            ("EUR", 10_001, 100_000, True),
            ("EUR", 20_000, 2_000_000, False),
        ],
    )
    def test_both_thresholds_must_be_exceeded(
        self, currency: str, overdue: int, exposure: int, is_default: bool
    ) -> None:
        told = classes(
            [State(START, START, overdue, exposure)], START + timedelta(days=200), "eu", currency=currency
        )
        assert told["in_default"] is is_default

    def test_the_largest_sums_are_compared_exactly(self) -> None:
        exposure = 9 * 10**18
        for overdue, is_default in ((exposure // 100, False), (exposure // 100 + 1, True)):
            history = [State(START, START, overdue, exposure)]
            assert classes(history, START + timedelta(days=100))["in_default"] is is_default

    def test_a_day_below_the_threshold_resets_the_counter(self) -> None:
        dip = START + timedelta(days=80)
        history = [late_from(START), State(dip, START, 1_000, 100_000), State(dip + timedelta(days=1), START)]
        assert not classes(history, START + timedelta(days=120))["in_default"]
        assert classes(history, dip + timedelta(days=91))["in_default"]

    def test_ends_after_three_months_without_material_arrears(self) -> None:
        paid = START + timedelta(days=150)
        history = [late_from(START), cleared(paid)]
        end = add_months(paid, 3)
        assert classes(history, end - timedelta(days=1))["in_default"]
        told = classes(history, end)
        assert not told["in_default"]
        assert told["default_since"] == end

    def test_a_new_material_arrear_restarts_the_probation(self) -> None:
        paid = START + timedelta(days=150)
        again = paid + timedelta(days=60)
        history = [late_from(START), cleared(paid), late_from(again), cleared(again + timedelta(days=3))]
        assert classes(history, add_months(paid, 3))["in_default"]
        assert not classes(history, add_months(again + timedelta(days=3), 3))["in_default"]


@dataclass
class SlowClass:
    """China's class day by day, as the text reads: ``rank`` today, and since when."""

    dues: Sequence[date]
    rank: int = 0
    since: date | None = None
    worst: int = 0
    until: date | None = None

    def next_day(self, day: date, oldest: date | None) -> None:
        days = (day - oldest).days if oldest else 0
        level = sum(days >= limit for limit in (1, 91, 271, 361))
        if days > 0:
            self.until = None
            if level >= 2:
                self.worst = max(self.worst, level)
        elif self.worst:
            if self.until is None:
                later = sorted({due for due in self.dues if due > day})
                self.until = max([add_months(day, 6), *later[1:2]])
            all_paid = oldest is None
            if day >= self.until and all_paid:
                self.worst, self.until = 0, None
        rank = max(level, self.worst)
        if rank != self.rank:
            self.rank, self.since = rank, day


@dataclass
class SlowDefault:
    """EBA default day by day: count material days in a row; leave after three months without one."""

    is_default: bool = False
    changed_on: date | None = None
    run: int = 0
    free_from: date | None = None

    def next_day(self, day: date, state: State) -> None:
        days = (day - state.oldest).days if state.oldest else 0
        is_material = days >= 1 and state.overdue > 0 and state.overdue * 100 > state.exposure
        if self.is_default and self.free_from is not None and day >= add_months(self.free_from, 3):
            self.is_default, self.free_from, self.changed_on = False, None, day
        self.run = self.run + 1 if is_material else 0
        if self.run > 90 and not self.is_default:
            self.is_default, self.changed_on = True, day
        if self.is_default:
            self.free_from = None if is_material else (self.free_from or day)


@st.composite
def histories(draw: st.DrawFn) -> list[State]:
    """Arrears that fall due, are partly paid (the oldest day moves on), shrink below the threshold, and are cleared."""
    states: list[State] = []
    day = START
    for _ in range(draw(st.integers(1, 6))):
        day += timedelta(days=draw(st.integers(1, 200)))
        kind = draw(st.sampled_from(["late", "clear", "partly", "small"]))
        previous = states[-1] if states else cleared(START)
        if kind == "clear" and states:
            states.append(cleared(day))
        elif kind == "partly" and previous.oldest:
            states.append(State(day, min(day, previous.oldest + timedelta(days=draw(st.integers(0, 120))))))
        elif kind == "small" and previous.oldest:
            states.append(State(day, previous.oldest, draw(st.sampled_from([999, 1_000, 1_001])), 100_000))
        else:
            states.append(State(day, previous.oldest or day))
    return states


@given(states=histories(), days=st.integers(0, 500), gaps=st.lists(st.integers(0, 200), max_size=8))
def test_the_walk_is_the_text_read_day_by_day(states: list[State], days: int, gaps: list[int]) -> None:
    as_of = states[-1].on + timedelta(days=days)
    dues = [START + timedelta(days=sum(gaps[: k + 1])) for k in range(len(gaps))]
    told = classes(states, as_of, dues=dues)
    slow_class, slow_default = SlowClass(dues), SlowDefault()
    for number in range(day_number(states[0].on), day_number(as_of) + 1):
        day = day_of(number)
        state = max((s for s in states if s.on <= day), key=lambda s: s.on)
        slow_class.next_day(day, state.oldest)
        slow_default.next_day(day, state)
    names = ["normal", "special_mention", "substandard", "doubtful", "loss"]
    assert (told["asset_class"], told["class_since"]) == (names[slow_class.rank], slow_class.since)
    assert (told["in_default"], told["default_since"]) == (slow_default.is_default, slow_default.changed_on)


def test_every_text_says_since_when_on_whose_word_and_how_well_it_is_held() -> None:
    assert {text.values["column"] for text in class_texts()} == {
        "asset_class",
        "ifrs_stage",
        "in_default",
        "term",
        "forbearance",
    }
    for text in class_texts():
        assert text.citation
        assert text.source_quality in ("text", "press", "memory")
