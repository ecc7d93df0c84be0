"""The ledger's other rival: the same seven figures for the benchmark's tape, in DuckDB's SQL alone.

The meaning is that of ``rival_polars``: only what the oldest unpaid instalment is owed has a history, so an account is a walk
over its instalments and its days of payment. SQL has no loop over rows that carries a state, and a recursive query would join
millions of rows anew at each of its steps; so an account's rows are lists, and the walk is one ``list_reduce`` whose state is a
struct. DuckDB takes it a vector of accounts at a time, in threads; no row is touched by Python. A lambda has no names for what
it has worked out, so a step is four in turn, each of which looks at what the one before has left.

Integers throughout (DuckDB's DECIMAL rounds on division). What these figures leave out, and the ledger does: all that
``rival_polars`` names, and the checks and columns of ``rival_whole`` as well.
"""

import sys
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.rival_polars import GRAINS, MATERIALITY_MINOR, SWITCH_DAYS

_EPOCH = "DATE '1970-01-01'"

_READ = f"""
CREATE TEMP TABLE accounts AS
SELECT account_id, (principal * 100)::BIGINT AS lent, (annual_rate * 1000000)::BIGINT * 3 AS grains
FROM read_parquet($folder || '/accounts.parquet');

CREATE TEMP TABLE instalments AS
SELECT account_id, number, due_on - {_EPOCH} AS due,
    (principal * 100)::BIGINT AS principal, (interest * 100)::BIGINT AS interest
FROM read_parquet($folder || '/instalments.parquet') WHERE due_on <= $as_of;

CREATE TEMP TABLE payments AS
SELECT account_id, paid_on - {_EPOCH} AS paid, (amount * 100)::BIGINT AS amount
FROM read_parquet($folder || '/payments.parquet') WHERE paid_on <= $as_of;
"""

_LISTS = f"""
WITH placed AS (
    SELECT *, row_number() OVER later AS place,
        min(due) FILTER (principal + interest > {MATERIALITY_MINOR}) OVER (
            PARTITION BY account_id ORDER BY due, number ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS large_due
    FROM instalments WINDOW later AS (PARTITION BY account_id ORDER BY due, number)
),
owed AS (
    SELECT account_id, sum(principal)::BIGINT AS fallen_due,
        list(due ORDER BY place) AS dues, list(principal ORDER BY place) AS principals,
        list(interest ORDER BY place) AS interests, list(large_due ORDER BY place) AS large_dues
    FROM placed GROUP BY account_id
),
days AS (SELECT account_id, paid, sum(amount)::BIGINT AS amount FROM payments GROUP BY account_id, paid),
paid AS (
    SELECT account_id, list(paid ORDER BY paid) AS days, list(amount ORDER BY paid) AS amounts
    FROM days GROUP BY account_id
)
SELECT a.account_id, a.lent, a.grains, coalesce(o.fallen_due, 0) AS fallen_due,
    coalesce(o.dues, []) AS dues, coalesce(o.principals, []) AS principals, coalesce(o.interests, []) AS interests,
    coalesce(o.large_dues, []) AS large_dues, coalesce(p.days, []) AS days, coalesce(p.amounts, []) AS amounts,
    len(coalesce(o.dues, [])) AS items, len(coalesce(p.days, [])) AS pays
FROM accounts a LEFT JOIN owed o USING (account_id) LEFT JOIN paid p USING (account_id)
"""

_BEGINS = {
    "item": "1::BIGINT",
    "due": "0::BIGINT",
    "principal": "0::BIGINT",
    "interest": "0::BIGINT",
    "carried": "0::BIGINT",
    "units": "0::BIGINT",
    "since": "0::BIGINT",
    "pay": "1::BIGINT",
    "pool": "0::BIGINT",
    "day": "0::BIGINT",
    "penalty": "0::BIGINT",
    "takes": "false",
    "is_switched": "false",
    "is_finished": "true",
}
"""The state before the first step: ``item`` is the oldest unpaid instalment, ``pay`` the next day of payment, ``pool`` the money
in hand, paid on ``day``; see ``rival_polars.walk``.
"""

_IS_OVER = "s.item > items OR s.pool = 0"


