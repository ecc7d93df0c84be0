"""What a provider tells us over HTTP: only what it signed, lately, and nothing that is half right."""

import json
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Receipt, Reply
from dunwell.outreach.sms.webhooks import WebhookRefused, parse_webhook
from tests.outreach.sms.worlds import NOW
from tests.outreach.sms_provider import Provider, serving, sign

SECRET = "from-provider"
RECEIPT = {
    "type": "receipt",
    "id": "r1",
    "message_id": "msg-1",
    "reference": "p-1",
    "status": "bounced",
    "permanent": True,
    "code": "unknown_subscriber",
    "at": "2026-11-24T16:00:00+08:00",
}
REPLY = {
    "type": "reply",
    "id": "t1",
    "from": "+85251234567",
    "text": "退订 STOP",
    "at": "2026-11-24T08:10:00Z",
}


def signed(body: bytes, at: datetime = NOW) -> dict[str, str]:
    timestamp = int(at.timestamp())
    return {"x-dunwell-timestamp": str(timestamp), "X-DUNWELL-SIGNATURE": sign(SECRET, timestamp, body)}


def parsed(*events: Any) -> list[Receipt | Reply]:
    body = json.dumps({"events": events}).encode()
    return parse_webhook(signed(body), body, SECRET, NOW)


def test_receipts_and_replies() -> None:
    assert parsed(RECEIPT, {"type": "price", "amount": 3}, REPLY) == [
        Receipt(
            "http-r1",
            "bounced",
            datetime(2026, 11, 24, 8, tzinfo=UTC),
            "msg-1",
            "p-1",
            True,
            "unknown_subscriber",
        ),
        Reply("http-t1", "85251234567", datetime(2026, 11, 24, 8, 10, tzinfo=UTC), "退订 STOP"),
    ]


def test_nothing_happens_after_we_learned_of_it() -> None:
    (receipt,) = parsed(RECEIPT | {"at": "2027-01-01T00:00:00Z"})
    assert receipt.at == NOW


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": 7},
        {"status": "fine"},
        {"status": ["delivered"]},
        {"message_id": None, "reference": ""},
        {"permanent": "yes"},
        {"at": "yesterday"},
        {"at": "2026-11-24T08:00:00"},
        {"at": "0001-01-01T00:00:00+23:00"},
        {"reference": "x" * 201},
    ],
)
def test_one_bad_event_and_nothing_is_taken(change: dict[str, Any]) -> None:
    with pytest.raises(WebhookRefused) as refused:
        parsed(REPLY, RECEIPT | change)
    assert not refused.value.is_forged


def test_half_a_character_is_shown_and_not_stored() -> None:
    body = b'{"events": [{"type": "reply", "id": "t", "from": "852", "text": "a\\ud83d\\u0000", "at": "2026-11-24T08:10:00Z"}]}'
    (reply,) = parse_webhook(signed(body), body, SECRET, NOW)
    assert isinstance(reply, Reply)
    assert reply.text == "a\ufffd\ufffd"


def test_forged_changed_or_stale() -> None:
    body = json.dumps({"events": [REPLY]}).encode()
    good = signed(body)
    assert parse_webhook(good, body, SECRET, NOW + timedelta(minutes=4))
    for headers, given_body, secret, now in (
        ({}, body, SECRET, NOW),
        (good, body.replace(b"STOP", b"KEEP"), SECRET, NOW),
        (good, body, "another", NOW),
        (good, body, SECRET, NOW + timedelta(minutes=6)),
        (good, body, SECRET, NOW - timedelta(minutes=6)),
        (good | {"x-dunwell-timestamp": str(int(NOW.timestamp()) + 1)}, body, SECRET, NOW),
    ):
        with pytest.raises(WebhookRefused) as refused:
            parse_webhook(headers, given_body, secret, now)
        assert refused.value.is_forged


def test_nothing_is_believed_under_an_empty_secret() -> None:
    body = b'{"events": []}'
    timestamp = int(NOW.timestamp())
    headers = {"X-Dunwell-Timestamp": str(timestamp), "X-Dunwell-Signature": sign("", timestamp, body)}
    with pytest.raises(WebhookRefused):
        parse_webhook(headers, body, "", NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
EVENTS = st.dictionaries(
    st.sampled_from([*RECEIPT, *REPLY]), JSON | st.sampled_from([*RECEIPT.values(), *REPLY.values()])
)


@given(
    st.binary(max_size=300)
    | st.lists(EVENTS, max_size=3).map(lambda events: json.dumps({"events": events}).encode())
)
def test_any_signed_bytes_are_events_or_refused(body: bytes) -> None:
    try:
        events = parse_webhook(signed(body), body, SECRET, NOW)
    except WebhookRefused as refused:
        assert str(refused)
    else:
        assert all(event.at <= NOW for event in events)


@given(
    st.dictionaries(st.sampled_from(["X-Dunwell-Timestamp", "X-Dunwell-Signature", "Other"]), st.text()),
    st.binary(max_size=50),
)
def test_any_unsigned_bytes_are_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        parse_webhook(headers, body, SECRET, NOW)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"events": ' + b"9" * 5000 + b"}", b"\xff\xfe", b" " * 1_100_000]
)
def test_bodies_made_to_hurt(body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        parse_webhook(signed(body), body, SECRET, NOW)


def test_a_provider_calls_back_over_http() -> None:
    heard: list[Receipt | Reply] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                heard.extend(parse_webhook(dict(self.headers.items()), body, SECRET, datetime.now(UTC)))
                status = 204
            except WebhookRefused as refused:
                status = 401 if refused.is_forged else 400
            self.send_response(status)
            self.end_headers()

        def log_message(self, *words: object) -> None: ...

    with serving(Handler) as port:
        url = f"http://127.0.0.1:{port}/"
        provider = Provider()
        assert provider.call_back(url, [RECEIPT, REPLY], time.time()) == 204
        assert provider.call_back(url, [REPLY | {"id": ""}], time.time()) == 400
        assert provider.call_back(url, [REPLY], time.time() - 3600) == 401
        assert Provider(webhook_secret="guess").call_back(url, [REPLY], time.time()) == 401
    assert [type(event).__name__ for event in heard] == ["Receipt", "Reply"]
