"""The short keyed hash by which we know our own return paths and unsubscribe links again."""

import base64
import hmac
from collections.abc import Sequence

LENGTH_MIN = 16
"""80 bits: enough where every guess is a message or a request to us."""


def seal(purpose: str, message_id: str, secret: bytes, length: int) -> str:
    """The first ``length`` characters (5 bits each) of HMAC-SHA-256 over purpose and message_id, in lower-case base 32.

    Base 32 because addresses lose their capitals on the way; the purpose, so that what is sealed as a return path is
    no unsubscribe link.

    >>> seal("bounce", "m-1", b"a secret of the house", 16)
    'tj63pbgm5uprm7ad'
    """
    digest = hmac.digest(secret, f"dunwell:{purpose}:{message_id}".encode(), "sha256")
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()[:length]


def is_sealed(purpose: str, message_id: str, mac: str, secrets: Sequence[bytes]) -> bool:
    """Whether one of the secrets made this seal. Takes the same time for every wrong seal of one length."""
    if len(mac) < LENGTH_MIN:
        return False
    given, found = mac.encode("utf-8", "replace"), False
    for secret in secrets:
        found |= hmac.compare_digest(given, seal(purpose, message_id, secret, len(mac)).encode())
    return found
