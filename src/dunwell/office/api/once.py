"""A request that carries an Idempotency-Key is carried out once: sent again, it gets the answer it got.

As in the IETF draft "The Idempotency-Key HTTP Header Field": the same key with another request is refused (422), and one that is
still being worked on as well (409). Answers are kept for a day, and are given again to a token that still holds and may do so.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256

from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from dunwell.office.api.models import Answer
from dunwell.office.api.problems import PREFIX, TOO_LARGE, AnsweredBefore, problem
from dunwell.office.workplace import workplace

_KEPT = timedelta(days=1)
_UNDER_WAY = timedelta(minutes=2)
"""After so long nothing is still working on a request: the server ends it sooner."""
_KEY_MAX = 200
PERSONAL = "X-Personal-Data"
"""The header of an answer that shows personal data in the clear: it is not kept."""


def once(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware for the API's POST requests."""

    def answer(request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method != "POST" or not request.path.startswith(PREFIX):
            return get_response(request)
        if not 0 < len(key) <= _KEY_MAX:
            return problem(400, f"Idempotency-Key has {len(key)} characters. 1 to {_KEY_MAX}")
        return _once(request, key, get_response)

    return answer


def _once(
    request: HttpRequest, key: str, get_response: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    who = request.headers.get("Authorization", "")
    name = sha256(f"{who}\n{key}".encode()).hexdigest()
    try:
        asked = _fingerprint(request)
    except RequestDataTooBig:
        return problem(413, TOO_LARGE)
    now = workplace().clock()
    forget(now)
    Answer.objects.filter(key=name, status=0, asked_at__lt=now - _UNDER_WAY).delete()
    try:
        with transaction.atomic():
            Answer.objects.create(key=name, request=asked, asked_at=now)
    except IntegrityError:
        setattr(request, AnsweredBefore.NAME, _again(name, asked))  # given once the token was asked for
        return get_response(request)
    try:
        response = get_response(request)
    except BaseException:
        Answer.objects.filter(key=name).delete()
        raise
    is_personal = response.headers.get(PERSONAL) is not None  # shown again, not kept
    if response.status_code in (401, 403, 429) or response.status_code >= 500 or is_personal:
        Answer.objects.filter(key=name).delete()
    else:
        Answer.objects.filter(key=name).update(
            status=response.status_code, content_type=response.get("Content-Type", ""), body=response.content
        )
    return response


def forget(now: datetime) -> None:
    """Keep no answer for longer than a day."""
    Answer.objects.filter(asked_at__lt=now - _KEPT).delete()


def _fingerprint(request: HttpRequest) -> str:
    """What was asked, to tell another request under the same key. Raises RequestDataTooBig."""
    told = sha256(request.get_full_path().encode() + b"\n")
    if request.content_type != "multipart/form-data":
        told.update(request.body)
        return told.hexdigest()
    for name, values in sorted(request.POST.lists()):
        told.update(repr((name, values)).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            told.update(repr((name, file.name, file.size)).encode())
            for part in file.chunks():
                told.update(part)
            file.seek(0)
    return told.hexdigest()


def _again(name: str, asked: str) -> HttpResponse:
    found = Answer.objects.filter(key=name).first()
    if found is None or (found.status == 0 and found.request == asked):
        return problem(
            409, "The first request with this Idempotency-Key is not answered yet. Ask again in a moment"
        )
    if found.request != asked:
        return problem(
            422, "This Idempotency-Key was used for another request. Make a new one for each request"
        )
    response = HttpResponse(bytes(found.body), status=found.status, content_type=found.content_type)
    response["Idempotency-Replayed"] = "true"
    return response
