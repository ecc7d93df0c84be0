"""Tokens: made once and shown once; a request proves itself by one, and each operation names the scope it needs."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja.security import HttpBearer

from dunwell.office.access.entering import ENDED, note_refusal
from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.api.models import Token
from dunwell.office.api.problems import AnsweredBefore
from dunwell.office.workplace import workplace

INTAKE = "intake"
WEBHOOKS = "webhooks"
_PREFIX = "dw_"
_USED_EVERY = timedelta(minutes=5)


def scopes_of(staff: Staff) -> list[str]:
    """The scopes that a token acting as somebody can have: what their role may, and taking in what the lender tells of."""
    return sorted(roles()[staff.role].permissions | {INTAKE, WEBHOOKS})


def make_token(
    name: str, staff: Staff, scopes: Sequence[str], now: datetime, expires_at: datetime | None = None
) -> tuple[Token, str]:
    """A new token and its secret, which is kept nowhere. Raises ValueError for a scope that the person cannot give."""
    beyond = sorted(set(scopes) - set(scopes_of(staff)))
    if beyond or not scopes:
        raise ValueError(
            f"{staff.username} cannot give {beyond or 'no scope'}. Scopes: {', '.join(scopes_of(staff))}"
        )
    secret = _PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        name=name,
        digest=_digest(secret),
        acts_as=staff,
        scopes=sorted(set(scopes)),
        made_at=now,
        expires_at=expires_at,
    )
    return token, secret


def _digest(secret: str) -> str:
    """What is kept of a secret: it is 256 random bits, so a plain hash tells nothing of it."""
    return sha256(secret.encode()).hexdigest()


class Scoped(HttpBearer):
    """Lets a request through whose token has the scope; ``scope`` None: any token that holds."""

    def __init__(self, scope: str | None) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """The token; None when it does not hold. Raises PermissionDenied when it holds and lacks the scope; AnsweredBefore, when
        all is well and the request was answered before.
        """
        now = workplace().clock()
        found = Token.objects.select_related("acts_as__team").filter(digest=_digest(token)).first()
        if found is None:
            return None
        is_over = found.expires_at is not None and found.expires_at <= now
        if found.revoked_at is not None or is_over or not found.acts_as.is_active:
            note_refusal(found.acts_as, ENDED, f"token {found.name}")
            return None
        if self.scope is not None and not (
            self.scope in found.scopes and self.scope in scopes_of(found.acts_as)
        ):
            note_refusal(found.acts_as, self.scope, f"token {found.name}")
            raise PermissionDenied(self.scope)
        if found.used_at is None or now - found.used_at > _USED_EVERY:
            Token.objects.filter(pk=found.pk).update(used_at=now)
        before = getattr(request, AnsweredBefore.NAME, None)
        if before is not None:
            raise AnsweredBefore(before)
        return found


def staff_of(request: HttpRequest) -> Staff:
    """As whom the request's token acts."""
    return token_of(request).acts_as


def token_of(request: HttpRequest) -> Token:
    """The token with which a request came."""
    token: Token = request.auth  # type: ignore[attr-defined]  # ninja puts there what ``Scoped`` found
    return token
