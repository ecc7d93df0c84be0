"""What an SMSC's answer, or its silence, means for a message."""

from collections.abc import Sequence

from dunwell.outreach.channel import Outcome
from dunwell.outreach.sms.pdu import INVALID_COMMAND, QUEUE_FULL, SYSTEM_ERROR, THROTTLED, status_in_words
from dunwell.outreach.sms.preparing import Prepared
from dunwell.outreach.sms.session import Answer
from dunwell.outreach.sms.settings import SmppSettings

LOST_RETRY_SECONDS = 5.0
_INVALID_LENGTH = 0x02
_NOT_BOUND_FOR_THIS = 0x04
_SUBMIT_FAILED = 0x45
_DEFERRED_STATUSES = (
    _INVALID_LENGTH,
    INVALID_COMMAND,
    _NOT_BOUND_FOR_THIS,
    SYSTEM_ERROR,
    QUEUE_FULL,
    _SUBMIT_FAILED,
    THROTTLED,
)
"""The SMSC did not take the message, for a reason of its own. Every other error is the message's and stays."""


def failed(
    prepared: Prepared, answer: Answer, references_taken: Sequence[str], settings: SmppSettings
) -> Outcome:
    """The outcome of a message one of whose parts was not taken.

    Once an earlier part was taken the message is neither sent nor unsent: unknown, and so it is not sent again.
    """
    detail = _in_words(answer)
    if references_taken:
        sent = f"{len(references_taken)} of {len(prepared.encoders)} parts were taken, then "
        return Outcome(prepared.message_id, "unknown", sent + detail, tuple(filter(None, references_taken)))
    if answer.fate == "lost":
        return Outcome(prepared.message_id, "unknown", detail)
    if answer.fate == "unwritten":
        return Outcome(prepared.message_id, "deferred", detail, retry_after_seconds=LOST_RETRY_SECONDS)
    if answer.status in _DEFERRED_STATUSES or answer.status in settings.deferred_statuses:
        is_brief = answer.status == THROTTLED
        wait_seconds = settings.throttle_seconds if is_brief else settings.queue_full_seconds
        return Outcome(prepared.message_id, "deferred", detail, retry_after_seconds=wait_seconds)
    return Outcome(prepared.message_id, "refused", detail)


def _in_words(answer: Answer) -> str:
    if answer.fate == "answered":
        return f"the SMSC answered {status_in_words(answer.status)}"
    if answer.fate == "lost":
        return f"the connection ended before the SMSC answered ({answer.detail})"
    return f"it was not written ({answer.detail})"
