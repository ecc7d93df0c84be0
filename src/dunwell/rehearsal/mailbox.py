"""A mail server on this machine that keeps what it is sent: to practise sending without writing to anybody.

It takes everything, a file a message, and writes a page on which all of them can be read.
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
from markupsafe import Markup

_PAGE = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sent messages</title>
<style>
body {{ font: 16px/1.5 system-ui, "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; max-width: 52rem; margin: 2rem auto;
  padding: 0 1rem; color: #1a1a1a; background: #fff; }}
summary {{ cursor: pointer; padding: .5rem 0; border-bottom: 1px solid #ccc; }}
summary span {{ color: #555; margin-left: .6rem; }}
pre {{ white-space: pre-wrap; font: inherit; background: #f5f5f2; padding: 1rem; margin: 0 0 1rem; }}
</style></head><body>
<h1>{count} messages arrived</h1>
<p>The newest {shown} of them, as this machine's practice mail server took them. Nothing left this machine.</p>
{messages}
</body></html>
"""
)
_SHOWN_MAX = 200


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it arrived: who it was for, and its bytes."""

    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)


class _Keeping:
    """What the server does with a message: keeps it, then says that it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.arrived: list[Arrived] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
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

    def write_page(self) -> Path:
        """A page with the messages, the newest first; where it is."""
        newest = self.arrived[::-1][:_SHOWN_MAX]
        told = Markup("\n").join(_told(one) for one in newest)
        file = self._keeping.folder / "index.html"
        page = _PAGE.format(count=f"{len(self.arrived):,}", shown=len(newest), messages=told)
        file.write_text(page, encoding="utf-8")
        return file


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _told(one: Arrived) -> Markup:
    message = one.message
    plain = message.get_body(("plain",))
    text = "" if plain is None else plain.get_content()
    return Markup("<details><summary>{}<span>to {} · {}</span></summary><pre>{}</pre></details>").format(
        message["Subject"], ", ".join(one.recipients), message["Date"], text
    )
