"""The classes of one account of which no tape is at hand, only facts: when it was past due, what falls due, how its contract
was changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.ledger import kernel
from dunwell.ledger.classification import ClassColumns, Classifier
from dunwell.ledger.positions import Timeline

_OWED = 1_000_000
"""Of what is past due, and of the whole exposure: far above every threshold."""


@dataclass(frozen=True, slots=True)
class Late:
    """Something was past due: due on a day, repaid on another (None: it still is)."""

    due_on: date
    repaid_on: date | None


def classes_of_facts(
    late: Sequence[Late],
    due_days: Sequence[date],
    changes: Sequence[Mapping[str, Any]],
    jurisdiction: str,
    as_of: date,
) -> tuple[Classifier, ClassColumns]:
    """The classes of one account as of a day, and who found them. ``changes``: rows of the table modifications (agreed_on; may
    be: first_due_on, class_before). Raises PolicyError.
    """
    schema = {"agreed_on": pl.Date, "first_due_on": pl.Date, "class_before": pl.String}
    rows = pl.DataFrame([dict(one) for one in changes], schema=schema).sort("agreed_on", maintain_order=True)
    tables = {
        "accounts": pl.DataFrame(
            {"account_id": ["1"], "customer_id": ["1"], "product": ["any"], "currency": ["EUR"]}
        ),
        "customers": pl.DataFrame({"customer_id": ["1"], "jurisdiction": [jurisdiction]}),
        "modifications": rows.select(
            pl.lit(0, pl.UInt32).alias("account_row"),
            pl.format("{}", pl.int_range(1, pl.len() + 1)).alias("modification_id"),
            pl.lit("restructuring").alias("kind"),
            pl.lit(True).alias("financial_difficulty"),
            pl.lit(None, pl.Int64).alias("value_lost_ppb"),
            pl.all(),
        ),
    }
    classifier = Classifier(tables, {}, as_of)
    days = np.array(sorted({day_number(day) for day in due_days}), np.int32)
    events = kernel.Events(np.array([0, len(days)], np.int64), days, *([np.empty(0, np.int64)] * 15))
    return classifier, classifier.classify(_timeline(late, as_of), events, 0, 1, in_full=True)


def _timeline(late: Sequence[Late], as_of: date) -> Timeline:
    """The states of an account: past due, or not. What overlaps is one spell, due on its first day."""
    spells: list[tuple[int, int | None]] = []
    for one in sorted(late, key=lambda spell: spell.due_on):
        due, repaid = day_number(one.due_on), None if one.repaid_on is None else day_number(one.repaid_on)
        if spells and (spells[-1][1] is None or due < spells[-1][1]):
            ends = None if repaid is None or spells[-1][1] is None else max(repaid, spells[-1][1])
            spells[-1] = (spells[-1][0], ends)
        else:
            spells.append((due, repaid))
    states: dict[int, int] = {}
    for due, repaid in spells:
        states[due] = due
        if repaid is not None:
            states[repaid] = kernel.NOTHING_DUE
    on = np.array(sorted(states), np.int32)
    oldest = np.array([states[day] for day in on.tolist()], np.int32)
    owed = np.where(oldest == kernel.NOTHING_DUE, 0, _OWED).astype(np.int64)
    return Timeline(np.zeros(len(on), np.int64), on, oldest, owed, np.full(len(on), _OWED, np.int64))
