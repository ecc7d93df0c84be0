"""A provider of text messages over HTTP on loopback, by the contract of docs/outreach-sms.md, that fails on command.

Its signature is made here anew, with the standard library, so that both ends agree by the contract and not by one code.
"""

import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Fault = Literal["", "lost_answer", "slow", "half_answer"] | int
"""What goes wrong with one request: an HTTP status instead of taking it, or taking it and then: no answer
(``lost_answer``), a late one (``slow``), a torn one (``half_answer``)."""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1={mac.hexdigest()}"


@dataclass
class Provider:
    secret: str = "to-provider"
    webhook_secret: str = "from-provider"
    fault: Callable[[int], Fault] = lambda number: ""
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _references: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/messages"

    def take(self, key: str, body: bytes) -> str:
        """Send it, unless this key was sent before; the reference."""
        with self._lock:
            if key not in self._references:
                self._references[key] = f"p-{len(self._references)}"
                self.sent.append(json.loads(body))
            return self._references[key]

    def call_back(self, url: str, events: list[dict[str, Any]], now: float) -> int:
        """POST a signed webhook; the status of the answer."""
        body = json.dumps({"events": events}).encode()
        timestamp = int(now)
        request = urllib.request.Request(
            url,
            body,
            {
                "X-Dunwell-Timestamp": str(timestamp),
                "X-Dunwell-Signature": sign(self.webhook_secret, timestamp, body),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The handler served on loopback in a thread; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def provider_running(provider: Provider) -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with provider._lock:
                provider.requests += 1
                number = provider.requests
            timestamp = int(self.headers["X-Dunwell-Timestamp"])
            expected = sign(provider.secret, timestamp, body)
            if not hmac.compare_digest(expected, self.headers["X-Dunwell-Signature"]):
                return self.answer(401, {"error": "bad_signature"})
            fault = provider.fault(number)
            if isinstance(fault, int):
                return self.answer(fault, {"error": "as_told", "message": "for 85261234567"})
            reference = provider.take(self.headers["Idempotency-Key"], body)
            if fault == "lost_answer":
                self.close_connection = True
                return None
            if fault == "slow":
                time.sleep(0.3)
            return self.answer(202, {"references": [reference]}, is_torn=fault == "half_answer")

        def answer(self, status: int, value: dict[str, Any], is_torn: bool = False) -> None:
            body = json.dumps(value).encode()
            try:
                self.send_response(status)
                for name, text in provider.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:5] if is_torn else body)
            except OSError:
                pass  # the client gave up

        def log_message(self, *words: object) -> None: ...

    with serving(Handler) as port:
        provider.port = port
        yield provider
