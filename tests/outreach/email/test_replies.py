"""What a person writes back: their own words only, in the encodings and habits of English and Chinese mail programs."""

import base64
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from dunwell.outreach.channel import Reply
from dunwell.outreach.email.addresses import return_path
from dunwell.outreach.email.replies import Author, author, parse_reply
from tests.outreach.email.made import AT, made_settings

SETTINGS = made_settings()
CAME_AT = AT + timedelta(days=1)
OURS = "<m-0001@lender.example>"


def mail(text: str = "Yes.", **headers: str) -> bytes:
    message = EmailMessage()
    values = {
        "From": "Ana Lopez <ana@example.com>",
        "To": "care@lender.example",
        "Subject": "Re: Your plan with Lender",
        "Date": "Sat, 21 Nov 2026 08:00:00 +0000",
        "Message-ID": "<a1@example.com>",
        "In-Reply-To": OURS,
    }
    for name, value in (values | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        if value:
            message[name] = value
    message.set_content(text)
    return message.as_bytes()


def reply(raw: bytes) -> Reply:
    found = parse_reply(raw, SETTINGS, CAME_AT)
    assert found is not None
    return found


def test_an_answer() -> None:
    found = reply(mail("I can pay on Friday.\n"))
    assert found.sender == "ana@example.com"
    assert found.text == "I can pay on Friday."
    assert found.in_reply_to == "m-0001"
    assert found.at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert found.language is None
    assert reply(mail("我下周五还。")).language == "zh"


OUTLOOK = """\
{words}

________________________________
From: Lender Care <care@lender.example>
Sent: Friday, November 20, 2026 9:30 AM
To: Ana
Subject: Your plan

Hello Ana,
"""
QUOTED = [
    # Gmail, one line and wrapped
    "{words}\n\nOn Fri, Nov 20, 2026 at 9:30 AM Lender Care <care@lender.example> wrote:\n\n> Hello Ana,\n> pay later\n",
    "{words}\n\nOn Fri, Nov 20, 2026 at 9:30 AM Lender Care\n<care@lender.example> wrote:\n> Hello Ana,\n",
    # Apple Mail
    "{words}\n\nSent from my iPhone\n\n> On Nov 20, 2026, at 9:30 AM, Lender Care <care@lender.example> wrote:\n> \n> Hello\n",
    # Outlook
    OUTLOOK,
    "{words}\n\nGet Outlook for iOS<https://aka.ms/o0ukef>\n" + OUTLOOK.removeprefix("{words}\n\n"),
    "{words}\n\n-----Original Message-----\nFrom: Lender Care\nSent: Friday\nHello Ana,\n",
    # NetEase, English and Chinese
    '{words}\n\nAt 2026-11-20 09:30:00, "Lender Care" <care@lender.example> wrote:\nHello Ana,\n',
    '{words}\n\n在 2026-11-20 09:30:00，"Lender Care" <care@lender.example> 写道：\n您好\n',
    "{words}\n\n---- 回复的原邮件 ----\n| 发件人 | Lender Care |\n| 日期 | 2026年11月20日 |\n您好\n",
    # QQ, Foxmail
    '{words}\n\n\n------------------&nbsp;原始邮件&nbsp;------------------\n发件人: "Lender"\n您好'.replace(
        "&nbsp;", "\u00a0"
    ),
    "{words}\n\n发件人： Lender Care\n发送时间： 2026-11-20 09:30\n收件人： ana\n主题： 您的还款方案\n\n您好\n",
    "{words}\n\n发自我的iPhone\n\n------------------ 原始邮件 ------------------\n您好",
    # Gmail and Apple Mail in Chinese, traditional Outlook
    "{words}\n\nLender Care <care@lender.example> 于2026年11月20日周五 09:30写道：\n\n> 您好\n",
    "{words}\n\nLender Care <care@lender.example> 于2026年11月20日周五\n09:30写道：\n\n> 您好\n",
    "{words}\n\n> 在 2026年11月20日，09:30，Lender Care <care@lender.example> 写道：\n>\n> 您好\n",
    "{words}\n\n寄件者: Lender Care\n寄件日期: 2026年11月20日\n收件者: ana\n主旨: 方案\n\n您好\n",
    # below the quotation, and between it
    "On Fri, Nov 20, 2026 at 9:30 AM Lender <care@lender.example> wrote:\n> Hello Ana,\n> pay later\n\n{words}\n",
    "> Can you pay on Friday?\n{words}\n> Thank you\n",
    # with a signature
    "{words}\n\n-- \nAna Lopez\nAccountant\n+44 20 7946 0000\n",
    "{words}\n\n--\nAna Lopez\n",
]


@pytest.mark.parametrize("form", QUOTED)
@pytest.mark.parametrize(
    "words", ["I can pay 200 on Friday.\n\nIs that all right?", "我下周五可以还500元，剩下的分期。"]
)
def test_only_the_persons_own_words_are_kept(form: str, words: str) -> None:
    assert reply(mail(form.replace("{words}", words))).text == words


@pytest.mark.parametrize(
    "words",
    [
        "On 3 Nov your agent wrote:\nthat I need not pay. I have the letter.",
        "From: what I know,\nI owe nothing.",
        "The agent said - and I wrote it down - that\nit was paid in 2024.",
        "Sent from my account yesterday, please check.",
        "来自我自己的工资，月底可以还。",
        "从手机银行发送了500元，请查收。",
        "I paid -- twice.\n--\nOne on Monday,\none on Tuesday,\na\nb\nc\nd\ne\nf\ng\nh",
        "2026年11月20日我写道：",
    ],
)
def test_where_a_line_may_be_the_persons_own_it_stays(words: str) -> None:
    kept = reply(mail(words + "\nThank you.")).text
    assert kept.startswith(words.split("\n")[0])
    assert kept.endswith("Thank you.")


def test_an_answer_of_nothing_but_the_quotation_is_still_an_answer() -> None:
    assert reply(mail("> Hello Ana\n> pay later\n")).text == ""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<div dir="ltr">Yes, <b>Friday</b>.</div><br><div class="gmail_quote">On Fri you wrote:<p>Hi</div>',
         "Yes, Friday."),
        ('<p>Yes</p><blockquote type="cite">Hello Ana</blockquote><p>Friday</p>', "Yes\n\nFriday"),
        ('<body>Yes<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> x</div><div>Hello</div></body>', "Yes"),
        ('<div>我下周还</div><div><br></div><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>您好</div>',
         "我下周还"),
        ('<div>好的</div><blockquote id="isReplyContent">您好</blockquote>', "好的"),
        ("<html><head><style>p{}</style><title>t</title></head><p>Yes&nbsp;&amp; thanks<script>x()</script>", "Yes & thanks"),
        ("<p>a<b>b</b> c <i>d</i>e</p>", "ab c de"),
        ("<p>Yes</p></div></p></blockquote><<<>", "Yes"),
    ],
)  # fmt: skip
def test_where_there_is_only_html_it_is_read(html: str, text: str) -> None:
    message = EmailMessage()
    message["From"] = "ana@example.com"
    message.set_content(html, subtype="html")
    found = reply(message.as_bytes())
    assert found.text.replace("<<<>", "").strip() == text


