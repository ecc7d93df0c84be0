"""The bytes of an e-mail, read back by the standard library: the very same words, names and addresses, whatever they are."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Message
from dunwell.outreach.email.addresses import has_control_characters
from dunwell.outreach.email.rendering import UnfitMessage, compose
from dunwell.outreach.email.writing import address_header, text_header
from tests.outreach.email.made import AT, made_settings

SETTINGS = made_settings(reply_to="answers@lender.example")

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.lists(
        st.sampled_from(
            [
                "--=_m-1",
                "--=_m-1--",
                ".",
                "..",
                "From us",
                "=20",
                "tab\t",
                " blank ",
                "您好",
                "é" * 90,
                "x" * 200,
                "\r",
                "",
            ]
        ),
        max_size=12,
    ).map("\n".join),
)
words = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
    st.text("ab =?_-Q您é😀", max_size=120),
    st.lists(st.text("abc", min_size=1, max_size=90), max_size=6).map(" ".join),
).filter(lambda text: bool(text.strip()) and not has_control_characters(text))


def read(raw: bytes) -> EmailMessage:
    """The message as the standard library understands it; the bytes are fit for every relay."""
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def content(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    assert not found.defects
    payload = found.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


def on_the_wire(text: str) -> str:
    """Lines that end alike, which is all that an e-mail knows of line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@given(text=texts, html=texts.filter(bool))
def test_both_parts_are_read_back_as_they_were(text: str, html: str) -> None:
    mail = read(compose(Message("m-1", "ana@example.com", text, subject="Hello", html=html), SETTINGS, AT))
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert content(mail, "plain") == on_the_wire(text + "\n")
    assert content(mail, "html") == on_the_wire(html)


@given(words)
def test_a_header_of_words_is_read_back_as_it_was_and_is_folded(text: str) -> None:
    raw = f"{text_header('Subject', text)}\r\n\r\n".encode("ascii")
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert not any(line.isspace() for line in raw.split(b"\r\n"))
    assert read(raw)["Subject"] == text


@given(words)
def test_a_name_before_an_address_is_read_back_and_the_address_is_the_same(name: str) -> None:
    mail = read(f"{address_header('From', name, 'care@lender.example')}\r\n\r\n".encode("ascii"))
    [address] = mail["From"].addresses
    assert address.addr_spec == "care@lender.example"
    assert "".join(address.display_name.split()) == "".join(name.split())


def test_half_a_surrogate_pair_is_no_character() -> None:
    for message in (
        Message("m-1", "ana@example.com", "a\ud800", subject="Hello"),
        Message("m-1", "ana@example.com", "text", subject="Hello \ud800"),
    ):
        with pytest.raises(UnfitMessage, match="surrogate"):
            compose(message, SETTINGS, AT)


@pytest.mark.parametrize("language", ["en\r\nBcc: bo@example.com", "", "您好"])
def test_a_language_cannot_add_a_header(language: str) -> None:
    with pytest.raises(UnfitMessage, match="language"):
        compose(Message("m-1", "ana@example.com", "text", subject="Hello", language=language), SETTINGS, AT)


def test_a_header_cannot_stand_twice() -> None:
    headers = {"List-Unsubscribe": "<https://a.example>", "list-unsubscribe": "<https://b.example>"}
    with pytest.raises(UnfitMessage, match="own"):
        compose(Message("m-1", "ana@example.com", "text", subject="Hello", headers=headers), SETTINGS, AT)
