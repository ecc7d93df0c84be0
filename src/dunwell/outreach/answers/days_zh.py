"""Chinese days: 明天, 周五, 下周三, 这个月15号, 3月20日, 月底, 三天内, 发工资, 国庆后."""

import re
from collections.abc import Callable
from datetime import date, timedelta

from dunwell.law.workdays import read_calendars
from dunwell.outreach.answers.days import (
    EITHER_DAY,
    NO_DAY,
    PAST_MONTHS,
    ROUGH_DAY,
    Day,
    Reading,
    Reference,
    day_and_month,
    day_of_month,
    end_of_month,
    month_shifted,
    one,
    payday,
    shifted,
    slashed,
    weekday,
    weekday_of_week,
)
from dunwell.outreach.answers.figures import chinese_number
from dunwell.outreach.answers.meaning import Bound

_FIGURE = r"(?:\d{1,3}|[一二两三四五六七八九十廿]{1,3})"
_MONTHS_ON = {
    "本月": 0,
    "这个月": 0,
    "这月": 0,
    "当月": 0,
    "下个月": 1,
    "下月": 1,
    "次月": 1,
    "下下个月": 2,
    "下下月": 2,
}
_MONTH_WORD = "|".join(sorted(_MONTHS_ON, key=len, reverse=True))
_WEEKDAYS = {
    "一": 0,
    "二": 1,
    "三": 2,
    "四": 3,
    "五": 4,
    "六": 5,
    "日": 6,
    "天": 6,
    "1": 0,
    "2": 1,
    "3": 2,
    "4": 3,
    "5": 4,
    "6": 5,
    "7": 6,
}
_HOLIDAYS = {
    "元旦": (1, 1),
    "清明": (4, 5),
    "五一": (5, 1),
    "劳动节": (5, 1),
    "国庆": (10, 1),
    "十一": (10, 1),
    "春节": (2, 5),
    "过年": (2, 5),
    "端午": (6, 10),
    "中秋": (9, 20),
}
"""Where in the year a holiday lies, near enough to find its days off in the published calendar (within three weeks)."""

_MOVES = frozenset({"春节", "过年", "端午", "中秋"})
_NEAR_DAYS = 24

Reader = Callable[[re.Match[str], Reference], Reading]


def chinese_days(text: str, reference: Reference) -> list[Day]:
    """Every day said in plain Chinese text (the Chinese view), at its spans; they may overlap."""
    found = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            days, doubts = read(match, reference)
            found.append(
                Day(*match.span(), tuple(days), _bound(text, match.end()), doubts, is_payday=read is _payday)
            )
    return found


def _bound(text: str, end: int) -> Bound:
    if re.match(r"(?:之|以)?[前内]|截止", text[end : end + 3]) or text[end - 1 : end] == "内":
        return "by"
    return "after" if re.match(r"(?:之|以)?后", text[end : end + 2]) or text[end - 1 : end] == "后" else "on"


def _month_day(match: re.Match[str], reference: Reference) -> Reading:
    year = match.group("year")
    month, number = chinese_number(match.group("month")), chinese_number(match.group("day"))
    if month is None or number is None:
        return (), (NO_DAY,)
    return day_and_month(reference, month, number, int(year) if year else None)


def _dotted(match: re.Match[str], reference: Reference) -> Reading:
    """3.20 and 3-20 are month and day in Chinese; so is 3/20 where it can be."""
    first, second = int(match.group(1)), int(match.group(2))
    if first > 12:
        return slashed(reference, first, second)
    return day_and_month(reference, first, second)


def _day_of_month(match: re.Match[str], reference: Reference) -> Reading:
    word, number = match.group("which"), chinese_number(match.group("day"))
    if number is None:
        return (), (NO_DAY,)
    return day_of_month(reference, number, _MONTHS_ON[word] if word else None)


