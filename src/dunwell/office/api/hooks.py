"""Webhooks: others are told what happened, signed, and again until they take it.

Signed as the Standard Webhooks specification says (webhook-id, webhook-timestamp, webhook-signature ``v1,`` and the base64 of
HMAC-SHA256 over ``id.timestamp.body``), so that existing libraries check it. A message says what happened to whom by id; personal
data are never in it. Where messages may go says ``reaching``.
"""

import base64
import hmac
import json
import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Any

import httpx
from django.db import transaction
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest
from ninja import Router, Status

from dunwell.journal.keys import read_master_keys
from dunwell.journal.kinds import KINDS
from dunwell.journal.models import Event
from dunwell.office.access.models import Staff
from dunwell.office.api.models import Delivery, Webhook
from dunwell.office.api.paging import Cursor, Limit, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.reaching import NotReached, check_url, hosts_named, post
from dunwell.office.api.shapes import Hook, HookAgain, HookIn, HookMade, HookPage
from dunwell.office.api.tokens import WEBHOOKS, Scoped, staff_of
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.workplace import Workplace, workplace

router = Router(tags=["webhooks"])
_BATCH = 500
_ATTEMPTS_MAX = 12
_BACK_OFF = timedelta(seconds=10)
_BACK_OFF_MAX = timedelta(hours=6)
_SLOW_SECONDS = 1.0
"""An address that takes longer for a message gets its next one after the others' in another round."""
_KEPT = {"done": timedelta(days=30), "given_up": timedelta(days=90)}
"""For so long a message that was taken, or given up, is kept: what it told stands in the journal."""
_ABOUT = "webhook secret"
_TOLD = Q(is_active=True, made_by__is_active=True)
"""The addresses that are told."""

Post = Callable[[str, bytes, dict[str, str]], int]
"""``post(url, body, headers)``: the status answered. Raises NotReached, httpx.HTTPError."""


