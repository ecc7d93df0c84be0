"""What the journal has seen, as rows of the tape: so that the nightly run plans with the same truth about a person that the gate
has at the moment of a contact.

Contacts made, states placed, channels no longer agreed to, numbers that are not theirs, promises made and withdrawn, contracts
changed by plans that were agreed. A row that
the lender's tape brings as well counts once; what came in as a row of the tape (an event that names its ``row``) is one already.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import polars as pl

from dunwell.book.additions import Addition, with_additions, without_customers
from dunwell.book.tables import HOLD_KINDS
from dunwell.journal.finding import events_of
from dunwell.journal.recording import Journal
from dunwell.law import Account, ContactPoint, Person
from dunwell.law.addresses import compared_address
from dunwell.law.civil_days import home_zones
from dunwell.money import format_minor
from dunwell.outreach.corrections import all_corrections, with_corrections
from dunwell.outreach.knowing import KINDS, Seen, decoded, with_journal
from dunwell.resolution.contract_changes import (
    MARK,
    TOLD_OF,
    ToldOfDebts,
    contract_changes,
    without_the_tapes,
)

_BATCH = 500


def with_told(tables: Mapping[str, pl.DataFrame], journal: Journal, now: datetime) -> dict[str, pl.DataFrame]:
    """A partition's tables with what the journal has seen of its people up to ``now``, and without those who were erased."""
    tables = without_customers(tables, journal.vault.forgotten(tables["customers"]["customer_id"]))
    people = tables["customers"]["customer_id"].to_list()
    zones = dict(home_zones(tables).iter_rows())
    result = with_corrections(tables, all_corrections(journal.vault, now), journal.vault)
    additions: list[Addition] = []
    withdrawn: list[tuple[datetime, Mapping[str, Any]]] = []
    not_theirs: dict[str, datetime] = {}
    deceased: dict[str, date] = {}
    for start in range(0, len(people), _BATCH):
        subjects = journal.vault.references(people[start : start + _BATCH])
        rows = _rows(list(subjects.values()), now)
        wanted = {customer: rows[subject] for customer, subject in subjects.items() if subject in rows}
        if not wanted:
            continue
        journal.vault.open_keys([subjects[customer] for customer in wanted])
        known = _bare(tables, list(wanted))
        for customer, events in wanted.items():
            pseudonym = partial(journal.vault.pseudonym, subjects[customer])
            seen = [one for one in decoded(events, known[customer], pseudonym) if "row" not in one.body]
            person = with_journal(known[customer], seen)
            additions += [*_contacts(person), *_holds(person), *_wishes(person), *_promises(seen)]
            additions += changes_told(seen, zones.get(customer))
            withdrawn += [(one.at, one.body) for one in seen if one.kind == "promise.withdrawn"]
            not_theirs |= {
                name: point.not_theirs_from
                for name, point in person.contact_points.items()
                if isinstance(point.not_theirs_from, datetime)
            }
            died = [state.since for state in person.states if state.kind == "deceased"]
            if died:
                deceased[customer] = min(_day(since) for since in died)
    result = with_additions(result, additions)
    result["promises"] = with_withdrawals(result["promises"], withdrawn)
    result["modifications"] = without_the_tapes(result["modifications"])
    result["contact_points"] = _since(
        result["contact_points"], "contact_point_id", "not_theirs_from", not_theirs, pl.Datetime("us", "UTC")
    )
    result["customers"] = _since(result["customers"], "customer_id", "deceased_on", deceased, pl.Date())
    return result


def without_told(holds: pl.DataFrame) -> pl.DataFrame:
    """The holds that the lender's records tell of, where the journal's own are read from the journal."""
    return holds.filter(~pl.col("hold_id").str.starts_with(MARK))


def changes_told(events: Sequence[ToldOfDebts], zone: str | None) -> list[Addition]:
    """The contracts that plans changed, as the journal tells it."""
    zones = () if zone is None else (zone,)
    return [Addition("modifications", row, at) for row, at in contract_changes(events, zones)]


def with_withdrawals(
    promises: pl.DataFrame, withdrawn: Sequence[tuple[datetime, Mapping[str, Any]]]
) -> pl.DataFrame:
    """Promises with what was withdrawn (the instant and body of ``promise.withdrawn``, the earliest first). The first word
    counts.
    """
    if not withdrawn:
        return promises
    first: dict[str, tuple[datetime, Mapping[str, Any]]] = {}
    for at, body in withdrawn:
        first.setdefault(body["promise"], (at, body))
    told = pl.DataFrame(
        [(name, at, body["reason"], body.get("superseded_by")) for name, (at, body) in first.items()],
        schema={"whole": pl.String, "§at": pl.Datetime("us", "UTC"), "§reason": pl.String, "§by": pl.String},
        orient="row",
    )
    return (
        promises.with_columns(pl.coalesce("part_of", "promise_id").alias("whole"))
        .join(told, on="whole", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("cancelled_at", "§at").alias("cancelled_at"),
            pl.coalesce("cancel_reason", "§reason").alias("cancel_reason"),
            pl.coalesce("superseded_by", "§by").alias("superseded_by"),
        )
        .select(promises.columns)
    )