def _weekday(match: re.Match[str], reference: Reference) -> Reading:
    number, which = _WEEKDAYS[match.group("weekday")], match.group("which") or ""
    if which.startswith("下"):
        return weekday_of_week(reference, number, which.count("下"))
    if which:
        return weekday_of_week(reference, number, 0)
    return weekday(reference, number)


def _weekend(match: re.Match[str], reference: Reference) -> Reading:
    weeks = (match.group("which") or "").count("下")
    saturday, sunday = weekday_of_week(reference, 5, weeks), weekday_of_week(reference, 6, weeks)
    return tuple(day for day in (*saturday[0], *sunday[0]) if day >= reference.today), (EITHER_DAY,)


def _within_week(match: re.Match[str], reference: Reference) -> Reading:
    friday, sunday = weekday_of_week(reference, 4, 0), weekday_of_week(reference, 6, 0)
    return tuple(day for day in (*friday[0], *sunday[0]) if day >= reference.today), (EITHER_DAY,)


def _part_of_month(match: re.Match[str], reference: Reference) -> Reading:
    word, part = match.group("which"), match.group("part")
    months = _MONTHS_ON[word] if word else 1 if match.group("next") else None
    if part == "底" or part == "末":
        return one(end_of_month(reference.today, months or 0))
    if part == "中":
        days, doubts = day_of_month(reference, 15, months)
        return days, (*doubts, ROUGH_DAY)
    first = reference.today.replace(day=1)
    ahead = 1 if months is None and reference.today.day > 1 else months or 0
    return one(month_shifted(first, ahead), ROUGH_DAY)


def _end_of_year(_match: re.Match[str], reference: Reference) -> Reading:
    return one(reference.today.replace(month=12, day=31), ROUGH_DAY)


def _in_so_many(match: re.Match[str], reference: Reference) -> Reading:
    count, unit = chinese_number(match.group("count")), match.group("unit")
    if count is None:
        return (), (NO_DAY,)
    if unit == "月":
        return one(month_shifted(reference.today, count))
    return one(shifted(reference.today, count * (1 if unit in ("天", "日") else 7)))


def _half_month(_match: re.Match[str], reference: Reference) -> Reading:
    return one(shifted(reference.today, 15))


def _ahead(days: int) -> Reader:
    return lambda _match, reference: one(shifted(reference.today, days))


def _no_day(_match: re.Match[str], _reference: Reference) -> Reading:
    return (), (NO_DAY,)


def _payday(_match: re.Match[str], reference: Reference) -> Reading:
    return payday(reference)


def _after_holiday(match: re.Match[str], reference: Reference) -> Reading:
    """The first day after the break, from the published calendar; no day where the year is not published."""
    after = _break_end(match.group("holiday"), reference.today)
    return one(after + timedelta(days=1), ROUGH_DAY) if after else ((), (NO_DAY,))


def _after_holiday_of(match: re.Match[str], reference: Reference) -> Reading:
    name = {"年": "春节", "节": ""}.get(match.group("holiday"), match.group("holiday"))
    if not name:
        return (), (NO_DAY,)
    after = _break_end(name, reference.today)
    return one(after + timedelta(days=1), ROUGH_DAY) if after else ((), (NO_DAY,))


def _break_end(name: str, today: date) -> date | None:
    """The last day off of the next break of that name; None when the calendar does not tell."""
    calendar = read_calendars()["cn"]
    month, number = _HOLIDAYS[name]
    for year in (today.year, today.year + 1):
        if year not in calendar.years:
            return None
        near = date(year, month, number)
        span = _NEAR_DAYS if name in _MOVES else 4
        around = [near + timedelta(days=ahead) for ahead in range(-span, span + 1)]
        off = [day for day in around if day.year in calendar.years and calendar.is_holiday(day)]
        if not off:
            return None
        last = off[0] if name in _MOVES else min(off, key=lambda day: abs((day - near).days))
        while calendar.is_known(last + timedelta(days=1)) and calendar.is_holiday(last + timedelta(days=1)):
            last += timedelta(days=1)
        if last >= today and (last - today).days < 31 * (12 - PAST_MONTHS) * 2:
            return last
    return None


