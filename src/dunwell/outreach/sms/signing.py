"""The signature under a provider's HTTP requests and webhooks: HMAC-SHA256 over the time and the body."""

import hashlib
import hmac

TIMESTAMP_HEADER = "X-Dunwell-Timestamp"
SIGNATURE_HEADER = "X-Dunwell-Signature"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``v1=`` and the hexadecimal HMAC-SHA256 of timestamp, a full stop and the body, under the secret."""
    signed = timestamp.encode("utf-8", "surrogatepass") + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def is_signed(secret: str, timestamp: str, body: bytes, given: str) -> bool:
    """Whether the signature is the right one, in constant time. Nothing is signed under an empty secret."""
    expected = signature(secret, timestamp, body).encode()
    return bool(secret) and hmac.compare_digest(expected, given.encode("utf-8", "surrogatepass"))
