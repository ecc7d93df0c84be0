"""A webhook's messages against real receivers: refused, led elsewhere, never answered; tried again, signed anew, told once."""

import base64
import hmac
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dunwell.journal.keys import MASTER_FILE, KeysUnusable, add_master_key, read_master_keys
from dunwell.journal.models import Event
from dunwell.office.access.models import Staff
from dunwell.office.api import reaching
from dunwell.office.api.hooks import make_hook, renew_secret, rewrap, secrets_of
from dunwell.office.api.models import Delivery, Webhook
from dunwell.office.api.reaching import post
from dunwell.office.api.telling import deliver, forget, plan_deliveries
from dunwell.office.cases.models import Case
from dunwell.settings import read_settings
from tests.office.conftest import Office
from tests.office.test_api import Program, payment

send = partial(post, named=frozenset({"127.0.0.1"}))


class Receiver(BaseHTTPRequestHandler):
    """Somebody else's server: what it is told, and what it answers next (the last answer again and again)."""

    heard: list[tuple[str, dict[str, str], bytes]]
    answers: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        kind.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status = kind.answers.pop(0) if len(kind.answers) > 1 else kind.answers[0]
        self.send_response(status)
        if status in (301, 302, 307, 308):
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[Receiver]]]:
    kind = type("OneReceiver", (Receiver,), {"heard": [], "answers": [204]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", kind
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def case(office: Office) -> Case:
    found = Case.objects.filter(jurisdiction="us", past_due_days__gt=5).order_by("rank").first()
    assert found is not None
    return found


def hooked(office: Office, url: str) -> tuple[Webhook, bytes]:
    hook, secret = make_hook(office.place, url, ["payment.seen"], Staff.objects.get(username="team_lead"))
    return hook, base64.b64decode(secret.removeprefix("whsec_"))


def pay(office: Office, case: Case, *names: str) -> None:
    Program(office).post("/payments", [payment(office, case, name) for name in names])
    plan_deliveries(office.place)


def is_signed(headers: dict[str, str], body: bytes, secret: bytes) -> bool:
    """As a receiver checks it by the Standard Webhooks specification: one of the signatures must be by the secret it knows."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mine = "v1," + base64.b64encode(hmac.new(secret, signed, sha256).digest()).decode()
    return any(hmac.compare_digest(one, mine) for one in headers["webhook-signature"].split(" "))


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 410, 429, 500, 503])
def test_what_is_not_taken_is_led_nowhere_and_comes_again(
    status: int, office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    url, server = receiver
    server.answers = [status, 204]
    hooked(office, url)
    pay(office, case, "p1")
    assert deliver(office.place, send) == 0
    assert [path for path, _headers, _body in server.heard] == ["/hook"], "no redirect is followed"
    assert Delivery.objects.get().why == f"answered {status}"
    office.clock.move(seconds=11)
    assert deliver(office.place, send) == 1


def test_it_is_tried_at_growing_distances_and_given_up_at_last(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    url, server = receiver
    server.answers = [500]
    _hook, secret = hooked(office, url)
    pay(office, case, "p1")
    waits = []
    for _ in range(12):
        deliver(office.place, send)
        due = Delivery.objects.get().due_at
        waits.append((due - office.clock()).total_seconds())
        office.clock.now = due - timedelta(seconds=1)
        deliver(office.place, send)
        office.clock.move(seconds=1)
    assert waits[:4] == [10, 20, 40, 80]
    assert waits == sorted(waits)
    assert waits[-1] <= 6 * 3600
    assert len(server.heard) == 12, "none before its time"
    assert Delivery.objects.get().state == "given_up"
    headers = [told for _path, told, _body in server.heard]
    assert len({one["webhook-id"] for one in headers}) == 1, "by which the receiver knows it"
    assert len({one["webhook-timestamp"] for one in headers}) == 12, "by which it knows an old one"
    assert all(is_signed(told, body, secret) for _path, told, body in server.heard)


def test_a_message_caught_on_its_way_cannot_be_sent_later_or_changed(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    url, server = receiver
    _hook, secret = hooked(office, url)
    pay(office, case, "p1")
    deliver(office.place, send)
    (_path, headers, body) = server.heard[0]
    assert int(headers["webhook-timestamp"]) == int(office.clock().timestamp())
    assert is_signed(headers, body, secret)
    assert not is_signed({**headers, "webhook-timestamp": "1900000000"}, body, secret)
    assert not is_signed({**headers, "webhook-id": "another"}, body, secret)
    assert not is_signed(headers, body + b" ", secret)


def test_a_receiver_that_never_answers_is_not_waited_for_and_the_next_one_is_told(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes the connection and says nothing
        hooked(office, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        hooked(office, receiver[0])
        pay(office, case, "p1")
        assert deliver(office.place, send) == 1
    assert sorted(Delivery.objects.values_list("state", "why")) == [("done", ""), ("due", "ReadTimeout")]
    office.clock.move(minutes=1)
    assert deliver(office.place, send) == 0
    assert Delivery.objects.get(state="due").why == "ConnectError", "nobody is there any more"


def test_while_a_secret_changes_both_sign_and_then_the_new_one_alone(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    url, server = receiver
    hook, old = hooked(office, url)
    told = Program(office).post(f"/webhooks/{hook.pk}/secret", {}).json()
    new = base64.b64decode(told["secret"].removeprefix("whsec_"))
    assert old != new
    pay(office, case, "p1")
    deliver(office.place, send)
    (_path, headers, body) = server.heard[-1]
    assert is_signed(headers, body, old) and is_signed(headers, body, new)
    office.clock.move(days=1)
    pay(office, case, "p2")
    deliver(office.place, send)
    (_path, headers, body) = server.heard[-1]
    assert is_signed(headers, body, new) and not is_signed(headers, body, old)
    assert Program(office, "collector").post(f"/webhooks/{2**70}/secret", {}).status_code == 404


def test_secrets_open_after_the_master_key_was_replaced_and_the_old_one_thrown_away(
    own: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    hook, secret = hooked(own, receiver[0])
    renew_secret(own.place, hook)
    keys = own.place.settings.keys_folder
    before = read_master_keys(keys, {}, bytes)
    name = add_master_key(keys, lambda count: bytes(range(count)))
    master = read_master_keys(keys, {}, bytes)
    assert (rewrap(master), rewrap(master)) == (1, 0)
    assert Webhook.objects.get().master_id == name != before.current
    lines = (keys / MASTER_FILE).read_text(encoding="ascii").splitlines()
    (keys / MASTER_FILE).write_text(lines[0] + "\n", encoding="ascii")
    assert secret in secrets_of(own.place, Webhook.objects.get())


def test_a_webhook_whose_secret_does_not_open_keeps_no_other_waiting(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    broken, _secret = hooked(office, receiver[0])
    Webhook.objects.filter(pk=broken.pk).update(wrapped_secret=b"changed by somebody, at any rate")
    hooked(office, receiver[0])
    pay(office, case, "p1")
    with pytest.raises(KeysUnusable):
        secrets_of(office.place, Webhook.objects.get(pk=broken.pk))
    assert deliver(office.place, send) == 1
    assert "does not open" in Delivery.objects.get(webhook=broken).why


def test_an_event_that_appears_after_a_later_one_is_told_and_each_once(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    """As in PostgreSQL, where a number is given before the transaction that took it ends."""
    hook, _secret = hooked(office, receiver[0])
    Program(office).post("/payments", [payment(office, case, "p1")])
    Program(office).post("/payments", [payment(office, case, "p2")])
    late, _early = Event.objects.filter(kind="payment.seen").order_by("id")
    Hidden.ids = [late.pk]
    try:
        assert plan_deliveries(office.place) == 1
    finally:
        Hidden.ids = []
    assert plan_deliveries(office.place) == 1
    assert plan_deliveries(office.place) == 0
    assert Delivery.objects.count() == 2
    office.clock.move(minutes=2)
    assert plan_deliveries(office.place) == 0
    hook.refresh_from_db()
    assert hook.told_up_to == Event.objects.order_by("id").last().pk  # type: ignore[union-attr]


class Hidden:
    """Events that no query sees yet."""

    ids: list[int] = []


@pytest.fixture(autouse=True)
def hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Event.objects.get_queryset
    monkeypatch.setattr(Event.objects, "get_queryset", lambda: real().exclude(pk__in=Hidden.ids))


def test_what_was_taken_is_forgotten_after_a_month(
    office: Office, case: Case, receiver: tuple[str, type[Receiver]]
) -> None:
    receiver[1].answers = [204, 500]
    hooked(office, receiver[0])
    pay(office, case, "p1", "p2")
    deliver(office.place, send)
    forget(office.clock() + timedelta(days=29))
    assert Delivery.objects.count() == 2
    forget(office.clock() + timedelta(days=31))
    assert [one.state for one in Delivery.objects.all()] == ["due"]


@pytest.mark.slow
def test_the_command_that_replaces_the_master_key_wraps_the_webhooks_secrets(own: Office) -> None:
    root = own.place.settings.root
    make = """
from pathlib import Path
from dunwell.office.project import set_up_office
from dunwell.settings import read_settings
set_up_office(read_settings(Path.cwd()))
from dunwell.office.access.models import Staff
from dunwell.office.api.hooks import make_hook
from dunwell.office.api.models import Webhook
from dunwell.office.workplace import workplace
import sys
if sys.argv[1] == "make":
    make_hook(workplace(), "https://bank.example/", [], Staff.objects.create_user("ann", role="team_lead"))
print(Webhook.objects.get().master_id)
"""

    def run(*words: str) -> str:
        done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run("-m", "dunwell", "staff", "list")
    before = run("-c", make, "make")
    run("-m", "dunwell", "evidence", "keys", "--rotate")
    after = run("-c", make, "look")
    assert after != before
    assert after == read_master_keys(read_settings(root).keys_folder, {}, bytes).current
