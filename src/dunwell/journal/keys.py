"""The two secrets of the journal: master keys that wrap each customer's key, and the key that signs the seals.

They come from the environment, from files in the workspace's ``keys/`` (never in git, readable by their owner only), or
from a key service that offers ``MasterKeys``. A master key may be replaced: old ones stay until everything is rewrapped.
"""

import os
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER_VARIABLE = "DUNWELL_MASTER_KEYS"
SIGNING_VARIABLE = "DUNWELL_SIGNING_KEY"
MASTER_FILE, SIGNING_FILE = "master.keys", "signing.key"

Random = Callable[[int], bytes]


class KeysUnusable(ValueError):
    """A secret is missing or damaged; says which, and the mend."""


class KeyMissing(KeysUnusable):
    """A master key that something is wrapped with is not at hand in this process."""


class MasterKeys(Protocol):
    """What wraps the customers' keys: files here, a key service in a bank."""

    @property
    def current(self) -> str:
        """The id of the key that new keys are wrapped with."""
        ...

    def wrap(self, key: bytes, about: str) -> bytes:
        """A key wrapped with the current master key. ``about`` must be the same when it is unwrapped."""
        ...

    def unwrap(self, master_id: str, wrapped: bytes, about: str) -> bytes:
        """The key again. Raises KeysUnusable when the master key is not there or the wrapping was changed."""
        ...


class LocalMasterKeys:
    """Master keys held by this process: AES-256-GCM, a fresh nonce for each wrapping."""

    def __init__(self, keys: Mapping[str, bytes], random: Random) -> None:
        """``keys``: 32 bytes by id, the current one first. Raises KeysUnusable."""
        if not keys:
            raise KeysUnusable(
                f"there is no master key. Set {MASTER_VARIABLE}, or run `dunwell evidence keys`"
            )
        for name, key in keys.items():
            if len(key) != 32:
                raise KeysUnusable(f"master key {name!r} has {len(key)} bytes. It must have 32, in base64")
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._current = next(iter(keys))
        self._random = random

    @property
    def current(self) -> str:
        """The id of the key that new keys are wrapped with."""
        return self._current

    def wrap(self, key: bytes, about: str) -> bytes:
        """A key wrapped with the current master key."""
        nonce = self._random(12)
        return nonce + self._keys[self._current].encrypt(nonce, key, about.encode())

    def unwrap(self, master_id: str, wrapped: bytes, about: str) -> bytes:
        """The key again. Raises KeysUnusable."""
        if master_id not in self._keys:
            raise KeyMissing(
                f"master key {master_id!r} is not here. Add it to {MASTER_VARIABLE} or {MASTER_FILE} after the current one, and"
                " start anew what was running when it was made"
            )
        try:
            return self._keys[master_id].decrypt(wrapped[:12], wrapped[12:], about.encode())
        except InvalidTag as error:
            raise KeysUnusable(
                f"a key wrapped with master key {master_id!r} does not open. The key or the database was changed: restore it"
            ) from error


@dataclass(frozen=True, slots=True)
class Signer:
    """The Ed25519 key that signs seals (RFC 8032)."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The public key's fingerprint."""
        return fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self.private.sign(data)


def fingerprint(public: bytes) -> str:
    """A public key's name: the first 16 hexadecimal digits of its SHA-256."""
    return sha256(public).hexdigest()[:16]


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the holder of that key signed these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_master_keys(folder: Path, environment: Mapping[str, str], random: Random) -> LocalMasterKeys:
    """The master keys from the environment, or else from the workspace's file. Raises KeysUnusable."""
    file = folder / MASTER_FILE
    text = environment.get(MASTER_VARIABLE)
    if text is None:
        text = _read(file, "the master key")
    keys: dict[str, bytes] = {}
    for part in text.replace("\n", ",").split(","):
        if part.strip():
            name, _, value = part.strip().partition(":")
            if name in keys:
                raise KeysUnusable(
                    f"master key {name!r} is there twice. Take out the one that is not used, or give it another name"
                )
            keys[name] = _decoded(value, f"master key {name!r}")
    return LocalMasterKeys(keys, random)


def read_signer(folder: Path, environment: Mapping[str, str]) -> Signer:
    """The signing key from the environment, or else from the workspace's file. Raises KeysUnusable."""
    text = environment.get(SIGNING_VARIABLE)
    if text is None:
        text = _read(folder / SIGNING_FILE, "the signing key")
    key = _decoded(text.strip(), "the signing key")
    if len(key) != 32:
        raise KeysUnusable(f"the signing key has {len(key)} bytes. It must have 32, in base64")
    return Signer(Ed25519PrivateKey.from_private_bytes(key))


def make_keys(folder: Path, random: Random) -> list[Path]:
    """Make the keys that are not there yet, readable by their owner only; returns the files made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = []
    for name, text in (
        (MASTER_FILE, f"k1:{b64encode(random(32)).decode()}\n"),
        (SIGNING_FILE, f"{b64encode(random(32)).decode()}\n"),
    ):
        if not (folder / name).exists():
            _write_secret(folder / name, text)
            made.append(folder / name)
    return made


def add_master_key(folder: Path, random: Random) -> str:
    """Put a new master key before the others in the workspace's file; returns its id. Raises KeysUnusable."""
    file = folder / MASTER_FILE
    before = _read(file, "the master key")
    numbers = [int(found[1]) for found in re.finditer(r"(?m)^\s*k(\d+):", before.replace(",", "\n"))]
    name = f"k{max(numbers, default=0) + 1}"
    staging = file.with_suffix(".new")
    staging.unlink(missing_ok=True)
    _write_secret(staging, f"{name}:{b64encode(random(32)).decode()}\n{before}")
    staging.replace(file)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # before anything is wrapped with it
    finally:
        os.close(descriptor)
    return name


def _write_secret(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _read(file: Path, what: str) -> str:
    if not file.is_file():
        raise KeysUnusable(
            f"{what} is not there ({file}). Run `dunwell evidence keys`, or set it in the environment"
        )
    return file.read_text(encoding="ascii", errors="replace")


def _decoded(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise KeysUnusable(f"{what} is no base64. Restore it from your copy") from error
