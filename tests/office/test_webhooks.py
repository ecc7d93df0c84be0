"""Where webhooks go and what they tell: nowhere inside the lender's network, nobody who left, and nobody waits for the slow."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from dunwell.office.access.models import Staff
from dunwell.office.api import reaching, telling
from dunwell.office.api.hooks import make_hook
from dunwell.office.api.models import Delivery
from dunwell.office.api.reaching import NotReached, hosts_named, post
from dunwell.office.api.telling import deliver, plan_deliveries
from dunwell.office.cases.models import Case
from dunwell.policy import PolicyError
from tests.office.conftest import Office
from tests.office.test_api import Listener, Program, listener, payment

__all__ = ["listener"]

INSIDE = (
    *("https://localhost/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/x"),
    *("https://10.1.2.3/", "https://192.168.0.9:8443/", "https://169.254.169.254/latest", "https://0.0.0.0/"),
    *("https://[fe80::1]/", "https://[fd00::1]/", "https://100.64.0.1/", "https://224.0.0.1/"),
)
NO_ADDRESS = (
    "ftp://bank.example/",
    "http://bank.example/",
    "https:///x",
    "https://a:b@bank.example/",
    "https://x:y/",
)


@pytest.fixture
def case(office: Office) -> Case:
    found = Case.objects.filter(jurisdiction="us", past_due_days__gt=5).order_by("rank").first()
    assert found is not None
    return found


def found(*addresses: str) -> Any:
    return lambda *_arguments, **_more: [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses
    ]


@pytest.mark.parametrize("url", INSIDE + NO_ADDRESS)
def test_no_webhook_is_made_for_an_address_inside(office: Office, url: str) -> None:
    program = Program(office)
    answer = program.post("/webhooks", {"url": url})
    assert answer.status_code == 422, url
    assert "url" in answer.json()["detail"]
    with pytest.raises(NotReached):
        post(url, b"{}", {})


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.215.14", "127.0.0.1"), ("169.254.169.254",)])
def test_a_name_that_leads_inside_is_not_called(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", found(*addresses))
    with pytest.raises(NotReached, match="webhook_hosts"):
        post("https://bank.example/hook", b"{}", {})


def test_the_address_that_was_judged_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        called.append(request)
        return httpx.Response(204)

    client = httpx.Client
    monkeypatch.setattr(socket, "getaddrinfo", found("93.184.215.14"))
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=httpx.MockTransport(answer)))
    assert post("https://bank.example:8443/hook?a=1", b"{}", {"webhook-id": "1"}) == 204
    (request,) = called
    assert (request.url.host, request.url.port, request.url.raw_path) == ("93.184.215.14", 8443, b"/hook?a=1")
    assert request.headers["Host"] == "bank.example:8443"
    assert request.extensions["sni_hostname"] == "bank.example"


def test_the_lender_names_machines_of_its_own(
    own: Office, case: Case, listener: tuple[str, type[Listener]]
) -> None:
    url, server = listener
    server.refusals = 0
    make_hook(own.place, url, ["payment.seen"], Staff.objects.get(username="team_lead"))
    Program(own).post("/payments", [payment(own, case)])
    plan_deliveries(own.place)
    assert deliver(own.place) == 0
    assert "policy/access.toml" in Delivery.objects.get().why
    (own.place.policy / "access.toml").write_text('webhook_hosts = ["127.0.0.1"]')
    own.clock.move(minutes=1)
    assert deliver(own.place) == 1
    assert len(server.heard) == 1


def test_hosts_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    assert hosts_named(tmp_path) == frozenset()
    for wrong in ('webhook_hosts = "x"', "webhook_hosts = [1]", 'webhook_hosts = [""]', "webhook_hosts ="):
        (tmp_path / "access.toml").write_text(wrong)
        with pytest.raises(PolicyError, match="webhook_hosts"):
            hosts_named(tmp_path)


@pytest.fixture
def dripping() -> Iterator[str]:
    """Somebody else's server that answers a byte at a time and never ends."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            try:
                connection.sendall(b"X-A: b\r\n")
            except OSError:
                break
        connection.close()

    thread = threading.Thread(target=drip)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    over.set()
    thread.join()
    server.close()


def test_an_answer_that_never_ends_is_not_waited_for(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "_LONGEST_SECONDS", 0.3)
    with pytest.raises(httpx.HTTPError):
        post(dripping, b"{}", {}, frozenset({"127.0.0.1"}))


def test_the_slow_keep_nobody_waiting(office: Office, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = Staff.objects.get(username="team_lead")
    for url in ("https://slow.example/", "https://quick.example/"):
        make_hook(office.place, url, ["payment.seen"], lead)
    Program(office).post("/payments", [payment(office, case, f"m{number}") for number in range(3)])
    assert plan_deliveries(office.place) == 6
    monkeypatch.setattr(telling, "_BATCH", 3)
    heard, seconds = [], [0.0]
    monkeypatch.setattr(telling, "monotonic", lambda: seconds[0])

    def send(url: str, *_more: Any) -> int:
        heard.append(url)
        if "slow" in url:
            seconds[0] += 9
        return 200

    assert deliver(office.place, send) == 4
    assert [url for url in heard if "slow" in url] == ["https://slow.example/"]
    assert deliver(office.place, send) == 1


def test_what_was_given_up_is_sent_again_when_asked(office: Office, case: Case) -> None:
    lead, program = Staff.objects.get(username="team_lead"), Program(office)
    hook, _ = make_hook(office.place, "https://bank.example/", ["payment.seen"], lead)
    program.post("/payments", [payment(office, case)])
    plan_deliveries(office.place)
    for _ in range(12):
        office.clock.now += timedelta(hours=7)
        deliver(office.place, lambda *_: 500)
    assert program.get("/webhooks").json()["webhooks"][0]["given_up"] == 1
    assert deliver(office.place, lambda *_: 200) == 0
    assert program.post(f"/webhooks/{hook.pk}/again", {}).json() == {"due": 1}
    assert deliver(office.place, lambda *_: 200) == 1


def test_somebody_else_s_webhook_is_not_sent_again(office: Office) -> None:
    hook, _ = make_hook(office.place, "https://bank.example/", [], Staff.objects.get(username="team_lead"))
    Staff.objects.filter(username="collector").update(jurisdictions=["gb"])
    bound = Program(office, "collector")
    assert bound.post(f"/webhooks/{hook.pk}/again", {}).status_code == 404
    assert bound.post(f"/webhooks/{2**70}/again", {}).status_code == 404


def test_who_left_is_told_nothing_and_who_sees_no_cases_is_not_told_whose_they_are(
    office: Office, case: Case
) -> None:
    for role in ("team_lead", "analyst"):
        make_hook(
            office.place, f"https://{role}.example/", ["payment.seen"], Staff.objects.get(username=role)
        )
    Staff.objects.filter(username="team_lead").update(is_active=False)
    Program(office, "collector").post("/payments", [payment(office, case)])
    plan_deliveries(office.place)
    heard: list[tuple[str, Any]] = []

    def send(url: str, body: bytes, _headers: Any) -> int:
        heard.append((url, json.loads(body)["data"]["customer_id"]))
        return 200

    deliver(office.place, send)
    assert heard == [("https://analyst.example/", None)]
