"""Every page names the permission it needs; one that names none is refused, so that a forgotten rule shows at once."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from dunwell.office.access.entering import note_refusal
from dunwell.office.access.models import Staff
from dunwell.office.access.roles import permissions
from dunwell.office.workplace import workplace

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_RULE = "permission"
"""The attribute of a view that names its rule."""
_OTHERS = ("allauth.", "django.contrib.staticfiles.", "dunwell.outreach.views", "ninja.")
"""Views that guard themselves: signing in, files without personal data, the public doors, and the API by its tokens."""


def needs(permission: str) -> Callable[[View], View]:
    """Let a view be used only by people whose role has the permission; others are told so, strangers sign in first."""
    if permission not in permissions():
        raise ValueError(f"{permission!r} is no permission. Known: {', '.join(permissions())}")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.may(permission):
                match = request.resolver_match
                note_refusal(request.user, permission, match.route if match else "")
                raise PermissionDenied(permission)
            if lacks_second_factor(request.user):
                return redirect("second_factor")
            return view(request, *args, **kwargs)

        return _named(cast("View", guarded), permission)

    return decorate


def open_to_staff(view: View) -> View:
    """Let a view be used by everybody who is signed in, with the second factor that is asked of them."""
    newcomers = open_to_newcomers(view)

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, Staff) and lacks_second_factor(request.user):
            return redirect("second_factor")
        return newcomers(request, *args, **kwargs)

    return _named(cast("View", guarded), "signed in")


def open_to_newcomers(view: View) -> View:
    """Let a view be used by everybody who is signed in, also before they have a second factor."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return _named(cast("View", guarded), "signed in")


def lacks_second_factor(staff: Staff) -> bool:
    """Whether the lender's policy asks a second factor of somebody who has none. Raises PolicyError.

    Who has one was asked for it when they signed in.
    """
    return not (staff.has_second_factor or staff.is_sample) and staff.role in workplace().second_factor_roles


def open_to_all(view: View) -> View:
    """Let a view be used by strangers: it says nothing of anybody."""
    return _named(view, "public")


def _named(view: View, rule: str) -> View:
    """The view, with the rule by which ``rule_of`` knows it."""
    setattr(view, _RULE, rule)
    return view


def rule_of(view: Any) -> str | None:
    """What a view names: a permission, ``signed in``, ``public``; ``theirs`` for views that guard themselves; or None."""
    view = getattr(view, "func", view)  # a view whose first arguments were given
    named: str | None = getattr(view, _RULE, None)
    if named is None and str(getattr(view, "__module__", "")).startswith(_OTHERS):
        return "theirs"
    return named


def every_page_has_a_rule(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: refuses a view that names no permission, and lets no browser keep a page that is not public: after
    signing out, or to whoever sits there next, it is not shown again.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        match = request.resolver_match
        if match is not None and rule_of(match.func) != "public":
            response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if rule_of(view) is None:
            raise PermissionDenied(f"{view!r} names no permission")

    answer.process_view = process_view  # type: ignore[attr-defined]  # where Django looks for it
    return answer


def staff_of(request: HttpRequest) -> Staff:
    """Who is asking."""
    assert isinstance(request.user, Staff)
    return request.user
