"""What stands around every page: the ways this person may go."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from dunwell.office.access.models import Staff

WAYS = (
    ("case.read", "queue", _("Queue")),
    ("team.read", "board", _("Board")),
    ("team.read", "load", _("Load")),
    ("team.read", "coaching", _("Coaching")),
    ("case.approve", "approvals", _("Approvals")),
    ("compliance.read", "decisions", _("Decisions")),
    ("compliance.read", "reviews", _("Reviews")),
    ("compliance.read", "complaints", _("Complaints")),
    ("compliance.read", "reports", _("Reports")),
    ("compliance.read", "packs", _("Law")),
    ("analytics.read", "analytics", _("Analytics")),
    ("strategy.read", "strategies", _("Strategy")),
    ("staff.manage", "people", _("People")),
    ("api.tokens", "tokens", _("Tokens")),
    ("audit.read", "audit", _("Audit")),
)
"""The main ways: the permission, the page's name, its words."""


def around(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: ``ways`` (address, words, whether it is here) and ``lender``."""
    user = getattr(request, "user", None)
    if not isinstance(user, Staff):
        return {"ways": []}
    ways = [
        {"url": reverse(name), "words": words, "is_here": request.path == reverse(name)}
        for permission, name, words in WAYS
        if user.may(permission)
    ]
    return {"ways": ways}
