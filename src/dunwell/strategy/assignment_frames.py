"""The frames that the assignment takes and gives, and the way from the first to arrays.

*Candidates* are wide, a row a customer: ten million customers with eight treatments would be eighty million rows in a long table.
A column of floats is a treatment, named by it: its value over doing nothing, null or NaN where the law (or the lender) rules it
out. A column of whole numbers is a use that differs by customer, named in ``uses``.
"""

from typing import Any, cast

import dataframely as dy
import numpy as np
import polars as pl

from dunwell.strategy.assignment_problem import Array, Floats, Ints, Problem

_WHOLE_MOST = 2**31 - 1
_LIMIT_MOST = 2**53
_TREATMENTS_MOST = 126


class Unassignable(ValueError):
    """The frames do not make an assignment: what is wrong, where, and what to do."""


class Uses(dy.Schema):
    """What a treatment uses of a capacity, or counts towards a floor, in whole units of it: seconds, cents, millionths of a cure.

    Either the same ``amount`` for everybody, or what a ``column`` of the candidates says.
    """

    treatment = dy.String(primary_key=True, min_length=1)
    capacity = dy.String(primary_key=True, min_length=1)
    amount = dy.Int64(nullable=True, min=0, max=_WHOLE_MOST)
    column = dy.String(nullable=True, min_length=1)

    @dy.rule()
    def amount_or_column(self) -> pl.Expr:
        """Exactly one of the two is said."""
        return pl.col("amount").is_null() != pl.col("column").is_null()


class Capacities(dy.Schema):
    """What may be used at most of each capacity (``available``), or must be reached at least (``at_least``: a floor)."""

    capacity = dy.String(primary_key=True, min_length=1)
    unit = dy.String(min_length=1)
    available = dy.Int64(nullable=True, min=0, max=_LIMIT_MOST)
    at_least = dy.Int64(nullable=True, min=0, max=_LIMIT_MOST)

    @dy.rule()
    def available_or_at_least(self) -> pl.Expr:
        """Exactly one of the two is said."""
        return pl.col("available").is_null() != pl.col("at_least").is_null()


_USES = pl.Schema(
    {"treatment": pl.String(), "capacity": pl.String(), "amount": pl.Int64(), "column": pl.String()}
)
_CAPACITIES = pl.Schema(
    {"capacity": pl.String(), "unit": pl.String(), "available": pl.Int64(), "at_least": pl.Int64()}
)
"""The columns of ``Uses`` and ``Capacities`` as they are written."""


class CapacityPrices(dy.Schema):
    """What was used of each capacity, and its price: what one more unit would add to the value of the whole.

    For a floor, what one unit less to reach would add.
    """

    capacity = dy.String(primary_key=True)
    unit = dy.String()
    used = dy.Int64()
    available = dy.Int64(nullable=True)
    at_least = dy.Int64(nullable=True)
    price = dy.Float64(min=0)


class Assigned(dy.Schema):
    """A treatment for each candidate, in the candidates' order; null for doing nothing.

    ``value`` is the treatment's value over doing nothing, ``price`` what it uses, at the prices of the capacities.
    """

    customer_id = dy.String()
    treatment = dy.Any()
    value = dy.Float64()
    price = dy.Float64()


def treatments_of(candidates: pl.DataFrame) -> list[str]:
    """The treatments: the columns of floats."""
    return [name for name, kind in candidates.schema.items() if kind.is_float()]


def problem_of(candidates: pl.DataFrame, uses: pl.DataFrame, capacities: pl.DataFrame) -> Problem:
    """The frames as arrays. A treatment that by itself needs more than is available is ruled out for that customer.

    Raises Unassignable, or dataframely's ValidationError where a frame breaks its schema.
    """
    if not _is_plainly_right(uses, capacities):
        uses, capacities = Uses.validate(uses, cast=True), Capacities.validate(capacities, cast=True)
    treatments = treatments_of(candidates)
    _check(candidates, uses, capacities, treatments)
    names = _columns_named(uses)
    values = np.empty((len(treatments), candidates.height))
    for j, name in enumerate(treatments):
        values[j] = candidates[name].to_numpy()  # null becomes NaN
    columns = np.empty((len(names), candidates.height), np.int32)
    for m, name in enumerate(names):
        columns[m] = candidates[name].to_numpy()
    features, amounts = _features(uses, capacities, treatments, names)
    said = capacities.select("available", "at_least").rows()
    is_floor = np.array([available is None for available, _ in said], np.bool_)
    limits = [-at_least if available is None else available for available, at_least in said]
    return Problem(
        values=values,
        columns=columns,
        features=features,
        first_feature=np.searchsorted(features[:, 0], np.arange(len(treatments) + 1)),
        amounts=np.where(is_floor[:, None], -amounts, amounts),
        limits=np.array(limits, np.float64),
        price_most=_price_most(candidates, treatments, columns, features, amounts),
    )


def _is_plainly_right(uses: pl.DataFrame, capacities: pl.DataFrame) -> bool:
    """Whether two frames of a few rows obviously keep their schemas. What does not is left to the schemas, which can cast, and
    name what is wrong: their rules take longer to set up than ten thousand customers to assign.
    """
    if uses.schema != _USES or capacities.schema != _CAPACITIES:
        return False
    return _are_right(uses.rows(), 2, _WHOLE_MOST) and _are_right(capacities.rows(), 1, _LIMIT_MOST)


