"""``python -m benchmarks.office fill --at FOLDER`` makes a workspace of a million cases with ten million events in PostgreSQL;
``python -m benchmarks.office ask --at FOLDER`` serves it and measures what its pages take.
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from benchmarks.measuring import load, machine, say, today
from benchmarks.office.database import children, cluster, processes
from benchmarks.office.filling import office

if TYPE_CHECKING:
    from benchmarks.office.asking import Answers

ROLES = ("collector", "team_lead", "compliance", "auditor", "analyst")
DESKS = 8
PATTERN = 20_000
"""So many customers are run; a larger book and queue repeat them."""

_TICKS = os.sysconf("SC_CLK_TCK")
_READY_S = 1800
_WARM = 5
"""So often a page is asked for before it is measured: each process opens and compiles what it needs once."""


def main() -> None:
    """Fill or ask."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.office", description=__doc__)
    parser.add_argument("what", choices=("fill", "ask", "clean"))
    parser.add_argument(
        "--at", type=Path, default=Path(".build/office"), help="where it lies; some 20 GB for a million"
    )
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument(
        "--pattern", type=int, default=PATTERN, help="customers that are run; the rest repeats them"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2, help="processes that write people and events")
    parser.add_argument("--rounds", type=int, default=40, help="how often each page is asked for, alone")
    chosen = parser.parse_args()
    at = chosen.at.resolve()
    if chosen.what == "clean":
        shutil.rmtree(at, ignore_errors=True)
    elif chosen.what == "fill":
        _fill(at, chosen.cases, chosen.pattern, chosen.seed, chosen.workers)
    else:
        _ask(at, chosen.rounds, random.Random(chosen.seed))


def _fill(at: Path, count: int, pattern: int, seed: int, workers: int) -> None:
    from benchmarks.office.filling import fill

    fill(at, count, min(pattern, count), seed, workers)


