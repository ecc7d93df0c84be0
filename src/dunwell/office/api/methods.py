"""What every address of the API knows beside its operations: HEAD, which asks as GET does and is told without a body, and
OPTIONS, which is told the methods (RFC 9110, sections 9.3.2 and 9.3.7). Neither needs a line in the description.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from dunwell.office.api.problems import PREFIX


def head_and_options(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware, for the API's addresses alone."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return get_response(request)
        if request.method != "HEAD":
            return _told(request, get_response(request))
        request.method = "GET"
        try:
            response = _told(request, get_response(request))
        finally:
            request.method = "HEAD"
        if not response.streaming:
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return answer


def _told(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with all methods of its address where it names any, which is the whole answer to OPTIONS."""
    if "Allow" not in response:
        return response
    known = {one.strip() for one in response["Allow"].split(",")} | {"OPTIONS"}
    allow = ", ".join(sorted(known | ({"HEAD"} if "GET" in known else set())))
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        del response["Content-Type"]  # there is nothing of a kind
    response["Allow"] = allow
    return response
