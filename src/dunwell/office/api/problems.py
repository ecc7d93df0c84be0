"""Errors as RFC 9457 asks: ``application/problem+json`` with a title, a status and what to do; never a page or traceback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, Throttled, ValidationError
from ninja.parser import Parser

from dunwell.book import NoBook
from dunwell.ledger import TermsError
from dunwell.office.cases.casefile import UnknownCustomer
from dunwell.policy import PolicyError

CONTENT_TYPE = "application/problem+json"
PREFIX = "/api/v1/"
"""Where the API's addresses begin."""
TOO_LARGE = "The request is too large. Send fewer rows at once, or a file"
_MENDS = {
    400: "Look at the request's line, headers and body",
    404: "Look at the address in /api/v1/openapi.json",
    405: "Use a method that Allow names",
    413: TOO_LARGE,
    500: "Tell who runs it the X-Request-ID of this answer; the log names the place",
}
_TITLES = {
    400: "The request cannot be read",
    401: "Who is asking is not known",
    403: "The token may not do this",
    404: "There is no such thing, or it is out of this token's scope",
    405: "The address does not know this method",
    409: "It is being worked on already",
    410: "The person was erased",
    411: "The request does not say how long its body is",
    413: "The request is too large",
    415: "The body is of a kind that the address does not take",
    422: "The request says something that cannot be",
    429: "Too many requests",
    500: "dunwell failed",
    503: "There is no book yet, or a text of the lender's policy cannot be read",
}


class Problem(Exception):
    """A request cannot be answered; says why and the mend."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more


class AnsweredBefore(Exception):
    """The request was answered before, under its Idempotency-Key (``once``): ``answer`` is given again."""

    NAME = "answered_before"
    """The attribute of a request that holds the answer until its token was asked for."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__("answered before")
        self.answer = answer


def problem(status: int, detail: str, **more: Any) -> HttpResponse:
    """The answer that tells a problem."""
    body = {
        "type": "about:blank",
        "title": _TITLES.get(status, "Problem"),
        "status": status,
        "detail": detail,
        **more,
    }
    response = JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})
    response["Content-Type"] = CONTENT_TYPE
    return response


def told_as_problems(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: what the server says no to before or behind the API's operations is told as they tell it."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(PREFIX) and "Transfer-Encoding" in request.headers:
            return problem(411, "Send Content-Length: a body in chunks is not read")
        response = get_response(request)
        status = response.status_code
        if not request.path.startswith(PREFIX) or status < 400:
            return response
        if not response.get("Content-Type", "").startswith("application/"):
            told = problem(status, _MENDS.get(status, response.reason_phrase))
            for name in set(response.headers) - {"Content-Type", "Content-Length"}:
                told[name] = response[name]
            response = told
        if status == 401:
            response.headers.setdefault("WWW-Authenticate", "Bearer")
        return response

    return answer


class JsonAlone(Parser):
    """Reads bodies of JSON and no other kind."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body's value. Raises Problem where it says that it is something else, ValueError where it is not JSON in UTF-8
        (RFC 8259), ``NaN`` among it, or names a thing of an object twice.
        """
        kind = request.content_type or ""
        if kind not in ("", "application/json") and not kind.endswith("+json"):
            raise Problem(415, f"The body is {kind}. Send JSON with Content-Type: application/json")
        return json.loads(request.body.decode(), parse_constant=_no_number, object_pairs_hook=_each_once)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON's")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):  # readers differ in which one counts
        raise ValueError("an object names something twice")
    return named


def tell_problems(api: NinjaAPI) -> None:
    """Let every error of the API be told so."""

    def told(kind: type[Exception], status: int, detail: str) -> None:
        api.add_exception_handler(kind, lambda request, error: problem(status, detail))

    told(AuthenticationError, 401, "Send Authorization: Bearer TOKEN with a token that holds")
    told(PermissionDenied, 403, "Ask an administrator for a token with the scope that this needs")
    told(AuthorizationError, 403, "Ask an administrator for a token with the scope that this needs")
    told(Http404, 404, "Look at the id")
    told(UnknownCustomer, 404, "The book does not know this customer")
    told(NoBook, 503, "Run `dunwell run` first")
    told(RequestDataTooBig, 413, TOO_LARGE)
    told(Throttled, 429, "Wait a minute and send fewer requests")

    def invalid(request: HttpRequest, error: Any) -> HttpResponse:
        faults = [
            {"place": "/".join(str(step) for step in one["loc"]), "why": one["msg"]} for one in error.errors
        ]
        kind = request.content_type
        if any(one["place"].startswith("file/") for one in faults) and kind != "multipart/form-data":
            return problem(415, f"The body is {kind or 'of no kind'}. Send the file as multipart/form-data")
        return problem(422, "Mend what `faults` names", faults=faults)

    api.add_exception_handler(ValidationError, invalid)

    def said(request: HttpRequest, error: Any) -> HttpResponse:
        if isinstance(error.__cause__, Problem):  # why the body was not read
            return ours(request, error.__cause__)
        return problem(error.status_code, str(error))

    def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
        place = f"{Path(error.file).name}: {error.key}: {error.problem}"
        return problem(503, f"{place}. {error.mend}; until then nothing is decided")

    def ours(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error.status, error.detail, **error.more)

    def before(request: HttpRequest, error: Any) -> HttpResponse:
        told: HttpResponse = error.answer
        return told

    api.add_exception_handler(AnsweredBefore, before)
    api.add_exception_handler(HttpError, said)
    api.add_exception_handler(Problem, ours)
    api.add_exception_handler(PolicyError, unreadable)
    api.add_exception_handler(TermsError, unreadable)
