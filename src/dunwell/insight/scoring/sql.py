"""A scorecard as one SQL SELECT that gives the same points, for a warehouse that knows nothing of dunwell.

Plain SQL-92 (CASE, IS NULL, IN); numbers are compared as doubles. In a frame NaN counts as missing; in SQL a
missing value is NULL.
"""

from dunwell.insight.scoring.points import Axis, PointsTable, Term


def to_sql(table: PointsTable, relation: str, keys: tuple[str, ...] = ()) -> str:
    """The query: the key columns and ``points``, a row a row of ``relation`` (inserted as it is)."""
    columns = "".join(f"  {_quoted(key)},\n" for key in keys)
    terms = "".join(f"\n  + {_term(term)}" for term in table.terms)
    return f"SELECT\n{columns}  {table.base_points}{terms} AS points\nFROM {relation}\n"


def _term(term: Term) -> str:
    first = term.axes[0]
    if len(term.axes) == 1:
        return _case(first, [str(int(points)) for points in term.points])
    return _case(first, [_case(term.axes[1], [str(int(points)) for points in row]) for row in term.points])


def _case(axis: Axis, results: list[str]) -> str:
    """One CASE over an axis: missing first, then special values, then the intervals from below; neighbours
    with the same result are one.
    """
    if len(set(results)) == 1:
        return results[0]
    column = _quoted(axis.input)
    interval_count = len(axis.thresholds) + 1
    branches = [f"WHEN {column} IS NULL THEN {results[-1]}"]
    if axis.categories:
        known = ", ".join(_text(name) for name in axis.categories)
        branches.append(f"WHEN {column} NOT IN ({known}) THEN {results[-1]}")
    for k, special in enumerate(axis.special_values):
        branches.append(f"WHEN {column} = {special!r} THEN {results[interval_count + k]}")
    for cell in range(interval_count - 1):
        if results[cell] == results[cell + 1]:
            continue
        if axis.categories:
            below = [name for rank, name in enumerate(axis.categories) if rank < axis.thresholds[cell]]
            condition = f"{column} IN ({', '.join(_text(name) for name in below)})" if below else "1 = 0"
        else:
            condition = f"{column} < CAST({axis.thresholds[cell]!r} AS DOUBLE PRECISION)"
        branches.append(f"WHEN {condition} THEN {results[cell]}")
    return f"CASE {' '.join(branches)} ELSE {results[interval_count - 1]} END"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
