"""The demo's day of sending: the work list goes out through the real dispatcher to practice peers on this machine, by e-mail,
text message and letter.

The clock is the demo's own: it jumps from one contact's instant to the next, so that the whole day passes in a minute and
every message is judged at its hour.
"""

import json
import os
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from dunwell.cli.outreach import Workshop, plan_last_run, seal_now, work_channels
from dunwell.journal.keys import make_keys
from dunwell.settings import ENVIRONMENT_FILE, FILE_NAME

if TYPE_CHECKING:
    from dunwell.outreach.working import Tally
    from dunwell.rehearsal.handsets import Handsets
    from dunwell.rehearsal.mailbox import Mailbox

_SECRET = "DUNWELL_DEMO_SECRET"
_SMS_SECRET = "DUNWELL_DEMO_SMS_SECRET"
_PATIENCE_SECONDS = 0.02

_OUTREACH = """
# The practice peers of the demo: nothing leaves this machine. The secrets lie in keys/environment.
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

[outreach.sms]
kind = "http"
url = "{sms_url}"
source = "Example"
secret_env = "{sms_secret}"
webhook_secret_env = "{secret}"
throughput_per_second = 200.0

[outreach.letter]
letterhead = ["Example Lender Ltd", "1 Example Street", "London"]
country = "GB"
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
        if due_at <= self._now:
            sleep(_PATIENCE_SECONDS)  # for the worker of another channel
        self._now = max(self._now, due_at)
        return False


def send_demo(folder: Path, day: date) -> None:
    """Send the day's messages to this machine's practice peers, and print where they can be read."""
    from dunwell.rehearsal.handsets import Handsets
    from dunwell.rehearsal.mailbox import Mailbox

    make_keys(folder / "keys", os.urandom)
    secret = _keep_secrets(folder / "keys" / ENVIRONMENT_FILE)
    with Mailbox(folder / "mail") as mailbox, Handsets(secret) as handsets:
        with (folder / FILE_NAME).open("a", encoding="utf-8") as settings:
            settings.write(
                _OUTREACH.format(
                    port=mailbox.port, secret=_SECRET, sms_url=handsets.url, sms_secret=_SMS_SECRET
                )
            )
        clock = DemoClock(day)
        shop = Workshop(folder, clock)
        planned = plan_last_run(shop)
        tallies = work_channels(
            shop,
            shop.chosen(None),
            until_idle=False,
            worker=None,
            stop=threading.Event(),
            wait=clock.next_due,
        )
        seal_now(shop)
        page = _write_page(folder, mailbox, handsets)
    _tell(planned.new_count, planned.elsewhere_count, tallies)
    print(f"Everything that went out, on one page: {page}")
    print(
        f"One message as its reader sees it: cd {folder} && dunwell outreach preview CUSTOMER_ID --channel letter"
    )


def _keep_secrets(file: Path) -> str:
    """New secrets for the demo's channels, kept where its commands find them; the one of the text messages."""
    sms_secret = secrets.token_hex(32)
    file.touch(mode=0o600)
    file.write_text(f"{_SECRET}={secrets.token_hex(32)}\n{_SMS_SECRET}={sms_secret}\n", encoding="ascii")
    return sms_secret


def _write_page(folder: Path, mailbox: "Mailbox", handsets: "Handsets") -> Path:
    from dunwell.outreach.letter.manifest import MANIFEST
    from dunwell.rehearsal.sent_page import Shown, write_page

    lines = [
        (manifest.parent, json.loads(line))
        for manifest in sorted((folder / "print").glob(f"*/{MANIFEST}"))
        for line in manifest.read_text(encoding="utf-8").splitlines()
    ]
    letters = [
        Shown(
            f"Letter {line['message_id']}",
            f"{line['country']}, {line['pages']} page(s), batch {batch.name}",
            link=(batch / line["file"]).relative_to(folder).as_posix(),
        )
        for batch, line in lines
        if "file" in line
    ]
    emails = [
        Shown(
            str(one.message["Subject"]), f"to {', '.join(one.recipients)} · {one.message['Date']}", one.text
        )
        for one in mailbox.arrived
    ]
    texts = [Shown(f"Text message to {one.to}", f"from {one.source}", one.text) for one in handsets.taken]
    page = folder / "sent.html"
    write_page(page, {"E-mail": emails, "Text messages": texts, "Letters": letters})
    return page


def _tell(planned_count: int, elsewhere_count: int, tallies: "Mapping[str, Tally]") -> None:
    print(
        f"\nOf {planned_count:,} planned messages (calls and visits, {elsewhere_count:,} more, are for people) there went out:"
    )
    for name, tally in sorted(tallies.items()):
        print(
            f"  {name:<8} {tally.by_certainty.get('accepted', 0):>7,}; {tally.not_now:,} times the gate or the text held one"
            " back or put it off"
        )
