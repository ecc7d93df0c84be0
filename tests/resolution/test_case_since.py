"""Since when a stage holds: against a walk back, day by day, over what the stage was on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunwell.calendars import add_months
from dunwell.resolution.stages import read_stages
from tests.resolution.test_cases import FIRST_DUE, Tapes

DAY = timedelta(days=1)
BEGIN = date(2026, 1, 1)
DUE = [add_months(FIRST_DUE, number) for number in range(12)]


@dataclass(frozen=True)
class Life:
    """What happened to Li, who has two loans of twelve instalments: payments (account, day, instalments), days in court
    (account, first, last or none), contacts (day, hour in Shanghai, what).
    """

    paid: Sequence[tuple[str, date, int]] = ()
    court: Sequence[tuple[str, date, date | None]] = ()
    contacts: Sequence[tuple[date, int, str]] = ()

    def late(self, day: date) -> dict[str, int]:
        """Days past due of each loan that is."""
        found = {}
        for account in ("A1", "A2"):
            money = sum(count for name, on, count in self.paid if name == account and on <= day)
            unpaid = [due for due in DUE[money:] if due < day]
            if unpaid:
                found[account] = (day - unpaid[0]).days
        return found

    def stage(self, day: date) -> str:
        """The stage on a day, from what happened up to it."""
        late = self.late(day)
        if not late:
            return "closed"
        if any(
            name in late and first <= day and (last is None or day <= last)
            for name, first, last in self.court
        ):
            return "legal"
        opened = day
        while self.late(opened - DAY):
            opened -= DAY
        letters = [on for on, _, what in self.contacts if what == "letter" and opened <= on <= day]
        talks = [on for on, _, what in self.contacts if what != "letter" and on <= day]
        if max(late.values()) >= 121 and letters and (not talks or (day - max(talks)).days > 60):
            return "visit"
        rung = read_stages(day).rung(max(late.values()))
        assert rung is not None
        return rung.name

    def since(self, day: date) -> date:
        """The first day from which the stage was the same on every day."""
        first = day
        while self.stage(first - DAY) == self.stage(day):
            first -= DAY
        return first

    def tape(self, tape: Tapes) -> Tapes:
        """The same as rows."""
        lines = {"letter": "letter,out,delivered", "talk": "call,out,conversation", "reply": "sms,in,replied"}
        tape.accounts = ["A1,Li,active", "A2,Li,active"]
        tape.payments = [f"{account},{on},{count}00.00" for account, on, count in self.paid]
        tape.holds = [f"{account},litigation,{first},{last or ''}" for account, first, last in self.court]
        tape.contacts = [f"{on}T{hour:02}:30:00+08:00,{lines[what]}" for on, hour, what in self.contacts]
        return tape


A2_PAID = ("A2", BEGIN, 12)


@pytest.mark.parametrize(
    ("life", "day", "stage", "since"),
    [
        (
            Life([A2_PAID], [("A1", date(2026, 3, 1), date(2026, 3, 10))]),
            date(2026, 3, 20),
            "negotiation",
            date(2026, 3, 11),
        ),
        (
            Life([A2_PAID], [("A1", date(2025, 12, 20), None)]),
            date(2026, 3, 20),
            "legal",
            date(2026, 1, 11),
        ),
        (
            Life([A2_PAID], [("A1", date(2026, 2, 1), date(2026, 2, 28)), ("A1", date(2026, 3, 1), None)]),
            date(2026, 3, 20),
            "legal",
            date(2026, 2, 1),
        ),
        (
            Life(
                [A2_PAID], [("A1", date(2026, 5, 20), date(2026, 5, 25))], [(date(2026, 4, 20), 10, "letter")]
            ),
            date(2026, 6, 10),
            "visit",
            date(2026, 5, 26),
        ),
        (
            Life([A2_PAID], (), [(date(2026, 4, 20), 10, "letter"), (date(2026, 6, 1), 10, "talk")]),
            date(2026, 6, 10),
            "letter before action",
            date(2026, 6, 1),
        ),
        (
            Life([A2_PAID, ("A1", date(2026, 6, 15), 1)], (), [(date(2026, 4, 20), 10, "letter")]),
            date(2026, 6, 20),
            "visit",
            date(2026, 5, 11),
        ),
        (
            Life([A2_PAID], (), [(date(2026, 5, 20), 1, "letter")]),
            date(2026, 6, 10),
            "visit",
            date(2026, 5, 20),
        ),
    ],
    ids=[
        "a court came between",
        "in court before it was late",
        "two courts in a row",
        "a court within the visit",
        "a visit came between",
        "eased within the visit",
        "a letter after midnight there",
    ],
)
def test_what_stood_in_between_breaks_a_stage(
    tmp_path_factory: pytest.TempPathFactory, life: Life, day: date, stage: str, since: date
) -> None:
    case = life.tape(Tapes(tmp_path_factory.mktemp("tape"))).case(day)
    assert case is not None
    assert (case["stage"], case["since"]) == (stage, since)
    assert (life.stage(day), life.since(day)) == (stage, since), "the walk agrees"


_days = st.integers(0, 330).map(lambda number: BEGIN + timedelta(days=number))
_accounts = st.sampled_from(["A1", "A2"])
_courts = st.tuples(_accounts, _days, st.one_of(st.none(), st.integers(0, 60))).map(
    lambda told: (told[0], told[1], None if told[2] is None else told[1] + timedelta(days=told[2]))
)
_lives = st.builds(
    Life,
    paid=st.lists(st.tuples(_accounts, _days, st.integers(1, 6)), max_size=6),
    court=st.lists(_courts, max_size=3),
    contacts=st.lists(
        st.tuples(
            _days, st.sampled_from([1, 12, 23]), st.sampled_from(["letter", "letter", "talk", "reply"])
        ),
        max_size=6,
    ),
)


@given(life=_lives, day=_days)
@settings(max_examples=60, deadline=None)
def test_the_stage_holds_since_the_first_day_of_the_walk(
    tmp_path_factory: pytest.TempPathFactory, life: Life, day: date
) -> None:
    case = life.tape(Tapes(tmp_path_factory.mktemp("tape"))).case(day)
    if case is None:
        stage = life.stage(day)
        assert stage == "closed" and all(life.stage(day - n * DAY) == "closed" for n in range(30))
        return
    assert (case["stage"], case["since"]) == (life.stage(day), life.since(day))
