"""Whatever arrives in the mailbox is read without an error: random bytes, broken structure, and nesting without end."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dunwell.outreach.email.addresses import return_path
from dunwell.outreach.email.bounces import parse_receipt
from dunwell.outreach.email.html_text import text_from_html
from dunwell.outreach.email.mime import decoded_bytes
from dunwell.outreach.email.quotations import new_text
from dunwell.outreach.email.replies import author, parse_reply
from tests.outreach.email.made import AT, made_settings
from tests.outreach.email.test_bounces import status_notification

SETTINGS = made_settings()
PATH = return_path("m-1", SETTINGS.return_path_domain, SETTINGS.secrets)


def read_all(raw: bytes) -> None:
    parse_receipt(raw, SETTINGS, AT)
    parse_receipt(raw, SETTINGS, AT, envelope_to=PATH)
    parse_reply(raw, SETTINGS, AT)
    author(raw)


@given(st.binary(max_size=400))
def test_random_bytes(raw: bytes) -> None:
    read_all(raw)
    read_all(b"From: a@b.example\r\n" + raw)


names = st.sampled_from(
    [
        *(
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Content-Type",
            "Precedence",
        ),
        *(
            "Content-Transfer-Encoding",
            "Content-Disposition",
            "Auto-Submitted",
            "Delivered-To",
            "Return-Path",
            "Action",
        ),
        *("Status", "Diagnostic-Code", "Feedback-Type", "Original-Recipient", "Final-Recipient", "List-Id"),
    ]
)
values = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *(
                b"text/plain; charset=unicode_escape",
                b"text/plain; charset*=a'b'%ff%",
                b'multipart/report; boundary="b"',
            ),
            *(
                b"message/delivery-status",
                b"message/feedback-report",
                b"message/rfc822",
                b"text/rfc822-headers",
            ),
            *(
                b"=?utf-8?b?****?=",
                b"=?hex?q?=zz?=",
                b"=?gb2312?B?xOO6w?=",
                b"base64",
                b"x-uuencode",
                b"quoted-printable",
            ),
            *(
                b"multipart/mixed; boundary=",
                b"text/html",
                b"failed",
                b"abuse",
                b"a@b.example",
                b"<",
                b'"',
                b"@",
            ),
            *(b"Fri, 99 Nov 99999 99:99:99 +9999", b"Mon, 1 Jan 0001 00:00:00 +1400", PATH.encode()),
        ]
    ),
)
header_lines = st.builds(lambda name, value: name.encode() + b": " + value + b"\n", names, values)


@given(
    st.lists(
        st.one_of(header_lines, st.just(b"\n"), st.just(b"--b\n"), st.binary(max_size=30)), max_size=25
    ).map(b"".join)
)
@example(b"Content-Type: message/rfc822\n\n" * 3000)
@example(b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000)))
@example(b"From: a@b.example\nContent-Type: text/html\n\n" + b"<div>" * 20_000 + b"x")
@example(b'From: a@b.example\nContent-Type: text/plain; charset="utf\x00-8"\n\n\xff')
@example(b"From: a@b.example\nSubject: =?utf-7?q?+?=\n\n")
def test_structure_of_any_kind(raw: bytes) -> None:
    read_all(raw)


@given(st.data())
def test_a_bounce_with_any_damage(data: st.DataObject) -> None:
    raw = bytearray(status_notification(to=PATH).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    read_all(bytes(raw))


@given(st.text(max_size=200), st.binary(max_size=60), st.text(max_size=20))
def test_the_readers_of_text(text: str, data: bytes, charset: str) -> None:
    assert len(new_text(text)) <= len(text)
    text_from_html(text)
    text_from_html(f"<![{text}]><!--{text}<{text}>&#{text};")
    decoded_bytes(data, charset)


@pytest.mark.parametrize(
    "line", ["On 2026 " + "x " * 50_000, "发件人：" * 20_000, ">" * 100_000, "- " * 100_000, "a@" * 50_000]
)
def test_long_lines_take_no_time(line: str) -> None:
    # A pattern that went back and forth over the line would take minutes.
    read_all(
        f"From: a@b.example\nSubject: {line[:5000]}\nTo: {line[:5000]}\n\n{line}\n{line} wrote:\n".encode()
    )
    new_text("\n".join([line] * 5))


@pytest.mark.parametrize("piece", ["<!--", "<![", "<a ", "<a b='", "</", "&#", "<?", "</p>", "<div></p>"])
def test_endless_markup_takes_no_time(piece: str) -> None:
    assert "Hello" in text_from_html("<p>Hello</p>" + piece * 20_000)


@pytest.mark.parametrize(
    "line", ["--", "-- ", "> a", "From: a", "On 1 at 10:00", "a wrote:", "", "---------------------"]
)
def test_many_lines_take_no_time(line: str) -> None:
    new_text("\n".join(["Hello", *[line] * 20_000]))
    head = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(40))
    read_all(f"From: a@b.example\n{head}{(line + chr(10)) * 1_000}".encode())
