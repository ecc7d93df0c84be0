"""What stands about people whatever was said to them: holds and death, what they asked for and agreed to, notices given."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from dunwell.law import arrays, codes
from dunwell.law.addresses import same_points_of_table
from dunwell.law.arrays import NEVER, NONE
from dunwell.law.columns import Ints, clocks, code_numbers, instants, ints
from dunwell.law.grouping import grouped
from dunwell.law.ids import Numbers
from dunwell.law.kinds import FOREVER
from dunwell.law.numbering import Numbering
from dunwell.law.person import Preference, preference_of_tape
from dunwell.law.person_arrays import POINT, preference_row

_NO_SOURCE = len(codes.SOURCES)
_ALWAYS = Preference(kind="not_channel")
_STATE = {
    "customer_id": pl.String,
    "kind": pl.String,
    "from_on": pl.Date,
    "to_on": pl.Date,
    "debt": pl.Int64,
}


def states(tables: Mapping[str, pl.DataFrame], numbering: Numbering) -> arrays.States:
    """Holds, and death as a state that does not end."""
    customers, holds = tables["customers"], tables.get("holds")
    parts = [pl.DataFrame(schema=_STATE)]
    if "deceased_on" in customers.columns:
        parts.append(
            customers.filter(pl.col("deceased_on").is_not_null()).select(
                "customer_id",
                pl.lit("deceased").alias("kind"),
                pl.col("deceased_on").alias("from_on"),
                pl.lit(None, pl.Date).alias("to_on"),
                pl.lit(NONE, pl.Int64).alias("debt"),
            )
        )
    if holds is not None:
        owned = _owned(holds, tables.get("accounts"))
        owned = owned.with_columns(pl.Series("debt", numbering.debt(owned["account_id"])))
        parts.append(owned.select("customer_id", pl.col("kind").cast(pl.String), "from_on", "to_on", "debt"))
    first, rows = _by_person(pl.concat(parts).unique(), numbering, "from_on")
    return arrays.States(
        first,
        code_numbers(rows["kind"], codes.STATES),
        ints(rows["from_on"].to_physical().cast(pl.Int64)),
        np.ones(rows.height, np.int64),
        ints(rows["to_on"].to_physical().cast(pl.Int64).fill_null(NEVER)),
        ints(rows["to_on"].is_not_null().cast(pl.Int64)),
        ints(rows["debt"]),
    )


def _owned(holds: pl.DataFrame, accounts: pl.DataFrame | None) -> pl.DataFrame:
    """Holds with their customer and account, whether they name the account's row, its id or only the customer."""
    if "account_row" in holds.columns and accounts is not None:
        owners = accounts.select("account_id", pl.col("customer_id").alias("owner_id"))
        rows = holds.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
            owners.with_row_index("account_row"), on="account_row", how="left"
        )
    else:
        has_account = "account_id" in holds.columns
        account = pl.col("account_id").cast(pl.String) if has_account else pl.lit(None, pl.String)
        rows = holds.with_columns(account.alias("account_id"))
        if accounts is None:
            rows = rows.with_columns(pl.lit(None, pl.String).alias("owner_id"))
        else:
            owners = accounts.select("account_id", pl.col("customer_id").alias("owner_id"))
            rows = rows.join(owners, on="account_id", how="left")
    customer = pl.col("customer_id") if "customer_id" in rows.columns else pl.lit(None, pl.String)
    return rows.with_columns(pl.coalesce("owner_id", customer).alias("customer_id"))


