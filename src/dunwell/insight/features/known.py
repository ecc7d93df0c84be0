"""The rows that had taken effect by a day and were known at an instant: the one door to the records, so that
no feature can see the future.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

import polars as pl

_EFFECTIVE_ON = {"payments": "paid_on", "charges": "charged_on", "holds": "from_on"}
_EFFECTIVE_AT = {"contacts": "at", "promises": "made_at"}
_UNDATED = ("customers", "accounts", "instalments")
"""What a contract says from the day it was made on, its instalments to come included; ``recorded_at`` alone
dates these.
"""


def known_by(
    tables: Mapping[str, pl.DataFrame], as_of: date, known_at: datetime | None = None
) -> dict[str, pl.DataFrame]:
    """The tables that features read, cut to what had happened by the end of ``as_of`` (UTC) and had been
    recorded by ``known_at`` (any time, when None).

    A reversal that comes later than ``as_of`` is a later event and cut, although for the ledger a reversed
    payment never happened: on ``as_of`` nobody could know. An account that was not known yet is kept as a row,
    which the ledger does not open.
    """
    day_end = datetime.combine(as_of, time.max, UTC)
    until = day_end if known_at is None else min(day_end, known_at)
    cut = {}
    for name in (*_UNDATED, *_EFFECTIVE_ON, *_EFFECTIVE_AT):
        rows = tables[name]
        conditions = []
        if known_at is not None and name not in ("customers", "accounts"):
            conditions.append(pl.col("recorded_at") <= known_at)
        if name in _EFFECTIVE_ON:
            conditions.append(pl.col(_EFFECTIVE_ON[name]) <= as_of)
        if name in _EFFECTIVE_AT:
            conditions.append(pl.col(_EFFECTIVE_AT[name]) <= until)
        cut[name] = rows.filter(*conditions) if conditions else rows
    is_still_open = pl.col("to_on") > as_of
    cut["holds"] = cut["holds"].with_columns(to_on=pl.when(~is_still_open).then("to_on"))
    return cut
