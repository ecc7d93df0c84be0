"""What is a promise, for how much and when; and what only sounds like one."""

from datetime import date, datetime
from fractions import Fraction

import pytest

from dunwell.outreach.answers import Context, understand
from tests.outreach.answers.speaking import FRIDAY, WEDNESDAY, chinese, english


@pytest.mark.parametrize(
    ("text", "minor", "day"),
    [
        ("I can pay 200 on Friday", 20_000, date(2026, 3, 13)),
        ("I'll pay $1,250.50 next Tuesday", 125_050, date(2026, 3, 17)),
        ("two hundred and fifty after my payday on the 30th", 25_000, date(2026, 3, 30)),
        ("50 bucks tmrw", 5_000, date(2026, 3, 12)),
        ("paying 75 end of month", 7_500, date(2026, 3, 31)),
    ],
)
def test_an_english_promise_has_its_amount_and_its_day(text: str, minor: int, day: date) -> None:
    (part,) = english(text).promise
    assert (part.amount_minor, part.pay_on) == (minor, day)


@pytest.mark.parametrize(
    ("text", "minor", "day"),
    [
        ("下周三发工资还五百", 50_000, date(2026, 3, 18)),
        ("月底先还一半", 50_000, date(2026, 3, 31)),
        ("这个月15号之前还2000块", 200_000, date(2026, 3, 15)),
        ("后天还300", 30_000, date(2026, 3, 13)),
        ("下个月5号还1万2", 1_200_000, date(2026, 4, 5)),
        ("四月一號還壹仟元", 100_000, date(2026, 4, 1)),
    ],
)
def test_a_chinese_promise_has_its_amount_and_its_day(text: str, minor: int, day: date) -> None:
    (part,) = chinese(text).promise
    assert (part.amount_minor, part.pay_on) == (minor, day)


def test_half_now_and_the_rest_later_are_two_payments() -> None:
    first, second = english("half now, the rest on the 15th").promise
    assert (first.share, first.amount_minor, first.pay_on) == (Fraction(1, 2), 50_000, date(2026, 3, 11))
    assert (second.is_rest, second.amount_minor, second.pay_on) == (True, 50_000, date(2026, 3, 15))


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("I'll pay on 04/05", (date(2026, 4, 5), date(2026, 5, 4))),
        ("I'll pay next Friday", (date(2026, 3, 13), date(2026, 3, 20))),
        ("I'll pay this weekend", (date(2026, 3, 14), date(2026, 3, 15))),
    ],
)
def test_a_day_of_two_readings_is_not_chosen(text: str, readings: tuple[date, ...]) -> None:
    (part,) = english(text).promise
    assert part.readings == readings
    assert part.pay_on is None
    assert not part.is_clear


def test_a_friday_said_on_a_friday_may_be_today_or_a_week_later() -> None:
    (part,) = english("I'll pay 100 on Friday", FRIDAY).promise
    assert part.readings == (date(2026, 3, 13), date(2026, 3, 20))


def test_a_past_day_is_in_doubt() -> None:
    (part,) = english("I'll pay 100 on March 5").promise
    assert not part.is_clear


def test_the_day_is_told_in_the_customers_zone() -> None:
    late = datetime.fromisoformat("2026-03-11T23:30:00+00:00")
    context = Context("CNY", "Asia/Shanghai", due_minor=100_000)
    (part,) = understand("明天还100", late, "zh", context).promise
    assert part.pay_on == date(2026, 3, 13)


def test_after_the_national_holiday_is_the_first_day_after_the_published_break() -> None:
    (part,) = chinese("国庆后还清", datetime.fromisoformat("2026-09-16T10:00:00+08:00")).promise
    assert part.pay_on == date(2026, 10, 8)
    assert not part.is_clear


@pytest.mark.parametrize(
    "text",
    [
        "I can't pay on Friday",
        "if I get paid I'll pay 200",
        "can I pay 200 on Friday?",
        "I was going to pay friday",
    ],
)
def test_a_denial_a_condition_a_question_or_the_past_is_no_promise(text: str) -> None:
    assert english(text).promise == ()


@pytest.mark.parametrize(
    "text", ["不是我不还", "周五还不上", "如果发了工资我周五就还", "我能不能20号还", "本来昨天要还的"]
)
def test_nor_is_it_in_chinese(text: str) -> None:
    assert chinese(text).promise == ()


def test_an_amount_beyond_what_is_due_is_in_doubt() -> None:
    (part,) = english("I'll pay 5000 on Friday").promise
    assert part.amount_minor == 500_000
    assert not part.is_clear


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        understand("ok", WEDNESDAY.replace(tzinfo=None), None, Context("USD", "UTC"))
