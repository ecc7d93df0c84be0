"""The law as it binds here, to read: every rule in force on a day, and what changed between two days."""

from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from dunwell.law.pack import Pack
from dunwell.law.telling import differences
from dunwell.office.access.guard import needs
from dunwell.office.compliance.rule_words import change_told, rule_told
from dunwell.office.workplace import workplace


@needs("compliance.read")
def packs(request: HttpRequest) -> HttpResponse:
    """The packs that there are."""
    found = [(key, _title(one), one) for key, one in sorted(workplace().law.packs.items())]
    return render(request, "office/packs.html", {"packs": found})


@needs("compliance.read")
def pack(request: HttpRequest, key: str) -> HttpResponse:
    """A pack's rules in force on a day (``on``), and with ``since`` what changed from that day to it."""
    place = workplace()
    found = place.law.packs.get(key)
    if found is None:
        raise Http404(key)
    on = _day(request.GET.get("on"), place.today())
    since = _day(request.GET.get("since"), None)
    rules = [rule_told(rule) for rule in found.on(on)]
    is_compared = since is not None and since < on
    changes = [change_told(one) for one in differences(found, since, on)] if is_compared else []
    context = {
        "key": key,
        "title": _title(found),
        "rules": rules,
        "on": on,
        "since": since,
        "is_compared": is_compared,
        "changes": changes,
    }
    return render(request, "office/pack.html", context)


def _title(pack: Pack) -> str:
    return pack.title_zh if (get_language() or "en").startswith("zh") else pack.title


def _day(text: str | None, default: Any) -> Any:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return default