def _penalty(carried: str, units: str) -> str:
    """Penalty carried plus units at the account's grains, to the minor unit, half-even."""
    number, whole = f"({units}) * grains", f"(({units}) * grains // {GRAINS})"
    twice, is_odd = f"2 * ({number} % {GRAINS})", f"({carried} + {whole}) % 2 = 1"
    return f"{carried} + {whole} + (({twice} > {GRAINS}) OR ({twice} = {GRAINS} AND {is_odd}))::BIGINT"


def _phases() -> list[dict[str, str]]:
    """What each of a step's four parts changes of the state ``s``."""
    has_next = "s.is_finished AND s.item <= items"
    takes = "s.pool = 0 AND s.pay <= pays AND s.item <= items"
    take_up = {
        name: f"CASE WHEN {has_next} THEN {values}[s.item] ELSE s.{name} END"
        for name, values in (("due", "dues"), ("principal", "principals"), ("interest", "interests"))
    }
    take_up |= {
        "since": f"CASE WHEN {has_next} THEN dues[s.item] ELSE s.since END",
        "carried": f"CASE WHEN {has_next} THEN 0 ELSE s.carried END",
        "units": f"CASE WHEN {has_next} THEN 0 ELSE s.units END",
        "is_finished": "false",
        "takes": takes,
        "day": f"CASE WHEN {takes} THEN days[s.pay] ELSE s.day END",
        "pool": f"CASE WHEN {takes} THEN amounts[s.pay] ELSE s.pool END",
        "pay": f"s.pay + ({takes})::BIGINT",
    }
    is_large = f"s.principal + s.interest > {MATERIALITY_MINOR}"
    oldest = f"CASE WHEN {is_large} THEN s.due ELSE large_dues[s.item + 1] END"
    now = "greatest(s.day, s.due)"
    accrue = {
        "is_switched": f"CASE WHEN s.takes THEN coalesce(s.day - ({oldest}) >= {SWITCH_DAYS}, false) "
        "ELSE s.is_switched AND s.due <= s.day END",
        "since": f"CASE WHEN {_IS_OVER} THEN s.since ELSE {now} END",
        "units": f"CASE WHEN {_IS_OVER} THEN s.units ELSE s.units + s.principal * ({now} - s.since) END",
    }
    price = {"penalty": _penalty("s.carried", "s.units")}
    first = "CASE WHEN s.is_switched THEN s.principal ELSE s.penalty END"
    to_first = f"least(s.pool, {first})"
    to_interest = f"least(s.pool, {first} + s.interest)"
    to_last = "least(s.pool, s.principal + s.interest + s.penalty)"
    took_penalty = f"CASE WHEN s.is_switched THEN {to_last} - {to_interest} ELSE {to_first} END"
    took_principal = f"CASE WHEN s.is_switched THEN {to_first} ELSE {to_last} - {to_interest} END"
    is_finished = f"s.item <= items AND s.pool > 0 AND {to_last} = s.principal + s.interest + s.penalty"
    # With nothing in hand each of these takes nothing, so a walk that is over stays as it is.
    allocate = {
        "principal": f"s.principal - ({took_principal})",
        "interest": f"s.interest - ({to_interest} - {to_first})",
        "carried": f"CASE WHEN ({took_penalty}) > 0 THEN s.penalty - ({took_penalty}) ELSE s.carried END",
        "units": f"CASE WHEN ({took_penalty}) > 0 THEN 0 ELSE s.units END",
        "pool": f"s.pool - {to_last}",
        "is_finished": is_finished,
        "item": f"s.item + ({is_finished})::BIGINT",
    }
    return [
        take_up,
        accrue,
        price,
        {
            name: f"CASE WHEN s.item > items THEN s.{name} ELSE {change} END"
            for name, change in allocate.items()
        },
    ]


def _struct(values: dict[str, str]) -> str:
    return "struct_pack(" + ", ".join(f"{name} := {value}" for name, value in values.items()) + ")"


