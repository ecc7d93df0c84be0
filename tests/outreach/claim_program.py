"""Two workers of one SQLite file claim at the same time, one of them slowly: what each got, as JSON. A process of its own, since
the tests' own database lies in memory.

python -m tests.outreach.claim_program FOLDER
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dunwell.settings import Settings, set_up_django
from tests.outreach.worker_program import Everybody, journal_of, now, plan

if TYPE_CHECKING:
    from dunwell.outreach.dispatching import Dispatcher
    from dunwell.outreach.permitting import Asked, Composed

PEOPLE = 60


def main() -> None:
    folder = Path(sys.argv[1])
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'journal.sqlite3'}"
    set_up_django(Settings(root=folder))
    plan(journal_of(), PEOPLE, twice=False)
    print(json.dumps(together(folder)))


def together(folder: Path) -> dict[str, object]:
    """The slow worker has made its messages but for the last when the other claims, and somebody of its batch says stop."""
    from dunwell.journal.recording import NewEvent

    is_halfway, may_go_on = threading.Event(), threading.Event()
    got: dict[str, list[str]] = {}
    seen: list[str] = []

    def slowly(asked: "Asked") -> None:
        if threading.current_thread().name == "slow":
            seen.append(asked.customer_id)
            if len(seen) == 20:
                is_halfway.set()
                may_go_on.wait(20)

    def claim(name: str) -> None:
        worker = worker_of(folder, name, slowly)
        got[name] = [message.to.partition("@")[0] for message in worker.claim().messages]

    slow = threading.Thread(target=claim, args=("slow",), name="slow")
    slow.start()
    assert is_halfway.wait(20), "the slow one was never half-way"
    claim("quick")
    stopped, journal = seen[3], journal_of()
    journal.record([NewEvent("hold.placed", now(), stopped, body={"hold": "cease", "source": "email"})])
    may_go_on.set()
    slow.join()
    return {**got, "stopped": stopped}


def worker_of(folder: Path, name: str, before: "Callable[[Asked], None]") -> "Dispatcher":
    from dunwell.outreach.channel import Message
    from dunwell.outreach.dispatching import Dispatcher, Limits
    from dunwell.outreach.permitting import Composed
    from dunwell.outreach.wire import WireRecord

    def compose(asked: "Asked") -> "Composed":
        before(asked)
        to = f"{asked.customer_id}@customers.example"
        return Composed(Message(asked.work.message_id, to, "Dear you", "en", "Hello"), "t", "0" * 64)

    wire = WireRecord(folder / f"{name}.wire", "this boot")
    wire.__enter__()
    return Dispatcher(
        "email",
        name,
        journal=journal_of(),
        known=Everybody(),
        compose=compose,
        wire=wire,
        limits=Limits(batch=20),
        provider="loopback",
    )


if __name__ == "__main__":
    main()
