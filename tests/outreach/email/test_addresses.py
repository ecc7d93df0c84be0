"""Addresses that can be written to, and the return path that proves a bounce to be one of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.email.addresses import ensure_address, message_id_of_return_path, return_path

SECRETS = [b"the secret in use, 32 characters", b"the former one, of 32 characters"]
DOMAIN = "bounces.lender.example"
message_ids = st.from_regex(r"[A-Za-z0-9-]{1,36}", fullmatch=True)


@given(message_ids)
def test_a_return_path_brings_its_message_id_home(message_id: str) -> None:
    path = return_path(message_id, DOMAIN, SECRETS)
    assert len(path.partition("@")[0]) <= 64
    assert message_id_of_return_path(path, DOMAIN, SECRETS) == message_id
    assert message_id_of_return_path(f"<{path}>", DOMAIN.upper(), SECRETS) == message_id
    assert ensure_address(path) == path


def test_a_return_path_made_with_the_former_secret_still_counts() -> None:
    path = return_path("m-1", DOMAIN, SECRETS[1:])
    assert message_id_of_return_path(path, DOMAIN, SECRETS) == "m-1"
    assert message_id_of_return_path(path, DOMAIN, SECRETS[:1]) is None


@given(message_ids, message_ids)
def test_a_seal_holds_for_its_own_message_alone(message_id: str, other: str) -> None:
    mac = return_path(message_id, DOMAIN, SECRETS).partition(".")[2]
    forged = f"bounce+{other}.{mac}"
    assert (message_id_of_return_path(forged, DOMAIN, SECRETS) is not None) == (other == message_id)


@pytest.mark.parametrize(
    "path",
    [
        "bounce+m-1.aaaaaaaaaaaaaaaa@bounces.lender.example",
        "bounce+m-1.@bounces.lender.example",
        "bounce+m-1@bounces.lender.example",
        "care@bounces.lender.example",
        "",
        "@",
        return_path("m-1", "bounces.other.example", SECRETS),
    ],
)
def test_a_forged_return_path_is_refused(path: str) -> None:
    assert message_id_of_return_path(path, DOMAIN, SECRETS) is None


@given(st.text())
def test_no_text_makes_the_check_fail(text: str) -> None:
    assert message_id_of_return_path(text, DOMAIN, SECRETS) is None
    try:
        address = ensure_address(text)
    except ValueError:
        return
    assert address.isascii()
    assert address.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "ana@example.com\r\nBcc: bo@example.com",
        "ana@example.com, bo@example.com",
        "<ana@example.com>",
        '"ana maria"@example.com',
        "ana@exam ple.com",
        "ana@localhost",
        "ana..lopez@example.com",
        "安娜@example.com",
        "a" * 65 + "@example.com",
        "ana@" + ".".join(["label" * 10] * 6),
        "ana",
        "ana@例..中国",
        "a" * 64 + "@" + ".".join(["label"] * 40),
    ],
)
def test_what_is_no_single_plain_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is|its domain"):
        ensure_address(text)


def test_a_domain_in_other_letters_takes_its_ascii_form() -> None:
    assert ensure_address("Ana@例子.中国") == "Ana@xn--fsqu00a.xn--fiqs8s"