@router.get("/webhooks", response=HookPage, auth=Scoped(WEBHOOKS))
def hooks(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> HookPage:
    """The addresses that are told, and how many messages wait or were given up."""
    shown, following = page_of(
        _theirs(staff_of(request)).order_by("pk"), lambda one: str(one.pk), cursor, limit
    )
    return HookPage(webhooks=[_hook(one) for one in shown], next_cursor=following)


@router.post("/webhooks", response=HookMade, auth=Scoped(WEBHOOKS))
def make(request: HttpRequest, wanted: HookIn) -> HookMade:
    """Tell another address from now on; the answer holds the secret by which it checks what it gets."""
    try:
        check_url(wanted.url, hosts_named(workplace().policy))
    except NotReached as error:
        raise Problem(422, str(error)) from error
    unknown = sorted(set(wanted.kinds) - set(KINDS))
    if unknown:
        raise Problem(422, f"kinds: there is no kind of event {unknown[0]!r}. Known: {', '.join(KINDS)}")
    hook, secret = make_hook(workplace(), wanted.url, wanted.kinds, staff_of(request))
    return HookMade(**_hook(_counted().get(pk=hook.pk)).dict(), secret=secret)


@router.delete("/webhooks/{hook_id}", response={204: None}, auth=Scoped(WEBHOOKS))
def remove(request: HttpRequest, hook_id: int) -> Status[None]:
    """Tell this address no more."""
    if hook_id >= 2**63 or not _theirs(staff_of(request)).filter(pk=hook_id).exists():
        raise Http404
    Webhook.objects.filter(pk=hook_id).delete()
    return Status(204, None)


@router.post("/webhooks/{hook_id}/again", response=HookAgain, auth=Scoped(WEBHOOKS))
def again(request: HttpRequest, hook_id: int) -> HookAgain:
    """Send what was given up once more, from the first attempt on: the address takes messages again."""
    if hook_id >= 2**63 or not _theirs(staff_of(request)).filter(pk=hook_id).exists():
        raise Http404
    lost = Delivery.objects.filter(webhook=hook_id, state="given_up")
    return HookAgain(due=lost.update(state="due", attempts=0, due_at=workplace().clock()))


def _counted() -> Any:
    return Webhook.objects.annotate(
        due=Count("deliveries", filter=Q(deliveries__state="due")),
        given_up=Count("deliveries", filter=Q(deliveries__state="given_up")),
    )


def _theirs(staff: Staff) -> Any:
    """The addresses that somebody may look after: all, or their own where there are cases that they may not see."""
    return _counted().filter(made_by=staff) if staff.is_bound else _counted()


def _hook(one: Any) -> Hook:
    return Hook(
        id=one.pk, url=one.url, kinds=one.kinds, is_active=one.is_active, due=one.due, given_up=one.given_up
    )


def make_hook(place: Workplace, url: str, kinds: list[str], staff: Any) -> tuple[Webhook, str]:
    """A webhook from now on, and its secret in the form ``whsec_...``."""
    master = read_master_keys(place.settings.keys_folder, os.environ, os.urandom)
    secret = secrets.token_bytes(32)
    hook = Webhook.objects.create(
        url=url,
        kinds=kinds,
        master_id=master.current,
        wrapped_secret=master.wrap(secret, _ABOUT),
        told_up_to=Event.objects.aggregate(last=Max("id"))["last"] or 0,
        made_by=staff,
        made_at=place.clock(),
    )
    return hook, "whsec_" + base64.b64encode(secret).decode()


def plan_deliveries(place: Workplace) -> int:
    """Make deliveries of what was recorded since, about customers whom who asked for them may see; how many. Who left is told
    nothing any more, and who may not see cases is not told whose they are.
    """
    count = 0
    now = place.clock()
    for hook in Webhook.objects.filter(_TOLD).select_related("made_by__team"):
        events = Event.objects.filter(id__gt=hook.told_up_to).order_by("id")
        wanted = list(events.values_list("id", "event_id", "kind", "subject_id", "happened_at")[:_BATCH])
        if not wanted:
            continue
        subjects = {str(row[3]) for row in wanted if row[3]} if hook.made_by.may("case.read") else set()
        names = visible_subjects(place, hook.made_by, subjects)
        deliveries = [
            Delivery(
                webhook=hook,
                event_id=event_id,
                body=_body(event_id, kind, at, names.get(str(subject))),
                due_at=now,
            )
            for _, event_id, kind, subject, at in wanted
            if (not hook.kinds or kind in hook.kinds) and (str(subject) in names or not hook.made_by.is_bound)
        ]
        with transaction.atomic():
            Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
            Webhook.objects.filter(pk=hook.pk).update(told_up_to=wanted[-1][0])
        count += len(deliveries)
    return count


def _body(event_id: str, kind: str, at: datetime, customer_id: str | None) -> str:
    return json.dumps(
        {
            "type": kind,
            "timestamp": at.isoformat(),
            "data": {"event_id": event_id, "customer_id": customer_id},
        }
    )


def deliver(place: Workplace, send: Post | None = None) -> int:
    """Send what is due; how many were taken. What was not comes again later, at growing distances, and is given up at last. An
    address that is slow or does not answer gets one message a round, so that the others do not wait for it. Raises PolicyError.
    """
    send = send or partial(post, named=hosts_named(place.policy))
    return sum(_deliver_to(place, hook, send) for hook in Webhook.objects.filter(_TOLD).order_by("pk"))


def _deliver_to(place: Workplace, hook: Webhook, send: Post) -> int:
    """Send what is due to one address until it fails or is slow; how many were taken."""
    taken = 0
    due = Delivery.objects.filter(webhook=hook, state="due", due_at__lte=place.clock())
    for one in due.select_related("webhook").order_by("due_at", "pk")[:_BATCH]:
        began = monotonic()
        why = _attempt(place, one, send)
        is_slow = monotonic() - began > _SLOW_SECONDS
        one.attempts += 1
        if why is None:
            one.state, taken = "done", taken + 1
        else:
            one.state = "given_up" if one.attempts >= _ATTEMPTS_MAX else "due"
        one.why = (why or "")[:200]
        one.due_at = place.clock() + min(_BACK_OFF * 2 ** (one.attempts - 1), _BACK_OFF_MAX)
        one.save(update_fields=["state", "attempts", "why", "due_at"])
        if is_slow or why is not None:
            break
    return taken


def _attempt(place: Workplace, one: Delivery, send: Post) -> str | None:
    """None when it was taken, else why not."""
    master = read_master_keys(place.settings.keys_folder, os.environ, os.urandom)
    hook = one.webhook
    secret = master.unwrap(hook.master_id, bytes(hook.wrapped_secret), _ABOUT)
    body, stamp = one.body.encode(), str(int(place.clock().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": one.event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": signature(secret, one.event_id, stamp, body),
    }
    try:
        status = send(hook.url, body, headers)
    except NotReached as error:
        return str(error)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return None if 200 <= status < 300 else f"answered {status}"


def forget_deliveries(place: Workplace) -> int:
    """Keep the messages no longer that are over since long (``_KEPT``), some a round; how many went."""
    count = 0
    for state, kept in _KEPT.items():
        over = Delivery.objects.filter(state=state, due_at__lt=place.clock() - kept).order_by("due_at")
        count += Delivery.objects.filter(pk__in=list(over.values_list("pk", flat=True)[:_BATCH])).delete()[0]
    return count


def signature(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """The signature of a message."""
    digest = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
