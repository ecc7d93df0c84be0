"""How long somebody stays signed in: 12 hours from signing in whatever they do, and half an hour after the last page they
asked for or last moved in (a page asks for ``still-here`` then).

``policy/access.toml`` may say another ``idle_minutes`` (5 to 720). A page that asks for its own figures keeps nobody signed in.
"""

import tomllib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from dunwell.office.workplace import Workplace, workplace
from dunwell.policy import PolicyError

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
_KEY = "idle_minutes"
_BEGAN, _SEEN = "began_at", "seen_at"
_NOTED_EVERY = timedelta(minutes=2)
"""So seldom it is written down that somebody is still there."""


def idle_of(policy: Path) -> timedelta:
    """After how long without a page somebody signs in again, by the lender's policy folder. Raises PolicyError."""
    file = policy / "access.toml"
    if not file.is_file():
        return IDLE
    try:
        minutes = tomllib.loads(file.read_text(encoding="utf-8")).get(_KEY, IDLE // timedelta(minutes=1))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(file, _KEY, f"cannot be read ({error})", "Mend the TOML") from error
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 5 <= minutes <= 720:
        raise PolicyError(file, _KEY, f"is {minutes!r}", "Write a number of minutes from 5 to 720")
    return timedelta(minutes=minutes)


def sessions_end(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: signs out whose session is over before the page is made."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return get_response(request)
        place = workplace()
        now, session = place.clock(), request.session
        began, seen = (_instant(session.get(name)) for name in (_BEGAN, _SEEN))
        if (began and now - began >= LONGEST) or (seen and now - seen >= _idle(place)):
            logout(request)
            messages.info(
                request, _("You were signed out, since nothing was done for a while or the day is over.")
            )
            return get_response(request)
        if began is None:
            session[_BEGAN] = now.isoformat()
        asks_by_itself = request.method == "GET" and request.headers.get("HX-Request")
        if seen is None or (now - seen >= _NOTED_EVERY and not asks_by_itself):
            session[_SEEN] = now.isoformat()
        return get_response(request)

    return answer


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _idle(place: Workplace) -> timedelta:
    try:
        return place.idle
    except PolicyError:  # the pages say what is wrong with the text
        return IDLE
