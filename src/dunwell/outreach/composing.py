"""From due work to the message: the approved text that fits, filled in with what this person owes, in their channel's form.

Every text is reviewed as it would be read, at the moment of sending. What cannot be said rightly is not said: no text that
fits, a missing value, a finding of the review are reasons, recorded like those of the gate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dunwell.law import Reason
from dunwell.money import minor_exponent
from dunwell.outreach.channel import Message
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.records import BookRecords, Customer
from dunwell.outreach.texts import Filled, Money, NoText, Text, TextsRefused, choose, fill, locale_of

Render = Callable[[str, Filled, str, Customer], Message]
"""``render(message_id, filled, address, customer)``: the message as its channel has it. Raises ValueError where it cannot be."""

_HOUSE = "dunwell: what cannot be said rightly is not said"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, as the texts say it. ``advice``: where free advice is found, by jurisdiction."""

    name: str
    phone: str
    url: str
    lender: str
    creditor: str
    advice: Mapping[str, str]
    reply_days: int = 14


class Composer:
    """Makes messages for one channel."""

    def __init__(
        self,
        channel: str,
        texts: Sequence[Text],
        records: BookRecords,
        sender: Sender,
        render: Render,
        *,
        actor: str,
        locale: str,
    ) -> None:
        """``locale``: the language for whom the records name none."""
        self._channel, self._texts, self._records = channel, texts, records
        self._sender, self._render, self._actor, self._locale = sender, render, actor, locale

    def __call__(self, asked: Asked) -> Composed | Reason:
        """The message for a contact, or why there is none."""
        customer = self._records.customer(asked.customer_id)
        address = customer.addresses.get(asked.contact_point_id, "")
        language = customer.row.get("language") or self._locale
        zone = (asked.person.timezones or ("UTC",))[0]
        today = asked.at.astimezone(ZoneInfo(zone)).date()
        bound = self._records.gate(asked.customer_id).packs
        packs = tuple(pack.key for pack in bound if not pack.is_house_policy)  # what binds words is law
        try:
            text = choose(
                self._texts,
                language,
                self._channel,
                asked.work.stage.replace(" ", "_"),
                packs,
                today,
                actor=self._actor,
            )
            filled = fill(
                text,
                self._values(asked, customer),
                locale=locale_of(language, customer.row["jurisdiction"]),
                packs=packs,
                actor=self._actor,
                on=today,
            )
            message = self._render(asked.work.message_id, filled, address, customer)
        except NoText as error:
            return Reason("outreach.no-text", _HOUSE, "prohibited", str(error))
        except TextsRefused as error:
            found = ", ".join(sorted({fault.category for fault in error.faults}))
            return Reason(
                "outreach.text-refused",
                _HOUSE,
                "prohibited",
                f"The text as this person would read it: {found}.",
            )
        except ValueError as error:
            return Reason("outreach.unsendable", _HOUSE, "prohibited", str(error))
        return Composed(message, f"{filled.text_id} v{filled.version}", filled.content_hash)

    def _values(self, asked: Asked, customer: Customer) -> dict[str, object]:
        """What the slots hold: who writes, and what is owed on the account that is most overdue."""
        values: dict[str, object] = {
            "name": customer.row.get("name"),
            "sender": self._sender.name,
            "lender": self._sender.lender,
            "creditor": self._sender.creditor,
            "phone": self._sender.phone,
            "url": self._sender.url,
            "advice": self._sender.advice.get(customer.row["jurisdiction"]) or self._sender.advice.get("any"),
            "reply_by": asked.at.date() + timedelta(days=self._sender.reply_days),
            "stopped_on": asked.at.date(),
        }
        worst = _worst(customer.positions, asked.account_ids)
        if worst is not None:
            values |= {
                "account": str(worst["account_id"])[-4:],
                "amount": _money(worst["past_due_total"], worst["currency"]),
                "due_date": worst["oldest_due_on"],
            }
        return values


def _worst(positions: Sequence[Mapping[str, Any]], account_ids: Sequence[str]) -> Mapping[str, Any] | None:
    """The position, of the accounts a contact is about, that is longest overdue."""
    named = [row for row in positions if not account_ids or row["account_id"] in account_ids]
    return max(named, key=lambda row: (row["past_due_days"], row["account_id"]), default=None)


def _money(amount: Decimal, currency: str) -> Money:
    return Money(int(Decimal(amount).scaleb(minor_exponent(currency))), currency)
