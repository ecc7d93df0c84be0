"""DKIM: dkimpy verifies what we sign with RSA and Ed25519 keys, and finds every tampering."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from dunwell.outreach.email.rendering import UnfitMessage, compose
from dunwell.outreach.email.sender import EmailSender
from dunwell.outreach.email.settings import DkimSettings
from dunwell.outreach.email.signing import SigningKey, read_keys, sign
from dunwell.settings import SettingsError
from tests.outreach.email.made import AT, made_message, made_settings

NOW = datetime.now(UTC)
"""The verifier refuses signatures of the future by the machine's clock."""

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def write_key(file: Path, key: PrivateKey) -> Path:
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, ...]:
    folder = tmp_path_factory.mktemp("keys")
    rsa_file = write_key(folder / "rsa.pem", rsa.generate_private_key(65537, 2048))
    ed_file = write_key(folder / "ed25519.pem", ed25519.Ed25519PrivateKey.generate())
    return read_keys(
        [DkimSettings("lender.example", "r2026", rsa_file), DkimSettings("lender.example", "e2026", ed_file)]
    )


def dns(keys: tuple[SigningKey, ...]) -> Callable[..., bytes]:
    records = {f"{key.selector}._domainkey.{key.domain}.": key.public_record for key in keys}
    return lambda name, timeout=5: records.get(name.decode(), "").encode()


def verdicts(raw: bytes, keys: tuple[SigningKey, ...]) -> list[bool]:
    def verdict(index: int) -> bool:
        try:
            return bool(dkim.DKIM(raw).verify(idx=index, dnsfunc=dns(keys)))
        except dkim.ValidationError:
            return False  # the body is not the one that was signed

    return [verdict(index) for index in range(len(keys))]


@pytest.fixture(scope="module")
def signed(keys: tuple[SigningKey, ...]) -> bytes:
    settings = made_settings(reply_to="answers@lender.example")
    return sign(compose(made_message(settings), settings, AT), keys, NOW)


def test_both_signatures_hold(signed: bytes, keys: tuple[SigningKey, ...]) -> None:
    assert verdicts(signed, keys) == [True, True]
    assert b"a=rsa-sha256" in signed
    assert b"a=ed25519-sha256" in signed
    assert all(len(line) <= 998 for line in signed.split(b"\r\n"))


def test_every_header_that_matters_is_signed(signed: bytes, keys: tuple[SigningKey, ...]) -> None:
    signer = dkim.DKIM(signed)
    assert signer.verify(idx=0, dnsfunc=dns(keys))
    assert set(signer.include_headers) >= {
        *(b"from", b"to", b"subject", b"date", b"message-id", b"reply-to"),
        *(b"list-unsubscribe", b"list-unsubscribe-post"),
    }


@pytest.mark.parametrize(
    ("genuine", "forged"),
    [
        (b"From: ", b"From: evil@example.com, "),
        (b"To: ana@", b"To: bo@"),
        (b"Subject: Your plan", b"Subject: Your last chance"),
        (b"Date: Fri", b"Date: Sat"),
        (b"Message-ID: <m-0001", b"Message-ID: <m-0002"),
        (b"Reply-To: answers@", b"Reply-To: thief@"),
        (b"<https://lender.example/unsubscribe", b"<https://evil.example/unsubscribe"),
        (b"=One-Click", b"=Two-Clicks"),
        (b"We are here to help", b"We are here to take"),
        (b"\r\nTo: ", b"\r\nSubject: another\r\nTo: "),
        (b"\r\nTo: ", b"\r\nList-Unsubscribe: <https://evil.example>\r\nTo: "),
    ],
)
def test_tampering_is_found(
    signed: bytes, keys: tuple[SigningKey, ...], genuine: bytes, forged: bytes
) -> None:
    assert genuine in signed
    assert verdicts(signed.replace(genuine, forged, 1), keys) == [False, False]


def test_a_sender_signs_what_it_sends(tmp_path: Path, keys: tuple[SigningKey, ...]) -> None:
    write_key(tmp_path / "key.pem", ed25519.Ed25519PrivateKey.generate())
    settings = made_settings(
        tmp_path, dkim={"domain": "lender.example", "selector": "s1", "key_file": "key.pem"}
    )
    payload = EmailSender(settings, now=lambda: NOW).envelope(made_message(settings)).payload
    assert verdicts(payload, read_keys(settings.dkim)) == [True]
    assert verdicts(payload, keys[:1]) == [False]  # not with another's key


def test_a_key_that_cannot_sign_is_refused_with_the_mend(tmp_path: Path) -> None:
    def read(file: Path) -> None:
        read_keys([DkimSettings("lender.example", "s1", file)])

    with pytest.raises(SettingsError, match=r"none\.pem cannot be read .* Put the key there"):
        read(tmp_path / "none.pem")
    (tmp_path / "text.pem").write_text("not a key")
    with pytest.raises(SettingsError, match=r"text\.pem is none.*PEM"):
        read(tmp_path / "text.pem")
    with pytest.raises(SettingsError, match=r"1024 bits\. Make one of 2048"):
        read(write_key(tmp_path / "short.pem", rsa.generate_private_key(65537, 1024)))
    with pytest.raises(SettingsError, match="neither RSA nor Ed25519"):
        read(write_key(tmp_path / "ec.pem", ec.generate_private_key(ec.SECP256R1())))


