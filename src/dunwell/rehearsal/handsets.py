"""A provider of text messages on this machine that keeps what it is sent: to practise without texting anybody.

It speaks the HTTP contract of docs/outreach-sms.md: checks the signature, and takes a message once, however often its key comes.
"""

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

_BODY_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Texted:
    """A text message as it was taken."""

    to: str
    source: str
    text: str
    message_id: str


class Handsets:
    """The provider on 127.0.0.1, while the context lasts. ``secret`` is the one that signs what is sent to it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._taken: dict[str, Texted] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="handsets"
        )

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/messages"

    @property
    def taken(self) -> list[Texted]:
        """What it has taken so far."""
        with self._lock:
            return list(self._taken.values())

    def __enter__(self) -> "Handsets":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, key: str, timestamp: str, signature: str, body: bytes) -> tuple[int, dict[str, object]]:
        """Take a message, unless its signature is wrong; the status and the answer."""
        mac = hmac.new(self._secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"v1={mac}".encode(), signature.encode()):
            return 401, {"error": "bad_signature"}
        said = json.loads(body)
        with self._lock:
            one = Texted(said["to"], said["from"], said["text"], said["message_id"])
            self._taken.setdefault(key, one)
            return 202, {"references": [f"practice-{list(self._taken).index(key) + 1}"]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self._take

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:
                """Take a message."""
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(min(length, _BODY_BYTES_MAX))
                status, answer = take(
                    self.headers.get("Idempotency-Key", ""),
                    self.headers.get("X-Dunwell-Timestamp", ""),
                    self.headers.get("X-Dunwell-Signature", ""),
                    body,
                )
                told = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