def _ask(at: Path, rounds: int, chance: random.Random) -> None:
    from benchmarks.office.asking import Person, ask, kinds_of

    with cluster(at / "postgresql") as url:
        os.environ["DATABASE_URL"] = url
        office(at / "shop")
        cases, names, accounts = _known(at / "shop")
        _people()
        with _served(at / "shop") as (address, server, log):
            kinds = kinds_of(cases, names, accounts, chance)
            people = {role: Person(address, f"load-{role}") for role in ROLES}
            desks = [Person(address, f"load-desk-{number}") for number in range(DESKS)]
            _at_once(desks, lambda person: ask(person, kinds["a case, opened for the first time"], _WARM))
            asked = _Asked(server, at / "postgresql", log)
            say(f"{today()}, load {load():.1f}, {machine()}")
            say(_HEAD)
            for name, kind in kinds.items():
                asked.measure(name, [people[_role_for(name)]], kind, rounds)
            say(f"with {DESKS} collectors at once, load {load():.1f}")
            for name in (*list(kinds)[:2], "a call told of (POST)"):
                asked.measure(f"{name}, {DESKS} at once", desks, kinds[name], rounds // 2)
            _live(address, people["collector"], cases)


_ROLE = {
    **dict.fromkeys(("the board", "who has how many", "coaching"), "team_lead"),
    **dict.fromkeys(
        ("reviews", "decisions of a customer", "complaints", "the regulator's report"), "compliance"
    ),
    **dict.fromkeys(("analytics", "analytics, a section"), "analyst"),
    "audit": "auditor",
}


def _role_for(name: str) -> str:
    return _ROLE.get(name, "collector")


def _known(shop: Path) -> tuple[list[str], list[str], list[str]]:
    """Customers with a case all over the queue, and some names and accounts."""
    import polars as pl

    from dunwell.office.cases.models import Case

    customers = list(Case.objects.order_by("pk").values_list("pk", flat=True)[::397][:4000])
    folder = sorted((shop / "book").glob("partition=*"))[-1]
    names = pl.read_parquet(folder / "customers.parquet", columns=["name"])["name"].drop_nulls().head(400)
    accounts = pl.read_parquet(folder / "accounts.parquet", columns=["account_id"])["account_id"].head(400)
    return customers, names.to_list(), accounts.to_list()


def _people() -> None:
    """Those who ask, and the collectors whose names stand in the events: a lead's pages tell of them."""
    from benchmarks.office.asking import PASSWORD
    from benchmarks.office.journal import DESKS as NAMED
    from dunwell.office.access.models import Staff

    wanted = {f"load-{role}": role for role in ROLES} | {f"load-desk-{n}": "collector" for n in range(DESKS)}
    wanted |= {f"desk{n:02d}": "collector" for n in range(NAMED)}
    for name, role in wanted.items():
        if not Staff.objects.filter(username=name).exists():
            Staff.objects.create_user(name, password=PASSWORD, role=role, is_sample=True)


@contextmanager
def _served(shop: Path) -> Iterator[tuple[str, int, Path]]:
    """The office as people start it: its address, its process, and its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = shop / "serve.log"
    command = [sys.executable, "-m", "dunwell", "serve", "--no-worker", "--port", str(port)]
    with log.open("w") as out, subprocess.Popen(command, cwd=shop, stdout=out, stderr=out) as process:
        try:
            began = time.perf_counter()
            address = f"http://127.0.0.1:{port}"
            while True:
                try:
                    httpx.get(f"{address}/health", timeout=60)
                    break
                except httpx.HTTPError:
                    assert process.poll() is None and time.perf_counter() - began < _READY_S, log.read_text()
                    time.sleep(1)
            say(f"ready after {time.perf_counter() - began:.0f} s")
            yield address, process.pid, log
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


_HEAD = "| | median ms | 95th | 99th | CPU ms, office | CPU ms, PostgreSQL | load |\n|---|---|---|---|---|---|---|"


class _Asked:
    """Asks, and prints what it took: the time in the server by its own log, the processor's by the processes'."""

    def __init__(self, server: int, postgresql: Path, log: Path) -> None:
        self._server, self._postgresql, self._log = server, postgresql, log

    def measure(
        self, name: str, people: Sequence[Any], kind: Callable[[Any], httpx.Response], count: int
    ) -> None:
        """Ask ``count`` times each and print a line."""
        from benchmarks.office.asking import ask

        for _ in range(_WARM):  # what is compiled or opened once is not what a day is like
            kind(people[0])
        before = self._spent()
        found = _at_once(people, lambda person: ask(person, kind, count))
        office, database = (after - then for after, then in zip(self._spent(), before, strict=True))
        total = sum(len(one.ids) for one in found)
        assert not any(one.wrong for one in found), f"{name}: some answers were wrong"
        time.sleep(0.3)
        times = self._times({name for one in found for name in one.ids})
        cuts = quantiles(times, n=100, method="inclusive")
        figures = (median(times), cuts[94], cuts[98], office / total, database / total, load())
        say(f"| {name} | " + " | ".join(f"{figure:.0f}" for figure in figures) + " |")

    def _times(self, ids: set[str]) -> list[float]:
        found = []
        for line in self._log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and '"ms"' in line:
                told = json.loads(line)
                if told.get("request") in ids:
                    found.append(float(told["ms"]))
        return found

    def _spent(self) -> tuple[float, float]:
        """Milliseconds of processor of the office's web processes and of the database's."""
        keeper = [pid for pid in children(self._server) if b"keep_office" in _command(pid)]
        workers = [pid for pid in children(self._server) if pid not in keeper]
        own = {pid for worker in workers for pid in (worker, *children(worker))} | {self._server}
        return _cpu_ms(own), _cpu_ms(set(processes(self._postgresql)))


def _at_once(people: Sequence[Any], act: Callable[[Any], "Answers"]) -> "list[Answers]":
    """Everybody acts at the same time."""
    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(act, people))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _cpu_ms(pids: set[int]) -> float:
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(
            int(fields[number]) for number in (11, 12, 13, 14)
        )  # its own, and that of children that ended
    return total * 1000 / _TICKS


def _live(address: str, person: Any, cases: Sequence[str]) -> None:
    """How soon the desk shows what comes in: a payment in a file, and an answer that waits for a person."""
    from benchmarks.office.asking import seconds_until
    from dunwell.journal.recording import NewEvent
    from dunwell.office.cases.casefile import CaseFile
    from dunwell.office.cases.models import Case
    from dunwell.office.workplace import workplace

    place, (payer, writer) = workplace(), cases[-2:]
    account = CaseFile(place, payer).account_ids[0]
    folder = place.settings.root / "intake"
    folder.mkdir(exist_ok=True)
    name = f"seen-{uuid4()}"
    staging = folder / ".payments.tmp"
    staging.write_text(
        f"payment_id,account_id,paid_on,amount\n{name},{account},{place.clock().date()},1.23\n"
    )
    staging.rename(folder / f"payments-{name}.csv")
    took = seconds_until(lambda: "1.23" in person.get(f"/case/{payer}").text)
    say(f"a payment in a file is on its customer's screen after {took:.1f} s")
    body = {"channel": "sms", "needs_person": True, "is_urgent": True}
    place.journal.record([NewEvent("contact.replied", place.clock(), writer, body=body)])
    took = seconds_until(lambda: Case.objects.get(pk=writer).is_urgent)
    assert writer in person.get("/queue").text
    say(f"who writes is in front of the queue after {took:.1f} s")


if __name__ == "__main__":
    main()
