"""Where a workspace keeps what proves its journal: the signing key, the public keys, anchors handed out, files."""

import json
import os
from hashlib import sha256
from pathlib import Path

from dunwell.journal.heads import Head, head_of
from dunwell.journal.keys import Signer, read_signer
from dunwell.settings import Settings

PUBLIC_KEYS = "public_keys.json"


class AnchorUnreadable(ValueError):
    """A file is no anchor; says which and the mend."""


def signer_of(settings: Settings) -> Signer:
    """The workspace's signing key; its public half is written down beside the evidence. Raises KeysUnusable."""
    signer = read_signer(settings.keys_folder, os.environ)
    known = public_keys(settings)
    if signer.key_id not in known:
        known[signer.key_id] = signer.public
        file = settings.evidence_folder / PUBLIC_KEYS
        file.parent.mkdir(parents=True, exist_ok=True)
        staging = file.with_suffix(".new")
        staging.write_text(json.dumps({name: key.hex() for name, key in known.items()}, indent=2) + "\n")
        staging.replace(file)
    return signer


def public_keys(settings: Settings) -> dict[str, bytes]:
    """Every public key that ever signed, by fingerprint."""
    file = settings.evidence_folder / PUBLIC_KEYS
    if not file.is_file():
        return {}
    return {name: bytes.fromhex(key) for name, key in json.loads(file.read_text(encoding="ascii")).items()}


def read_anchor(file: Path) -> Head:
    """An anchor's file. Raises AnchorUnreadable."""
    try:
        return head_of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnchorUnreadable(
            f"{file} is no anchor ({error}). Name a file made by `dunwell evidence anchor`"
        ) from error


def kept_anchors(settings: Settings) -> list[Head]:
    """The anchors that the workspace kept a copy of, the oldest first. Raises AnchorUnreadable."""
    return [read_anchor(file) for file in sorted((settings.evidence_folder / "anchors").glob("*.json"))]


def kept_folder(settings: Settings) -> Path:
    """Where files that belong to the evidence (recordings, uploads) are kept, encrypted."""
    return settings.evidence_folder / "files"


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def plain_name(text: str) -> str:
    """A name for a file about the id ``text``: letters, digits, ``-`` and ``_``; two ids never get the same.

    >>> plain_name("C-17"), plain_name("C/17")[:5]
    ('C-17', 'C_17-')
    """
    name = "".join(letter if letter in _PLAIN else "_" for letter in text)[:80]
    return name if name == text else f"{name}-{sha256(text.encode()).hexdigest()[:16]}"


def pack_file(settings: Settings, customer_id: str) -> Path:
    """Where a pack of evidence about a customer is written when nothing else is said."""
    return settings.evidence_folder / f"{plain_name(customer_id)}.zip"
