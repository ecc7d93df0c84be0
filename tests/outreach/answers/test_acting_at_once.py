"""What takes effect at once and goes to a person, and what only looks like it."""

import pytest

from dunwell.outreach.answers import Context, understand
from tests.outreach.answers.speaking import WEDNESDAY, chinese, english


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop.", "ＳＴＯＰ", "S T O P", "Unsubscribe", "退订", "TD", "T", "退 订", "hello, STOP thanks"],
)
def test_a_keyword_ends_messages(text: str) -> None:
    assert "stop" in english(text).kinds


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("please stop calling me", "stop"),
        ("cease and desist", "cease"),
        ("I never took this loan", "dispute"),
        ("somebody stole my identity", "fraud"),
        ("I lost my job", "hardship"),
        ("my father passed away", "deceased"),
        ("you have the wrong number", "not_theirs"),
        ("talk to my lawyer", "attorney"),
        ("I filed for bankruptcy", "bankruptcy"),
        ("I will report you to the ombudsman", "complaint"),
        ("别再打电话了", "stop"),
        ("我没借过钱", "dispute"),
        ("我失业了", "hardship"),
        ("机主已去世", "deceased"),
        ("打错了", "not_theirs"),
        ("请联系我的律师", "attorney"),
        ("我已经申请个人破产", "bankruptcy"),
    ],
)
def test_it_acts_at_once_and_goes_to_a_person(text: str, kind: str) -> None:
    read = english(text)
    assert kind in read.kinds
    assert read.needs_person


@pytest.mark.parametrize("text", ["I want to kill myself", "我不想活了"])
def test_words_of_self_harm_are_urgent(text: str) -> None:
    read = english(text)
    assert read.is_urgent
    assert "pause" in read.kinds


@pytest.mark.parametrize(
    "text",
    [
        "I already stopped working there",
        "stop by your office tomorrow",
        "my dead phone",
        "no dispute, just late",
    ],
)
def test_english_that_only_looks_like_it_does_not_act(text: str) -> None:
    assert not english(text).kinds


@pytest.mark.parametrize("text", ["我没说不还", "别停我的卡", "忙死了", "没有争议，就是晚点还"])
def test_chinese_that_only_looks_like_it_does_not_act(text: str) -> None:
    assert not chinese(text).kinds


def test_what_nobody_can_read_goes_to_a_person() -> None:
    assert english("asdkjh").needs_person
    assert not english("ok thanks").needs_person


def test_a_no_to_whether_it_is_the_right_person_is_a_wrong_person() -> None:
    asked = Context("USD", "America/New_York", last_purpose="identify")
    assert "not_theirs" in understand("No", WEDNESDAY, "en", asked).kinds
    assert not english("No").kinds