@pytest.mark.parametrize(
    ("headers", "who"),
    [
        ({}, Author.PERSON),
        ({"Auto_Submitted": "no"}, Author.PERSON),
        ({"Subject": "Re: 自动回复：您好"}, Author.PERSON),
        ({"Subject": "I will be on vacation until May"}, Author.PERSON),
        ({"Auto_Submitted": "auto-replied"}, Author.OUT_OF_OFFICE),
        ({"Auto_Submitted": "auto-replied (vacation)"}, Author.OUT_OF_OFFICE),
        ({"Subject": "Automatic reply: Your plan"}, Author.OUT_OF_OFFICE),
        ({"Subject": "自动回复：您的还款方案"}, Author.OUT_OF_OFFICE),
        ({"X_Autoreply": "yes", "Subject": "Out of office"}, Author.OUT_OF_OFFICE),
        ({"Auto_Submitted": "auto-generated"}, Author.MACHINE),
        ({"X_Autoreply": "yes"}, Author.MACHINE),
        ({"Precedence": "bulk"}, Author.MACHINE),
        ({"Precedence": "auto_reply"}, Author.MACHINE),
        ({"Return_Path": "<>"}, Author.MACHINE),
        ({"List_Id": "<news.example.com>"}, Author.MACHINE),
    ],
)
def test_machines_are_told_from_people(headers: dict[str, str], who: Author) -> None:
    raw = mail("I am away.", **headers)
    assert author(raw) is who
    assert (parse_reply(raw, SETTINGS, CAME_AT) is not None) is (who is Author.PERSON)