_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (
        re.compile(
            rf"(?:(?P<year>20\d\d)年)?(?<![\d.])(?P<month>1[0-2]|[1-9]|0[1-9]|十[一二]?|[一二三四五六七八九])月(?:份)?"
            rf"(?P<day>{_FIGURE})(?:号|日)?(?![\d.]|个|块|元|百|千|万|天|月)"
        ),
        _month_day,
    ),
    (re.compile(r"(?P<year>20\d\d)[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)"), _month_day),
    (re.compile(r"(?<![\d.¥$/-])(\d{1,2})[./-](\d{1,2})(?:号|日)?(?![\d.万千百元块k/-]|折)"), _dotted),
    (
        re.compile(rf"(?P<which>{_MONTH_WORD})?的?(?:初|底)?(?<!\d)(?P<day>{_FIGURE})(?:号|日)(?!码|线|楼)"),
        _day_of_month,
    ),
    (
        re.compile(
            r"(?P<which>下下个?|下个?|这个?|本|这一)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天]|[1-7](?!\d|天|个))(?!次|共)"
        ),
        _weekday,
    ),
    (re.compile(r"(?P<which>下下个?|下个?|这个?|本)?周末"), _weekend),
    (re.compile(r"(?:这|本)(?:个)?(?:周|星期|礼拜)(?:之|以)?内"), _within_week),
    (
        re.compile(rf"(?:(?P<which>{_MONTH_WORD})|(?P<next>下)?月)(?:的)?(?P<part>底|末|初|中)"),
        _part_of_month,
    ),
    (re.compile(r"年底|年末"), _end_of_year),
    (re.compile(rf"(?P<count>{_FIGURE})个?(?P<unit>天|日|周|星期|礼拜|月)(?:之|以)?(?:后|内)"), _in_so_many),
    (re.compile(r"半个?月(?:之|以)?(?:后|内)?"), _half_month),
    (
        re.compile(
            r"今(?:天|日|晚|早|夜|儿)|当天(?=还)|现在|马上|立刻|立马|这就|等下|等会儿?|待会儿?|一会儿?|稍后|(?<![一二三四五六日天末号])晚上|今天?下午|下班(?:后|了)?|吃完饭|(?<![一二三四五六日天末号])中午"
        ),
        _ahead(0),
    ),
    (re.compile(r"明(?:天|日|晚|早|儿)(?:早上|中午|下午|晚上|上午|一早)?|tmr|明后天"), _ahead(1)),
    (re.compile(r"(?<!大)后(?:天|日)"), _ahead(2)),
    (re.compile(r"大后天"), _ahead(3)),
    (
        re.compile(
            rf"(?P<holiday>{'|'.join(_HOLIDAYS)})(?:节|长假|假期|放假|黄金周|小长假)?(?:过完|完|结束|回来)?(?:了|之|以)?后"
        ),
        _after_holiday,
    ),
    (re.compile(r"过完(?P<holiday>年|节|五一|国庆|春节|中秋|端午|元旦|清明)"), _after_holiday_of),
    (re.compile(r"(?:年|节|春节|国庆|五一|中秋|元旦)前|年后|节后"), _no_day),
    (
        re.compile(
            r"尽快|尽早|过(?:几|两)天|(?:这|近)(?:几|两)天|过段时间|过阵子|下下?(?:个)?(?:周|星期|礼拜)(?![一二三四五六日天末\d])|(?:下个?月|这个?月|本月)(?!底|末|初|中|\d|的?[一二三四五六七八九十])"
            r"|(?:这|本)个?(?:周|星期|礼拜)(?![一二三四五六日天末\d内])|明年|今年"
        ),
        _no_day,
    ),
    (
        re.compile(
            r"(?:等|到)?(?:发|开|领)(?:了)?(?:工资|薪水?|薪资|钱|奖金)(?:那天|之?后|了|日)?|发薪日|工资(?:到账|发了|下来|到手)|工资日"
        ),
        _payday,
    ),
)
