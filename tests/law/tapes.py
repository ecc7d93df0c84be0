"""People as a lender's tape holds them: the rows of every table, written to files and read as the command reads them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book.single import read_table
from dunwell.book.tables import TABLES
from dunwell.law import Attempt, Consent, Contact, Person, Preference, State, codes
from dunwell.law.checking import ATTEMPTS
from dunwell.law.tables import TableRecords

RECORDED = datetime(1900, 1, 1, tzinfo=UTC)
LONG_AGO = date(1900, 1, 1)

_IDS = pl.List(pl.String)
_TYPES: dict[str, Any] = {
    "account_ids": _IDS,
    "at": pl.Datetime("us", "UTC"),
    "given_at": pl.Datetime("us", "UTC"),
    "withdrawn_at": pl.Datetime("us", "UTC"),
    "not_theirs_from": pl.Datetime("us", "UTC"),
    "sent_at": pl.Datetime("us", "UTC"),
    "from_on": pl.Date,
    "to_on": pl.Date,
    "deceased_on": pl.Date,
    "opened_on": pl.Date,
    "days": pl.Int64,
    "visitors": pl.Int64,
    "principal": pl.Decimal(18, 2),
}


class Unheld(ValueError):
    """A tape has no place for this; says what."""


class Tape:
    """The tables of a tape, a person at a time. Every id is the person's own, whatever the names in their records.

    ``has_accounts``, ``has_notices``: whether the tape has these tables, which is what a person without them differs by.
    """

    def __init__(self, *, has_accounts: bool, has_notices: bool) -> None:
        self._has = {"accounts": has_accounts, "notices": has_notices}
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in (*TABLES, "attempts")}
        self._past_due: list[tuple[str, int]] = []

    def add(self, name: str, person: Person | None, attempts: Sequence[Attempt]) -> None:
        """A person under that name, and attempts to contact them. Raises Unheld, and then adds nothing."""
        added: dict[str, list[dict[str, Any]]] = {} if person is None else self._person_rows(name, person)
        added["attempts"] = [
            {
                "attempt_id": f"{name}/{number}",
                "customer_id": name,
                "account_ids": _own(name, attempt.account_ids),
                "at": attempt.at,
                "channel": attempt.channel,
                "contact_point_id": _own_id(name, attempt.contact_point_id),
                "party": attempt.party,
                "purpose": attempt.purpose,
                "in_reply_to": _own_id(name, attempt.in_reply_to),
                "visitors": attempt.visitors,
            }
            for number, attempt in enumerate(attempts)
        ]
        for table, rows in added.items():
            self.rows[table] += rows
        for account_id, account in (person.accounts if person and person.accounts else {}).items():
            if account.past_due_days is not None:
                self._past_due.append((f"{name}/{account_id}", account.past_due_days))

    def stranger(self, name: str, beside: str, contacts: Sequence[Contact]) -> None:
        """Somebody else with that history, on the contact points and accounts of the person beside them."""
        self.rows["customers"].append({"customer_id": name, "jurisdiction": "us", "timezone": "UTC"})
        for number, contact in enumerate(contacts):
            row = _contact_row(beside, number, contact)
            self.rows["contacts"].append({**row, "contact_id": f"{name}/{number}", "customer_id": name})

    def write(self, folder: Path, *, as_csv: bool = False) -> None:
        """A file a table, and ``attempts``, each with the columns its rows name."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            if name != "customers" and not (rows or self._has.get(name, False)):
                continue
            declared = ATTEMPTS if name == "attempts" else TABLES[name]
            schema = {column.name: _TYPES.get(column.name, pl.String) for column in declared.columns}
            schema.pop("recorded_at", None)
            frame = pl.DataFrame(rows, schema=schema)
            if not as_csv:
                frame.write_parquet(folder / f"{name}.parquet")
                continue
            lists = [column for column, dtype in schema.items() if dtype == _IDS]
            frame.with_columns(pl.col(lists).list.join(";")).write_csv(folder / f"{name}.csv")

    def read(self, folder: Path, *, as_csv: bool = False) -> tuple[pl.DataFrame, TableRecords]:
        """The attempts and the records after writing and reading them."""
        self.write(folder, as_csv=as_csv)
        file = folder / f"attempts.{'csv' if as_csv else 'parquet'}"
        attempts = read_table(file, ATTEMPTS, RECORDED)
        assert attempts is not None
        tables = {}
        for name in TABLES:
            found = read_table(folder, name, RECORDED, zones_as_text=True)
            if found is not None:
                tables[name] = found
        return attempts, TableRecords(tables, self.past_due() if self._has["accounts"] else None)

    def past_due(self) -> pl.DataFrame:
        """The accounts' days past due, where they are known."""
        schema = {"account_id": pl.String, "past_due_days": pl.Int64}
        return pl.DataFrame(self._past_due, schema=schema, orient="row")

    def _person_rows(self, name: str, person: Person) -> dict[str, list[dict[str, Any]]]:
        if (person.accounts is not None) != self._has["accounts"]:
            raise Unheld("a tape has accounts for all of its people or for none")
        if (person.notices is not None) != self._has["notices"]:
            raise Unheld("a tape has notices for all of its people or for none")
        if any(account == "" for account in person.accounts or ()):
            raise Unheld("an account without a name")
        died = [state for state in person.states if state.kind == "deceased"]
        if any(state.until is not None or state.debts for state in died):
            raise Unheld("a death that ends")
        customer = {
            "customer_id": name,
            "jurisdiction": "us",
            "timezone": next(iter(person.timezones), None),
            "deceased_on": min((_day(state.since) for state in died), default=None),
        }
        return {
            "customers": [customer],
            "accounts": [_account_row(name, key, one.group) for key, one in (person.accounts or {}).items()],
            "contact_points": _point_rows(name, person, person.timezones[1:]),
            "contacts": [_contact_row(name, number, one) for number, one in enumerate(person.contacts)],
            "holds": [
                row
                for number, state in enumerate(person.states)
                if state.kind != "deceased"
                for row in _hold_rows(name, number, state)
            ],
            "consents": [row for one in person.consents for row in _consent_rows(name, one)],
            "preferences": [_preference_row(name, one) for one in person.preferences],
            "notices": [
                {
                    "notice_id": f"{name}/n{number}",
                    "customer_id": name,
                    "account_ids": _own(name, one.debts),
                    "kind": one.kind,
                    "sent_at": one.sent_at,
                }
                for number, one in enumerate(person.notices or ())
            ],
        }


