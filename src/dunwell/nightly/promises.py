"""How many promises of a run are kept: counted a partition at a time, told by the summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

STATES = ("open", "kept", "partly_kept", "broken", "cancelled")


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """Promises by how they stand on the day."""

    counts: dict[str, int]

    @property
    def ended_count(self) -> int:
        """Promises whose day has come: kept, partly kept or broken."""
        return sum(self.counts[state] for state in ("kept", "partly_kept", "broken"))

    @property
    def kept_share(self) -> float | None:
        """Of those whose day has come, how many are kept; None when there are none."""
        return self.counts["kept"] / self.ended_count if self.ended_count else None

    def as_dict(self) -> dict[str, Any]:
        """For machines; ``kept_share`` to four decimals, null when no promise has come to its day."""
        share = self.kept_share
        return {**self.counts, "kept_share": None if share is None else round(share, 4)}


def promise_figures(promises: pl.DataFrame) -> PromiseFigures:
    """A partition's promises (``resolution.promises_as_of``) counted."""
    found = dict(promises["state"].value_counts().iter_rows())
    return PromiseFigures({state: found.get(state, 0) for state in STATES})


def merge_promises(counted: Sequence[PromiseFigures]) -> PromiseFigures:
    """The counts of several partitions together."""
    return PromiseFigures({state: sum(one.counts[state] for one in counted) for state in STATES})
