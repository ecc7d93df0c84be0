"""Tokens on a page: who may let which program in, made and revoked by an administrator; and the webhooks' state."""

from datetime import timedelta

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.access.people import record
from dunwell.office.api.models import Token, Webhook
from dunwell.office.api.tokens import make_token, scopes_of
from dunwell.office.workplace import workplace

_DAYS_MAX = 730


@needs("api.tokens")
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens that hold and that held, and the form for a new one."""
    people = Staff.objects.filter(is_active=True).order_by("username")
    context = {
        "tokens": Token.objects.select_related("acts_as").order_by("revoked_at", "-made_at"),
        "people": [(one, ", ".join(scopes_of(one))) for one in people],
        "webhooks": Webhook.objects.select_related("made_by").order_by("pk"),
        "now": workplace().clock(),
    }
    return render(request, "office/tokens.html", context)


@needs("api.tokens")
@require_POST
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token; its secret is shown once and kept nowhere."""
    name = request.POST.get("name", "").strip()
    acts_as = Staff.objects.filter(is_active=True, username=request.POST.get("acts_as", "")).first()
    scopes = [word.strip() for word in request.POST.get("scopes", "").replace(",", " ").split()]
    days = request.POST.get("days", "90")
    if not name or acts_as is None or not days.isdecimal() or not 1 <= int(days) <= _DAYS_MAX:
        messages.error(request, _("Give a name, a person it acts as, and from 1 to 730 days."))
        return redirect("tokens")
    now = workplace().clock()
    try:
        with transaction.atomic():
            _token, secret = make_token(name[:80], acts_as, scopes, now, now + timedelta(days=int(days)))
            record(
                staff_of(request), "token made", name[:80], f"acts as {acts_as.username}: {', '.join(scopes)}"
            )
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("tokens")
    messages.success(request, _("The token, shown only now: %(secret)s") % {"secret": secret})
    return redirect("tokens")


@needs("api.tokens")
@require_POST
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Let a token hold no more."""
    token = get_object_or_404(Token, pk=token_id, revoked_at=None)
    with transaction.atomic():
        token.revoked_at = workplace().clock()
        token.save(update_fields=["revoked_at"])
        record(staff_of(request), "token revoked", token.name, "")
    messages.success(request, _("Recorded."))
    return redirect("tokens")
