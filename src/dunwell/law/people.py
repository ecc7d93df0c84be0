"""People from the book's frames, one by one: what is asked for a few persons at a time, when a contact is about to be made.

The twin of ``tables.TableRecords``: the same tables, the same meaning, as ``Person`` values.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

import polars as pl

from dunwell.law.addresses import compared_address
from dunwell.law.kinds import clock
from dunwell.law.person import (
    Account,
    Consent,
    Contact,
    ContactPoint,
    Notice,
    Person,
    Preference,
    State,
    preference_of_tape,
)

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]


def people(
    tables: Mapping[str, pl.DataFrame], customer_ids: Collection[str], past_due: pl.DataFrame | None = None
) -> dict[str, Person]:
    """Those of the customers whom the tables know, by customer_id.

    ``tables``: typed frames by name, in which holds name their account by its id. ``past_due``: account_id and past_due_days.
    Without a table of accounts (or notices) the persons' are not known, as in ``Person``.
    """
    wanted = pl.Series("customer_id", sorted(set(customer_ids)), dtype=pl.String).to_frame()
    known = {name: _of(tables[name], wanted) for name in tables if "customer_id" in tables[name].columns}
    accounts = known.get("accounts")
    late: dict[str, int] = {}
    if past_due is not None and accounts is not None:
        rows = past_due.join(accounts.select("account_id"), on="account_id", how="semi")
        late = dict(rows.select("account_id", "past_due_days").iter_rows())
    held = known.get("holds", pl.DataFrame())
    if accounts is not None and "holds" in tables and "account_id" in tables["holds"].columns:
        owners = accounts.select("account_id", pl.col("customer_id").alias("owner_id"))
        by_account = tables["holds"].join(owners, on="account_id", how="inner")
        of_account = by_account.with_columns(pl.col("owner_id").alias("customer_id")).drop("owner_id")
        known["holds"] = pl.concat([held, of_account], how="diagonal_relaxed").unique(maintain_order=True)
    by_person = {name: _grouped(frame) for name, frame in known.items()}
    return {
        row["customer_id"]: _person(
            row, {name: rows.get(row["customer_id"], []) for name, rows in by_person.items()}, late
        )
        for row in known["customers"].iter_rows(named=True)
    }


def _of(frame: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    if not frame.height:
        return frame
    return frame.join(wanted, on="customer_id", how="semi", maintain_order="left")


def _grouped(frame: pl.DataFrame) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in frame.iter_rows(named=True):
        grouped.setdefault(row["customer_id"], []).append(row)
    return grouped


def _person(customer: Row, rows: Rows, late: Mapping[str, int]) -> Person:
    points = {row["contact_point_id"]: _point(row) for row in rows.get("contact_points", ())}
    preferences, is_unreadable = _preferences(rows.get("preferences", ()))
    accounts = None
    if "accounts" in rows:
        accounts = {
            row["account_id"]: Account(late.get(row["account_id"]), row.get("group"))
            for row in rows["accounts"]
        }
    notices = None
    if "notices" in rows:
        notices = tuple(Notice(row["kind"], row["sent_at"], _debts(row)) for row in rows["notices"])
    return Person(
        customer_id=customer["customer_id"],
        timezones=zones_of(customer, rows.get("contact_points", ())),
        accounts=accounts,
        contact_points=points,
        states=tuple(_states(customer, rows.get("holds", ()))),
        preferences=preferences,
        consents=tuple(_consent(row) for row in rows.get("consents", ())),
        contacts=tuple(_contact(row) for row in rows.get("contacts", ())),
        notices=notices,
        has_unreadable_preference=is_unreadable,
    )


def _debts(row: Row) -> tuple[str, ...]:
    return tuple(row.get("account_ids") or ())


def zones_of(customer: Row, points: Iterable[Row]) -> tuple[str, ...]:
    """Every zone that the records point to: the person's first, then those of contact points of their own, by id."""
    own = [row for row in points if row["party"] == "self" and row.get("not_theirs_from") is None]
    said = [customer.get("timezone")]
    said += [row.get("timezone") for row in sorted(own, key=lambda row: str(row["contact_point_id"]))]
    return tuple(dict.fromkeys(zone for zone in said if zone is not None))


def _point(row: Row) -> ContactPoint:
    address = compared_address(row["kind"], row.get("value"))
    return ContactPoint(
        row["kind"], row["party"] or "self", row.get("place"), row.get("not_theirs_from"), address
    )


def _states(customer: Row, holds: Iterable[Row]) -> Iterable[State]:
    if customer.get("deceased_on") is not None:
        yield State("deceased", customer["deceased_on"])
    for row in holds:
        until: date | None = row.get("to_on")
        account = row.get("account_id")
        yield State(row["kind"], row["from_on"], until, () if account is None else (account,))


def _preferences(rows: Iterable[Row]) -> tuple[tuple[Preference, ...], bool]:
    read, is_unreadable = [], False
    for row in rows:
        try:
            read.append(preference_of_tape(row["kind"], row["detail"]))
        except (ValueError, TypeError, AttributeError):
            is_unreadable = True
    return tuple(read), is_unreadable


def _consent(row: Row) -> Consent:
    source = row.get("source")
    hours = None
    if row.get("hours_from") is not None and row.get("hours_to") is not None:
        hours = (clock(row["hours_from"]), clock(row["hours_to"]))
    return Consent(
        given_at=row["given_at"],
        channel=row["channel"],
        contact_point_id=row.get("contact_point_id"),
        withdrawn_at=row.get("withdrawn_at"),
        days=row.get("days"),
        hours=hours,
        source=source or "collector",
        debts=_debts(row),
    )


def _contact(row: Row) -> Contact:
    return Contact(
        at=row["at"],
        channel=row["channel"],
        outcome=row["outcome"],
        debts=_debts(row),
        direction=row.get("direction") or "out",
        party=row.get("party") or "self",
        contact_point_id=row.get("contact_point_id"),
        contact_id=row.get("contact_id"),
        in_reply_to=row.get("in_reply_to"),
    )
