"""What an SMTP reply means for the message it answers (RFC 5321 section 4.2.1)."""

import re

from dunwell.outreach.channel import Certainty, Outcome

DETAIL_LENGTH_MAX = 200

# About our session, not about this message: wrong or missing login, TLS wanted first (RFC 4954 section 6, RFC 3207 section 4).
_OUR_OWN_FAULT = frozenset({530, 534, 535, 538})
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+")
_QUEUED_AS = re.compile(r"(?:queued as|\bid=|\bid )\s*([A-Za-z0-9][\w.-]{3,99})", re.IGNORECASE)
_WAIT = re.compile(r"\b(?:in|after|for)\s+(\d{1,5})\s*(s|sec|second|min|minute)s?\b", re.IGNORECASE)


def without_addresses(text: str) -> str:
    r"""The words on one line, short, every e-mail address in them taken out: logs must not hold who was written to.

    >>> without_addresses("5.1.1 <joe@example.com>:\n no such user")
    '5.1.1 <address>: no such user'
    """
    start = " ".join(text[: 10 * DETAIL_LENGTH_MAX].split())
    return _ADDRESS.sub("address", start)[:DETAIL_LENGTH_MAX]


def outcome_of_reply(message_id: str, code: int, text: str, *, is_handed_over: bool) -> Outcome:
    """What became of the message, by the server's reply; ``is_handed_over``: all of it was sent before this reply came.

    >>> outcome_of_reply("m-1", 451, "4.7.1 Greylisted, retry in 300 seconds", is_handed_over=False).retry_after_seconds
    300.0
    >>> outcome_of_reply("m-1", 250, "2.0.0 Ok: queued as 4X1Fz2", is_handed_over=True).provider_references
    ('4X1Fz2',)
    """
    certainty: Certainty
    if 200 <= code < 300 and is_handed_over:
        certainty = "accepted"
    elif 500 <= code < 600 and code not in _OUR_OWN_FAULT:
        certainty = "refused"
    elif 400 <= code < 600:
        certainty = "deferred"
    else:
        # No reply that SMTP knows: nothing can be concluded from it but what was sent before it.
        certainty = "unknown" if is_handed_over else "deferred"
    queued, wait = _QUEUED_AS.search(text), _WAIT.search(text)
    return Outcome(
        message_id=message_id,
        certainty=certainty,
        detail=without_addresses(f"{code} {text}"),
        provider_references=(queued[1],) if queued and certainty == "accepted" else (),
        retry_after_seconds=_seconds(wait) if wait and certainty == "deferred" else None,
    )


def _seconds(wait: re.Match[str]) -> float:
    return float(wait[1]) * (60 if wait[2].lower().startswith("m") else 1)
