"""Webhooks on their way: what happened becomes deliveries, each sent, signed, and again until it is taken.

Signed as the Standard Webhooks specification says (webhook-id, webhook-timestamp, webhook-signature ``v1,`` and the base64 of
HMAC-SHA256 over ``id.timestamp.body``), so that existing libraries check it. A message says what happened to whom by id; personal
data are never in it. It keeps its id however often it comes; the timestamp is that of the attempt, so that a message that
somebody caught and sends later can be told. One that was not taken comes after later ones: they come in no sure order.
"""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from time import monotonic

import httpx
from django.db import transaction
from django.db.models import Max, Q

from dunwell.journal.keys import KeysUnusable
from dunwell.journal.models import Event
from dunwell.office.api.hooks import secrets_of
from dunwell.office.api.models import Delivery, Webhook
from dunwell.office.api.reaching import NotReached, hosts_named, post
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.tallies.following import settled_up_to
from dunwell.office.workplace import Workplace

_BATCH = 500
_BATCHES_MAX = 20
"""How many batches of events a round makes deliveries of."""
_ATTEMPTS_MAX = 12
_BACK_OFF = timedelta(seconds=10)
_BACK_OFF_MAX = timedelta(hours=6)
_KEPT = timedelta(days=30)
"""So long it is kept that a message was taken."""
_SLOW_SECONDS = 1.0
"""An address that takes longer for a message gets its next one after the others' in another round."""
_TOLD = Q(is_active=True, made_by__is_active=True)
"""The addresses that are told."""

Post = Callable[[str, bytes, dict[str, str]], int]
"""``post(url, body, headers)``: the status answered. Raises NotReached, httpx.HTTPError."""


def plan_deliveries(place: Workplace) -> int:
    """Make deliveries of what was recorded since, about customers whom who asked for them may see; how many. Who left is told
    nothing any more, and who may not see cases is not told whose they are.
    """
    now = place.clock()
    last: int = Event.objects.aggregate(last=Max("id"))["last"] or 0
    behind = Webhook.objects.filter(_TOLD, told_up_to__lt=last).select_related("made_by__team")
    settled = settled_up_to(now) if behind else last
    return sum(_plan(place, hook, settled, now) for hook in behind)


def _plan(place: Workplace, hook: Webhook, settled: int, now: datetime) -> int:
    """Deliveries to one address; how many. The latest events are looked at again until no earlier one can appear."""
    after, count = hook.told_up_to, 0
    for _ in range(_BATCHES_MAX):
        events = Event.objects.filter(id__gt=after).order_by("id")
        wanted = list(events.values_list("id", "event_id", "kind", "subject_id", "happened_at")[:_BATCH])
        if not wanted:
            break
        after = wanted[-1][0]
        subjects = {str(row[3]) for row in wanted if row[3]} if hook.made_by.may("case.read") else set()
        names = visible_subjects(place, hook.made_by, subjects)
        there = Delivery.objects.filter(webhook=hook, event_id__in=[row[1] for row in wanted])
        known = set(there.values_list("event_id", flat=True))
        deliveries = [
            Delivery(
                webhook=hook,
                event_id=event_id,
                body=_body(event_id, kind, at, names.get(str(subject))),
                due_at=now,
            )
            for _number, event_id, kind, subject, at in wanted
            if event_id not in known
            and (not hook.kinds or kind in hook.kinds)
            and (str(subject) in names or not hook.made_by.is_bound)
        ]
        with transaction.atomic():
            Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
            Webhook.objects.filter(pk=hook.pk, told_up_to__lt=min(after, settled)).update(
                told_up_to=min(after, settled)
            )
        count += len(deliveries)
    return count


def forget(now: datetime) -> None:
    """Keep a month's messages that were taken, and those that were not."""
    Delivery.objects.filter(state="done", due_at__lt=now - _KEPT).delete()


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
    hook = one.webhook
    body, stamp = one.body.encode(), str(int(place.clock().timestamp()))
    try:
        keys = secrets_of(place, hook)
    except KeysUnusable as error:
        return str(error)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": one.event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signature(secret, one.event_id, stamp, body) for secret in keys),
    }
    try:
        status = send(hook.url, body, headers)
    except NotReached as error:
        return str(error)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return None if 200 <= status < 300 else f"answered {status}"


def signature(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    """The signature of a message."""
    digest = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
