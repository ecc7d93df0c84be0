"""The public doors, served beside the pages: the link that ends a channel, and a text-message provider's webhooks.

Nobody is signed in here and no cookie is set or read: what comes in proves itself by its seal or signature. How often one
address may knock is limited (``project``); a provider sends again what was refused.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.core.ratelimit import consume
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from dunwell.outreach import views

_PATIENCE_SECONDS = "60"

View = Callable[..., HttpResponse]


def public(view: View, action: str) -> View:
    """A door as the office serves it: sealed by what it gets, not by a form's token; its own headers; limited."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not consume(request, action=action):
            answer = HttpResponse("Too many requests", status=429, content_type="text/plain")
            answer["Retry-After"] = _PATIENCE_SECONDS
            return answer
        return views.guarded(lambda asked: view(asked, *args, **kwargs))(request)

    exempt: View = csrf_exempt(limited)
    return exempt


urlpatterns = [
    path("unsubscribe/<str:token>", public(views.unsubscribe, "door_clicks")),
    path("hooks/sms", public(views.sms_webhook, "door_webhooks")),
]
