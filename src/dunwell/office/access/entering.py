"""Who signed in and out, with what, who failed to, and who was refused what they may not see or do: events of the journal.

What was typed as a name stands in no event where nobody has that name: it may be a password.
"""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from django.contrib.auth.signals import user_login_failed

from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.workplace import workplace

ENTERED, REFUSED = "office.entered", "office.refused"
ENDED = "ended token used"
"""What a program is refused whose token was revoked, is past its day, or acts as somebody who left."""
CASE = "a case out of their scope"
"""What somebody is refused who asks for a customer whom they may not see."""
_QUARTER_SECONDS = 900
"""The same refusal is recorded once in a quarter of an hour."""


def watch() -> None:
    """Record from now on."""
    for signal, what in (
        (account.user_logged_in, "signed in"),
        (account.user_logged_out, "signed out"),
        (account.password_changed, "own password changed"),
        (mfa.authenticator_added, "second factor added"),
        (mfa.authenticator_removed, "second factor removed"),
        (mfa.authenticator_reset, "recovery codes made anew"),
        (mfa.authentication_failed, "second factor failed"),
    ):
        signal.connect(_told(what), weak=False, dispatch_uid=f"entering {what}")
    user_login_failed.connect(_failed, dispatch_uid="entering failed")


def _told(what: str) -> Any:
    def tell(sender: Any, user: Any = None, authenticator: Any = None, **_more: Any) -> None:
        if isinstance(user, Staff):
            note_entry(user.username, what, "" if authenticator is None else str(authenticator.type))

    return tell


def _failed(sender: Any, credentials: dict[str, Any], **_more: Any) -> None:
    name = str(credentials.get("username", ""))
    known = Staff.objects.filter(username__iexact=name).values_list("username", flat=True).first()
    note_entry(known or "", "sign-in failed", "" if known else "nobody has that name")


def note_entry(username: str, what: str, about: str = "") -> None:
    """Record that somebody came in, went out or tried to."""
    journal = workplace().journal
    body = {"by": username, "what": what} | ({"about": about} if about else {})
    journal.record([NewEvent(ENTERED, journal.clock(), body=body)])


def note_refusal(staff: Staff, what: str, about: str = "", customer_id: str | None = None) -> None:
    """Record that somebody was refused what they may not see or do: a permission, or a customer out of their scope."""
    journal = workplace().journal
    now = journal.clock()
    span = int(now.timestamp() // _QUARTER_SECONDS)
    subject = "" if customer_id is None else journal.vault.admit([customer_id], now)[customer_id]
    body = {"by": staff.username, "what": what} | ({"about": about} if about else {})
    key = f"office:refused:{staff.pk}:{what}:{subject}:{span}"
    journal.record([NewEvent(REFUSED, now, customer_id, body=body, key=key)])
