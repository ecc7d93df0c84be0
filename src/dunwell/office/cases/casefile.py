"""A customer's whole file as of this moment: the book, what came in since, the journal; and what follows from them, by the same
functions that the nightly run uses.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import Any

import polars as pl

from dunwell.book.additions import Addition, with_additions
from dunwell.journal.models import Event
from dunwell.law import Attempt, Gate, Person, Verdict
from dunwell.law.civil_days import home_zone
from dunwell.law.people import people, zones_of
from dunwell.ledger import Terms, positions, tell_why
from dunwell.ledger.owed import Positions
from dunwell.ledger.statement import Statement, account_events, statement
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.shelf import Shelf
from dunwell.office.workplace import Workplace
from dunwell.outreach.corrections import KIND as CORRECTED
from dunwell.outreach.corrections import corrections, with_corrections
from dunwell.outreach.knowing import KINDS, decoded, with_journal
from dunwell.outreach.records import with_owner
from dunwell.outreach.since import OPEN_PROMISE, Since, held_for, since
from dunwell.outreach.told import changes_told, promised, with_withdrawals, without_told
from dunwell.resolution import PROMISE_COLUMNS, cases_as_of, promises_as_of
from dunwell.resolution.contract_changes import MARK, PLAN_AGREED, without_the_tapes

_WRITTEN = ("email", "sms", "letter")
"""The channels whose texts the dispatcher sends."""


class UnknownCustomer(LookupError):
    """The book does not know the customer."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the journal about this person, as the timeline tells it; account ids are the lender's own."""

    event_id: str
    kind: str
    at: datetime
    body: Mapping[str, Any]
    accounts: tuple[str, ...]
    contact_point: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a customer's figures follow from: the book that is open, what came in since (its rows' numbers), the contracts
    that plans changed (``changed``: their ids), the day, and the products' terms (``terms``: which texts of them, as long as
    they are kept here).
    """

    shelf: Shelf
    terms: int
    customer_id: str
    day: date
    received: tuple[int, ...]
    changed: tuple[str, ...]
    tables: Mapping[str, pl.DataFrame] = field(compare=False)
    texts: Mapping[str, Terms] = field(compare=False)


class _Figures:
    """What a customer owes and the stage of their case, worked out when first asked for."""

    def __init__(self, known: _Known) -> None:
        self._known = known

    @cached_property
    def settled(self) -> Positions:
        """What is owed."""
        known = self._known
        return positions(known.tables, known.texts, known.day, keeps_timeline=True)

    @cached_property
    def stage(self) -> dict[str, Any] | None:
        """The case's stage; None when there is no case."""
        rows = cases_as_of(self._known.tables, self.settled.timeline_frame(), self._known.day)
        return rows.row(0, named=True) if rows.height else None


@lru_cache(maxsize=500)
def _figures(known: _Known) -> _Figures:
    """The same figures for the same facts: somebody who works a case asks for its page again and again."""
    return _Figures(known)


