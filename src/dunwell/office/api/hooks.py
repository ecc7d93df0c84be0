"""Webhooks: the addresses that are told what happened, and the secrets that sign it. How they are told says ``telling``, where
messages may go ``reaching``.
"""

import base64
import os
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest
from ninja import Router, Status

from dunwell.journal.keys import MasterKeys, read_master_keys
from dunwell.journal.kinds import KINDS
from dunwell.journal.models import Event
from dunwell.office.access.models import Staff
from dunwell.office.api.models import Delivery, Webhook
from dunwell.office.api.paging import Cursor, Limit, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.reaching import NotReached, check_url, hosts_named
from dunwell.office.api.shapes import Hook, HookAgain, HookIn, HookMade, HookPage
from dunwell.office.api.tokens import WEBHOOKS, Scoped, staff_of
from dunwell.office.workplace import Workplace, workplace

router = Router(tags=["webhooks"])
_ABOUT = "webhook secret"
_BOTH_SIGN = timedelta(days=1)
"""So long the secret before the present one signs beside it."""


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
    _own(request, hook_id).delete()
    return Status(204, None)


@router.post("/webhooks/{hook_id}/again", response=HookAgain, auth=Scoped(WEBHOOKS))
def again(request: HttpRequest, hook_id: int) -> HookAgain:
    """Send what was given up once more, from the first attempt on: the address takes messages again."""
    lost = Delivery.objects.filter(webhook=_own(request, hook_id), state="given_up")
    return HookAgain(due=lost.update(state="due", attempts=0, due_at=workplace().clock()))


@router.post("/webhooks/{hook_id}/secret", response=HookMade, auth=Scoped(WEBHOOKS))
def change_secret(request: HttpRequest, hook_id: int) -> HookMade:
    """A new secret. For a day each message is signed with both, so that nothing is refused while the receiver changes."""
    hook = _own(request, hook_id)
    secret = renew_secret(workplace(), hook)
    return HookMade(**_hook(_counted().get(pk=hook.pk)).dict(), secret=secret)


def _own(request: HttpRequest, hook_id: int) -> Webhook:
    """An address that the token may look after. Raises Http404."""
    found: Webhook | None = None
    if hook_id < 2**63:
        found = _theirs(staff_of(request)).filter(pk=hook_id).first()
    if found is None:
        raise Http404
    return found


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
    master = _master(place)
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
    return hook, _shown(secret)


def renew_secret(place: Workplace, hook: Webhook) -> str:
    """Give a webhook another secret (``whsec_...``); the one it had signs beside it for a day."""
    master, secret = _master(place), secrets.token_bytes(32)
    with transaction.atomic():
        hook = Webhook.objects.select_for_update().get(pk=hook.pk)
        older = master.unwrap(hook.master_id, bytes(hook.wrapped_secret), _ABOUT)
        hook.older_secret, hook.older_until = master.wrap(older, _ABOUT), place.clock() + _BOTH_SIGN
        hook.wrapped_secret, hook.master_id = master.wrap(secret, _ABOUT), master.current
        hook.save(update_fields=["older_secret", "older_until", "wrapped_secret", "master_id"])
    return _shown(secret)


def secrets_of(place: Workplace, hook: Webhook) -> list[bytes]:
    """The secrets that sign a message to a webhook now, the present one first. Raises KeysUnusable."""
    master = _master(place)
    wrapped = [hook.wrapped_secret]
    if hook.older_until is not None and place.clock() < hook.older_until:
        wrapped.append(hook.older_secret)
    return [master.unwrap(hook.master_id, bytes(one), _ABOUT) for one in wrapped]


def rewrap(master: MasterKeys) -> int:
    """Wrap the webhooks' secrets with the current master key, so that older ones can be thrown away; of how many webhooks."""
    count = 0
    with transaction.atomic():
        for hook in Webhook.objects.select_for_update().exclude(master_id=master.current):
            for name in ("wrapped_secret", "older_secret"):
                wrapped = bytes(getattr(hook, name))
                if wrapped:
                    secret = master.unwrap(hook.master_id, wrapped, _ABOUT)
                    setattr(hook, name, master.wrap(secret, _ABOUT))
            hook.master_id = master.current
            hook.save(update_fields=["wrapped_secret", "older_secret", "master_id"])
            count += 1
    return count


def _master(place: Workplace) -> MasterKeys:
    return read_master_keys(place.settings.keys_folder, os.environ, os.urandom)


def _shown(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()
