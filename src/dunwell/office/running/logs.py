"""The office's log: a JSON line a request, with the page's pattern and never its address: no id of a person stands in it."""

import logging
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog
from django.http import HttpRequest, HttpResponse

from dunwell.office.access.models import Staff
from dunwell.office.running.metrics import request_seconds

_log = structlog.get_logger("dunwell.office")


def set_up_logs() -> None:
    """Log JSON lines to standard error; an error of the program by its kind and places, without its message. What libraries
    have to say goes the same way.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    logging.getLogger().handlers[:] = [_Said(logging.WARNING)]
    server = logging.getLogger("gunicorn.error")
    server.handlers[:], server.propagate = [], True


class _Said(logging.Handler):
    """What a library has to say: who, how gravely, and the kind of an error. Never its message: an address, a host's name or what
    somebody typed may stand in it. Our own say names no person and is told whole.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        error = record.exc_info[1] if record.exc_info else None
        told: dict[str, object] = {"logger": record.name}
        if record.name.partition(".")[0] == "dunwell":
            told["message"] = record.getMessage()
        if error is not None:
            told |= about(error)
        _log.log(record.levelno, "said", **told)


def about(error: BaseException) -> dict[str, object]:
    """An error as the log tells it: its kind, and the places it came through."""
    places = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return {"kind": type(error).__name__, "places": places[-12:]}


def page_of(request: HttpRequest) -> str:
    """The pattern of the page that was asked for, such as ``case/<customer_id>``; never the address itself."""
    match = request.resolver_match
    return "unknown" if match is None else match.route


def logged(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: one line and one measurement a request."""

    def answer(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request_id = uuid.uuid4().hex[:16]
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = get_response(request)
            seconds = time.perf_counter() - began
            page, method = page_of(request), request.method or ""
            request_seconds.labels(page, method, str(response.status_code)).observe(seconds)
            user = getattr(request, "user", None)
            _log.info(
                "request",
                page=page,
                method=method,
                status=response.status_code,
                ms=round(seconds * 1000, 1),
                role=user.role if isinstance(user, Staff) else None,
            )
        response["X-Request-ID"] = request_id
        return response

    def process_exception(request: HttpRequest, error: Exception) -> None:
        _log.error("failed", page=page_of(request), **about(error))

    answer.process_exception = process_exception  # type: ignore[attr-defined]  # where Django looks for it
    return answer
