"""What every channel has in common: a message, what became of sending it, a receipt and a reply.

Each channel is one folder (``email``, ``sms``, ``letter``) with the same few functions, and no channel imports
another:

- ``render(...) -> Message``: an approved text, filled in for one person, in the channel's own form;
- a ``Sender``, made from the channel's settings, that carries messages to the provider;
- ``parse_receipt(raw) -> Receipt | None``: what a provider says later about a message;
- ``parse_reply(raw) -> Reply | None``: what a person writes back.

Errors of the wire are values, not exceptions: a sender answers for every message it was given, in their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

Certainty = Literal["accepted", "refused", "deferred", "unknown"]
"""What is known of a message handed over:

- ``accepted``: the provider took it; it must not be sent again;
- ``refused``: the provider will not take it, now or later (a bad address, a blocked sender);
- ``deferred``: the provider did not take it and may later (throttled, greylisted, no connection); it was surely not sent;
- ``unknown``: the connection ended after the message may have been taken and before the answer came; it is not retried.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one person, as it goes out.

    ``message_id`` is ours, unique for ever and safe in every protocol (letters, digits and hyphens, 36 characters at
    most); it travels along so that receipts, bounces and replies find their way home. ``headers`` is what a channel
    adds of its own kind (an e-mail's List-Unsubscribe, a letter's address lines).
    """

    message_id: str
    to: str
    text: str
    language: str = "en"
    subject: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of handing one message over. ``detail`` is the provider's answer in words, without personal data.

    ``provider_references`` are the provider's own names for it (several where it was split), by which receipts speak.
    ``retry_after_seconds`` is the provider's wish, where it has one. ``in_doubt``: it was put off by a provider that takes a
    message id only once, and may have been taken all the same; it is handed over again, or else it is unknown.
    """

    message_id: str
    certainty: Certainty
    detail: str = ""
    provider_references: tuple[str, ...] = ()
    retry_after_seconds: float | None = None
    in_doubt: bool = False


ReceiptKind = Literal["delivered", "bounced", "delayed", "opened", "unsubscribed", "returned"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider says of a message later. It names the message by our id or by the provider's reference.

    The same receipt may come twice, late, or in any order: ``receipt_id`` is the same for the same receipt.
    ``permanent``: a bounce that will not heal (no such address), after which the contact point is not used.
    """

    receipt_id: str
    kind: ReceiptKind
    at: datetime
    message_id: str | None = None
    provider_reference: str | None = None
    permanent: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person wrote to us: ``sender`` is their address or number, ``reply_id`` the same for the same message.

    ``in_reply_to`` is our message_id where the protocol tells (an e-mail's In-Reply-To, a VERP address).
    ``text`` is only what the person wrote now, without the quoted message below it.
    """

    reply_id: str
    sender: str
    at: datetime
    text: str
    in_reply_to: str | None = None
    language: str | None = None


class Receiver(Protocol):
    """What takes in what comes over a provider's own connection, and sends nothing."""

    async def start(self) -> str | None:
        """Connect, and stay connected; why not yet, or None. It is tried again until ``close``."""
        ...

    async def close(self) -> None:
        """Say goodbye as the protocol has it."""
        ...


class Sender(Protocol):
    """A channel's way to its provider. Made once, used by one worker, closed at the end."""

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over all of them (together, as fast as the provider allows) and answer for each, in their order.

        Never raises for what the wire or the provider does; an exception means a mistake in the program.
        """
        ...

    async def close(self) -> None:
        """Say goodbye as the protocol has it, and let go of the connections."""
        ...
