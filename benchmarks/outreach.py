"""How many messages a second go through gate, journal and a loopback SMTP server, and what each part costs.

    python -m benchmarks.outreach [--count 5000] [--batch 100] [--connections 8] [--workers 2]

So many workers, each a process, on one database: SQLite and, where a server is installed, PostgreSQL. The mail server is a
sink in a process of its own that takes everything (with ``--one-by-one`` it does not offer PIPELINING). Printed: messages a
second by the clock; the workers' CPU milliseconds a message for the claim (gate, journal), the sending (the message made, SMTP)
and the settling; how busy each process was, which tells what bounds the speed; beside them what filling in and reviewing an
approved text costs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dunwell.settings import Settings, set_up_django
from tests.postgresql import postgresql, programs

_SINK = """
import asyncio, sys
OFFERED = b"250-sink\\r\\n250-8BITMIME\\r\\n" + (b"250-PIPELINING\\r\\n" if sys.argv[1] == "together" else b"") + b"250 OK\\r\\n"
class Sink(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.rest, self.is_data = transport, b"", False
        transport.write(b"220 sink\\r\\n")
    def data_received(self, data):
        self.rest += data
        said = []
        while True:
            line, end, rest = self.rest.partition(b"\\r\\n.\\r\\n" if self.is_data else b"\\r\\n")
            if not end:
                break
            self.rest = rest
            verb = b"" if self.is_data else line[:4].upper()
            self.is_data = verb == b"DATA"
            said.append(OFFERED if verb == b"EHLO" else b"354 go on\\r\\n" if verb == b"DATA" else b"250 ok\\r\\n")
        if said:
            self.transport.write(b"".join(said))
async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def main() -> None:
    """Measure and print, a database after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--one-by-one", action="store_true", help="a mail server that does not offer PIPELINING"
    )
    parser.add_argument("--database", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.database is not None:
        os.environ["DATABASE_URL"] = asked.database
        with tempfile.TemporaryDirectory() as folder:
            set_up_django(Settings(root=Path(folder)))
            if asked.worker is None:
                _plan(asked.count)
            else:
                _work(Path(folder), asked)
        return
    print(
        f"{asked.count:,} messages, batches of {asked.batch}, {asked.connections} connections a worker,"
        f" {asked.workers} worker(s); load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    how = "one by one" if asked.one_by_one else "together"
    with subprocess.Popen([sys.executable, "-c", _SINK, how], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = sink.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="dw") as folder:
            _run("SQLite", f"sqlite:///{folder}/journal.sqlite3", port, asked.workers, sink.pid)
        if programs() is not None:
            with tempfile.TemporaryDirectory(prefix="dw") as folder, postgresql(Path(folder)) as url:
                _run("PostgreSQL", url, port, asked.workers, sink.pid)
        sink.kill()
    _texts()


def _run(name: str, url: str, port: str, worker_count: int, sink_pid: int) -> None:
    """Plan, let all workers get ready, start them together, and print what they did."""
    command = [sys.executable, "-m", "benchmarks.outreach", *sys.argv[1:], "--database", url, "--port", port]
    subprocess.run(command, check=True)
    workers = [
        subprocess.Popen(
            [*command, "--worker", str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(worker_count)
    ]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()  # it is ready
    sink_before, began = _cpu_seconds(sink_pid), time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout is not None]
    took = time.perf_counter() - began
    sink_busy = (_cpu_seconds(sink_pid) - sink_before) / took
    for worker in workers:
        worker.communicate()
    done = sum(one["done"] for one in told)
    each = {part: sum(one["spent"][part] for one in told) * 1000 / done for part in told[0]["spent"]}
    busy = ", ".join(f"{one['cpu'] / took:.0%}" for one in told)
    print(
        f"{name}: {done / took:.0f} messages a second; CPU ms a message: claim {each['claim']:.2f} (gate and journal),"
        f" send {each['send']:.2f}, settle {each['settle']:.2f} (journal)\n"
        f"  busy, of one core: worker {busy}; sink {sink_busy:.0%}. {_bound(told, took, sink_busy)}",
        flush=True,
    )


def _bound(told: Sequence[Mapping[str, Any]], took: float, sink_busy: float) -> str:
    """In words, which process had no time left."""
    if sink_busy > 0.9:
        return "The sink bounds it"
    if max(one["cpu"] for one in told) / took > 0.9:
        return "Each worker's one Python thread at a time bounds it: more workers on more cores are faster"
    return "Waiting bounds it: for a core, the database's lock or disk"


def _cpu_seconds(pid: int) -> float:
    """What a process has used, by the system's account (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _plan(count: int) -> None:
    from tests.outreach.worker_program import journal_of, plan

    plan(journal_of(), count, twice=False)


def _work(folder: Path, how: argparse.Namespace) -> None:
    """One worker: ready, then all that is due, then what it cost."""
    from dunwell.outreach.dispatching import Dispatcher, Limits
    from dunwell.outreach.email.rendering import render
    from dunwell.outreach.email.sender import EmailSender
    from dunwell.outreach.permitting import Asked, Composed
    from dunwell.outreach.wire import WireRecord, this_boot
    from dunwell.outreach.working import Wires
    from tests.outreach.email.made import TEXT, made_settings
    from tests.outreach.worker_program import Everybody, journal_of, now

    settings = made_settings(
        port=how.port, connection_count=how.connections, messages_per_connection_max=1_000_000
    )

    def compose(asked: Asked) -> Composed:
        to = f"{asked.customer_id}@customers.example"
        message = render(TEXT, "About your account", "en", to, asked.work.message_id, settings)
        return Composed(message, "t", "0" * 64)

    spent = {"claim": 0.0, "send": 0.0, "settle": 0.0}
    with WireRecord(folder / "w.wire", this_boot()) as wire, Wires() as wires:
        sender = EmailSender(settings, now, wire.begin)
        worker = Dispatcher(
            "email",
            f"w{how.worker}",
            journal=journal_of(),
            known=Everybody(),
            compose=compose,
            wire=wire,
            limits=Limits(batch=how.batch),
            provider="sink",
        )
        worker.claim()  # opens what is opened once
        worker.recover()
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.process_time()
        done, sending = 0, None
        while True:
            claimed = _timed(spent, "claim", worker.claim)
            if sending is not None:
                outcomes = sending.result()
                done += sum(outcome.certainty == "accepted" for outcome in outcomes)
                _timed(spent, "settle", partial(worker.settle, outcomes))
            if not claimed.messages:
                break
            sending = wires.start(_send(sender, claimed.messages, spent))
        cpu = time.process_time() - began
        wires.start(sender.close()).result()
    print(json.dumps({"done": done, "spent": spent, "cpu": cpu}), flush=True)


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
