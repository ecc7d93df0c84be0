"""How much more may be promised: open promises together ask for no more than what settles the debts that they cover."""

from collections.abc import Collection, Mapping, Sequence

Covered = Collection[str]


def room_minor(owed: Mapping[str, int], waiting: Sequence[tuple[Covered, int]], wanted: Covered) -> int:
    """The most that can still be promised for the debts ``wanted``, in minor units.

    ``owed``: what settles each debt (below 0: nothing). ``waiting``: the debts that each open promise covers, and what it still
    waits for. A promise for several debts may be paid on any of them, so it is set against those that the others leave free: the
    largest flow from promises to debts (Ford and Fulkerson 1956).

    >>> room_minor({"A": 100, "B": 50}, [({"A", "B"}, 60)], {"A"})
    90
    >>> room_minor({"A": 100, "B": 50}, [({"A", "B"}, 60), ({"B"}, 50)], {"A"})
    40
    """
    free = {name: max(minor, 0) for name, minor in owed.items()}
    promises = [(sorted(set(covered) & free.keys()), minor) for covered, minor in waiting]
    promises.append((sorted(set(wanted) & free.keys()), sum(free.values())))
    taken: list[dict[str, int]] = [dict.fromkeys(covered, 0) for covered, _minor in promises]
    found = 0
    for number, (_covered, minor) in enumerate(promises):
        found = 0
        while found < minor and (path := _path(free, taken, number)):
            # The path alternates: a promise takes of a debt, of which another promise gives up as much, and so on to a free one.
            given_up = [taken[giver][name] for _taker, name, giver in path if giver is not None]
            step = min(minor - found, free[path[-1][1]], *given_up)
            for taker, name, giver in path:
                taken[taker][name] += step
                if giver is not None:
                    taken[giver][name] -= step
            free[path[-1][1]] -= step
            found += step
    return found


def _path(
    free: Mapping[str, int], taken: Sequence[Mapping[str, int]], start: int
) -> list[tuple[int, str, int | None]]:
    """The shortest way from a promise to a debt with something free: who takes of which debt, and who gives it up (None at the
    end, where it is free). Empty where there is none.
    """
    came: dict[int, list[tuple[int, str, int | None]]] = {start: []}
    reached = [start]
    for promise in reached:
        for name in taken[promise]:
            if free[name] > 0:
                return [*came[promise], (promise, name, None)]
        for name in taken[promise]:
            for other, theirs in enumerate(taken):
                if other not in came and theirs.get(name, 0) > 0:
                    came[other] = [*came[promise], (promise, name, other)]
                    reached.append(other)
    return []
