"""DKIM signatures (RFC 6376) with RSA and with Ed25519 keys (RFC 8463), both at once where both are set up.

Signed is every header that says who wrote to whom, about what and when, and the two that unsubscribe, which RFC 8058
section 4 asks for. Each is signed once more than it occurs, so that nobody can add a second one.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from dunwell.outreach.email.settings import DkimSettings
from dunwell.settings import SettingsError

SIGNED_HEADERS = (
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "Content-Language"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
)
RSA_BITS_MIN = 2048
"""RFC 8301 section 3.2: signers should use 2048 bits at least."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key as dkimpy wants it, and the name under which DNS holds its public half."""

    domain: str
    selector: str
    algorithm: str
    material: bytes = field(repr=False)
    public_record: str = ""
    """The TXT record for ``SELECTOR._domainkey.DOMAIN``."""


def read_keys(settings: Sequence[DkimSettings]) -> tuple[SigningKey, ...]:
    """The keys from their PEM files. Raises SettingsError, which names the file and the mend."""
    return tuple(_read_key(one) for one in settings)


def sign(message: bytes, keys: Sequence[SigningKey]) -> bytes:
    """The message with one DKIM-Signature header for each key in front. CRLF line ends in, CRLF line ends out."""
    signatures = [_signature(message, key) for key in keys]
    return b"".join([*signatures, message])


def _signature(message: bytes, key: SigningKey) -> bytes:
    head = message.partition(b"\r\n\r\n")[0].lower()
    names = [name.lower().encode() for name in SIGNED_HEADERS]
    present = [name for name in names if head.startswith(name + b":") or b"\r\n" + name + b":" in head]
    signature: bytes = dkim.DKIM(message, signature_algorithm=key.algorithm.encode()).sign(
        key.selector.encode(),
        key.domain.encode(),
        key.material,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[*present, *names],
    )
    return signature


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
        material = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return _key(settings, "rsa", material, der)
    if isinstance(key, Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return _key(settings, "ed25519", base64.b64encode(key.private_bytes_raw()), raw)
    raise SettingsError(f"DKIM key {file} is neither RSA nor Ed25519. Make one of these")


def _key(settings: DkimSettings, kind: str, material: bytes, public: bytes) -> SigningKey:
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode('ascii')}"
    return SigningKey(settings.domain, settings.selector, f"{kind}-sha256", material, record)
