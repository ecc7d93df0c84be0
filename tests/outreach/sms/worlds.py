"""What the tests of the SMS channel share: settings for loopback, messages, and a handler that remembers."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dunwell.outreach.channel import Message, Receipt, Reply
from dunwell.outreach.sms.settings import SmppSettings

NOW = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)

QUICK = SmppSettings(
    host="127.0.0.1",
    system_id="dunwell",
    password="secret",
    source="85212345678",
    window=10,
    throughput_per_second=10_000,
    enquire_link_seconds=30,
    timeout_seconds=2,
    reconnect_seconds=0.05,
    throttle_seconds=0.02,
    queue_full_seconds=0.05,
)


def at_port(port: int, **changes: Any) -> SmppSettings:
    return replace(QUICK, port=port, **changes)


def clock() -> datetime:
    return NOW


def message(number: int, text: str = "Please call us on 2345 6789.") -> Message:
    return Message(message_id=f"msg-{number}", to=f"8526{number:07}", text=text)


@dataclass
class Inbox:
    """Stores what arrives; refuses the first ``failures`` times."""

    failures: int = 0
    receipts: list[Receipt] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    async def take(self, event: Receipt | Reply) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        if isinstance(event, Receipt):
            self.receipts.append(event)
        else:
            self.replies.append(event)
