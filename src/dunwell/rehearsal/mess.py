"""Bad rows, planted on purpose: a handful of each kind that a tape may hold, so that quarantine can be counted against them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dunwell.money import minor_exponent
from dunwell.rehearsal.tables import GrowingTable

NOBODY = "CU9999999999"
NOWHERE = "LN99999999999"
Row = dict[str, Any]


@dataclass(slots=True)
class Mess:
    """Remembers a few good rows while the tape is written, and appends the bad ones at its end."""

    samples: dict[str, pa.Table] = field(default_factory=dict)

    def remember(self, name: str, table: pa.Table) -> None:
        """Keep the first rows of each table."""
        if len(self.samples.get(name, ())) == 0:
            self.samples[name] = table.slice(0, 50)

    def plant(self, files: Mapping[str, GrowingTable]) -> list[dict[str, Any]]:
        """Append the bad rows; tell of each its kind, table, row (1 is the first after the header) and key.

        ``is_quarantined`` is false for the good rows that some bad ones need beside them.
        """
        planted = []
        for kind, name, row, is_bad in self._rows():
            schema = files[name].schema
            files[name].add(pa.table({c: [row.get(c)] for c in schema.names}, schema=schema))
            key = next(iter(schema.names))
            planted.append(
                {
                    "kind": kind,
                    "table": name,
                    "row": files[name].rows,
                    key: row.get(key),
                    "is_quarantined": is_bad,
                }
            )
        return planted

    def _rows(self) -> list[tuple[str, str, Row, bool]]:
        """Kind, table, row and whether it is bad, in the order in which they are appended."""
        return [*self._wrong_values(), *self._orphans(), *self._duplicates(), *self._conflicts()]

    def _good(self, name: str) -> Row:
        return dict(self.samples[name].slice(0, 1).to_pylist()[0])

    def _account(self) -> Row:
        """The first remembered account in a currency of two decimals."""
        rows = self.samples["accounts"].to_pylist()
        return dict(next(row for row in rows if minor_exponent(row["currency"]) == 2))

    def _payment(self, number: int, **changes: str | None) -> Row:
        account = self._account()
        good: Row = {
            "payment_id": f"TX-BAD-{number:02}",
            "account_id": account["account_id"],
            "paid_on": account["opened_on"],
            "amount": "10.00",
            "kind": "payment",
        }
        return good | changes

    def _wrong_values(self) -> list[tuple[str, str, Row, bool]]:
        account = str(self._account()["account_id"])
        charge: Row = {
            "account_id": account,
            "charged_on": "2026-01-05",
            "kind": "late_fee",
            "amount": "5.00",
        }
        instalment: Row = {
            "account_id": account,
            "number": "901",
            "due_on": "2026-01-05",
            "principal": "1.00",
        }
        return [
            ("wrong type", "payments", self._payment(1, amount="12,5O"), True),
            ("wrong type", "instalments", instalment | {"number": "first"}, True),
            (
                "wrong type",
                "contacts",
                self._good("contacts") | {"contact_id": "CT-BAD-01", "at": "yesterday"},
                True,
            ),
            ("missing value", "payments", self._payment(2, amount=None), True),
            ("negative amount", "payments", self._payment(3, amount="-50.00"), True),
            ("negative amount", "charges", charge | {"charge_id": "CH-BAD-01", "amount": "-5.00"}, True),
            ("amount of nothing", "payments", self._payment(4, amount="0.00"), True),
            ("too many decimals", "payments", self._payment(5, amount="10.005"), True),
            ("impossible date", "payments", self._payment(6, paid_on="2026-02-30"), True),
            ("impossible date", "instalments", instalment | {"due_on": "2026-13-01"}, True),
            ("unknown kind", "payments", self._payment(7, kind="refund"), True),
            ("unknown kind", "charges", charge | {"charge_id": "CH-BAD-02", "kind": "gift"}, True),
        ]

    def _orphans(self) -> list[tuple[str, str, Row, bool]]:
        hold: Row = {
            "hold_id": "HD-BAD-01",
            "account_id": NOWHERE,
            "kind": "dispute",
            "from_on": "2026-01-05",
        }
        promise: Row = {"promise_id": "PR-BAD-01", "account_id": NOWHERE, "made_at": "2026-01-05T10:00:00Z"}
        return [
            (
                "orphan",
                "accounts",
                self._account() | {"account_id": "LN-BAD-01", "customer_id": NOBODY},
                True,
            ),
            ("orphan", "payments", self._payment(8, account_id=NOWHERE), True),
            ("orphan", "holds", hold, True),
            ("orphan", "promises", promise | {"due_on": "2026-01-09", "amount": "10.00"}, True),
            (
                "orphan",
                "contacts",
                self._good("contacts") | {"contact_id": "CT-BAD-02", "customer_id": NOBODY},
                True,
            ),
        ]

    def _duplicates(self) -> list[tuple[str, str, Row, bool]]:
        twin = self._account() | {"account_id": "LN-BAD-02"}
        return [
            ("exact repeat", "payments", self._good("payments"), True),
            ("exact repeat", "customers", self._good("customers"), True),
            ("duplicate key", "payments", self._payment(9, amount="10.00"), True),
            ("duplicate key", "payments", self._payment(9, amount="11.00"), True),
            ("duplicate key", "accounts", twin, True),
            ("duplicate key", "accounts", twin | {"principal": "1.00"}, True),
        ]

    def _conflicts(self) -> list[tuple[str, str, Row, bool]]:
        foreign = self._account() | {"account_id": "LN-BAD-03", "currency": "XQX"}
        first_of_foreign: Row = {
            "account_id": "LN-BAD-03",
            "number": "1",
            "due_on": "2026-01-05",
            "principal": "1.00",
        }
        pause: Row = {"account_id": self._account()["account_id"], "kind": "pause"}
        return [
            ("unknown currency", "accounts", foreign, True),
            ("parent in quarantine", "instalments", first_of_foreign, True),
            (
                "reversal of unknown payment",
                "payments",
                self._payment(10, kind="reversal", reverses="TX-NONE"),
                True,
            ),
            ("overlapping pauses", "holds", pause | _spell("HD-BAD-02", "2014-01-01", "2014-01-31"), False),
            ("overlapping pauses", "holds", pause | _spell("HD-BAD-03", "2014-01-20", "2014-02-10"), True),
        ]


def _spell(hold_id: str, from_on: str, to_on: str) -> Row:
    return {"hold_id": hold_id, "from_on": from_on, "to_on": to_on}
