"""The demo's day of sending: the work list goes out through the real dispatcher to a mail server on this machine.

The clock is the demo's own: it jumps from one contact's instant to the next, so that the whole day passes in a minute and
every message is judged at its hour.
"""

import os
import secrets
import threading
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from dunwell.cli.outreach import Workshop, plan_last_run, seal_now, work_channels
from dunwell.journal.keys import make_keys
from dunwell.settings import FILE_NAME

_SECRET = "DUNWELL_DEMO_MAIL_SECRET"

_OUTREACH = """
# The practice mail server of the demo: nothing leaves this machine.
[outreach]
phone = "+44 20 7946 0123"
url = "https://pay.example-lender.test"

[outreach.advice]
any = "your local free debt advice service"
gb = "MoneyHelper, 0800 138 7777"
us = "a nonprofit credit counseling agency"
cn = "当地消费者保护机构"

[outreach.email]
host = "127.0.0.1"
port = {port}
starttls = "none"
from_address = "care@example-lender.test"
from_name = "Example Lender"
return_path_domain = "bounces.example-lender.test"
postal_address = "Example Lender Ltd, 1 Example Street, London"
unsubscribe_url = "https://example-lender.test/unsubscribe"
secret_env = "{secret}"
"""


class DemoClock:
    """Starts with the day and jumps to the next contact when there is nothing to do."""

    def __init__(self, day: date) -> None:
        self._now = datetime.combine(day, time(), UTC) - timedelta(hours=12)
        self._ends = datetime.combine(day, time(), UTC) + timedelta(hours=36)

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self._now

    def next_due(self, seconds: float) -> bool:
        """Jump to the next contact that is due; True when the day is over."""
        from dunwell.outreach.models import State, Work

        if seconds == 0.0:
            return False
        due_at = (
            Work.objects.filter(state=State.DUE).order_by("due_at").values_list("due_at", flat=True).first()
        )
        if due_at is None or due_at > self._ends:
            return True
        self._now = max(self._now, due_at)
        return False


def send_demo(folder: Path, day: date) -> None:
    """Send the day's e-mails to a mail server on this machine, and print where they can be read."""
    from dunwell.rehearsal.mailbox import Mailbox

    os.environ.setdefault(_SECRET, secrets.token_hex(32))
    make_keys(folder / "keys", os.urandom)
    with Mailbox(folder / "mail") as mailbox:
        with (folder / FILE_NAME).open("a", encoding="utf-8") as settings:
            settings.write(_OUTREACH.format(port=mailbox.port, secret=_SECRET))
        clock = DemoClock(day)
        shop = Workshop(folder, clock)
        planned = plan_last_run(shop)
        tallies = work_channels(
            shop,
            shop.chosen("email"),
            until_idle=False,
            worker="demo",
            stop=threading.Event(),
            wait=clock.next_due,
        )
        seal_now(shop)
        page = mailbox.write_page()
    tally = tallies["email"]
    print(
        f"\nOf {planned.new_count:,} planned e-mails {tally.by_certainty.get('accepted', 0):,} went out to this machine's"
        f" practice mail server, {tally.not_now:,} times the gate or the text held one back or put it off: {page}"
    )
