"""What each treatment is worth today over waiting today, as a lender's own log of days taught it.

A share of what is owed: a contact adds so much to what comes in of it within some weeks, whatever else is given later being worth
just its price. How it may differ: with how late the customer is, how much is owed, and how lately and how often they were
contacted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.blips import Blips
from dunwell.strategy.turning import Change, Turned

Floats = NDArray[np.float64]

CONTACTS_WITHIN_DAYS = 30
HISTORY = ("days_since_contact", f"contacts_{CONTACTS_WITHIN_DAYS}_days")
"""How a customer was contacted until the day: days since the last contact out (null: none), and how many there were in thirty
days.
"""
EFFECTS = 8
_LATE_DAYS = (8, 15, 31, 61, 91, 121)
_STEP_DAYS, _FADES_DAYS = (15, 31, 61, 91), 14.0
_OWED_MIDDLE, _CONTACTS_MOST = 3.0, 8.0


@dataclass(frozen=True, slots=True)
class OverWaiting:
    """What was learned. ``treatments``: those that lots taught, by their place in ``blips``; ``given``: how often each was given
    where a lot had a say; ``typical_owed``: stands in where what is owed is not known; ``changes``: of the treatments for which
    times turned, when, and how sure that is.
    """

    blips: Blips
    treatments: Mapping[str, int]
    given: Mapping[str, int]
    typical_owed: float
    changes: Mapping[str, Change]

    def of(self, treatment: str, context: pl.DataFrame) -> tuple[Floats, Floats]:
        """What it recovers over waiting, gross of its cost, for customers (CONTEXT and HISTORY), and the spread of that."""
        share, spread = self.blips.of(self.treatments[treatment], effect_columns(context))
        owed = _numbers(context, "past_due_total", self.typical_owed)
        return share * owed, spread * owed

    @property
    def turned(self) -> tuple[Turned, ...]:
        """The treatments for which times turned, for people to read."""
        return tuple(Turned.by(name, change) for name, change in self.changes.items())

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "slopes": self.blips.slopes.tolist(),
            "covariance": self.blips.covariance.tolist(),
            "states": self.blips.states,
            "effects": self.blips.effects,
            "treatments": dict(self.treatments),
            "given": dict(self.given),
            "typical_owed": self.typical_owed,
            "changes": {name: list(one) for name, one in self.changes.items()},
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "OverWaiting":
        """From plain values."""
        slopes, covariance = np.array(told["slopes"]), np.array(told["covariance"])
        return cls(
            Blips(slopes, covariance, int(told["states"]), int(told["effects"])),
            {str(name): int(place) for name, place in told["treatments"].items()},
            {str(name): int(count) for name, count in told["given"].items()},
            float(told["typical_owed"]),
            {str(name): Change(*one) for name, one in told.get("changes", {}).items()},
        )


def history_of(contacts: pl.DataFrame | None, customer_ids: pl.Series, as_of: date) -> pl.DataFrame:
    """HISTORY of customers, in their order. ``contacts``: of the tape, as known on the day; None where there is no table."""
    wanted = customer_ids.to_frame("customer_id")
    if contacts is None or not contacts.height:
        nobody = (pl.lit(None, pl.Float64).alias(HISTORY[0]), pl.lit(0.0).alias(HISTORY[1]))
        return wanted.with_columns(*nobody).select(HISTORY)
    days = (pl.lit(as_of) - pl.col("at").dt.date()).dt.total_days()
    counted = (
        contacts.filter((pl.col("direction").cast(pl.String) == "out") & (days >= 0))
        .group_by("customer_id")
        .agg(
            days.min().cast(pl.Float64).alias(HISTORY[0]),
            (days < CONTACTS_WITHIN_DAYS).sum().cast(pl.Float64).alias(HISTORY[1]),
        )
    )
    return wanted.join(counted, on="customer_id", how="left", maintain_order="left").select(
        HISTORY[0], pl.col(HISTORY[1]).fill_null(0.0)
    )


def state_columns(context: pl.DataFrame) -> Floats:
    """What the worth of waiting is told by: how late, how much, how lately contacted."""
    late = np.searchsorted(np.array(_LATE_DAYS), _numbers(context, "past_due_days", 0.0), side="right")
    recent, contacts = _contacted(context)
    return np.column_stack(
        [
            (late[:, None] == np.arange(len(_LATE_DAYS) + 1)).astype(np.float64),
            _size(context),
            recent,
            contacts,
        ]
    )


def effect_columns(context: pl.DataFrame) -> Floats:
    """What a treatment's effect may lean on (EFFECTS columns): a constant first, then how it differs: by a step at each of some
    days late, so that neighbours are thought alike; by how much is owed; by contacts of late.
    """
    days = _numbers(context, "past_due_days", 0.0)
    recent, contacts = _contacted(context)
    return np.column_stack(
        [
            np.ones(context.height),
            *(days >= step for step in _STEP_DAYS),
            _size(context),
            recent,
            contacts,
        ]
    ).astype(np.float64)


def _contacted(context: pl.DataFrame) -> tuple[Floats, Floats]:
    days = _numbers(context, HISTORY[0], np.inf)
    recent = np.where(np.isfinite(days), np.exp(-np.maximum(days, 0.0) / _FADES_DAYS), 0.0)
    return recent, np.minimum(_numbers(context, HISTORY[1], 0.0), _CONTACTS_MOST) / _CONTACTS_MOST


def _size(context: pl.DataFrame) -> Floats:
    owed = _numbers(context, "past_due_total", 10**_OWED_MIDDLE)
    return np.asarray(np.log10(np.maximum(owed, 1.0)) - _OWED_MIDDLE, dtype=np.float64)


def _numbers(context: pl.DataFrame, name: str, otherwise: float) -> Floats:
    """A column as numbers, ``otherwise`` where it is not known or not there."""
    if name not in context.columns:
        return np.full(context.height, otherwise)
    told = context[name].cast(pl.Float64).fill_null(otherwise).to_numpy()
    return np.asarray(told, dtype=np.float64)


def named(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Columns of a frame as numbers; null throughout where it has none of that name (as days kept before there was one)."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(pl.Float64).alias(name)
        for name in names
    )
