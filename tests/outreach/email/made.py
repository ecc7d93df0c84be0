"""What the e-mail tests share: settings, a message, an instant."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dunwell.outreach.channel import Message
from dunwell.outreach.email.rendering import render
from dunwell.outreach.email.settings import EmailSettings, parse_email_settings

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ENVIRONMENT = {
    "DUNWELL_EMAIL_SECRET": "5f2d6a0c9b1e4873a6d0f4c2b8e19d37",
    "DUNWELL_EMAIL_SECRET_2025": "00112233445566778899aabbccddeeff",
    "DUNWELL_SMTP_PASSWORD": "correct horse",
}
TABLE: dict[str, Any] = {
    "host": "127.0.0.1",
    "starttls": "none",
    "local_hostname": "mail.lender.example",
    "from_address": "care@lender.example",
    "from_name": "Lender Care 关怀团队",
    "return_path_domain": "bounces.lender.example",
    "postal_address": "Lender Ltd\n1 High Street\nLeeds LS1 1AA",
    "unsubscribe_url": "https://lender.example/unsubscribe",
    "secret_env": "DUNWELL_EMAIL_SECRET",
}
TEXT = """\
Hello Ana,

Your plan
---------

We are here to help. You can

- pay later
- pay in parts

See https://lender.example/plan or write to care@lender.example."""


def made_settings(root: Path = Path(), **changes: Any) -> EmailSettings:
    """The settings of the table above, changed (a key set to None is left out)."""
    table = {key: value for key, value in (TABLE | changes).items() if value is not None}
    return parse_email_settings(table, ENVIRONMENT, root)


def made_message(
    settings: EmailSettings,
    message_id: str = "m-0001",
    to: str = "ana@example.com",
    text: str = TEXT,
    **changes: str,
) -> Message:
    """A message as ``render`` makes it."""
    values = {"subject": "Your plan with Lender", "language": "en"} | changes
    return render(text, to=to, message_id=message_id, settings=settings, **values)
