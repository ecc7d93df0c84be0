"""Signed heads of the tree: what is handed out, and what a seal in the database signs.

Nothing here needs a database: a head is checked anywhere, with the public key alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from dunwell.journal.canonical import canonical
from dunwell.journal.keys import fingerprint, is_signed


@dataclass(frozen=True, slots=True)
class Head:
    """A signed head of the tree as it is handed out: it can be checked with the public key alone."""

    number: int
    tree_size: int
    root: bytes
    previous: bytes
    sealed_at: str
    public_key: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that are signed."""
        return seal_bytes(
            self.number,
            self.tree_size,
            self.root,
            self.previous,
            self.sealed_at,
            fingerprint(self.public_key),
        )

    @property
    def is_genuine(self) -> bool:
        """Whether the holder of the key signed it."""
        return is_signed(self.public_key, self.signature, self.signed)

    @property
    def hash(self) -> bytes:
        """What the next seal is chained to."""
        return sha256(self.signed + self.signature).digest()

    def as_text(self) -> str:
        """The head as JSON, for a file or a notice board."""
        values = {
            "number": self.number,
            "tree_size": self.tree_size,
            "root": self.root.hex(),
            "previous": self.previous.hex(),
            "sealed_at": self.sealed_at,
            "public_key": self.public_key.hex(),
            "signature": self.signature.hex(),
        }
        return json.dumps(values, indent=2) + "\n"


def head_of(values: Mapping[str, Any]) -> Head:
    """A head from its JSON. Raises ValueError, KeyError, TypeError for what is none."""
    return Head(
        number=int(values["number"]),
        tree_size=int(values["tree_size"]),
        root=bytes.fromhex(values["root"]),
        previous=bytes.fromhex(values["previous"]),
        sealed_at=str(values["sealed_at"]),
        public_key=bytes.fromhex(values["public_key"]),
        signature=bytes.fromhex(values["signature"]),
    )


def seal_bytes(
    number: int, tree_size: int, root: bytes, previous: bytes, sealed_at: str, key_id: str
) -> bytes:
    """What a seal signs, as canonical JSON."""
    return canonical(
        {
            "what": "dunwell journal seal 1",
            "number": number,
            "tree_size": tree_size,
            "root": root.hex(),
            "previous": previous.hex(),
            "sealed_at": sealed_at,
            "key_id": key_id,
        }
    ).encode()
