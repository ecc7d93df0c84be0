"""Pages that say no, and the choice of language."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language, get_language
from django.views.decorators.http import require_POST, require_safe

from dunwell.book import NoBook
from dunwell.ledger import TermsError
from dunwell.office.access.guard import open_to_all, open_to_staff
from dunwell.office.access.models import Staff
from dunwell.office.access.roles import permissions
from dunwell.policy import PolicyError

_COOKIE = "django_language"


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The role has not the permission; says so, and what to do."""
    language = "zh" if (get_language() or "en").startswith("zh") else "en"
    permission = permissions().get(str(exception), {}).get(language, str(exception))
    return render(request, "office/refused.html", {"permission": permission}, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """There is no such page, or nothing this person may see."""
    return render(request, "office/not_found.html", status=404)


def texts_must_be_readable(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: where the lender's policy cannot be read or there is no book yet, a page that says so and the mend."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, PolicyError | TermsError | NoBook):
            return render(request, "office/unreadable.html", {"problem": str(exception)}, status=503)
        return None

    answer.process_exception = process_exception  # type: ignore[attr-defined]  # where Django looks for it
    return answer


@open_to_all
def closed(request: HttpRequest, **_more: str) -> HttpResponse:
    """A way that the office does not offer."""
    raise Http404


@open_to_staff
@require_safe
def still_here(request: HttpRequest) -> HttpResponse:
    """Asked by a page in which somebody types or moves, so that a long call does not end with the session (WCAG 2.2.1)."""
    return HttpResponse(status=204)


@open_to_all
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Read the office in another language, from now on."""
    code = request.POST.get("language", "")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = redirect(back)
    if check_for_language(code):
        response.set_cookie(_COOKIE, code, max_age=31536000, samesite="Lax", httponly=True)
        if isinstance(request.user, Staff):
            Staff.objects.filter(pk=request.user.pk).update(locale=code)
    return response
