"""``dunwell outreach`` and ``evidence`` as people run them: messages to a mail server on loopback, and all that comes back."""

import hashlib
import hmac
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from dunwell.rehearsal.mailbox import Mailbox
from tests.commands import dunwell
from tests.office.test_serve import DUNWELL, free_port
from tests.outreach.smsc import Smsc, smsc_running

SECRET = "0123456789abcdef" * 4
NAME = "DUNWELL_TEST_SECRET"
SMPP_NAME = "DUNWELL_TEST_SMPP_PASSWORD"
PEOPLE = ("ANN", "BEN", "CAT")

OUTREACH = """
[outreach]
phone = "+44 20 7946 0123"
url = "https://pay.lender.test"

[outreach.advice]
any = "MoneyHelper, 0800 138 7777"

[outreach.email]
host = "127.0.0.1"
port = {port}
starttls = "none"
from_address = "care@lender.test"
return_path_domain = "bounces.lender.test"
postal_address = "Example Lender Ltd, 1 Example Street, London"
unsubscribe_url = "https://lender.test/unsubscribe"
secret_env = "{name}"

[outreach.sms]
kind = "http"
url = "http://127.0.0.1:1/messages"
source = "Lender"
secret_env = "{name}"
webhook_secret_env = "{name}"

[outreach.letter]
letterhead = ["Example Lender Ltd", "1 Example Street, London"]
country = "GB"
workers = 1
"""

pytestmark = pytest.mark.slow