def _walk() -> str:
    keeps = {name: f"s.{name}" for name in _BEGINS}
    phases = [_struct(keeps | phase) for phase in _phases()]
    cases = " ".join(f"WHEN {k} THEN {phase}" for k, phase in enumerate(phases))
    return f"""
SELECT account_id, lent, grains, fallen_due, dues, principals, interests, items,
    list_sum(amounts[walked.pay:])::BIGINT AS waiting, walked AS s
FROM (
    SELECT *, list_reduce(
        range(4 * (items + pays)), lambda s, k: CASE k % 4 {cases} END, {_struct(_BEGINS)}
    ) AS walked FROM lists
)"""


_FIGURES = f"""
WITH told AS (
    SELECT *, s.item <= items AND NOT s.is_finished AND s.due > 0 AS has_head,
        s.units + s.principal * ($today - s.since) AS all_units
    FROM walked
),
behind AS (
    SELECT account_id, sum(principal)::BIGINT AS principal, sum(interest)::BIGINT AS interest,
        sum({_penalty("0", "principal * ($today - due)")})::BIGINT AS penalty,
        coalesce(sum(principal + interest) FILTER (due = $today), 0)::BIGINT AS today,
        min(due) FILTER (principal + interest > {MATERIALITY_MINOR}) AS due
    FROM (
        SELECT account_id, grains, unnest(dues[first:]) AS due, unnest(principals[first:]) AS principal,
            unnest(interests[first:]) AS interest
        FROM (SELECT *, s.item + has_head::BIGINT AS first FROM told)
    )
    GROUP BY account_id
),
whole AS (
    SELECT t.*, b.due AS due_behind,
        CASE WHEN has_head THEN s.principal ELSE 0 END AS head_principal,
        CASE WHEN has_head THEN s.interest ELSE 0 END AS head_interest,
        CASE WHEN has_head THEN {_penalty("s.carried", "all_units")} ELSE 0 END AS head_penalty,
        coalesce(b.principal, 0) AS principal_behind, coalesce(b.interest, 0) AS interest_behind,
        coalesce(b.penalty, 0) AS penalty_behind, coalesce(b.today, 0) AS today_behind
    FROM told t LEFT JOIN behind b USING (account_id)
)
SELECT account_id,
    coalesce($today - CASE WHEN head_principal + head_interest > {MATERIALITY_MINOR} THEN s.due ELSE due_behind END, 0)::BIGINT
        AS past_due_days,
    head_principal + principal_behind AS due_principal,
    head_interest + interest_behind AS due_interest,
    head_penalty + penalty_behind AS penalty,
    due_principal + due_interest + penalty - today_behind
        - CASE WHEN has_head AND s.due = $today THEN head_principal + head_interest ELSE 0 END AS past_due_total,
    lent - fallen_due + due_principal AS outstanding_principal,
    s.pool + coalesce(waiting, 0) AS unallocated_credit
FROM whole
"""


def read(folder: Path, as_of: date) -> duckdb.DuckDBPyConnection:
    """A database in memory with the tape's columns that the figures need, as integers, up to a day."""
    database = duckdb.connect()
    for statement in filter(str.strip, _READ.split(";")):
        names = {"folder": str(folder), "as_of": as_of}
        database.execute(statement, {name: value for name, value in names.items() if f"${name}" in statement})
    return database


def settle(database: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Work the figures out, into the table ``figures``: those of ``rival_polars.FIGURES``, by account_id."""
    database.execute(f"CREATE TEMP TABLE lists AS {_LISTS}")
    database.execute(f"CREATE TEMP TABLE walked AS {_walk()}")
    today = (as_of - date(1970, 1, 1)).days
    database.execute(f"CREATE TEMP TABLE figures AS {_FIGURES}", {"today": today})


def write(database: duckdb.DuckDBPyConnection, out: Path) -> None:
    """Write the figures as Parquet."""
    database.execute(f"COPY figures TO '{out}' (FORMAT parquet, COMPRESSION zstd)")


def main() -> None:
    """``rival_duckdb.py TAPE AS_OF OUT``: settle the tape and write the figures as Parquet."""
    folder, as_of, out = sys.argv[1:]
    day = date.fromisoformat(as_of)
    database = read(Path(folder), day)
    settle(database, day)
    write(database, Path(out))


if __name__ == "__main__":
    main()
