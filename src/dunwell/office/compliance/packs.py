"""The law as it binds here, to read: every rule in force on a day, and what changed between two days."""

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from dunwell.law.telling import differences, rule_lines
from dunwell.office.access.guard import needs
from dunwell.office.workplace import workplace


@needs("compliance.read")
def packs(request: HttpRequest) -> HttpResponse:
    """The packs that there are."""
    law = workplace().law
    return render(request, "office/packs.html", {"packs": sorted(law.packs.items())})


@needs("compliance.read")
def pack(request: HttpRequest, key: str) -> HttpResponse:
    """A pack's rules in force on a day (``on``), and with ``since`` what changed from that day to it."""
    place = workplace()
    found = place.law.packs.get(key)
    if found is None:
        raise Http404(key)
    on = _day(request.GET.get("on"), place.today())
    since = _day(request.GET.get("since"), None)
    language = "zh" if (get_language() or "en").startswith("zh") else "en"
    rules = [
        {
            "id": rule.id,
            "lines": rule_lines(rule, language),
            "citation": rule.citation,
            "quality": rule.source_quality,
        }
        for rule in found.on(on)
    ]
    changes = differences(found, since, on) if since is not None and since < on else []
    context = {"key": key, "pack": found, "rules": rules, "on": on, "since": since, "changes": changes}
    return render(request, "office/pack.html", context)


def _day(text: str | None, default: Any) -> Any:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return default
