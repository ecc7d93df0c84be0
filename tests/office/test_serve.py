"""The office as people start it: a process of its own, asked over HTTP, ended by a signal."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

DUNWELL = [sys.executable, "-m", "dunwell"]
READY_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shop(ran: Path, tmp_path: Path) -> Path:
    shutil.copytree(ran, tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def served(shop: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, once it says where it listens, and its address."""
    port = free_port()
    with (
        (shop / "errors").open("w") as errors,
        subprocess.Popen(
            [*DUNWELL, "serve", "--no-worker", "--port", str(port)],
            cwd=shop,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        yield process, f"http://127.0.0.1:{port}"
        process.kill()


def test_strangers_are_asked_to_sign_in_and_a_signal_ends_it_cleanly(
    served: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = served
    answer = httpx.get(f"{address}/queue", follow_redirects=True, timeout=READY_SECONDS)
    assert answer.status_code == 200
    assert 'name="password"' in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


_MAKE_TOKEN = """
import sys
from pathlib import Path
from dunwell.office.project import set_up_office
from dunwell.settings import read_settings
set_up_office(read_settings(Path.cwd()))
from dunwell.office.access.models import Staff
from dunwell.office.api.tokens import make_token
from dunwell.office.workplace import clock
staff = Staff.objects.create_user("feed", password="a long enough secret", role="compliance")
print(make_token("feed", staff, ["intake", "case.read"], clock())[1])
"""


def test_a_request_under_way_is_answered_and_recorded_before_a_signal_ends_it(
    served: tuple[subprocess.Popen[str], str], shop: Path
) -> None:
    process, address = served
    made = subprocess.run([sys.executable, "-c", _MAKE_TOKEN], cwd=shop, capture_output=True, text=True)
    token = made.stdout.strip()
    assert token, made.stderr
    customer = pl.read_parquet(shop / "book" / "partition=00" / "customers.parquet")["customer_id"][0]
    row = {"hold_id": "H-UNDER-WAY", "customer_id": customer, "kind": "dispute", "from_on": "2026-11-24"}
    body = json.dumps([row]).encode()
    head = (
        f"POST /api/v1/holds HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    assert httpx.get(f"{address}/health", timeout=READY_SECONDS).status_code == 200
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), READY_SECONDS) as line:
        line.sendall(head.encode() + body[:10])
        time.sleep(1)  # it is being read
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        line.sendall(body[10:])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert process.wait(60) == 0
    with sqlite3.connect(shop / "dunwell.sqlite3") as kept:
        count = "SELECT count(*) FROM cases_received WHERE key = 'H-UNDER-WAY'"
        assert kept.execute(count).fetchone() == (1,)


def test_it_ends_when_the_process_beside_the_pages_is_killed(
    served: tuple[subprocess.Popen[str], str], shop: Path
) -> None:
    process, _address = served
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (keeper,) = [one for one in children if b"keep_office" in Path(f"/proc/{one}/cmdline").read_bytes()]
    os.kill(int(keeper), signal.SIGKILL)
    assert process.wait(60) == 1
    assert "Start the office again" in (shop / "errors").read_text(encoding="utf-8")


def test_ctrl_c_reaches_every_process_and_ends_them_without_a_word(
    served: tuple[subprocess.Popen[str], str], shop: Path
) -> None:
    process, address = served
    assert httpx.get(f"{address}/health", timeout=READY_SECONDS).status_code == 200
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) in (0, 130)
    said = (shop / "errors").read_text(encoding="utf-8")
    assert "rror" not in said, said


def test_a_port_that_is_taken_is_said(shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = subprocess.run([*DUNWELL, "serve", "--port", port], cwd=shop, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Choose another --port" in ran.stderr


def test_people_are_added_from_the_command_line(shop: Path) -> None:
    added = subprocess.run(
        [*DUNWELL, "staff", "add", "ann", "--role", "collector", "--jurisdiction", "gb"],
        cwd=shop,
        capture_output=True,
        text=True,
    )
    assert "ann may sign in as collector; password:" in added.stdout
    again = subprocess.run(
        [*DUNWELL, "staff", "add", "ann", "--role", "king"], cwd=shop, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert "there is no role 'king'" in again.stderr


_PEOPLE = re.compile(r"CU\d{6,}|LN\d{8,}")


def test_a_day_s_log_names_nobody(served: tuple[subprocess.Popen[str], str], shop: Path) -> None:
    process, address = served
    made = [*DUNWELL, "staff", "samples"]
    said = subprocess.run(made, cwd=shop, capture_output=True, text=True, check=True).stdout
    password = said.strip().rsplit(" ", 1)[-1]
    partition = shop / "book" / "partition=00"
    points = pl.read_parquet(partition / "contact_points.parquet")
    people = pl.read_parquet(partition / "customers.parquet")
    someone = people.join(points, on="customer_id").filter(pl.col("value").str.contains(r"\d{6}"))
    one = someone.row(0, named=True)
    case, account = f"/case/{one['customer_id']}", "LN00000000000001"
    with httpx.Client(base_url=address, timeout=READY_SECONDS, follow_redirects=True) as desk:

        def post(path: str, **form: str) -> int:
            token = desk.cookies.get("csrftoken", "")
            sent = {"csrfmiddlewaretoken": token, **form}
            return desk.post(path, data=sent, headers={"Referer": address}).status_code

        desk.get("/account/login/")
        post("/account/login/", login=one["value"], password="a wrong one")
        assert post("/account/login/", login="compliance", password=password) == 200
        for path in ("/queue", case, f"{case}/data", f"/decisions?q={one['customer_id']}", f"/{one['name']}"):
            desk.get(path)
        assert desk.get(f"{case}/{one['value']}/{account}").status_code == 404
        assert post(f"{case}/open", reason="complaint") == 200
        assert post("/search", q=one["name"]) == 200
        post("/search", q=one["value"])
        post(f"{case}/data/correct", what="name", new=one["name"] + " Mended", why=f"{one['name']} called")
        post(f"{case}/evidence", why=f"asked for by {one['name']}")
        post(f"{case}/call", point=one["value"], note=one["name"])
        assert (
            desk.post(f"{case}/open", data={"reason": one["name"]}).status_code == 403
        )  # no token of a form
        desk.get("/queue", headers={"Host": f"{one['customer_id']}.example"})
        desk.get("/api/v1/cases/" + one["customer_id"], headers={"Authorization": f"Bearer {one['name']}"})
        desk.request("DELETE", f"{case}?name={one['name']}")
    (shop / "intake").mkdir()
    row = f"hold_id,customer_id,kind,from_on\n{one['name']},{one['customer_id']},nonsense,{one['value']}\n"
    (shop / "intake" / "holds.csv").write_text(row, encoding="utf-8")
    for _ in range(100):
        if not (shop / "intake" / "holds.csv").exists():
            break
        time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    log = (shop / "errors").read_text(encoding="utf-8")
    assert log.count('"event": "request"') > 15
    told = {*people["name"].drop_nulls(), *points["value"].drop_nulls()}
    assert [text for text in told if len(text) > 3 and text in log] == []
    assert [line for line in log.splitlines() if _PEOPLE.search(line)] == []
    for line in log.splitlines():
        json.loads(line)


def test_a_file_that_is_dropped_is_on_the_desk_and_reclassified(
    served: tuple[subprocess.Popen[str], str], shop: Path
) -> None:
    """From the lender's system writing a file to what a collector's page is made of, through the processes that run."""
    _process, address = served
    made = subprocess.run([sys.executable, "-c", _MAKE_TOKEN], cwd=shop, capture_output=True, text=True)
    bearer = {"Authorization": f"Bearer {made.stdout.strip()}"}

    def shown(customer: str) -> Any:
        return httpx.get(f"{address}/api/v1/cases/{customer}", headers=bearer, timeout=READY_SECONDS).json()

    with sqlite3.connect(shop / "dunwell.sqlite3") as kept:
        late = "SELECT customer_id FROM cases_case WHERE past_due_days > 30 ORDER BY 1"
        customer = kept.execute(late).fetchone()[0]
    before = shown(customer)
    debts = [one for one in before["accounts"] if one["past_due_days"]]
    assert before["case"]["stage"] != "closed" and debts
    rows = [
        "payment_id,account_id,paid_on,amount",
        f"FILE-0,{debts[0]['account_id']},2026-11-24,0",
        *(f"FILE-{n},{one['account_id']},2026-11-24,{one['payoff_total']}" for n, one in enumerate(debts, 1)),
    ]
    folder = shop / "intake"
    folder.mkdir(exist_ok=True)
    (folder / "writing.tmp").write_text("\n".join(rows), encoding="utf-8")
    (folder / "writing.tmp").rename(folder / "payments-noon.csv")
    ends = time.monotonic() + READY_SECONDS
    while (after := shown(customer))["case"]["stage"] != "closed":
        assert time.monotonic() < ends, after
        time.sleep(0.2)
    assert {one["past_due_days"] for one in after["accounts"]} == {0}
    with sqlite3.connect(shop / "dunwell.sqlite3") as kept:
        queued = "SELECT stage, past_due_days FROM cases_case WHERE customer_id = ?"
        assert kept.execute(queued, [customer]).fetchone() == ("closed", 0)
    (refused,) = (folder / "done").glob("*.refused.csv")
    assert refused.read_text(encoding="utf-8").splitlines()[1].startswith("1,")
