"""One click to stop (RFC 8058): only a POST to a link that we made counts, and it always counts the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Receipt
from dunwell.outreach.email.unsubscribe import (
    message_id_of_token,
    parse_unsubscribe_post,
    unsubscribe_token,
    unsubscribe_url,
)
from tests.outreach.email.made import AT, made_settings

SETTINGS = made_settings(former_secret_envs=["DUNWELL_EMAIL_SECRET_2025"])
FORM = "application/x-www-form-urlencoded"
BODY = b"List-Unsubscribe=One-Click"
MULTIPART = b'--x1\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x1--\r\n'


def post(path: str, content_type: str = FORM, body: bytes = BODY) -> Receipt | None:
    return parse_unsubscribe_post(path, content_type, body, SETTINGS, AT)


def test_one_click_is_a_receipt() -> None:
    link = unsubscribe_url("m-1", SETTINGS)
    receipt = post(link)
    assert receipt is not None
    assert (receipt.kind, receipt.message_id, receipt.at) == ("unsubscribed", "m-1", AT)
    assert post(link.removeprefix("https://lender.example")) == receipt
    assert post(link + "/?utm=1") == receipt
    assert post(link, "multipart/form-data; boundary=x1", MULTIPART) == receipt


def test_a_link_made_with_the_former_secret_still_stops() -> None:
    assert post("/unsubscribe/" + unsubscribe_token("m-1", SETTINGS.secrets[1:])) is not None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b""),
        (FORM, b"List-Unsubscribe=no"),
        (FORM, b"\xff\xfe"),
        ("text/plain", BODY),
        ("", BODY),
        ("multipart/form-data; boundary=x1", b"--x1--"),
        ("multipart/form-data", MULTIPART),
        ("multipart/form-data; boundary=x1\r\nX: y", MULTIPART),
    ],
)
def test_any_other_request_to_the_link_does_not_stop(content_type: str, body: bytes) -> None:
    assert post(unsubscribe_url("m-1", SETTINGS), content_type, body) is None


@given(st.text(max_size=80), st.binary(max_size=80), st.text(max_size=40))
def test_a_made_up_link_is_refused_and_nothing_fails(path: str, body: bytes, content_type: str) -> None:
    assert post(path) is None
    assert message_id_of_token(path, SETTINGS.secrets) is None
    post(unsubscribe_url("m-1", SETTINGS), content_type, body)
    post(unsubscribe_url("m-1", SETTINGS), f"multipart/form-data; boundary={content_type}", body)


def test_a_seal_holds_for_its_own_message_alone() -> None:
    token = unsubscribe_token("m-1", SETTINGS.secrets)
    assert message_id_of_token(token, SETTINGS.secrets) == "m-1"
    assert message_id_of_token(token.replace("m-1", "m-2"), SETTINGS.secrets) is None
    assert message_id_of_token(token[:-1], SETTINGS.secrets) is None
    assert message_id_of_token("m-1.", SETTINGS.secrets) is None