class CaseFile:
    """Everything about one customer. Figures are worked out when they are first asked for.

    ``day``: today at the customer's place, on the clock of ``zone``.
    """

    def __init__(self, place: Workplace, customer_id: str) -> None:
        """Raises UnknownCustomer, NoBook."""
        shelf = place.shelf
        found = shelf.file(customer_id)
        if found is None:
            raise UnknownCustomer(customer_id)
        self.place, self.customer_id = place, customer_id
        (row,) = found.tables["customers"].iter_rows(named=True)
        zones = zones_of(row, found.tables["contact_points"].iter_rows(named=True))
        self.zone = home_zone(zones)
        self.day: date = place.day_at(zones)
        self.received = list(Received.objects.filter(customer_id=customer_id).order_by("received_at", "pk"))
        self.tables = self._corrected(with_received(found.tables, self.received))
        changed = self._take_changes()
        self.results = found.results
        since = tuple(one.pk for one in self.received)
        terms = place.terms
        self._figures = _figures(
            _Known(shelf, id(terms), customer_id, self.day, since, changed, self.tables, terms)
        )

    def _corrected(self, tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        if self.subject is None or all(kind != CORRECTED for _id, kind, _at, _body in self._rows):
            return tables
        vault = self.place.journal.vault
        return with_corrections(tables, corrections(vault, {self.subject: self.customer_id}), vault)

    def _take_changes(self) -> tuple[str, ...]:
        """Put the contracts that plans changed, as the journal tells it now, into the tables; returns the ids of those
        changes.
        """
        if self.subject is None or all(kind != PLAN_AGREED for _id, kind, _at, _body in self._rows):
            return ()
        told = changes_told(self.events, self.zone)
        is_ours = pl.col("modification_id").str.starts_with(MARK)
        lenders = {"modifications": self.tables["modifications"].filter(~is_ours)}
        tables = with_additions(self.tables | lenders, told)
        self.tables = tables | {"modifications": without_the_tapes(tables["modifications"])}
        return tuple(str(one.row["modification_id"]) for one in told)

    @cached_property
    def observed(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Of each debt whose contract was changed its classes and what they rest on (``tell_why``), by account."""
        rows = self.tables["modifications"]["account_row"].unique().sort().to_list()
        return {self.account_ids[row]: tell_why(self.tables, self.place.terms, row, self.day) for row in rows}

    @cached_property
    def case(self) -> Case | None:
        """The case of the queue; None for a customer who has none."""
        return Case.objects.select_related("assigned_to", "team").filter(pk=self.customer_id).first()

    @property
    def customer(self) -> dict[str, Any]:
        """The customer's row of the tape."""
        return self.tables["customers"].row(0, named=True)

    @property
    def positions(self) -> pl.DataFrame:
        """What is owed today, an account a row (the columns of positions)."""
        return self._figures.settled.frame

    @cached_property
    def promises(self) -> pl.DataFrame:
        """Every promise and how it stands today: the records', the desk's, those that an answer confirmed; less what was
        withdrawn since.
        """
        confirmed = [
            row
            for event in reversed(self.events)
            if event.kind == "promise.made"
            for row in promised(event.event_id, event.at, event.body, event.accounts)
        ]
        tables = with_additions(self.tables, confirmed)
        if not tables["promises"].height:
            return pl.DataFrame(schema=PROMISE_COLUMNS)
        withdrawn = [
            (event.at, event.body) for event in reversed(self.events) if event.kind == "promise.withdrawn"
        ]
        tables["promises"] = with_withdrawals(tables["promises"], withdrawn)
        return promises_as_of(tables, self.day, None, self.place.promise_policy)

    @property
    def stage(self) -> dict[str, Any] | None:
        """The case's stage today, by the ladder (the columns of cases); None when there is no case."""
        return self._figures.stage

    def statement(self, account_id: str, day: date | None = None) -> Statement:
        """The itemised statement of one account. Raises KeyError, AccountNotOpen."""
        accounts = self.tables["accounts"]
        row = accounts["account_id"].eq(account_id).arg_true()
        if not len(row):
            raise KeyError(account_id)
        product = accounts["product"][row[0]]
        return statement(
            account_events(self.tables, int(row[0]), None), self.place.terms[product], day or self.day
        )

    @cached_property
    def subject(self) -> str | None:
        """The vault's reference of the person; None while the journal knows nothing of them."""
        return self.place.journal.vault.references([self.customer_id]).get(self.customer_id)

    @cached_property
    def _person_of_records(self) -> Person:
        late = self.positions.select("account_id", "past_due_days")
        holds = without_told(self.tables["holds"])
        tables = self.tables | {"holds": with_owner(holds, self.tables["accounts"])}
        return people(tables, [self.customer_id], late)[self.customer_id]

    @cached_property
    def _rows(self) -> list[tuple[str, str, datetime, str]]:
        if self.subject is None:
            return []
        self.place.journal.vault.open_keys([self.subject])
        columns = ("event_id", "kind", "happened_at", "body")
        rows = Event.objects.filter(subject_id=self.subject).order_by("happened_at", "id")
        return list(rows.values_list(*columns))

    @cached_property
    def events(self) -> list[Happened]:
        """What the journal holds of the person, the latest first."""
        if self.subject is None:
            return []
        vault, subject, rows = self.place.journal.vault, self.subject, self._rows
        accounts = {vault.pseudonym(subject, "account", name): name for name in self.account_ids}
        points = {vault.pseudonym(subject, "point", name): name for name in self.point_ids}
        told = []
        for event_id, kind, at, text in reversed(rows):
            body = json.loads(text)
            named = tuple(accounts[name] for name in body.get("accounts", ()) if name in accounts)
            told.append(Happened(event_id, kind, at, body, named, points.get(body.get("contact_point", ""))))
        return told

    @cached_property
    def person(self) -> Person:
        """Who they are to the gate: the records and all that the journal has seen."""
        if self.subject is None:
            return with_journal(self._person_of_records, ())
        vault, subject = self.place.journal.vault, self.subject
        rows = [row for row in self._rows if row[1] in KINDS]
        records, until = self._person_of_records, self.place.shelf.known_until
        seen = decoded(rows, records, lambda kind, name: vault.pseudonym(subject, kind, name), until)
        return with_journal(records, seen)

    @cached_property
    def _since(self) -> Since:
        """What happened since the run, which the dispatcher's figures do not tell."""
        promises = self.promises.iter_rows(named=True)
        return since(self._rows, self.place.shelf.known_until, promises, are_of_now=True)

    @property
    def account_ids(self) -> list[str]:
        """The customer's accounts."""
        return self.tables["accounts"]["account_id"].to_list()

    @property
    def point_ids(self) -> list[str]:
        """The customer's contact points."""
        return self.tables["contact_points"]["contact_point_id"].to_list()

    @cached_property
    def gate(self) -> Gate:
        """The gate that binds contacts with them."""
        return self.place.gate(self.customer["jurisdiction"], self.customer["region"])

    def ask(
        self,
        channel: str,
        contact_point_id: str | None,
        *,
        purpose: str = "remind",
        account_ids: Sequence[str] | None = None,
        in_reply_to: str | None = None,
        at: datetime | None = None,
    ) -> Verdict:
        """May this contact be made now, by a person at the desk? Every contact of the office is asked here, whatever its way."""
        attempt = self._attempt(channel, contact_point_id, purpose, at)
        if account_ids is not None:
            attempt = replace(attempt, account_ids=tuple(account_ids))
        if in_reply_to is not None:
            attempt = replace(attempt, in_reply_to=in_reply_to)
        return self.unless_held(self.gate.check(attempt, self.person), attempt)

    def ask_each(self, ways: Sequence[tuple[str, str]], at: datetime | None = None) -> list[Verdict]:
        """The same for several ways (channel and contact point) at once, none of which counts against another."""
        attempts = [self._attempt(channel, point, "remind", at) for channel, point in ways]
        verdicts = self.gate.check_several(attempts, self.person) if attempts else []
        return [
            self.unless_held(verdict, attempt) for verdict, attempt in zip(verdicts, attempts, strict=True)
        ]

    def unless_held(self, verdict: Verdict, attempt: Attempt, stage: str = "") -> Verdict:
        """The gate's answer, and the house's: who promised to pay by a day that has not passed is not reminded nor asked to pay,
        by whatever way and whoever does it. A text is held back as well for what the dispatcher's figures do not tell, a payment
        since the run; the desk's own tell it. ``stage``: that of a text.
        """
        told, is_text = self._since, attempt.channel in _WRITTEN
        until = max((day for day in (told.promised_until, self._waited_for_until) if day), default=None)
        told = replace(told, promised_until=until, has_paid=told.has_paid and is_text)
        held = held_for(told, self.person, attempt.purpose, stage, attempt.at)
        if held is None:
            return verdict
        return replace(verdict, allowed=False, reasons=(*verdict.reasons, held), not_before=None)

    @cached_property
    def _waited_for_until(self) -> date | None:
        """The last day for which a promise is waited for that is open today, as the runs judge it: the records' own as well."""
        latest = self.promises.filter(pl.col("state") == "open")["waited_for_until"].max()
        assert latest is None or isinstance(latest, date)
        return latest

    def _attempt(self, channel: str, point: str | None, purpose: str, at: datetime | None) -> Attempt:
        return Attempt(
            customer_id=self.customer_id,
            at=at or self.place.clock(),
            channel=channel,
            account_ids=tuple(self.overdue_ids),
            contact_point_id=point,
            purpose=purpose,
            automated=False,
        )

    @cached_property
    def overdue_ids(self) -> list[str]:
        """The accounts that are past due today, the worst first; all of them when none is."""
        late = self.positions.filter(pl.col("past_due_days") > 0).sort("past_due_days", descending=True)
        return late["account_id"].to_list() or self.account_ids


def waits_for_promise(verdict: Verdict) -> bool:
    """Whether nothing but an open promise holds a contact back: about another matter than paying it may be made."""
    return [reason.rule for reason in verdict.reasons] == [OPEN_PROMISE.rule]


def with_received(
    tables: Mapping[str, pl.DataFrame], received: Sequence[Received]
) -> dict[str, pl.DataFrame]:
    """A customer's tables with what came in since; a row that the book has by now counts once.

    Rows were checked when they came in; raises RowsUnusable when one cannot be read all the same.
    """
    return with_additions(tables, [Addition(one.table, one.row, one.received_at) for one in received])