def _own_id(name: str, value: str | None) -> str | None:
    return None if value is None else f"{name}/{value}"


def _own(name: str, values: Sequence[str]) -> list[str] | None:
    return [f"{name}/{value}" for value in values] or None


def _day(value: date | datetime) -> date:
    if isinstance(value, datetime):
        raise Unheld("a state that begins or ends at an instant: a tape has days")
    return max(value, LONG_AGO)


def _account_row(name: str, key: str, group: str | None) -> dict[str, Any]:
    return {
        "account_id": f"{name}/{key}",
        "customer_id": name,
        "product": "loan",
        "currency": "USD",
        "principal": Decimal("1000.00"),
        "opened_on": date(2020, 1, 1),
        "group": group,
    }


def _point_rows(name: str, person: Person, zones: Sequence[str]) -> list[dict[str, Any]]:
    """The contact points, and one more for every time zone beyond the customer's own."""
    rows: list[dict[str, Any]] = []
    for key, point in person.contact_points.items():
        if point.kind is None:
            raise Unheld("a contact point of no kind")
        if point.place == "mobile" or point.place == "unknown":
            raise Unheld(f"the place {point.place}")
        rows.append(
            {
                "contact_point_id": f"{name}/{key}",
                "customer_id": name,
                "kind": point.kind,
                "value": point.address or key,
                "party": point.party,
                "place": point.place,
                "not_theirs_from": point.not_theirs_from,
            }
        )
    for zone in zones:
        rows.append(
            {
                "contact_point_id": f"{name}/in {zone}",
                "customer_id": name,
                "kind": "postal",
                "value": zone,
                "party": "self",
                "timezone": zone,
            }
        )
    return rows


def _contact_row(name: str, number: int, contact: Contact) -> dict[str, Any]:
    return {
        "contact_id": f"{name}/{contact.contact_id or f'contact {number}'}",
        "customer_id": name,
        "account_ids": _own(name, contact.debts),
        "at": contact.at,
        "channel": contact.channel,
        "direction": contact.direction,
        "contact_point_id": _own_id(name, contact.contact_point_id),
        "party": contact.party,
        "outcome": contact.outcome,
        "in_reply_to": _own_id(name, contact.in_reply_to),
    }


def _hold_rows(name: str, number: int, state: State) -> list[dict[str, Any]]:
    return [
        {
            "hold_id": f"{name}/{number}/{debt}",
            "account_id": _own_id(name, debt),
            "customer_id": name,
            "kind": state.kind,
            "from_on": _day(state.since),
            "to_on": None if state.until is None else _day(state.until),
        }
        for debt in state.debts or (None,)
    ]


def _consent_rows(name: str, consent: Consent) -> list[dict[str, Any]]:
    """An agreement to any channel is a row a channel."""
    hours = [None, None] if consent.hours is None else [_clock(at) for at in consent.hours]
    return [
        {
            "customer_id": name,
            "channel": channel,
            "contact_point_id": _own_id(name, consent.contact_point_id),
            "given_at": consent.given_at,
            "withdrawn_at": consent.withdrawn_at,
            "source": consent.source,
            "days": consent.days,
            "hours_from": hours[0],
            "hours_to": hours[1],
            "account_ids": _own(name, consent.debts),
        }
        for channel in ([consent.channel] if consent.channel else codes.CHANNELS)
    ]


def _preference_row(name: str, asked: Preference) -> dict[str, Any]:
    detail = {
        "weekdays": [day for bit, day in enumerate(codes.WEEKDAYS) if asked.weekdays >> bit & 1],
        "from": _clock(asked.opens),
        "to": _clock(asked.closes),
        "since": asked.since and asked.since.isoformat(),
        "until": asked.until and asked.until.isoformat(),
        "place": asked.place,
        "channel": asked.channel,
        "contact_point_id": _own_id(name, asked.contact_point_id),
    }
    said = {key: value for key, value in detail.items() if value is not None}
    return {"customer_id": name, "kind": asked.kind, "detail": json.dumps(said)}


def _clock(microseconds: int) -> str:
    seconds = microseconds // 1_000_000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")
