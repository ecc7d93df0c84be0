"""A worker as a process of its own, for the tests that kill it: the real dispatcher, database and SMTP connection.

python -m tests.outreach.worker_program plan|work|report FOLDER DATABASE PORT NAME COUNT
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dunwell.journal.keys import LocalMasterKeys
from dunwell.law import Account, ContactPoint, Gate, Person
from dunwell.law.overlay import read_law
from dunwell.outreach.email.rendering import render
from dunwell.outreach.email.sender import EmailSender
from dunwell.settings import Settings, set_up_django
from tests.outreach.email.made import made_settings

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal
    from dunwell.outreach.records import Customer

LAW = Path(__file__).parents[2] / "src" / "dunwell" / "cli" / "new_workspace" / "policy" / "law.toml"
TWICE_EVERY = 4
"""Every so-manieth person has two messages due, of which the contact budget allows one."""


def now() -> datetime:
    return datetime.now(UTC)


class Everybody:
    """Records that know everybody, under the house's floor and the contact budget of a new workspace."""

    def __init__(self) -> None:
        self._gate = Gate(["house-floor", "house"], "first_party", known=read_law(LAW).packs)

    def people(self, customer_ids: Sequence[str]) -> Mapping[str, Person]:
        return {name: person(name) for name in customer_ids}

    def gate(self, customer_id: str) -> Gate:
        return self._gate

    def customer(self, customer_id: str) -> "Customer":
        from dunwell.outreach.records import Customer

        return Customer({"customer_id": customer_id}, {}, ())

    def owners(self, channel: str, address: str) -> Sequence[tuple[str, str]]:
        return ()

    def known_until(self) -> datetime:
        return now() - timedelta(hours=12)


def person(name: str) -> Person:
    """Somebody for whom it is about noon, so that the day of the contact budget does not end meanwhile."""
    return Person(
        name,
        timezones=(f"Etc/GMT{now().hour - 12:+d}",),
        accounts={f"{name}-A": Account(20)},
        contact_points={f"{name}-e": ContactPoint("email")},
    )


def main() -> None:
    what, folder, database, port, name, count = sys.argv[1:]
    os.environ["DATABASE_URL"] = database
    set_up_django(Settings(root=Path(folder)))
    journal = journal_of()
    if what == "plan":
        plan(journal, int(count))
    elif what == "work":
        work_until_idle(journal, Path(folder), int(port), name)
    else:
        report(journal)


def journal_of() -> "Journal":
    """The journal of this process's database, under the tests' master key."""
    from dunwell.journal.recording import Journal

    master = LocalMasterKeys({"k1": bytes(range(32))}, os.urandom)
    return Journal(master, clock=now, random=os.urandom)


def plan(journal: "Journal", count: int, *, twice: bool = True) -> None:
    from django.core.management import call_command

    from dunwell.outreach.models import Work

    call_command("migrate", verbosity=0)
    at = now()
    names = [f"C{number:05d}" for number in range(count)]
    subjects = journal.vault.admit(names, at)
    journal.vault.open_keys(list(subjects.values()))
    rows = []
    for number, customer in enumerate(names):
        subject = subjects[customer]
        for turn in range(2 if twice and number % TWICE_EVERY == 0 else 1):
            rows.append(
                Work(
                    message_id=str(UUID(bytes=os.urandom(16))),
                    key=f"{customer}:{turn}",
                    subject_id=subject,
                    channel="email",
                    stage="reminder",
                    purpose="remind",
                    contact_point=journal.vault.pseudonym(subject, "point", f"{customer}-e"),
                    accounts=journal.vault.pseudonym(subject, "account", f"{customer}-A"),
                    due_at=at,
                    expires_at=at + timedelta(hours=6),
                    changed_at=at,
                )
            )
    Work.objects.bulk_create(rows, batch_size=500)


def work_until_idle(journal: "Journal", folder: Path, port: int, name: str) -> None:
    import time

    from dunwell.outreach.dispatching import Dispatcher, Limits
    from dunwell.outreach.permitting import Asked, Composed
    from dunwell.outreach.wire import WireRecord, this_boot
    from dunwell.outreach.working import Wires, work

    settings = made_settings(port=port, timeout_seconds=5.0)

    def compose(asked: Asked) -> Composed:
        to = f"{asked.customer_id}@customers.example"
        text = f"Dear {asked.customer_id}, please write to us about your account."
        message = render(text, "About your account", "en", to, asked.work.message_id, settings)
        return Composed(message, "test", "0" * 64)

    def wait(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    with WireRecord(folder / f"{name}.wire", this_boot()) as wire, Wires() as wires:

        async def begin(message_ids: Sequence[str]) -> None:
            wire.begin(message_ids)

        sender = EmailSender(settings, now, begin)
        dispatcher = Dispatcher(
            "email",
            name,
            journal=journal,
            known=Everybody(),
            compose=compose,
            wire=wire,
            limits=Limits(batch=20, attempts_max=8, back_off_seconds=0.05),
            provider="loopback",
        )
        work(dispatcher, sender, wires, wait, until_idle=True)
        wires.start(sender.close()).result()


def report(journal: "Journal") -> None:
    from dunwell.journal.models import Event
    from dunwell.outreach.models import Work

    customers = journal.vault.customer_ids(list(Work.objects.values_list("subject_id", flat=True)))
    works = [
        {
            "message_id": row.message_id,
            "customer_id": customers[str(row.subject_id)],
            "state": row.state,
            "why": row.why,
        }
        for row in Work.objects.all()
    ]
    events: dict[str, list[str]] = {}
    for kind, body in Event.objects.order_by("id").values_list("kind", "body"):
        events.setdefault(json.loads(body).get("message_id", ""), []).append(kind)
    print(json.dumps({"works": works, "events": events}))


if __name__ == "__main__":
    main()