def _zone() -> tuple[str, timezone]:
    """A zone in which it is some six in the evening now: the working day is over and contacts are still lawful."""
    ahead = (18 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT", timezone(timedelta(hours=ahead))


@dataclass
class World:
    """A workspace, and the mail server that its messages go to."""

    folder: Path
    mailbox: Mailbox

    def link(self, number: int) -> str:
        return str(self.mailbox.arrived[number].message["List-Unsubscribe"]).strip("<>")

    def of(self, name: str) -> int:
        """The number of this person's message among those that arrived."""
        return [one.recipients[0].partition("@")[0].upper() for one in self.mailbox.arrived].index(name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A workspace with three people twenty days late, after a run of today."""
    folder = tmp_path_factory.mktemp("outreach") / "shop"
    dunwell("init", folder, at=folder.parent)
    zone, clock = _zone()
    today = datetime.now(clock).date()
    due, opened = today - timedelta(days=20), today - timedelta(days=400)
    tape = folder / "tape"
    for file in tape.glob("*.csv"):
        file.unlink()
    tables = {
        "customers": "customer_id,name,language,jurisdiction,region,timezone\n"
        + "".join(f"{n},{n.title()} Example,en,gb,GB-ENG,{zone}\n" for n in PEOPLE),
        "accounts": "account_id,customer_id,product,currency,principal,annual_rate,opened_on,status\n"
        + "".join(f"A-{n},{n},personal-loan,GBP,1000.00,0.1,{opened},active\n" for n in PEOPLE),
        "instalments": "account_id,number,due_on,principal,interest\n"
        + "".join(f"A-{n},1,{due},1000.00,20.00\n" for n in PEOPLE),
        "payments": "payment_id,account_id,paid_on,amount\n",
        "contact_points": "contact_point_id,customer_id,kind,value\n"
        + "".join(f"P-{n},{n},email,{n.lower()}@customers.test\n" for n in PEOPLE),
    }
    for name, text in tables.items():
        (tape / f"{name}.csv").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, Mailbox(folder.parent / "mail") as mailbox:
        patch.setenv(NAME, SECRET)
        patch.setenv(SMPP_NAME, "smpp-pass")
        with (folder / "dunwell.toml").open("a", encoding="utf-8") as stream:
            stream.write(OUTREACH.format(port=mailbox.port, name=NAME))
        dunwell("run", "--tape", "tape/", "--as-of", str(today), at=folder)
        assert "Run `dunwell evidence keys`" in dunwell("outreach", "send", at=folder, code=1).stderr
        dunwell("evidence", "keys", at=folder)
        told = json.loads(dunwell("outreach", "send", "--json", at=folder).stdout)
        assert told["planned"]["new_count"] == 3, told
        assert told["channels"]["email"]["by_certainty"] == {"accepted": 3}, told
        yield World(folder, mailbox)


@contextmanager
def listening(at: Path) -> Iterator[httpx.Client]:
    """A client of ``dunwell outreach listen``, which is ended as Ctrl-C ends it."""
    command = [
        sys.executable,
        "-c",
        "from dunwell.cli import main; main()",
        "outreach",
        "listen",
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, cwd=at, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    with process:
        try:
            said = process.stdout.readline()
            assert said.startswith("listening on http://"), said + process.stderr.read()
            with httpx.Client(base_url=said.split()[2].rstrip(";"), timeout=120) as client:
                yield client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
        assert process.returncode == 0
        assert "Traceback" not in process.stderr.read()


def answers(world: World, *options: str) -> list[dict[str, object]]:
    told = json.loads(dunwell("outreach", "inbox", "--json", *options, at=world.folder).stdout)
    found: list[dict[str, object]] = told["answers"]
    return found


def test_the_same_day_is_sent_once(world: World) -> None:
    told = json.loads(dunwell("outreach", "send", "--json", at=world.folder).stdout)
    assert (told["planned"]["new_count"], told["planned"]["known_count"]) == (0, 3)
    assert len(world.mailbox.arrived) == 3


def test_an_answer_is_taken_in_once_and_waits_for_a_person(world: World, tmp_path: Path) -> None:
    ours = world.mailbox.arrived[world.of("ANN")].message
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = "ann@customers.test", "care@lender.test", "Re: hello"
    answer["Message-ID"], answer["In-Reply-To"] = "<1@customers.test>", ours["Message-ID"]
    answer.set_content("I would like to speak to somebody about my account.")
    file = tmp_path / "answer.eml"
    file.write_bytes(bytes(answer))
    said = [dunwell("outreach", "receive", "email", file, at=world.folder).stdout for _ in range(2)]
    assert "1 answers and 0 receipts taken in; 0 answers were known already" in said[0]
    assert "0 answers and 0 receipts taken in; 1 answers were known already" in said[1]
    (found,) = answers(world, "--all")
    assert found["customer_id"] == "ANN" and "speak to somebody" in str(found["text"])


def test_a_click_ends_the_channel_and_fetching_the_link_does_not(world: World) -> None:
    path = httpx.URL(world.link(world.of("BEN"))).path
    with listening(world.folder) as client:
        page = client.get(path, headers={"Accept-Language": "zh-CN,en;q=0.5"})
        assert page.status_code == 200 and 'lang="zh-CN"' in page.text and "不再接收邮件" in page.text
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert page.headers["Cache-Control"] == "no-store"
        assert "Stop these e-mails" in client.get(path).text
        assert client.head(path).status_code == 200
        assert client.post(path, data={"other": "1"}).status_code == 400
        assert client.post(path, content=b"x" * 5000).status_code == 413
        assert client.put(path).status_code == 405
        assert allowed(world, "BEN")
        for _ in range(2):
            done = client.post(path, data={"List-Unsubscribe": "One-Click"})
            assert done.status_code == 200 and "no more e-mails" in done.text
        assert not allowed(world, "BEN")
        assert client.get(path[:-3] + "aaa").status_code == 404
        assert client.get("/unsubscribe/%00%ff").status_code == 404
        assert client.get("/").status_code == 404
    assert allowed(world, "CAT")


def test_the_office_serves_the_doors_on_its_own_port(world: World) -> None:
    port = free_port()
    command = [*DUNWELL, "serve", "--no-worker", "--port", str(port)]
    with subprocess.Popen(command, cwd=world.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "the office:" in process.stdout.readline()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
                path = httpx.URL(world.link(world.of("CAT"))).path
                assert "Stop these e-mails" in client.get(path).text
                done = client.post(path, data={"List-Unsubscribe": "One-Click"})
                assert done.status_code == 200 and "no more e-mails" in done.text
                body = json.dumps({"events": []}).encode()
                assert client.post("/hooks/sms", content=body, headers=signed(body)).json() == {"taken": 0}
                assert client.post("/hooks/sms", content=body, headers=signed(body, "x")).status_code == 401
                assert not client.cookies
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
    assert not allowed(world, "CAT")


def allowed(world: World, name: str) -> bool:
    """Whether it is not the opt-out that keeps this person from being written to."""
    command = ["outreach", "preview", name, "--stage", "reminder"]
    ran = dunwell(*command, at=world.folder, code=1)  # today's contact has been made
    assert f"To: {name.lower()}@customers.test" in ran.stdout
    return "preferences" not in ran.stdout


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Dunwell-Timestamp": stamp, "X-Dunwell-Signature": f"v1={mac}"}


def test_a_signed_webhook_is_recorded_and_a_forged_one_is_not(world: World) -> None:
    reply = {"type": "reply", "id": "1", "from": "+447700900123", "text": "Who is this?"}
    body = json.dumps({"events": [reply | {"at": "2026-01-01T08:00:00+00:00"}]}).encode()
    with listening(world.folder) as client:
        for headers in ({}, signed(body, "another secret"), signed(body, at=0)):
            assert client.post("/hooks/sms", content=body, headers=headers).status_code == 401
        assert client.post("/hooks/sms", content=b"{", headers=signed(b"{")).status_code == 400
        assert client.get("/hooks/sms").status_code == 405
        assert client.post("/hooks/sms", content=b" " * (1024 * 1024 + 1)).status_code == 413
        for _ in range(2):
            answer = client.post("/hooks/sms", content=body, headers=signed(body))
            assert (answer.status_code, answer.json()) == (200, {"taken": 1})
    assert [one["text"] for one in answers(world) if one["channel"] == "sms"] == ["Who is this?"]


def test_what_is_wrong_is_said_in_a_sentence(world: World, tmp_path: Path) -> None:
    for command, sentence in (
        (("outreach", "send", "--channel", "pigeon"), "channel 'pigeon' is not set up"),
        (("outreach", "preview", "NOBODY"), "the book has no customer 'NOBODY'"),
        (("outreach", "receive", "email", tmp_path / "nothing.eml"), "is no file"),
        (("outreach", "close-batch", "2020-01-01"), "no letter was laid there"),
        (("outreach", "listen", "--host", "192.0.2.1"), "Choose another --port"),
    ):
        ran = dunwell(*command, at=world.folder, code=1)
        assert ran.stderr.startswith("error: ") and sentence in ran.stderr, ran.stderr


def test_a_batch_of_letters_is_closed_with_its_totals(world: World) -> None:
    (world.folder / "print" / "2026-01-02").mkdir(parents=True)
    for _ in range(2):
        told = json.loads(dunwell("outreach", "close-batch", "2026-01-02", "--json", at=world.folder).stdout)
        assert (told["batch"], told["letters"]) == ("2026-01-02", 0)


def test_an_answer_is_taken_on_and_dealt_with(world: World) -> None:
    (found,) = [one for one in answers(world) if one["text"] == "Who is this?"]
    ident = str(found["id"])[-8:]
    assert (
        "anna has it"
        in dunwell("outreach", "inbox", "--assign", ident, "--to", "anna", at=world.folder).stdout
    )
    assert f"{ident}  " in dunwell("outreach", "inbox", at=world.folder).stdout
    dunwell("outreach", "inbox", "--done", ident, "--note", "Wrote back who we are", at=world.folder)
    assert ident not in dunwell("outreach", "inbox", at=world.folder).stdout
    (closed,) = [one for one in answers(world, "--all") if one["id"] == found["id"]]
    assert closed["is_done"] and closed["assigned_to"] == "anna"
    for wrong, sentence in (
        (("--done", ident), "is done already"),
        (("--assign", ident), "Give both"),
        (("--note", "x"), "Give it with --done"),
    ):
        assert sentence in dunwell("outreach", "inbox", *wrong, at=world.folder, code=1).stderr


def test_a_promise_by_email_is_read_back_and_a_yes_makes_it(world: World, tmp_path: Path) -> None:
    _, clock = _zone()
    day = datetime.now(clock).date() + timedelta(days=4)
    _receive(world, tmp_path, "<p1@customers.test>", f"I can pay 100 on {day.day} {day:%B}", None)
    count = len(world.mailbox.arrived)
    told = json.loads(dunwell("outreach", "send", "--channel", "email", "--json", at=world.folder).stdout)
    assert told["channels"]["email"]["by_certainty"] == {"accepted": 1}, told
    question = world.mailbox.arrived[count]
    assert f"You will pay: £100.00\nOn: {day.day} {day:%B} {day.year}" in question.text.replace("\r\n", "\n")
    _receive(world, tmp_path, "<p2@customers.test>", "Yes, that is right", question.message["Message-ID"])
    ran = dunwell("outreach", "preview", "ANN", "--stage", "promise_check", at=world.folder, code=1)
    assert "no proposal of theirs waits" in ran.stdout, ran.stderr
    (yes,) = [one for one in answers(world, "--all") if one["text"] == "Yes, that is right"]
    assert yes["needs_person"] is False


def _receive(world: World, folder: Path, name: str, text: str, answered: str | None) -> None:
    """Ann writes."""
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Message-ID"] = "ann@customers.test", "care@lender.test", name
    if answered:
        answer["In-Reply-To"] = answered
    answer.set_content(text)
    file = folder / "answer.eml"
    file.write_bytes(bytes(answer))
    dunwell("outreach", "receive", "email", file, at=world.folder)


def test_a_channel_with_a_mistake_does_not_hold_up_the_others(world: World) -> None:
    with _changed(world, ("http://127.0.0.1:1/messages", "ftp://nowhere")):
        told = json.loads(dunwell("outreach", "send", "--channel", "email", "--json", at=world.folder).stdout)
        assert set(told["channels"]) == {"email"}
        ran = dunwell("outreach", "send", "--channel", "sms", at=world.folder, code=1)
        assert "outreach.sms.url" in ran.stderr


def test_over_smpp_the_listener_takes_in_what_people_write(world: World) -> None:
    smsc = Smsc(password="smpp-pass")
    with smsc_running(smsc) as run:
        sms = 'kind = "smpp"\nhost = "127.0.0.1"\nport = {port}\nsystem_id = "lender"\nsource = "Lender"\n'
        changed = (
            f'[outreach.sms]\n{sms.format(port=smsc.port)}password_env = "{SMPP_NAME}"\n\n[outreach.letter]'
        )
        text = (world.folder / "dunwell.toml").read_text(encoding="utf-8")
        begin, end = text.index("[outreach.sms]"), text.index("[outreach.letter]") + len("[outreach.letter]")
        with _changed(world, (text[begin:end], changed)):
            with listening(world.folder):
                assert run(smsc.say("447700900123", "Please call me")) == 0
            ran = dunwell(
                "outreach", "receive", "sms", world.folder / "dunwell.toml", at=world.folder, code=2
            )
            assert "Keep `dunwell outreach work`" in ran.stderr
    assert "Please call me" in [one["text"] for one in answers(world)]


@contextmanager
def _changed(world: World, change: tuple[str, str]) -> Iterator[None]:
    """The settings with something else in them, for a while."""
    file = world.folder / "dunwell.toml"
    before = file.read_text(encoding="utf-8")
    assert change[0] in before
    file.write_text(before.replace(*change), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")


# --- evidence


def test_the_journal_is_sealed_anchored_and_checked(world: World, tmp_path: Path) -> None:
    assert dunwell("evidence", "seal", at=world.folder).stdout.startswith("seal ")
    anchor = tmp_path / "anchor.json"
    dunwell("evidence", "anchor", "--out", anchor, at=world.folder)
    found = json.loads(dunwell("evidence", "verify", "--anchor", anchor, "--json", at=world.folder).stdout)
    assert found["is_whole"] and found["unsealed_count"] == 0 and found["event_count"] > 8
    false = json.loads(anchor.read_text())
    false["root"] = "00" * 32
    anchor.write_text(json.dumps(false))
    assert "WRONG" in dunwell("evidence", "verify", "--anchor", anchor, at=world.folder, code=1).stdout
    anchor.write_text("no anchor")
    assert "is no anchor" in dunwell("evidence", "verify", "--anchor", anchor, at=world.folder, code=1).stderr


def test_a_pack_is_checked_anywhere_and_a_changed_one_is_found(world: World, tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    dunwell("evidence", "export", "ANN", "--why", "a claim", "--out", pack, at=world.folder)
    assert dunwell("evidence", "verify-pack", pack, at=tmp_path).stdout.startswith("whole: ")
    wrong_key = dunwell("evidence", "verify-pack", pack, "--key", "ab" * 32, at=tmp_path, code=1)
    assert "not with the lender's" in wrong_key.stdout
    assert (
        "not hexadecimal"
        in dunwell("evidence", "verify-pack", pack, "--key", "x", at=tmp_path, code=1).stderr
    )
    raw = bytearray(pack.read_bytes())
    raw[len(raw) // 2] ^= 1
    pack.write_bytes(raw)
    assert "WRONG" in dunwell("evidence", "verify-pack", pack, at=tmp_path, code=1).stdout
    ran = dunwell("evidence", "export", "NOBODY", "--why", "a claim", at=world.folder, code=1)
    assert "Look whether the id is right" in ran.stderr


def test_a_plan_is_offered_in_an_approved_text(world: World) -> None:
    budget = 'form = "gb-sfs"\n[income]\nsalary = "1040"\n'
    (world.folder / "budget.toml").write_text(budget, encoding="utf-8")
    asked = ("plans", "A-CAT", "--budget", "budget.toml", "--json")
    plans = json.loads(dunwell(*asked, at=world.folder).stdout)["plans"]
    number = 1 + next(
        number
        for number, plan in enumerate(plans)
        if plan["parts"] and plan.get("grant", {"allowed": True, "needs_second": False})["allowed"]
    )
    told = json.loads(dunwell(*asked, "--offer", str(number), "--channel", "email", at=world.folder).stdout)
    first = plans[number - 1]["parts"][0]
    assert told["offered"]["channel"] == "email"
    assert first["amount"].split(".")[0] in told["offered"]["text"].replace(",", "")
    assert "no plan 99" in dunwell(*asked, "--offer", "99", at=world.folder, code=1).stderr
    assert (
        "'fax' is not set up"
        in dunwell(*asked, "--offer", str(number), "--channel", "fax", at=world.folder, code=1).stderr
    )


def wrapped_keys(world: World) -> set[bytes]:
    """The people's keys as they lie in the database, wrapped with the master key."""
    with closing(sqlite3.connect(world.folder / "dunwell.sqlite3")) as database:
        return {one for (one,) in database.execute("SELECT wrapped_key FROM journal_subject") if one}


def test_somebody_is_erased_only_with_a_ground_and_the_journal_stays_whole(world: World) -> None:
    people = json.loads(dunwell("evidence", "retention", "--json", at=world.folder).stdout)["people"]
    assert {"ANN", "BEN", "CAT"} <= {one["customer_id"] for one in people}
    ran = dunwell("evidence", "erase", "CAT", "--why", "request", at=world.folder, code=1)
    assert "give --despite with the ground" in ran.stderr
    dunwell("evidence", "export", "CAT", "--why", "a claim", "--by", "anna", at=world.folder)
    pack = world.folder / "evidence" / "CAT.zip"
    assert pack.is_file()
    keys_before = wrapped_keys(world)
    ran = dunwell("evidence", "erase", "CAT", "--why", "request", "--despite", "court order", at=world.folder)
    assert "was made on" in ran.stdout and "by anna (a claim): see that it is destroyed" in ran.stdout
    assert not pack.exists()
    (gone,) = keys_before - wrapped_keys(world)
    database = b"".join(file.read_bytes() for file in world.folder.glob("dunwell.sqlite3*"))
    assert gone not in database, "the key can still be found in the database's free space"
    assert all(one in database for one in wrapped_keys(world))
    assert "whole" in dunwell("evidence", "verify", at=world.folder).stdout
    pack.write_bytes(b"left by an erasure that was stopped half-way")
    assert "erased before" in dunwell("evidence", "erase", "CAT", "--why", "x", at=world.folder).stdout
    assert not pack.exists()


def test_without_a_channel_the_mend_is_said(tmp_path: Path) -> None:
    dunwell("init", "shop", at=tmp_path)
    dunwell("evidence", "keys", at=tmp_path / "shop")
    dunwell("run", "--tape", "tape/", "--as-of", "2026-11-23", at=tmp_path / "shop")
    ran = dunwell("outreach", "send", at=tmp_path / "shop", code=1)
    assert "no channel is set up. Write [outreach.email]" in ran.stderr
