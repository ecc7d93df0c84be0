"""People written out by hand: one card account each with 100.00 due on the 15th of every month, and what they did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from dunwell.book import Tape
from tests.insight.books import terms

TODAY = date(2026, 11, 20)
OPENED = date(2025, 1, 1)
DUE = [date(2025 + month // 12, month % 12 + 1, 15) for month in range(24)]
"""From January 2025 to December 2026."""


@dataclass
class Life:
    """One person. ``paid``: day, amount and, for money that was taken back, ``reversal``."""

    name: str
    paid: list[tuple[date, str]] = field(default_factory=list)
    bounced: list[tuple[date, date, str]] = field(default_factory=list)
    contacts: list[tuple[date, str, str, str]] = field(default_factory=list)
    promised: list[tuple[date, date, str]] = field(default_factory=list)
    holds: list[tuple[str, date, date | None]] = field(default_factory=list)

    def pays(self, late_by: int = 0, *, until: date = TODAY, since: date = OPENED) -> "Life":
        """Pays every instalment in a span so many days late."""
        for due in DUE:
            on = due + timedelta(days=late_by)
            if since <= due and on <= until:
                self.paid.append((on, "100.00"))
        return self

    def tried(self, outcome: str, *days: date, channel: str = "call", direction: str = "out") -> "Life":
        """Contacts with an outcome."""
        self.contacts.extend((day, channel, direction, outcome) for day in days)
        return self


def tables(lives: Sequence[Life]) -> dict[str, pl.DataFrame]:
    """The lives as the book hands them out."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in ("customers", "accounts", "instalments", "payments", "contacts", "promises", "holds")
    }
    for life in lives:
        who = life.name
        rows["customers"].append({"customer_id": who, "jurisdiction": "us"})
        rows["accounts"].append(
            {
                "account_id": f"A-{who}",
                "customer_id": who,
                "product": "us-card",
                "currency": "USD",
                "principal": "2400.00",
                "opened_on": OPENED,
                "annual_rate": "0",
            }
        )
        for number, due in enumerate(DUE, 1):
            rows["instalments"].append(
                {"account_id": f"A-{who}", "number": number, "due_on": due, "principal": "100.00"}
            )
        for number, (on, amount) in enumerate(sorted(life.paid), 1):
            rows["payments"].append(_payment(who, f"{who}-{number}", on, amount))
        for number, (on, back_on, amount) in enumerate(life.bounced, 1):
            rows["payments"].append(_payment(who, f"{who}-b{number}", on, amount))
            rows["payments"].append(
                _payment(who, f"{who}-r{number}", back_on, amount, "reversal", f"{who}-b{number}")
            )
        for number, (day, channel, direction, outcome) in enumerate(life.contacts, 1):
            rows["contacts"].append(
                {
                    "contact_id": f"{who}-c{number}",
                    "customer_id": who,
                    "account_ids": f"A-{who}",
                    "at": f"{day}T15:00:00Z",
                    "channel": channel,
                    "direction": direction,
                    "outcome": outcome,
                }
            )
        for number, (made, due, amount) in enumerate(life.promised, 1):
            rows["promises"].append(
                {
                    "promise_id": f"{who}-p{number}",
                    "account_id": f"A-{who}",
                    "made_at": f"{made}T15:00:00Z",
                    "due_on": due,
                    "amount": amount,
                }
            )
        for number, (kind, since, until) in enumerate(life.holds, 1):
            rows["holds"].append(
                {
                    "hold_id": f"{who}-h{number}",
                    "customer_id": who,
                    "account_id": None,
                    "kind": kind,
                    "from_on": since,
                    "to_on": until,
                }
            )
    with TemporaryDirectory() as folder:
        for name, told in rows.items():
            if told:
                pl.DataFrame(told, infer_schema_length=None).write_csv(Path(folder) / f"{name}.csv")
        with Tape(
            Path(folder),
            products={name: text.currency for name, text in terms().items()},
            imported_at=datetime(2026, 11, 21, tzinfo=UTC),
        ) as tape:
            [only] = tape.partitions()
            assert not tape.faults.tables(), [tape.faults.counted(name) for name in tape.faults.tables()]
    return dict(only.tables)


def _payment(
    who: str, name: str, on: date, amount: str, kind: str = "payment", reverses: str | None = None
) -> dict[str, Any]:
    return {
        "payment_id": name,
        "account_id": f"A-{who}",
        "paid_on": on,
        "amount": amount,
        "kind": kind,
        "reverses": reverses,
    }
