"""People who work here and the teams they are in."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.functional import lazy

from dunwell.office.access.roles import roles


def _name(key: str) -> str:
    return roles()[key].name


ROLE_CHOICES = [(key, lazy(_name, str)(key)) for key in roles()]
"""The roles; their names are read when they are shown, in the reader's language."""


class Team(models.Model):
    """People who work the same cases: a desk of the lender's own, or an agency's. ``jurisdictions`` narrows what it works
    (pack keys; empty: all).
    """

    name = models.CharField(max_length=80, unique=True)
    agency = models.CharField(max_length=80, blank=True)
    jurisdictions = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.name


class Staff(AbstractUser):
    """Somebody who works here. ``role`` says what they may do; ``team`` and ``jurisdictions`` whose cases they see
    (no team and no jurisdictions: everybody's).

    ``has_second_factor``: kept by ``second_factor`` as codes and passkeys come and go. ``is_sample``: made to try the office in a
    workspace without real people; no second factor is asked of them.
    """

    role = models.CharField(max_length=20, choices=ROLE_CHOICES, default="collector")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="people")
    jurisdictions = models.JSONField(default=list, blank=True)
    languages = models.JSONField(default=list, blank=True)
    skills = models.JSONField(default=list, blank=True)
    on_leave_until = models.DateField(null=True, blank=True)
    locale = models.CharField(
        max_length=10, default="en", choices=[("en", "English"), ("zh-hans", "简体中文")]
    )

    has_second_factor = models.BooleanField(default=False, editable=False)
    is_sample = models.BooleanField(default=False, editable=False)

    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        """Their names on screens."""

        verbose_name = "staff"
        verbose_name_plural = "staff"

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must have been begun with: the password, and the second factor where there is one. Who signed in by the
        password alone before it was set up, or with one that was taken away, signs in again.
        """
        own: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]  # the stubs lack it
        if not self.has_second_factor:
            return own
        return salted_hmac("dunwell.second_factor", own, secret=secret, algorithm="sha256").hexdigest()

    def may(self, permission: str) -> bool:
        """Whether their role has the permission."""
        return self.is_active and permission in roles()[self.role].permissions

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's own permissions are not used: what a role may is in ``roles.toml``."""
        return False

    @property
    def scope(self) -> list[str] | None:
        """The jurisdictions whose cases they may see: their own, within their team's. None: all; empty: none, for the two have
        nothing in common.
        """
        own, team = set(self.jurisdictions), set(self.team.jurisdictions if self.team else [])
        return sorted(own & team if own and team else own | team) if own or team else None

    @property
    def agency_team(self) -> Team | None:
        """The team whose cases alone they may see, where it is an agency's."""
        return self.team if self.team is not None and self.team.agency else None

    @property
    def is_bound(self) -> bool:
        """Whether there are cases that they may not see."""
        return self.scope is not None or self.agency_team is not None
