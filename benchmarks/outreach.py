"""How many messages a second go through gate, journal and a loopback SMTP server, and what each part costs.

    python -m benchmarks.outreach [--count 5000] [--batch 100] [--connections 8]

One worker on SQLite and, where a server is installed, on PostgreSQL. The mail server is a sink in a process of its own that
takes everything. Printed: messages a second by the clock, and the worker's CPU milliseconds a message for the claim (gate,
journal), the sending (the message made, SMTP) and the settling; beside them what filling in and reviewing an approved text costs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dunwell.settings import Settings, set_up_django
from tests.postgresql import postgresql, programs

_SINK = """
import asyncio, sys
async def serve(reader, writer):
    writer.write(b"220 sink\\r\\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"EHLO":
            writer.write(b"250-sink\\r\\n250 8BITMIME\\r\\n")
        elif verb == b"DATA":
            writer.write(b"354 go on\\r\\n")
            await writer.drain()
            await reader.readuntil(b"\\r\\n.\\r\\n")
            writer.write(b"250 kept\\r\\n")
        elif verb == b"QUIT":
            writer.write(b"221 bye\\r\\n")
            break
        else:
            writer.write(b"250 ok\\r\\n")
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def main() -> None:
    """Measure and print, a database after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.database is not None:
        _measure(asked.database, asked.port, asked.count, asked.batch, asked.connections)
        return
    print(f"{asked.count:,} messages, batches of {asked.batch}, {asked.connections} connections, one worker")
    with subprocess.Popen([sys.executable, "-c", _SINK], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = sink.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="dw") as folder:
            _run("SQLite", f"sqlite:///{folder}/journal.sqlite3", port)
        if programs() is not None:
            with tempfile.TemporaryDirectory(prefix="dw") as folder, postgresql(Path(folder)) as url:
                _run("PostgreSQL", url, port)
        sink.kill()
    _texts()


def _run(name: str, url: str, port: str) -> None:
    print(f"{name}:", flush=True)
    arguments = [*sys.argv[1:], "--database", url, "--port", port]
    subprocess.run([sys.executable, "-m", "benchmarks.outreach", *arguments], check=True)


def _measure(database: str, port: int, count: int, batch: int, connections: int) -> None:
    os.environ["DATABASE_URL"] = database
    with tempfile.TemporaryDirectory() as folder:
        set_up_django(Settings(root=Path(folder)))
        from dunwell.outreach.dispatching import Dispatcher, Limits
        from dunwell.outreach.email.rendering import render
        from dunwell.outreach.email.sender import EmailSender
        from dunwell.outreach.permitting import Asked, Composed
        from dunwell.outreach.wire import WireRecord, this_boot
        from dunwell.outreach.working import Wires
        from tests.outreach.email.made import TEXT, made_settings
        from tests.outreach.worker_program import Everybody, journal_of, now, plan

        journal = journal_of()
        plan(journal, count, twice=False)
        settings = made_settings(
            port=port, connection_count=connections, messages_per_connection_max=1_000_000
        )

        def compose(asked: Asked) -> Composed:
            to = f"{asked.customer_id}@customers.example"
            return Composed(
                render(TEXT, "About your account", "en", to, asked.work.message_id, settings), "t", "0" * 64
            )

        spent = {"claim": 0.0, "send": 0.0, "settle": 0.0}
        with WireRecord(Path(folder) / "w.wire", this_boot()) as wire, Wires() as wires:

            async def begin(message_ids: Sequence[str]) -> None:
                wire.begin(message_ids)

            sender = EmailSender(settings, now, begin)
            worker = Dispatcher(
                "email",
                "w1",
                journal=journal,
                known=Everybody(),
                compose=compose,
                wire=wire,
                limits=Limits(batch=batch),
                provider="sink",
            )
            worker.claim()  # opens what is opened once
            worker.recover()
            done = 0
            began = time.perf_counter()
            sending: Any = None
            while True:
                claimed = _timed(spent, "claim", worker.claim)
                if sending is not None:
                    outcomes = sending.result()
                    done += len(outcomes)
                    _timed(spent, "settle", lambda outcomes=outcomes: worker.settle(outcomes))
                if not claimed.messages:
                    break
                sending = wires.start(_send(sender, claimed.messages, spent))
            took = time.perf_counter() - began
            wires.start(sender.close()).result()
    each = {name: seconds * 1000 / max(done, 1) for name, seconds in spent.items()}
    print(
        f"  {done / took:6.0f} messages a second; CPU ms a message: claim {each['claim']:.2f} (gate and journal),"
        f" send {each['send']:.2f}, settle {each['settle']:.2f} (journal)"
    )


def _timed(spent: dict[str, float], name: str, do: Any) -> Any:
    began = time.thread_time()
    answer = do()
    spent[name] += time.thread_time() - began
    return answer


async def _send(sender: Any, messages: Sequence[Any], spent: dict[str, float]) -> Any:
    began = time.thread_time()
    outcomes = await sender.send(messages)
    spent["send"] += time.thread_time() - began
    return outcomes


def _texts() -> None:
    """What it costs to fill in and review an approved text for one person."""
    from datetime import date

    from dunwell.outreach.texts import SHIPPED, Money, choose, fill, load_texts, locale_of

    day = date(2026, 11, 24)
    texts = load_texts(SHIPPED, day)
    for language, channel in (("en", "email"), ("en", "sms"), ("zh", "email"), ("zh", "sms")):
        text = choose(texts, language, channel, "reminder", ("us-reg-f",), day, actor="first_party")
        values = {
            "sender": "Example Lender",
            "phone": "+44 20 7946 0123",
            "due_date": date(2026, 10, 1),
            "url": "https://pay.example.test",
            "advice": "a free advice service",
        }
        count = 50
        began = time.process_time()
        for number in range(count):
            own = {"name": f"Ann {'ABCDEFGHIJ'[number % 10]}. Miller", "account": f"{1000 + number}"}
            own |= {"amount": Money(10_000 + number, "USD")}  # type: ignore[dict-item]
            fill(
                text,
                values | own,
                locale=locale_of(language, "us"),
                packs=("us-reg-f",),
                actor="first_party",
                on=day,
            )
        took = (time.process_time() - began) * 1000 / count
        print(f"a text filled in and reviewed as it is read ({language} {channel}): {took:.2f} ms CPU")


if __name__ == "__main__":
    main()
