"""The queue of one account's debts for the exact walk: instalments, charges and chargebacks as they fall due."""

from dataclasses import dataclass, field
from datetime import date

from dunwell.ledger.statement_events import AccountEvents

UNPAID = ("principal", "interest", "fees", "costs")
"""What an item of the queue can owe besides penalty."""

WAIVABLE = ("penalty", "fees", "interest")
"""What a cap takes its excess from, in this order."""

_CHARGE_COMPONENTS = {"late_fee": "fees", "other": "fees", "legal_cost": "costs"}


@dataclass(slots=True, eq=False)
class Debt:
    """An item of the queue: an instalment, a charge or a chargeback, with what is unpaid of it."""

    kind: str
    name: str
    due_on: date
    unpaid: dict[str, int]
    carried: int = 0
    accrued: int = 0
    waived: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAIVABLE, 0))

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left of it, not even a part of a minor unit of penalty."""
        return not (self.carried or self.accrued or any(self.unpaid.values()))


def queue_of(events: AccountEvents) -> list[Debt]:
    """All that will fall due, by day; on one day instalments by number, then charges and chargebacks by id."""

    def debt(kind: str, name: str, due_on: date, **owed: int) -> Debt:
        return Debt(kind, name, due_on, dict.fromkeys(UNPAID, 0) | owed)

    instalments = [
        debt(
            "instalment",
            str(i.number),
            i.due_on,
            principal=i.principal_minor,
            interest=i.interest_minor,
            fees=i.fees_minor,
        )
        for i in sorted(events.instalments, key=lambda i: i.number)
    ]
    charges = [
        debt(c.kind, c.charge_id, c.charged_on, **{_CHARGE_COMPONENTS[c.kind]: c.amount_minor})
        for c in sorted(events.charges, key=lambda c: c.charge_id)
    ]
    chargebacks = [
        debt("chargeback", p.payment_id, p.paid_on, principal=p.amount_minor)
        for p in events.standing("chargeback")
    ]
    return sorted(instalments + charges + chargebacks, key=lambda d: d.due_on)