def _rows(subjects: list[str], now: datetime) -> dict[str, list[tuple[str, str, datetime, str]]]:
    found: dict[str, list[tuple[str, str, datetime, str]]] = {}
    rows = events_of(subjects, tuple({*KINDS, *TOLD_OF})).filter(recorded_at__lte=now)
    columns = ("subject_id", "event_id", "kind", "happened_at", "body")
    for subject, event_id, kind, at, body in rows.order_by("happened_at", "id").values_list(*columns):
        found.setdefault(str(subject), []).append((event_id, kind, at, body))
    return found


def _bare(tables: Mapping[str, pl.DataFrame], customers: list[str]) -> dict[str, Person]:
    """The people with nothing but the names of their accounts and contact points, and the numbers and addresses of these."""
    wanted = pl.Series("customer_id", customers).to_frame()

    def names(table: str, column: str) -> dict[str, list[str]]:
        rows = tables[table].select("customer_id", column).join(wanted, on="customer_id", how="semi")
        return dict(rows.group_by("customer_id").agg(column).iter_rows())

    accounts = names("accounts", "account_id")
    points: dict[str, dict[str, ContactPoint]] = {}
    held = tables["contact_points"].join(wanted, on="customer_id", how="semi")
    columns = ("customer_id", "contact_point_id", "kind", "value")
    for customer, name, kind, value in held.select(columns).iter_rows():
        point = ContactPoint(kind, address=compared_address(kind, value))
        points.setdefault(customer, {})[name] = point
    return {
        customer: Person(
            customer_id=customer,
            timezones=(),
            accounts=dict.fromkeys(accounts.get(customer, ()), Account()),
            contact_points=points.get(customer, {}),
        )
        for customer in customers
    }


def _contacts(person: Person) -> Iterable[Addition]:
    for one in person.contacts:
        row = {
            "contact_id": one.contact_id,
            "customer_id": person.customer_id,
            "account_ids": ";".join(one.debts) or None,
            "at": one.at.isoformat(),
            "channel": one.channel,
            "direction": one.direction,
            "contact_point_id": one.contact_point_id,
            "party": one.party,
            "outcome": one.outcome,
            "in_reply_to": one.in_reply_to,
        }
        yield Addition("contacts", _given(row), one.at)


def _holds(person: Person) -> Iterable[Addition]:
    for number, state in enumerate(person.states):
        if state.kind not in HOLD_KINDS:
            continue
        at = state.since if isinstance(state.since, datetime) else None
        for account in state.debts or (None,):
            row = {
                "hold_id": f"{MARK}{person.customer_id}-{number}-{account or 'all'}",
                "account_id": account,
                "customer_id": None if account else person.customer_id,
                "kind": state.kind,
                "from_on": _day(state.since).isoformat(),
                "to_on": None if state.until is None else _day(state.until).isoformat(),
            }
            yield Addition(
                "holds", _given(row), at or datetime.combine(_day(state.since), datetime.min.time(), UTC)
            )


def _wishes(person: Person) -> Iterable[Addition]:
    for one in person.preferences:
        if isinstance(one.since, datetime):
            detail = {
                "channel": one.channel,
                "contact_point_id": one.contact_point_id,
                "since": one.since.isoformat(),
            }
            kept = json.dumps({name: value for name, value in detail.items() if value is not None})
            row = {"customer_id": person.customer_id, "kind": one.kind, "detail": kept}
            yield Addition("preferences", row, one.since)


def _promises(events: Sequence[Seen]) -> Iterable[Addition]:
    for event in events:
        if event.kind == "promise.made":
            yield from promised(event.event_id, event.at, event.body, event.accounts)


def promised(
    event_id: str, at: datetime, body: Mapping[str, Any], accounts: Sequence[str]
) -> Iterable[Addition]:
    """The rows of a promise that the journal tells of (``promise.made``), for all its debts: the parts with an amount and
    one day. What an answer confirmed stands in no other place.
    """
    parts = body.get("parts", ())
    for number, part in enumerate(parts):
        days = [part["due_on"]] if "due_on" in part else part.get("days", [])
        if part.get("amount_minor") and len(days) == 1 and accounts:
            whole = str(body.get("promise") or event_id)
            row = {
                "promise_id": whole if len(parts) == 1 else f"{whole}-{number + 1}",
                "part_of": None if len(parts) == 1 else whole,
                "account_id": accounts[0],
                "account_ids": ";".join(accounts) if len(accounts) > 1 else None,
                "made_at": at.isoformat(),
                "due_on": days[0],
                "amount": format_minor(part["amount_minor"], part["currency"]),
                "contact_id": body.get("message_id"),
                "made_by": body.get("by"),
            }
            yield Addition("promises", _given(row), at)


def _given(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: value for name, value in row.items() if value is not None}


def _day(since: date | datetime) -> date:
    return since.astimezone(UTC).date() if isinstance(since, datetime) else since


def _since(
    rows: pl.DataFrame, key: str, column: str, told: Mapping[str, Any], kind: pl.DataType
) -> pl.DataFrame:
    """The earlier of what the records say and what the journal does."""
    if not told:
        return rows
    ours = pl.DataFrame({key: list(told), "§ours": pl.Series(list(told.values()), dtype=kind)})
    joined = rows.join(ours, on=key, how="left", maintain_order="left")
    return joined.with_columns(pl.min_horizontal(column, "§ours").alias(column)).select(rows.columns)
