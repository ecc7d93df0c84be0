"""A small server for the doors: the standard library's, a thread a connection, bounded in number and patience."""

import socket
import threading
from socketserver import ThreadingMixIn
from typing import Any, ClassVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application

_CONNECTIONS_MAX = 64


class _Handler(WSGIRequestHandler):
    """Gives up a connection that says nothing, and writes no log: its paths hold people's links."""

    timeout: ClassVar[float | None] = 20.0

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class DoorServer(ThreadingMixIn, WSGIServer):
    """Answers at most so many connections at once; more of them wait. Closing it waits for those under way."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._room = threading.BoundedSemaphore(_CONNECTIONS_MAX)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread of its own, when there is room."""
        self._room.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is nobody's mistake; what the program does wrong Django has told already."""


def door_server(host: str, port: int) -> DoorServer:
    """The server, bound and not yet serving; port 0 takes a free one. Raises OSError."""
    return make_server(host, port, get_wsgi_application(), server_class=DoorServer, handler_class=_Handler)
