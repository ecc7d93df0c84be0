"""What somebody would get for whom a lot decided, had it not: so that the chance that is logged is the chance that there was.

Who is held out, or drew a lot, is not among those who share the day's capacities, and the prices were found without them. Where
a capacity is full they would have had to take somebody's place, and be worth more than whom they push out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_LOOKED_AT = 64
"""Of those who would give way for a capacity, the cheapest: one person asks for the place of one or two."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """Those who share what there is, a row each: ``net`` of each treatment at the prices (nothing first, at 0; -inf where it is
    not open) and the place of what they got. ``uses``: a row a capacity, a column a treatment; ``slack``: what is left of each.
    """

    net: Floats
    choice: Places
    uses: Floats
    slack: Floats

    def cost_of_place(self, place: int, given_back: int, ways: tuple[Places, Places, Floats]) -> float:
        """What the others lose when one more gets a treatment and gives back another: of the ``ways`` in which they give way the
        cheapest that make room, among all and among those that fill no other capacity. Infinite where there is no room at all.
        """
        need = self.short_of(place, given_back)
        if not (need > 0).any():
            return 0.0
        rows, targets, losses = ways
        freed = self.uses[:, self.choice[rows]] - self.uses[:, targets]
        return min(self._lost(need, rows, freed, losses, fills) for fills in (True, False))

    def _lost(self, need: Floats, rows: Places, freed: Floats, losses: Floats, fills_others: bool) -> float:
        """``freed``: a row a capacity, a column a way."""
        moved: list[int] = []
        is_left = np.ones(len(rows), dtype=np.bool_)
        while (is_short := need > 0).any():
            # From the cheapest on again: who gives way may need another's place.
            helps = is_left & (freed[is_short] > 0).any(axis=0)
            if not fills_others:
                full = ~is_short
                helps &= ~(need[full, None] - freed[full] > 0).any(axis=0)
            way = int(helps.argmax()) if len(helps) else 0
            if not helps[way : way + 1].any():
                return float("inf")
            need = need - freed[:, way]
            is_left &= rows != rows[way]
            moved.append(way)
        for way in moved[::-1]:
            if not (need + freed[:, way] > 0).any():
                need = need + freed[:, way]
                moved.remove(way)
        return float(losses[moved].sum())

    def short_of(self, place: int, given_back: int) -> Floats:
        """How much of each capacity is missing for that; what is left over is below 0."""
        return np.asarray(self.uses[:, place] - self.uses[:, given_back] - self.slack, dtype=np.float64)

    def ways(self) -> tuple[Places, Places, Floats]:
        """Who could give way (row), for what (place), and what they lose by it, those who lose least first."""
        loss = self.net[np.arange(len(self.choice)), self.choice][:, None] - self.net
        found = [np.zeros(0, np.int64)]
        for of_capacity in self.uses:
            frees = of_capacity[self.choice][:, None] > of_capacity[None, :]
            flat = np.where(frees & np.isfinite(loss), loss, np.inf).ravel()
            most = min(_LOOKED_AT, flat.size)
            near = np.argpartition(flat, most - 1)[:most]
            found.append(near[np.isfinite(flat[near])])
        ways = np.unique(np.concatenate(found))
        ways = ways[np.argsort(loss.ravel()[ways], kind="stable")]
        return ways // loss.shape[1], ways % loss.shape[1], loss.ravel()[ways]


def would_get(net: Floats, given_back: Places, sharing: Sharing) -> Places:
    """The place of what each would get among those who share, to do nothing where no other is worth more than it costs them.

    ``net``: at the prices, a row a person asked about, as in ``Sharing``; ``given_back``: what was done for them instead.
    """
    count = net.shape[1]
    costs = np.zeros((count, count))
    pairs = [(place, int(other)) for place in range(1, count) for other in np.unique(given_back)]
    tight = [pair for pair in pairs if (sharing.short_of(*pair) > 0).any()]
    if tight:
        nobody = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        ways = sharing.ways() if len(sharing.choice) else nobody
        for place, other in tight:
            costs[other, place] = sharing.cost_of_place(place, other, ways)
    best: Places = (net - costs[given_back]).argmax(axis=1)
    return best
