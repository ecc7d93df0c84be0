"""Errors as RFC 9457 asks: ``application/problem+json`` with a title, a status and what to do; never a page or traceback."""

from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, Throttled, ValidationError

from dunwell.book import NoBook
from dunwell.ledger import TermsError
from dunwell.office.cases.casefile import UnknownCustomer
from dunwell.policy import PolicyError

CONTENT_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Who is asking is not known",
    403: "The token may not do this",
    404: "There is no such thing, or it is out of this token's scope",
    409: "It is being worked on already",
    410: "The person was erased",
    413: "The request is too large",
    422: "The request says something that cannot be",
    429: "Too many requests",
    503: "There is no book yet, or a text of the lender's policy cannot be read",
}


class Problem(Exception):
    """A request cannot be answered; says why and the mend."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more


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
    told(Throttled, 429, "Wait a minute and send fewer requests")

    def invalid(request: HttpRequest, error: Any) -> HttpResponse:
        faults = [
            {"place": "/".join(str(step) for step in one["loc"]), "why": one["msg"]} for one in error.errors
        ]
        return problem(422, "Mend what `faults` names", faults=faults)

    api.add_exception_handler(ValidationError, invalid)

    def said(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error.status_code, str(error))

    def unreadable(request: HttpRequest, error: Any) -> HttpResponse:
        place = f"{Path(error.file).name}: {error.key}: {error.problem}"
        return problem(503, f"{place}. {error.mend}; until then nothing is decided")

    def ours(request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error.status, error.detail, **error.more)

    api.add_exception_handler(HttpError, said)
    api.add_exception_handler(Problem, ours)
    api.add_exception_handler(PolicyError, unreadable)
    api.add_exception_handler(TermsError, unreadable)