# --- odd messages, each against dkimpy, which signs and verifies by its own code


HEADERS = b"\r\n".join(
    (
        *(b"From: Lender <care@lender.example>", b"To: ana@example.com"),
        *(b"Subject: Your plan", b"Date: Fri, 1 May 2026 10:00:00 +0000"),
    )
)
BODIES = [
    *(b"", b"\r\n", b"\r\n\r\n\r\n", b" \r\n\t \r\n", b"x", b"x\r\n", b"x\r\n\r\n\r\n"),
    *(b"trailing blanks \t \r\n  leading  and   inner\r\n", b"\r\n\r\nempty lines before\r\n"),
    *(
        "八位字节 8-bit\r\n".encode(),
        b"\xff\xfe\x80 no text at all\r\n",
        b"." * 990 + b"\r\n",
        b"no line end \t ",
    ),
    b"a blank line, then the end\r\n \r\n",
]
HEADS = {
    "plain": HEADERS,
    "folded": HEADERS.replace(
        b"Subject: Your", b"Subject:\r\n\t a long  subject\r\n   over   three\t\r\n lines Your"
    ),
    "8 bit": HEADERS + b"\r\nX-Name: " + "王小明".encode(),
    "8 bit signed": HEADERS.replace(b"Your plan", "您的方案".encode()),
    "long": HEADERS + b"\r\nContent-Type: text/plain; x=" + b"y" * 2000,
    "many recipients": HEADERS.replace(
        b"ana@example.com", b",\r\n ".join(b"a%d@example.com" % n for n in range(200))
    ),
    "odd case": HEADERS.replace(b"Subject:", b"sUBJECT:").replace(b"Date:", b"DATE:"),
    "empty value": HEADERS.replace(b"Subject: Your plan", b"Subject:"),
    "no subject, no date": HEADERS.split(b"\r\nSubject")[0],
    "a colon in a value": HEADERS.replace(b"Your plan", b"plan: 1: 2 ;= b=x; bh=y"),
}


@pytest.mark.parametrize(
    ("head", "body"),
    [*(("folded", body) for body in BODIES), *((head, b"Hello\r\n\r\n") for head in HEADS)],
)
def test_any_message_is_signed_so_that_it_verifies(
    keys: tuple[SigningKey, ...], head: str, body: bytes
) -> None:
    raw = sign(HEADS[head] + b"\r\n\r\n" + body, keys, NOW)
    assert verdicts(raw, keys) == [True, True]
    assert b"; l=" not in raw, "the whole body is signed"
    kept = body.rstrip(b"\r\n \t")
    if kept:
        longer = raw.removesuffix(body) + body.rstrip(b"\r\n") + b"\r\nand more\r\n"
        assert verdicts(longer, keys) == [False, False]


@pytest.mark.parametrize(
    "head",
    [
        HEADERS.split(b"\r\n", 1)[1],
        HEADERS + b"\r\nFrom: Another <other@lender.example>",
        HEADERS + b"\r\nsubject: Another",
        HEADERS.replace(b"\r\n", b"\n"),
        HEADERS + b"\r\nno colon here",
        HEADERS.replace(b"Subject:", b"Subject :"),
    ],
    ids=["no From", "two From", "two subjects", "lone line feeds", "no colon", "a blank before the colon"],
)
def test_what_a_receiver_would_read_in_two_ways_is_not_signed(
    keys: tuple[SigningKey, ...], head: bytes
) -> None:
    with pytest.raises(UnfitMessage):
        sign(head + b"\r\n\r\nHello\r\n", keys, NOW)


@pytest.mark.parametrize("body", [b"one\ntwo\r\n", b"one\rtwo\r\n", b"\n"])
def test_a_body_with_a_lone_line_end_is_not_signed(keys: tuple[SigningKey, ...], body: bytes) -> None:
    """A relay makes CRLF of it (RFC 5321 section 2.3.8), and what arrives is not what was signed."""
    with pytest.raises(UnfitMessage, match="line end"):
        sign(HEADERS + b"\r\n\r\n" + body, keys, NOW)


def test_a_second_header_added_on_the_way_is_found(keys: tuple[SigningKey, ...]) -> None:
    raw = sign(HEADERS + b"\r\n\r\nHello\r\n", keys, NOW)
    for added in (
        b"From: thief@evil.example\r\n",
        b"Reply-To: thief@evil.example\r\n",
        b"subject: hurry\r\n",
    ):
        assert verdicts(raw.replace(b"To: ana", added + b"To: ana", 1), keys) == [False, False]
