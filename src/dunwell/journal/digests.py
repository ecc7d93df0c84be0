"""How an event speaks of what it does not show: salted digests of personal data, pseudonyms of debts and contact points.

Nothing here needs a database: a pack of evidence is checked with it anywhere.
"""

import hmac


def digest_of(salt: bytes, text: str) -> str:
    """The digest by which an event holds an item of the vault (HMAC-SHA-256, hexadecimal)."""
    return hmac.digest(salt, text.encode(), "sha256").hex()


def pseudonym_of(key: bytes, kind: str, name: str) -> str:
    """What stands for an account or a contact point of one person: 24 hexadecimal digits under the person's own key."""
    return hmac.digest(key, f"{kind}\0{name}".encode(), "sha256").hex()[:24]
