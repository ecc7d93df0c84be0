"""DKIM signatures (RFC 6376) with RSA and with Ed25519 keys (RFC 8463), both at once where both are set up.

Signed is every header that says who wrote to whom, about what and when, and the two that unsubscribe, which RFC 8058
section 4 asks for. Each is signed once more than it occurs, so that nobody can add a second one.

dkimpy canonicalises and folds; the signature itself is OpenSSL's, since dkimpy's own RSA takes some ten times as long.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # it ships no types
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from dkim.canonicalization import Relaxed  # type: ignore[import-untyped]  # it ships no types

from dunwell.outreach.email.rendering import UnfitMessage
from dunwell.outreach.email.settings import DkimSettings
from dunwell.settings import SettingsError

SIGNED_HEADERS = (
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "Content-Language"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
)
RSA_BITS_MIN = 2048
"""RFC 8301 section 3.2: signers should use 2048 bits at least."""

_NAME = b"DKIM-Signature"
_SIGNED = frozenset(name.lower().encode() for name in SIGNED_HEADERS)
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_FOLD = re.compile(rb"\r\n([ \t])")
_LINE = 72


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and the name under which DNS holds its public half."""

    domain: str
    selector: str
    algorithm: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)
    public_record: str = ""
    """The TXT record for ``SELECTOR._domainkey.DOMAIN``."""

    def sign(self, data: bytes) -> bytes:
        """The signature of some bytes: RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519 over the SHA-256 (RFC 8463 section 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), SHA256())
        return self.private.sign(sha256(data).digest())


def read_keys(settings: Sequence[DkimSettings]) -> tuple[SigningKey, ...]:
    """The keys from their PEM files. Raises SettingsError, which names the file and the mend."""
    return tuple(_read_key(one) for one in settings)


def sign(message: bytes, keys: Sequence[SigningKey], at: datetime) -> bytes:
    """The message with one DKIM-Signature header for each key in front. CRLF line ends in, CRLF line ends out.

    ``at``: when it is signed. Raises UnfitMessage for what a relay would change or a receiver might read in two ways: a lone
    line end, a line of the head that is no header, a header that stands twice, no From or two of them.
    """
    if not keys:
        return message
    head, _, body = message.partition(b"\r\n\r\n")
    if not message.count(b"\r\n") == message.count(b"\n") == message.count(b"\r"):
        raise UnfitMessage("it holds a lone line end, which a relay would change. Write CRLF")
    fields = _once(_fields(head))
    names = [name.lower().encode() for name in SIGNED_HEADERS]
    present = [name for name in names if name in fields]
    signed = b"".join(name + b":" + fields[name] for name in present)
    body_hash = base64.b64encode(sha256(_relaxed_body(body)).digest())
    named = b" : ".join((*present, *names))
    return b"".join([*(_signature(signed, named, body_hash, key, at) for key in keys), message])


def _once(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers in canonical form by name, those that are signed each once. Raises UnfitMessage."""
    if not all(_FIELD_NAME.fullmatch(name) for name, _ in headers):
        raise UnfitMessage("a line of its head is no header")
    fields: dict[bytes, bytes] = {}
    for name, value in (_relaxed(name, value) for name, value in headers):
        if name in fields and name in _SIGNED:
            raise UnfitMessage(f"its header {name.decode('ascii')} stands twice")
        fields[name] = value
    if b"from" not in fields:
        raise UnfitMessage("it has no From")
    return fields


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The headers, each with its value as it stands, folded lines included. Ours stand once each."""
    unfolded = _FOLD.sub(rb"\1", head)
    found = [line.partition(b":") for line in unfolded.split(b"\r\n")]
    return [(name if colon else b"", value) for name, colon, value in found]


@lru_cache(maxsize=1024)  # most headers are the same in every message
def _relaxed(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header in its canonical form: RFC 6376 section 3.4.2."""
    ((name, value),) = Relaxed.canonicalize_headers([(name, value)])
    return name, value


def _relaxed_body(body: bytes) -> bytes:
    """A body in its canonical form (RFC 6376 section 3.4.4), quickly where no run of blanks stands in it."""
    if b"  " in body or b"\t" in body or b" \r\n" in body:
        return bytes(Relaxed.canonicalize_body(body))
    return body.rstrip(b"\r\n") + b"\r\n" if body.strip(b"\r\n") else b""


def _signature(signed: bytes, named: bytes, body_hash: bytes, key: SigningKey, at: datetime) -> bytes:
    """The header of one key: RFC 6376 section 3.7, relaxed/relaxed. What is signed is the headers and itself without ``b``."""
    tags, plain = _tags(key.algorithm, key.domain, key.selector, int(at.timestamp()), named)
    signature = base64.b64encode(key.sign(signed + plain + b" bh=" + body_hash + b"; b="))
    lines = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
    itself = (_NAME, b":", tags, b"\r\n bh=", body_hash, b";\r\n b=")
    return b"".join((*itself, *(b"\r\n " + line for line in lines), b"\r\n"))


@lru_cache(maxsize=64)  # the same for all messages of a second
def _tags(algorithm: str, domain: str, selector: str, at: int, named: bytes) -> tuple[bytes, bytes]:
    """What stands before the hashes, folded, and the header up to there in its canonical form."""
    tags = (
        f"v=1; a={algorithm}; c=relaxed/relaxed; d={domain}; i=@{domain}; q=dns/txt; s={selector}; t={at}; h="
    ).encode("ascii")
    folded = b" " + dkim.fold(tags + named + b";", namelen=len(_NAME))
    name, value = _relaxed(_NAME, folded)
    return folded, name + b":" + value.removesuffix(b"\r\n")


def _read_key(settings: DkimSettings) -> SigningKey:
    file: Path = settings.key_file
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise SettingsError(
            f"DKIM key {file} cannot be read ({error.strerror}). Put the key there"
        ) from error
    except (ValueError, TypeError) as error:
        mend = "Write an unencrypted private key in PEM form (openssl genpkey)"
        raise SettingsError(f"DKIM key {file} is none. {mend}") from error
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        if key.key_size < RSA_BITS_MIN:
            raise SettingsError(
                f"DKIM key {file} has {key.key_size} bits. Make one of {RSA_BITS_MIN} or more"
            )
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return _key(settings, "rsa", key, der)
    if isinstance(key, Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return _key(settings, "ed25519", key, raw)
    raise SettingsError(f"DKIM key {file} is neither RSA nor Ed25519. Make one of these")


def _key(
    settings: DkimSettings, kind: str, private: RSAPrivateKey | Ed25519PrivateKey, public: bytes
) -> SigningKey:
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode('ascii')}"
    return SigningKey(settings.domain, settings.selector, f"{kind}-sha256", private, record)
