"""The doors for what comes back over HTTP: the one click that ends a channel, and a text-message provider's webhooks.

Every answer is given after what it answers was recorded. A GET changes nothing: programs that scan mail fetch every link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from markupsafe import Markup

from dunwell.outreach.sms.webhooks import BODY_BYTES_MAX, WebhookRefused

if TYPE_CHECKING:
    from dunwell.outreach.channel import Receipt, Reply

_FORM_BYTES_MAX = 4096
_FORM = "application/x-www-form-urlencoded"
_ONE_CLICK = b"List-Unsubscribe=One-Click"

Unsubscribe = Callable[[str, str, bytes, datetime], "Receipt | None"]
"""``unsubscribe(path, content type, body, now)``: the receipt, where the link is ours and the body one click (RFC 8058)."""
Webhook = Callable[[Mapping[str, str], bytes, datetime], "list[Receipt | Reply]"]
"""``webhook(headers, body, now)``: what it tells. Raises WebhookRefused."""


@dataclass(frozen=True, slots=True)
class Doors:
    """What the views need of a workspace: the channels' own readers, and what records an item of a channel."""

    unsubscribe: Unsubscribe | None
    webhook: Webhook | None
    take: "Callable[[str, Receipt | Reply], None]"
    clock: Callable[[], datetime]


_WORDS = {
    "en": {
        "title": "Stop these e-mails",
        "ask": "Do you want no more e-mails from us at this address?",
        "button": "Stop these e-mails",
        "done_title": "Done",
        "done": "You will get no more e-mails from us at this address. You need do nothing else.",
    },
    "zh": {
        "title": "不再接收邮件",
        "ask": "您希望此邮箱不再收到我们的邮件吗？",
        "button": "不再接收邮件",
        "done_title": "已完成",
        "done": "我们不会再向此邮箱发送邮件。您无需再做任何操作。",
    },
}
_PAGE = Markup(
    """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 1.125rem/1.6 system-ui, "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; max-width: 34rem; margin: 3rem auto;
  padding: 0 1rem; color: #1a1a1a; background: #fff; }}
button {{ font: inherit; padding: .7rem 1.2rem; color: #fff; background: #1d4f91; border: 0; border-radius: .25rem; }}
button:focus-visible {{ outline: 3px solid #1a1a1a; outline-offset: 3px; }}
</style></head><body><main><h1>{title}</h1>{content}</main></body></html>
"""
)
_ASK = Markup(
    '<p>{ask}</p><form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    '<button type="submit">{button}</button></form>'
)


def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The link of an e-mail's List-Unsubscribe: GET asks with one button, POST acts at once (RFC 8058 section 3)."""
    doors = _doors()
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if doors.unsubscribe is None:
        raise Http404
    now = doors.clock()
    ours = doors.unsubscribe(request.path, _FORM, _ONE_CLICK, now)
    if ours is None or not _is_known(ours):
        raise Http404
    language = language_of(request.headers.get("Accept-Language", ""))
    words = _WORDS[language]
    if request.method != "POST":
        return _page(language, words["title"], _ASK.format(**words))
    body = _body(request, _FORM_BYTES_MAX)
    if body is None:
        return HttpResponse("the body is too long", status=413, content_type="text/plain")
    receipt = doors.unsubscribe(request.path, request.headers.get("Content-Type", ""), body, now)
    if receipt is None:
        return HttpResponse(
            "Send List-Unsubscribe=One-Click as a form", status=400, content_type="text/plain"
        )
    doors.take("email", receipt)
    return _page(language, words["done_title"], Markup("<p>{}</p>").format(words["done"]))


def sms_webhook(request: HttpRequest) -> HttpResponse:
    """A provider's receipts and replies: 200 when all of them are recorded, 401 when it is forged, 400 when it is unreadable."""
    doors = _doors()
    if doors.webhook is None:
        raise Http404
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    body = _body(request, BODY_BYTES_MAX)
    if body is None:
        return JsonResponse({"error": f"the body is longer than {BODY_BYTES_MAX} bytes"}, status=413)
    try:
        found = doors.webhook(request.headers, body, doors.clock())
    except WebhookRefused as refused:
        return JsonResponse({"error": str(refused)}, status=401 if refused.is_forged else 400)
    with transaction.atomic():
        for item in found:
            doors.take("sms", item)
    return JsonResponse({"taken": len(found)})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Nothing is here, and nothing is told of what else is."""
    return HttpResponse(
        "There is nothing here. / 此处没有内容。", status=404, content_type="text/plain; charset=utf-8"
    )


def guarded(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Django middleware: what keeps a browser from doing more with an answer than showing it."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex"
        response.headers["Cache-Control"] = "no-store"
        return response

    return answer


def language_of(accepted: str) -> str:
    """``zh`` where Accept-Language (RFC 9110 section 12.5.4) prefers Chinese to English, else ``en``.

    >>> language_of("zh-CN,zh;q=0.9,en;q=0.8"), language_of("en-GB,zh;q=0.5"), language_of("fr"), language_of("zh;q=x")
    ('zh', 'en', 'en', 'en')
    """
    weights = {"en": 0.0, "zh": 0.0}
    for part in accepted[:500].split(","):
        name, _, weight = part.strip().partition(";")
        language = name.split("-")[0].lower()
        try:
            value = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if language in weights:
            weights[language] = max(weights[language], value)
    return "zh" if weights["zh"] > weights["en"] else "en"


def _doors() -> Doors:
    doors: Doors | None = getattr(apps.get_app_config("outreach"), "doors", None)
    if doors is None:
        raise Http404
    return doors


def _is_known(receipt: "Receipt") -> bool:
    from dunwell.outreach.models import Work

    return Work.objects.filter(pk=receipt.message_id).exists()


def _body(request: HttpRequest, bytes_max: int) -> bytes | None:
    """The body, or None when it is longer; then it is not read."""
    length = request.headers.get("Content-Length") or "0"
    if not (length.isascii() and length.isdigit()) or int(length[:12]) > bytes_max:
        return None
    return request.body


def _page(language: str, title: str, content: Markup) -> HttpResponse:
    page = _PAGE.format(language="zh-CN" if language == "zh" else language, title=title, content=content)
    response = HttpResponse(str(page))
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language"
    return response