@pytest.mark.parametrize(
    ("headers", "message_id"),
    [
        ({"In_Reply_To": OURS}, "m-0001"),
        (
            {
                "In_Reply_To": "",
                "References": "<m-0000@lender.example> <m-0001@lender.example> <x@example.com>",
            },
            "m-0001",
        ),
        ({"In_Reply_To": "<m-0001@LENDER.example>"}, "m-0001"),
        ({"In_Reply_To": "<m-0001@other.example>"}, None),
        ({"In_Reply_To": "<m_not_ours!@lender.example>"}, None),
        ({"In_Reply_To": ""}, None),
        ({"In_Reply_To": "", "To": return_path("m-7", SETTINGS.return_path_domain, SETTINGS.secrets)}, "m-7"),
        ({"In_Reply_To": "", "To": "bounce+m-7.aaaaaaaaaaaaaaaa@bounces.lender.example"}, None),
    ],
)
def test_which_message_is_answered(headers: dict[str, str], message_id: str | None) -> None:
    assert reply(mail(**headers)).in_reply_to == message_id


def raw_mail(content_type: str, encoding: str, body: bytes) -> bytes:
    head = f"From: chen@example.com\nContent-Type: {content_type}\nContent-Transfer-Encoding: {encoding}\n\n"
    return head.encode() + body


WORDS = "我下个月十号还，可以吗？"


@pytest.mark.parametrize(
    "raw",
    [
        raw_mail("text/plain; charset=gb2312", "8bit", WORDS.encode("gbk")),
        raw_mail("text/plain; charset=GBK", "base64", base64.b64encode(WORDS.encode("gbk"))),
        raw_mail('text/plain; charset="gb18030"', "base64", base64.encodebytes(WORDS.encode("gb18030"))),
        raw_mail("text/plain; charset=x-unknown", "8bit", WORDS.encode("utf-8")),
        raw_mail("text/plain; charset=rot13", "8bit", WORDS.encode("gbk")),
        raw_mail("text/plain; charset=us-ascii", "8bit", WORDS.encode("utf-8")),
        raw_mail("text/plain", "8bit", WORDS.encode("gbk")),
        raw_mail("text/plain; charset=utf-8", "8bit", WORDS.encode("gbk")),
        raw_mail("text/plain; charset=big5", "8bit", WORDS.encode("utf-8")),
    ],
)
def test_chinese_is_read_however_it_is_labelled(raw: bytes) -> None:
    assert reply(raw).text == WORDS


def test_damaged_base64_gives_what_there_is() -> None:
    whole = base64.b64encode(("I can pay on Friday. " * 20).encode())
    raw = raw_mail("text/plain; charset=utf-8", "base64", whole[:203] + b"*!" + whole[210:-3])
    assert reply(raw).text.startswith("I can pay on Friday.")


def test_a_forwarded_attachment_is_not_the_persons_text() -> None:
    message = EmailMessage()
    message["From"] = "ana@example.com"
    message.set_content("See attached.")
    message.add_attachment("all my debts", filename="list.txt")
    other = EmailMessage()
    other.set_content("something else")
    message.add_attachment(other)
    assert reply(message.as_bytes()).text == "See attached."


def test_the_same_answer_is_the_same_reply() -> None:
    again = b"Received: by another.example\n" + mail()
    assert reply(again).reply_id == reply(mail()).reply_id
    assert reply(mail(Message_ID="<a2@example.com>")).reply_id != reply(mail()).reply_id


def test_a_mail_without_a_sender_is_no_answer() -> None:
    assert parse_reply(b"Subject: hello\n\nhello", SETTINGS, CAME_AT) is None
