"""A second factor to sign in with: codes from a phone (TOTP) or a passkey, of every role that the lender's policy names.

``policy/access.toml`` may name fewer roles (``second_factor = ["compliance", ...]``); without it every role must. Who has none
yet is led to the page where they set one up before any other page opens. API tokens are no sign-in and are not asked.
"""

import tomllib
from pathlib import Path
from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dunwell.office.access.guard import needs, open_to_newcomers, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.access.people import record
from dunwell.office.access.roles import roles
from dunwell.policy import PolicyError

FILE = "access.toml"
_KEY = "second_factor"
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor; recovery codes alone do not."""


def roles_asked(policy: Path) -> frozenset[str]:
    """The roles of which a second factor is asked, by the lender's policy folder. Raises PolicyError."""
    file = policy / FILE
    if not file.is_file():
        return frozenset(roles())
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8")).get(_KEY, list(roles()))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(file, _KEY, f"cannot be read ({error})", "Mend the TOML") from error
    known = isinstance(named, list) and set(named) <= set(roles())
    if not known:
        raise PolicyError(file, _KEY, f"is {named!r}", f"Write a list of roles: {', '.join(roles())}")
    return frozenset(named)


def keep_mark(sender: Any, instance: Authenticator, **_more: Any) -> None:
    """Keep on a person whether they have a second factor. Who sets up or takes off their own stays signed in where they
    did it, and nowhere else.
    """
    has = Authenticator.objects.filter(user_id=instance.user_id, type__in=KINDS).exists()
    one = Staff.objects.filter(pk=instance.user_id)
    if not one.exclude(has_second_factor=has).update(has_second_factor=has):
        return
    request = context.request
    if request is not None and request.user.is_authenticated and request.user.pk == instance.user_id:
        update_session_auth_hash(request, one.get())


def watch() -> None:
    """Keep the mark from now on, however a factor comes or goes."""
    for signal in (post_save, post_delete):
        signal.connect(keep_mark, sender=Authenticator, dispatch_uid=f"second factor {id(signal)}")


@open_to_newcomers
@require_GET
def set_up(request: HttpRequest) -> HttpResponse:
    """Where somebody who has no second factor yet sets one up."""
    return render(request, "office/second_factor.html", {"has_one": staff_of(request).has_second_factor})


@needs("staff.manage")
@require_POST
def take_away(request: HttpRequest, staff_id: int) -> HttpResponse:
    """Take away the second factor of somebody who lost it: they set up another when they sign in next."""
    one = get_object_or_404(Staff, pk=staff_id)
    with transaction.atomic():
        for factor in Authenticator.objects.filter(user=one):
            factor.delete()
        record(staff_of(request), "second factor taken away", one.username, "")
    messages.success(request, _("Recorded. They set up another when they sign in next."))
    return redirect("people")
