"""Between the texts of changed contracts and the compiled walks: schemes and figures as arrays, and which changes count for
whom.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dunwell.ledger.arrays import Ints
from dunwell.ledger.change_texts import ForbearanceRule
from dunwell.ledger.classification_kernel import Changes, Schemes
from dunwell.ledger.classification_texts import DefaultRule, Scheme
from dunwell.ledger.default_kernel import DefaultFigures, Forborne
from dunwell.ledger.modified import Arrears, Modified, floors, merged


def coded(schemes: Sequence[Scheme]) -> Schemes:
    """Schemes as arrays by their number."""
    width = max([len(scheme.levels) for scheme in schemes] + [1])
    levels = np.full((max(len(schemes), 1), width), 2**30, np.int64)
    for k, scheme in enumerate(schemes):
        levels[k, : len(scheme.levels)] = [level.from_days for level in scheme.levels]

    def column(values: Sequence[int]) -> Ints:
        return np.array(values, np.int64)

    watches = [scheme.watch for scheme in schemes]
    return Schemes(
        levels,
        column([len(s.levels) for s in schemes]),
        column([s.sticky_rank for s in schemes]),
        column([s.observation_months for s in schemes]),
        column([s.observation_periods for s in schemes]),
        column([w.least if w else 0 for w in watches]),
        column([w.again if w else 0 for w in watches]),
        column([w.months if w else 0 for w in watches]),
        column([w.periods if w else 0 for w in watches]),
    )


def figures_of(rule: DefaultRule, forbearance: ForbearanceRule | None) -> DefaultFigures:
    """The figures of default, with those of forbearance where a text of it is held (no change counts where none is)."""
    forborne = (0, 0, 0)
    if forbearance is not None:
        forborne = (forbearance.cure_months, forbearance.probation_months, forbearance.relapse_days)
    return DefaultFigures(
        rule.relative.numerator,
        rule.relative.denominator,
        rule.consecutive_days,
        rule.probation_months,
        *forborne,
    )


def changes_for(
    schemes: Sequence[Scheme],
    scheme_of: Ints,
    modified: Modified,
    own: Arrears,
    told: Forborne,
    told_count: int,
) -> tuple[Changes, Ints]:
    """The changes that count for a column, each account by its scheme: those of contracts where it observes them, the states of
    forborne accounts where it follows those. Also the number of each among ``modified``, -1 for a state.
    """
    owner = np.searchsorted(own.accounts, modified.of)
    rank = np.full(len(modified.of), -1, np.int64)
    states = np.full((3, len(own.accounts)), -1, np.int64)
    for number, scheme in enumerate(schemes):
        if scheme.watch is not None:
            is_its = scheme_of[owner] == number
            rank[is_its] = modified.watch_ranks(scheme.watch)[is_its]
        elif scheme.follow is not None:
            ranks = np.array([0, scheme.follow.performing, scheme.follow.non_performing])
            states[:, scheme_of == number] = ranks[:, None]
    return merged(
        modified.ranked(rank, own.accounts),
        floors(told, told_count, lambda state: states[state], len(own.accounts)),
    )


def put(into: Any, found: Any, places: Ints) -> None:
    """Put the columns of some accounts into those of a span, at their places."""
    for name in into.__dataclass_fields__:
        getattr(into, name)[places] = getattr(found, name)