def preferences(asked: pl.DataFrame | None, numbering: Numbering) -> tuple[arrays.Preferences, Ints]:
    """What people asked for, and whose wish cannot be read. Each different wish is read once."""
    people = len(numbering.people)
    unreadable = np.zeros(people, np.int64)
    if asked is None or not asked.height:
        return arrays.Preferences(np.zeros(people + 1, np.int64), *[np.zeros(0, np.int64)] * 10), unreadable
    read = numbering.wishes
    wishes = list(asked.select(pl.col("kind").cast(pl.String), "detail").iter_rows())
    unread = [wish for wish in dict.fromkeys(wishes) if wish not in read]
    names_points = any("contact_point_id" in (detail or "") for _, detail in unread)
    points = {name: number for number, name in enumerate(numbering.points.ids)} if names_points else {}
    for kind, detail in unread:
        read[kind, detail] = _read(kind, detail, points, len(numbering.points))
    is_read = np.array([read[wish] is not None for wish in wishes], bool)
    person = numbering.person(asked)
    unreadable[person[~is_read & (person != NONE)]] = 1
    person[~is_read] = NONE
    table = np.array([read[wish] or preference_row(_ALWAYS, NONE) for wish in wishes], np.int64)
    table, person = _at_every_id(table, person, numbering)
    rows = grouped(person, np.zeros(person.size, np.int64), people)
    table = table[rows.order]
    columns = (np.ascontiguousarray(table[:, column]) for column in range(10))
    return arrays.Preferences(rows.first, *columns), unreadable


def _at_every_id(table: Ints, person: Numbers, numbering: Numbering) -> tuple[Ints, Numbers]:
    """The wishes, and again those about a contact point for every other id under which the person's records hold its number or
    address.
    """
    point = table[:, POINT]
    named = np.flatnonzero((point >= 0) & (point < len(numbering.points)) & (person >= 0))
    names = numbering.points.ids.gather(point[named]).to_list()
    others = same_points_of_table(numbering.contact_points, names)
    again = [
        (row, owner, other)
        for row, name in zip(named, names, strict=True)
        for owner, other in others.get(name, ())
    ]
    if not again:
        return table, person
    more = pl.DataFrame(
        again, {"row": pl.Int64, "customer_id": pl.String, "contact_point_id": pl.String}, orient="row"
    )
    rows = more["row"].to_numpy()
    repeated = table[rows]
    repeated[:, POINT] = numbering.point(more)
    is_theirs = numbering.person(more) == person[rows]
    return np.vstack([table, repeated[is_theirs]]), np.concatenate([person, person[rows][is_theirs]])


def _read(kind: str, detail: str, points: Mapping[str, int], unseen: int) -> tuple[int, ...] | None:
    try:
        asked = preference_of_tape(kind, detail)
    except (ValueError, TypeError, AttributeError):
        return None
    point = asked.contact_point_id
    return preference_row(asked, NONE if point is None else points.get(point, unseen))


def consents(given: pl.DataFrame | None, numbering: Numbering) -> arrays.Consents:
    """What people agreed to."""
    if given is None or not given.height:
        nobody = np.zeros(len(numbering.people) + 1, np.int64)
        return arrays.Consents(nobody, *[np.zeros(0, np.int64)] * 9)
    first, rows = _by_person(numbering.by_debt(given), numbering)
    source = code_numbers(rows["source"].fill_null("collector"), codes.SOURCES)
    return arrays.Consents(
        first,
        code_numbers(rows["channel"], codes.CHANNELS),
        numbering.point(rows).astype(np.int64),
        instants(rows["given_at"], NEVER),
        instants(rows["withdrawn_at"], NEVER),
        ints(rows["days"].cast(pl.Int64).fill_null(FOREVER)),
        clocks(rows["hours_from"]),
        clocks(rows["hours_to"]),
        np.where(source == NONE, _NO_SOURCE, source),
        ints(rows["debt"]),
    )


def notices(given: pl.DataFrame | None, numbering: Numbering) -> arrays.Notices:
    """Notices that were given."""
    if given is None:
        nobody = np.zeros(len(numbering.people) + 1, np.int64)
        return arrays.Notices(nobody, *[np.zeros(0, np.int64)] * 3)
    first, rows = _by_person(numbering.by_debt(given), numbering)
    return arrays.Notices(
        first,
        code_numbers(rows["kind"], codes.NOTICES),
        instants(rows["sent_at"], NEVER),
        ints(rows["debt"]),
    )


def _by_person(rows: pl.DataFrame, numbering: Numbering, by: str | None = None) -> tuple[Ints, pl.DataFrame]:
    """Where each person's rows begin, and the rows of known people, person by person and by a day within each."""
    key = ints(rows[by].to_physical().cast(pl.Int64)) if by else np.zeros(rows.height, np.int64)
    found = grouped(numbering.person(rows), key, len(numbering.people))
    return found.first, rows[found.order]