def _are_right(rows: list[tuple[Any, ...]], key_size: int, most: int) -> bool:
    """``Uses`` has two names, then a number or a name; ``Capacities`` a key and a unit, then one number or another."""
    for row in rows:
        names, (one, other) = row[:2], row[2:]
        said = other if one is None else one
        if not all(names) or (one is None) == (other is None):
            return False
        if not (said if isinstance(said, str) else 0 <= said <= most):
            return False
    return len({row[:key_size] for row in rows}) == len(rows)


def rule_out_too_large(problem: Problem) -> list[tuple[int, int, Array | None]]:
    """Rule out, in place, whatever alone exceeds a capacity; returns what was, as (limit, treatment, rows; None for all)."""
    found: list[tuple[int, int, Array | None]] = []
    for k, f in zip(*np.nonzero(problem.amounts > 0), strict=True):
        j, m = problem.features[f]
        amount, limit = int(problem.amounts[k, f]), problem.limits[k]
        if m < 0:
            if amount > limit:
                found.append((int(k), int(j), None))
        elif amount * int(problem.columns[m].max(initial=0)) > limit:
            found.append((int(k), int(j), np.flatnonzero(problem.columns[m] * np.int64(amount) > limit)))
    for _, j, rows in found:
        problem.values[j, slice(None) if rows is None else rows] = np.nan
    return found


def _columns_named(uses: pl.DataFrame) -> list[str]:
    """The candidates' columns that say a use, each once, in the order they are first named."""
    return list(dict.fromkeys(name for name in uses["column"].to_list() if name is not None))


def _features(
    uses: pl.DataFrame, capacities: pl.DataFrame, treatments: list[str], names: list[str]
) -> tuple[Ints, Ints]:
    """Features sorted by treatment, and what one unit of each uses. Every treatment has the feature -1: itself."""
    numbers = {name: k for k, name in enumerate(capacities["capacity"])}
    found: dict[tuple[int, int], Ints] = {
        (j, -1): np.zeros(len(numbers), np.int64) for j in range(len(treatments))
    }
    for row in uses.iter_rows(named=True):
        j, k = treatments.index(row["treatment"]), numbers[row["capacity"]]
        m = -1 if row["column"] is None else names.index(row["column"])
        found.setdefault((j, m), np.zeros(len(numbers), np.int64))[k] += row["amount"] if m < 0 else 1
    keys = sorted(found)
    features = np.array(keys, np.int64).reshape(-1, 2)
    amounts = np.array([found[key] for key in keys], np.int64).reshape(len(keys), len(numbers)).T
    return features, np.ascontiguousarray(amounts)


def _price_most(
    candidates: pl.DataFrame, treatments: list[str], columns: Array, features: Ints, amounts: Ints
) -> Floats:
    """A price beyond which nothing changes: no value is as large as the smallest use would cost."""
    spans = [_span(candidates[name]) for name in treatments]
    least = [
        float(np.min(columns[m], where=columns[m] > 0, initial=_WHOLE_MOST)) if m >= 0 else 1.0
        for m in features[:, 1]
    ]
    smallest = np.min(np.where(amounts > 0, amounts * np.array(least), np.inf), axis=1, initial=np.inf)
    return cast(Floats, np.maximum(4.0 * max(spans, default=0.0) / smallest, 1e-9))


def _span(values: pl.Series) -> float:
    """The largest value there is, by size, of those that are not ruled out."""
    most, least = cast(Any, values.max()), cast(Any, values.min())
    if least == -np.inf:
        least = cast(Any, values.filter(values > -np.inf).min())
    return max(
        (abs(float(each)) for each in (most, least) if each is not None and np.isfinite(each)), default=0.0
    )


def _check(
    candidates: pl.DataFrame, uses: pl.DataFrame, capacities: pl.DataFrame, treatments: list[str]
) -> None:
    if "customer_id" not in candidates.columns:
        raise Unassignable("The candidates have no column customer_id: add it.")
    if len(treatments) > _TREATMENTS_MOST:
        raise Unassignable(f"{len(treatments)} treatments are too many: at most {_TREATMENTS_MOST}.")
    for name in treatments:
        if candidates[name].max() == np.inf:
            raise Unassignable(f"The value of {name} is infinite for somebody: give a finite one.")
    for name in sorted(set(uses["treatment"]) - set(treatments)):
        raise Unassignable(
            f"uses names the treatment {name}, but the candidates have no column of floats {name}."
        )
    for name in sorted(set(uses["capacity"]) - set(capacities["capacity"])):
        raise Unassignable(f"uses names the capacity {name}, which capacities does not have: add its row.")
    for name in sorted(_columns_named(uses)):
        kind = candidates.schema.get(name)
        if kind is None or not kind.is_integer():
            raise Unassignable(f"uses names the column {name}: the candidates need it, in whole numbers.")
        column = candidates[name]
        if column.null_count() or (
            column.len() and not 0 <= cast(int, column.min()) <= cast(int, column.max()) <= _WHOLE_MOST
        ):
            raise Unassignable(
                f"The column {name} must be a whole number from 0 to {_WHOLE_MOST} for everybody."
            )
