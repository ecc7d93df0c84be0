"""How much more may be promised, held against the plain condition: no set of debts is promised more than it owes."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from dunwell.resolution.room import room_minor

DEBTS = "ABCD"
some_debts = st.sets(st.sampled_from(DEBTS), min_size=1).map(frozenset)
owed = st.fixed_dictionaries(dict.fromkeys(DEBTS, st.integers(0, 12)))


def fits(owed: dict[str, int], promised: list[tuple[frozenset[str], int]]) -> bool:
    """Hall's condition: whatever debts are looked at, the promises for these alone ask for no more than they owe."""
    sets = [set(names) for count in range(1, len(DEBTS) + 1) for names in combinations(DEBTS, count)]
    return all(
        sum(minor for covered, minor in promised if covered <= some) <= sum(owed[name] for name in some)
        for some in sets
    )


@given(owed=owed, waiting=st.lists(st.tuples(some_debts, st.integers(1, 10)), max_size=5), wanted=some_debts)
def test_the_room_is_the_most_that_fits(
    owed: dict[str, int], waiting: list[tuple[frozenset[str], int]], wanted: frozenset[str]
) -> None:
    while not fits(owed, waiting):
        waiting.pop()
    most = room_minor(owed, waiting, wanted)
    assert fits(owed, [*waiting, (wanted, most)])
    assert not fits(owed, [*waiting, (wanted, most + 1)])


def test_where_too_much_is_promised_already_there_is_no_room() -> None:
    assert room_minor({"A": 10}, [({"A"}, 25)], {"A"}) == 0


def test_a_debt_that_was_overpaid_gives_no_room() -> None:
    assert room_minor({"A": 10, "B": -500}, [], {"A", "B"}) == 10


def test_what_is_promised_for_a_debt_that_is_gone_takes_no_room() -> None:
    assert room_minor({"A": 10}, [({"Z"}, 25)], {"A"}) == 10
