"""A mail server on this machine that keeps what it is sent: to practise sending without writing to anybody.

It takes everything, a file a message.
"""

import email
import email.policy
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it arrived: who it was for, and its bytes."""

    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def text(self) -> str:
        """What it says in plain text."""
        plain = self.message.get_body(("plain",))
        return "" if plain is None else str(plain.get_content())


class _Keeping:
    """What the server does with a message: keeps it, then says that it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrived: list[Arrived] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd asks for this name
        """Keep it."""
        raw = envelope.original_content or b""
        self.arrived.append(Arrived(tuple(envelope.rcpt_tos), raw))
        (self.folder / f"{len(self.arrived):06d}.eml").write_bytes(raw)
        return "250 kept"


class Mailbox:
    """The server on 127.0.0.1, while the context lasts. ``port`` 0 takes a free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._keeping = _Keeping(folder)
        self.port = port or _free_port()
        self._controller = Controller(
            self._keeping, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True
        )

    def __enter__(self) -> "Mailbox":
        self._keeping.folder.mkdir(parents=True, exist_ok=True)
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    @property
    def arrived(self) -> Sequence[Arrived]:
        """What has arrived so far."""
        return self._keeping.arrived


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
