"""Which calls and messages are reviewed, and what they tell of all: a fair draw with a stated chance, rates with intervals.

The draw is a hash of the event's id, so nobody chooses and everybody can repeat it. Rates weigh each reviewed event by the
inverse of its chance (Horvitz and Thompson 1952); the interval is Wilson's (1927) at the effective number of reviews (Kish 1965).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt

_Z = 1.959963984540054


def is_drawn(event_id: str, share: float, salt: str = "review") -> bool:
    """Whether an event is among the drawn ``share``; the same for the same id, and all of a smaller share are in a larger one.

    >>> is_drawn("0193-x", 1.0), is_drawn("0193-x", 0.0)
    (True, False)
    """
    number = int.from_bytes(sha256(f"{salt}:{event_id}".encode()).digest()[:8], "big")
    return number < share * 2.0**64


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of all events with its 95 % interval, and on how many reviews it stands."""

    share: float
    low: float
    high: float
    count: int


def rate(reviewed: Sequence[tuple[bool, float]]) -> Rate | None:
    """The share of all events that have a finding, from reviewed ones (has it, chance of being drawn); None without any.

    >>> found = rate([(True, 0.1), (False, 0.1), (False, 0.1), (False, 0.1)])
    >>> found and round(found.share, 2)
    0.25
    """
    if not reviewed:
        return None
    weights = [1 / share for _, share in reviewed]
    total = sum(weights)
    share = sum(weight for (has, _), weight in zip(reviewed, weights, strict=True) if has) / total
    effective = total**2 / sum(weight**2 for weight in weights)
    centre = (share + _Z**2 / (2 * effective)) / (1 + _Z**2 / effective)
    half = _Z / (1 + _Z**2 / effective) * sqrt(share * (1 - share) / effective + _Z**2 / (4 * effective**2))
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half), len(reviewed))
