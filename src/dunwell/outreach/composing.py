"""From due work to the message: the approved text that fits, filled in with what the records say, in the channel's form.

Every text is reviewed as it would be read, at the moment of sending. What cannot be said rightly is not said: no text that
fits, a missing value, a finding of the review are reasons, recorded like those of the gate.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from dunwell.law import Gate, Reason
from dunwell.ledger import Terms
from dunwell.ledger.statement import AccountEvents
from dunwell.outreach.channel import Message
from dunwell.outreach.facts import MISSING, About, NoFact, Offered, Proposed, Sender, facts
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.records import Customer
from dunwell.outreach.texts import Filled, NoText, Text, TextsRefused, choose, fill, locale_of

Render = Callable[[str, Filled, str, Customer], Message]
"""``render(message_id, filled, address, customer)``: the message as its channel has it. Raises ValueError where it cannot be."""

_HOUSE = "dunwell: what cannot be said rightly is not said"


Offers = Callable[[Asked], Offered | None]
"""The plan that was last offered to the person of a contact."""
Proposals = Callable[[Asked], Proposed | None]
"""What the person of a contact wrote that they will pay, which waits to be confirmed."""


class Known(Protocol):
    """What the records say of people and accounts: the whole book's (``BookRecords``), or one customer's."""

    def customer(self, customer_id: str) -> Customer:
        """What a text may say of this person."""
        ...

    def account(self, account_id: str) -> tuple[AccountEvents, Terms] | None:
        """An account's own events and its product's terms; None where either is not known."""
        ...

    def gate(self, customer_id: str) -> Gate:
        """The gate of the packs that bind this person."""
        ...


class Composer:
    """Makes messages for one channel."""

    def __init__(
        self,
        channel: str,
        texts: Callable[[], Sequence[Text]],
        records: Known,
        sender: Sender,
        render: Render,
        *,
        actor: str,
        locale: str,
        offers: Offers = lambda asked: None,
        proposals: Proposals = lambda asked: None,
    ) -> None:
        """``texts``: those that may be used now, asked for each message; ``locale``: the language where the records name none."""
        self._offers, self._proposals = offers, proposals
        self._channel, self._texts, self._records = channel, texts, records
        self._sender, self._render, self._actor, self._locale = sender, render, actor, locale

    def __call__(self, asked: Asked) -> Composed | Reason:
        """The message for a contact, or why there is none."""
        customer = self._records.customer(asked.customer_id)
        address = customer.addresses.get(asked.contact_point_id, "")
        language = customer.row.get("language") or self._locale
        stage = asked.work.stage.replace(" ", "_")
        about = self._about(asked, customer, stage)
        texts = self._texts()  # outside of what follows: texts that cannot be read stop every message
        bound = self._records.gate(asked.customer_id).packs
        packs = tuple(pack.key for pack in bound if not pack.is_house_policy)  # what binds words is law
        try:
            text = choose(
                texts,
                language,
                self._channel,
                stage,
                packs,
                about.today,
                actor=self._actor,
            )
            values = facts(about, stage)
            if lacking := [name for name in text.slots if values.get(name) is None]:
                return _held("; ".join(MISSING.get(name, f"{{{name}}} is not known") for name in lacking))
            filled = fill(
                text,
                values,
                locale=locale_of(language, customer.row["jurisdiction"]),
                packs=packs,
                actor=self._actor,
                on=about.today,
            )
            message = self._render(asked.work.message_id, filled, address, customer)
        except NoText as error:
            return Reason("outreach.no-text", _HOUSE, "prohibited", str(error))
        except NoFact as error:
            return _held(str(error))
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

    def _about(self, asked: Asked, customer: Customer, stage: str) -> About:
        return About(
            customer,
            asked.person,
            asked.account_ids,
            asked.at,
            self._sender,
            self._records.account,
            self._offers(asked) if stage == "plan_offer" else None,
            self._proposals(asked) if stage == "promise_check" else None,
            asked.withdrawn,
        )


def _held(why: str) -> Reason:
    """A text that needs what the records do not hold."""
    return Reason("outreach.no-fact", _HOUSE, "missing", why)
