"""The office is told to end while its worker sends: no message is lost and none goes out twice, counted where they arrive."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.cli.test_outreach_command import NAME, OUTREACH, SECRET, _zone
from tests.commands import dunwell
from tests.office.test_serve import DUNWELL, READY_SECONDS, free_port
from tests.outreach.smtp_server import Fault, SmtpServer, Stage

pytestmark = pytest.mark.slow

PEOPLE = [f"C{number:03d}" for number in range(60)]
_PLAN = """
from pathlib import Path
from dunwell.cli.outreach import Workshop, plan_last_run
print(plan_last_run(Workshop(Path.cwd())).new_count)
"""


def slow(stage: Stage, recipient: str, attempt: int) -> Fault | None:
    """Every message is kept at once and acknowledged a while later, so that a signal always meets some in between."""
    return Fault("reply", delay_seconds=0.3, is_taken=True) if stage == "reply" else None


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of sixty people who are late, after a run, with an e-mail planned for each."""
    monkeypatch.setenv(NAME, SECRET)
    folder = tmp_path / "shop"
    dunwell("init", folder, at=tmp_path)
    zone, clock = _zone()
    today = datetime.now(clock).date()
    due, opened = today - timedelta(days=20), today - timedelta(days=400)
    tape = folder / "tape"
    for file in tape.glob("*.csv"):
        file.unlink()
    tables = {
        "customers": ["customer_id,name,language,jurisdiction,region,timezone"]
        + [f"{name},{name} Example,en,gb,GB-ENG,{zone}" for name in PEOPLE],
        "accounts": ["account_id,customer_id,product,currency,principal,annual_rate,opened_on,status"]
        + [f"A-{name},{name},personal-loan,GBP,1000.00,0.1,{opened},active" for name in PEOPLE],
        "instalments": ["account_id,number,due_on,principal,interest"]
        + [f"A-{name},1,{due},1000.00,20.00" for name in PEOPLE],
        "payments": ["payment_id,account_id,paid_on,amount"],
        "contact_points": ["contact_point_id,customer_id,kind,value"]
        + [f"P-{name},{name},email,{name.lower()}@customers.test" for name in PEOPLE],
    }
    for table, rows in tables.items():
        (tape / f"{table}.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    dunwell("run", "--as-of", str(today), at=folder)
    dunwell("evidence", "keys", at=folder)
    return folder


def works(shop: Path) -> dict[str, str]:
    """Every message's state."""
    with closing(sqlite3.connect(shop / "dunwell.sqlite3")) as kept:
        return dict(kept.execute("SELECT message_id, state FROM outreach_work"))


def sent_events(shop: Path) -> Counter[str]:
    with closing(sqlite3.connect(shop / "dunwell.sqlite3")) as kept:
        rows = kept.execute("SELECT body FROM journal_event WHERE kind = 'contact.sent'")
        return Counter(json.loads(body)["message_id"] for (body,) in rows)


def arrived(server: SmtpServer) -> Counter[str]:
    ids = (str(message_from_bytes(one.content)["Message-ID"]) for one in server.taken)
    return Counter(one.strip("<>").partition("@")[0] for one in ids)


def serve_until(shop: Path, server: SmtpServer, count: int) -> int:
    """Serve until so many messages more have arrived, end it by a signal; how many had when it was gone."""
    before = len(server.taken)
    with (shop / "errors").open("a") as errors:
        process = subprocess.Popen(
            [*DUNWELL, "serve", "--port", str(free_port())], cwd=shop, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None and process.stdout.readline()
        ends = time.monotonic() + READY_SECONDS
        while len(server.taken) < before + count and time.monotonic() < ends:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(READY_SECONDS) == 0, (shop / "errors").read_text(encoding="utf-8")
        process.stdout.close()
    return len(server.taken)


def test_a_signal_while_messages_are_on_the_wire_loses_none_and_sends_none_twice(shop: Path) -> None:
    with SmtpServer(plan=slow) as server:
        with (shop / "dunwell.toml").open("a", encoding="utf-8") as stream:
            stream.write(OUTREACH.format(port=server.port, name=NAME))
        planned = subprocess.run([sys.executable, "-c", _PLAN], cwd=shop, capture_output=True, text=True)
        assert planned.stdout.strip() == str(len(PEOPLE)), planned.stderr
        for count in (3, 7, 5):
            gone = serve_until(shop, server, count)
            states = works(shop)
            counted = Counter(states.values())
            assert len(states) == len(PEOPLE), "no message is lost"
            assert set(counted) <= {"sent", "due"}, (
                "what was on the wire is awaited and recorded: none is in doubt"
            )
            assert counted["sent"] == gone == len(server.taken), (
                "what arrived is recorded before the process ends"
            )
            if gone == len(PEOPLE):
                break
        assert counted["due"] > 0 or gone == len(PEOPLE)
        dunwell("outreach", "send", at=shop)
        assert set(works(shop).values()) == {"sent"}
        assert arrived(server) == Counter(list(works(shop))), "every message arrived once"
        assert sent_events(shop) == arrived(server)
        assert len({one.recipient for one in server.taken}) == len(PEOPLE)
