"""How many messages a second go through gate, journal and a loopback SMTP server, and what each part costs.

    python -m benchmarks.outreach [--count 5000] [--batch 100] [--connections 8] [--workers 2] [--bare]

So many workers, each a process, on one database: SQLite and, where a server is installed, PostgreSQL. Each message is an approved
text, filled in and reviewed as its person reads it, and signed with an RSA and an Ed25519 key (with ``--bare`` one fixed text,
unsigned: what is left is dunwell's own bookkeeping). The mail server is a sink in a process of its own that takes everything
(with ``--one-by-one`` it does not offer PIPELINING). Printed: messages a second by the clock; CPU milliseconds a message of the
workers for gate and journal (claim and settle), for the text (filled in, reviewed, laid out) and for the sending (composed,
signed, SMTP), and of the database's server; how busy each process was, which tells what bounds the speed; and what filling in and
reviewing texts of other kinds costs.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
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
    parser.add_argument("--bare", action="store_true", help="one fixed text, unsigned")
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
        f" {asked.workers} worker(s){', bare' if asked.bare else ''};"
        f" load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    how = "one by one" if asked.one_by_one else "together"
    with subprocess.Popen([sys.executable, "-c", _SINK, how], stdout=subprocess.PIPE, text=True) as sink:
        assert sink.stdout is not None
        port = sink.stdout.readline().strip()
        with tempfile.TemporaryDirectory(prefix="dw") as folder:
            _run("SQLite", f"sqlite:///{folder}/journal.sqlite3", port, asked.workers, sink.pid, None)
        if programs() is not None:
            with tempfile.TemporaryDirectory(prefix="dw") as folder, postgresql(Path(folder)) as url:
                server = int((Path(folder) / "data" / "postmaster.pid").read_text().split()[0])
                _run("PostgreSQL", url, port, asked.workers, sink.pid, server)
        sink.kill()
    _texts()


def _run(name: str, url: str, port: str, worker_count: int, sink_pid: int, server: int | None) -> None:
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
    server_before = _family_seconds(server)
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout is not None]
    took = time.perf_counter() - began
    sink_busy = (_cpu_seconds(sink_pid) - sink_before) / took
    server_spent = _family_seconds(server) - server_before
    for worker in workers:
        worker.communicate()
    done = sum(one["done"] for one in told)
    each = {part: sum(one["spent"][part] for one in told) * 1000 / done for part in told[0]["spent"]}
    busy = ", ".join(f"{one['cpu'] / took:.0%}" for one in told)
    own, text = each["claim"] - each["text"] + each["settle"], each["text"]
    lock = "" if server is not None else f"; {each['locked']:.2f} of it under the write lock"
    served = "" if server is None else f", server {server_spent * 1000 / done:.2f}"
    print(
        f"{name}: {done / took:.0f} messages a second; CPU ms a message: gate and journal {own:.2f}{lock}, text {text:.2f},"
        f" send {each['send']:.2f}{served}\n"
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


def _family_seconds(pid: int | None) -> float:
    """What a process and its children (a database server's) have used; 0 for none."""
    if pid is None:
        return 0.0
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(_cpu_seconds(int(one)) for one in (str(pid), *children))


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

    signed = {} if how.bare else {"dkim": _made_keys(folder)}
    settings = made_settings(
        folder,
        port=how.port,
        connection_count=how.connections,
        messages_per_connection_max=1_000_000,
        **signed,
    )
    spent = {"claim": 0.0, "text": 0.0, "send": 0.0, "settle": 0.0, "locked": 0.0}
    _watch_the_lock(spent)
    words = (lambda number: (TEXT, "About your account")) if how.bare else _letters()

    def compose(asked: Asked) -> Composed:
        began = time.thread_time()
        text, subject = words(int(asked.customer_id[1:]))
        to = f"{asked.customer_id}@customers.example"
        message = render(text, subject, "en", to, asked.work.message_id, settings)
        spent["text"] += time.thread_time() - began
        return Composed(message, "t", "0" * 64)

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
        for number in range(300 if not how.bare else 0):
            words(-1 - number)  # what is read and compiled once
        worker.claim()  # opens what is opened once
        worker.recover()
        gc.collect()
        gc.freeze()  # as ``working.work`` does
        print("ready", flush=True)
        sys.stdin.readline()
        spent.update(dict.fromkeys(spent, 0.0))
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


def _watch_the_lock(spent: dict[str, float]) -> None:
    """Add up the CPU seconds between the begin and the end of each transaction of this thread's connection to SQLite."""
    from django.db import connection

    if connection.vendor != "sqlite":
        return
    wrapper: Any = connection
    connection.ensure_connection()
    begin, commit = wrapper._start_transaction_under_autocommit, wrapper._commit
    began = 0.0

    def watched_begin() -> None:
        nonlocal began
        begin()
        began = time.thread_time()

    def watched_commit() -> None:
        commit()
        spent["locked"] += time.thread_time() - began

    wrapper._start_transaction_under_autocommit, wrapper._commit = watched_begin, watched_commit


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


def _letters() -> Callable[[int], tuple[str, str]]:
    """Text and subject of an approved e-mail for each of many people, filled in and reviewed."""
    fill_one = _filler("en", "email")

    def words(number: int) -> tuple[str, str]:
        filled = fill_one(number)
        return filled.text, filled.subject

    return words


def _filler(language: str, channel: str) -> Callable[[int], Any]:
    """Fills in a shipped text for a person by their number: no two have all their words in common."""
    from datetime import date

    from dunwell.outreach.texts import SHIPPED, Money, choose, fill, load_texts, locale_of

    day = date(2026, 11, 24)
    texts = load_texts(SHIPPED, day)
    text = choose(texts, language, channel, "reminder", ("us-reg-f",), day, actor="first_party")
    values = {
        "sender": "Example Lender",
        "phone": "+44 20 7946 0123",
        "due_date": date(2026, 10, 1),
        "url": "https://pay.example.test",
        "advice": "a free advice service",
    }

    def fill_one(number: int) -> Any:
        own = {
            "name": f"Ann {'ABCDEFGHIJ'[number % 10]}. Miller",
            "account": f"{1000 + abs(number) % 9000}",
            "amount": Money(10_000 + abs(number) * 7, "USD"),
        }
        return fill(
            text,
            values | own,
            locale=locale_of(language, "us"),
            packs=("us-reg-f",),
            actor="first_party",
            on=day,
        )

    return fill_one


def _texts() -> None:
    """What it costs to fill in and review an approved text for one person, once what is read once has been read."""
    count = 200
    for language, channel in (("en", "email"), ("en", "sms"), ("zh", "email"), ("zh", "sms")):
        fill_one = _filler(language, channel)
        for number in range(500):
            fill_one(number)
        best = min(_spent_filling(fill_one, turn * count, count) for turn in range(1000 // count, 9))
        print(f"a text filled in and reviewed as it is read ({language} {channel}): {best:.2f} ms CPU")


def _spent_filling(fill_one: Callable[[int], Any], first: int, count: int) -> float:
    """CPU ms a text."""
    began = time.process_time()
    for number in range(first, first + count):
        fill_one(number)
    return (time.process_time() - began) * 1000 / count


def _made_keys(folder: Path) -> list[dict[str, str]]:
    """A DKIM key of each kind, as the settings name them."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

    made: dict[str, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    for name, key in made.items():
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(pem)
    return [{"domain": "lender.example", "selector": name, "key_file": f"{name}.pem"} for name in made]


if __name__ == "__main__":
    main()
