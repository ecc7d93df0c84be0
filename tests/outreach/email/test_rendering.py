"""The message as it goes out: reviewed words only, accessible HTML that says the same, headers nobody can break."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Message
from dunwell.outreach.email.html_text import text_from_html
from dunwell.outreach.email.page import html_from_text
from dunwell.outreach.email.rendering import UnfitMessage, compose, render
from dunwell.outreach.email.unsubscribe import message_id_of_token
from tests.outreach.email.made import AT, TEXT, made_message, made_settings

SETTINGS = made_settings()


def parsed(message: Message) -> EmailMessage:
    raw = compose(message, SETTINGS, AT)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))  # RFC 5322 section 2.1.1
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def words(text: str) -> list[str]:
    """The words of a plain text, without the signs that stand for its layout."""
    lines = [line for line in text.split("\n") if not re.fullmatch(r"\s*(={3,}|-{3,})\s*", line)]
    return " ".join(re.sub(r"^\s*[-•*·]\s+(?=\S)", "", line) for line in lines).split()


def test_the_headers() -> None:
    mail = parsed(made_message(SETTINGS))
    assert mail["From"] == "Lender Care 关怀团队 <care@lender.example>"
    assert mail["To"] == "ana@example.com"
    assert mail["Date"].datetime == AT
    assert mail["Message-ID"] == "<m-0001@lender.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"
    assert mail["MIME-Version"] == "1.0"
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]


def test_one_click_unsubscribe_stands_in_the_headers_as_it_must() -> None:
    message = made_message(SETTINGS, message_id="0" * 36)
    raw = compose(message, SETTINGS, AT).decode()
    found = re.search(r"^List-Unsubscribe: <https://lender\.example/unsubscribe/(\S+)>\r$", raw, re.MULTILINE)
    assert found, "on one line, not in encoded words, however long it is"
    assert message_id_of_token(found[1], SETTINGS.secrets) == "0" * 36
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_the_words_are_the_reviewed_text_and_the_postal_address() -> None:
    mail = parsed(made_message(SETTINGS))
    assert part(mail, "plain") == f"{TEXT}\n\n{SETTINGS.postal_address}\n"
    assert words(text_from_html(part(mail, "html"))) == words(part(mail, "plain"))


lines = st.one_of(
    st.text(st.characters(exclude_categories=["C"]), max_size=40),
    st.sampled_from(
        [
            "",
            "",
            "-----",
            "====",
            "- one",
            "• 二",
            "Hello",
            "您好 <b>&amp;",
            "https://a.example/x?y=1&z=2.",
            "a@b.example",
        ]
    ),
)


@given(st.lists(lines, max_size=12).map("\n".join))
def test_html_says_exactly_the_same_words(text: str) -> None:
    html = html_from_text(text, "en", "title")
    shown = text_from_html(html).split()
    underlines = [word for word in text.split() if re.fullmatch(r"={3,}|-{3,}|[-•*·]", word)]
    assert [word for word in shown if word not in underlines] == [
        word for word in text.split() if word not in underlines
    ]


def test_a_chinese_message_reads_in_chinese() -> None:
    message = render(
        "您好，\n\n请看您的方案。", "您的还款方案" * 8, "zh-CN", "chen@example.com", "m-2", SETTINGS
    )
    mail = parsed(message)
    assert mail["Subject"] == "您的还款方案" * 8
    assert part(mail, "plain").startswith("您好，\n\n请看您的方案。")
    assert '<html lang="zh-CN">' in part(mail, "html")


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "a":
            self.links.append(values.get("href") or "")
        self.loads += [name for name in ("src", "srcset", "background", "poster", "data") if name in values]


def test_the_page_is_accessible_and_loads_nothing() -> None:
    html = made_message(SETTINGS).html
    outline = _Outline()
    outline.feed(html)
    assert [tag for tag in outline.tags if tag in ("main", "h2", "p", "ul", "li")] == [
        *("main", "p", "h2", "p", "ul", "li", "li", "p", "p")
    ]
    assert outline.links == ["https://lender.example/plan", "mailto:care@lender.example"]
    assert outline.loads == []
    assert {"img", "script", "iframe", "table", "link"}.isdisjoint(outline.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert 'name="color-scheme" content="light dark"' in html


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_and_links_have_enough_contrast_by_day_and_by_night() -> None:
    html = made_message(SETTINGS).html
    grounds = re.findall(r"color: (#\w{6}); background: (#\w{6})", html)
    links = re.findall(r"a \{ color: (#\w{6})", html)
    assert len(grounds) == len(links) == 2
    for (text, ground), link in zip(grounds, links, strict=True):
        for colour in (text, link):
            bright, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 7


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Your plan\r\nBcc: all@example.com"},
        {"subject": "Your plan\nX: y"},
        {"subject": "Your\u2028plan"},
        {"subject": " "},
        {"subject": "x" * 201},
        {"to": "ana@example.com\r\nBcc: bo@example.com"},
        {"message_id": "m 1\r\n"},
        {"message_id": "x" * 37},
        {"language": "en\r\nX: y"},
        {"text": " \n "},
    ],
)
def test_what_could_break_out_of_its_place_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(UnfitMessage):
        made_message(SETTINGS, **changes)


@given(subject=st.text(max_size=80), to=st.text(max_size=40), value=st.text(max_size=40))
def test_no_subject_address_or_header_adds_a_header(subject: str, to: str, value: str) -> None:
    headers = {"List-Unsubscribe": value}
    for message in (
        Message("m-1", "ana@example.com", "text", subject=subject),
        Message("m-1", to, "text", subject="Hello"),
        Message("m-1", "ana@example.com", "text", subject="Hello", headers=headers),
    ):
        try:
            raw = compose(message, SETTINGS, AT)
        except UnfitMessage:
            continue
        names = message_from_bytes(raw).keys()
        assert set(names) <= {
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language"),
            *("List-Unsubscribe", "MIME-Version", "Content-Type"),
        }
        assert len(names) == len(set(names))


def test_a_caller_cannot_slip_in_headers_of_the_channel() -> None:
    message = Message("m-1", "ana@example.com", "text", subject="Hello", headers={"Bcc": "bo@example.com"})
    with pytest.raises(UnfitMessage, match="the channel's own"):
        compose(message, SETTINGS, AT)


@pytest.mark.parametrize(
    "subject",
    [
        "Your debt",
        "Account past due",
        "Overdue: please read",
        "You owe us",
        "Pay $120.50 now",
        "Loan 4012888812",
        "Notice from collections",
        "您的逾期通知",
        "请还款 1200元",
        "催收函",
    ],
)
def test_a_subject_does_not_show_the_debt(subject: str) -> None:
    with pytest.raises(UnfitMessage, match="shows the debt"):
        made_message(SETTINGS, subject=subject)


@pytest.mark.parametrize(
    "subject",
    [
        "Your plan with Lender",
        "We can help",
        "Your appointment on 2026-11-24",
        "您的还款方案",
        "关于您的账户",
    ],
)
def test_a_plain_subject_is_fine(subject: str) -> None:
    assert parsed(made_message(SETTINGS, subject=subject))["Subject"] == subject


def test_the_link_holds_nothing_of_the_person() -> None:
    message = made_message(SETTINGS, to="ana.lopez@example.com")
    assert "ana" not in message.headers["List-Unsubscribe"]
    assert "example.com" not in message.headers["List-Unsubscribe"]


def test_the_date_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        compose(made_message(SETTINGS), SETTINGS, AT.replace(tzinfo=None))
