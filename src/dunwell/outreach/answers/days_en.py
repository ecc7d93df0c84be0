"""English days: "Friday", "next Tuesday", "the 15th", "3/15", "in two weeks", "end of month", "after my payday"."""

import re
from collections.abc import Callable
from datetime import timedelta

from text_to_num import text2num

from dunwell.outreach.answers.days import (
    EITHER_DAY,
    NO_DAY,
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
from dunwell.outreach.answers.meaning import Bound

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEKDAY = r"(?P<weekday>mon(?:day)?|tues?(?:day)?|wed(?:nesday|s)?|thu(?:rs?)?(?:day)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)s?"
_COUNT = r"(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fourteen|fifteen|twenty|thirty)"
_UNIT = r"(?P<unit>day|week|fortnight|month)s?"
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_SPELT = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_ORDINAL = rf"(?P<number>\d{{1,2}})\s?(?:st|nd|rd|th)|(?P<spelt>(?:twenty|thirty)[- ](?:{_SPELT})|thirtieth|{_SPELT})"
_YEAR = r"(?:,?\s+(?P<year>20\d\d))?"
_FIRST_OF = r"(?!\s+(?:payment|one|time|of all|half|part|installment|thing|place|two|step|person|letter|call|text|message))"
# "A third" is a share, "by close of business Friday" one day.
_DAYS_END = (
    r"(?:the\s+)?(?:end|close)\s+of\s+(?:the\s+)?(?:business\s+|working\s+)?(?:day|business|play)|eod|cob"
)
_A_DAY = "|".join(
    (_WEEKDAY.replace("?P<weekday>", "?:"), "tomorrow", r"\d", _MONTH.replace("?P<month>", "?:"))
)
_NO_DAY_FOLLOWS = rf"(?!\s+(?:(?:on|this|next|the)\s+)*(?:{_A_DAY}))"

Reader = Callable[[re.Match[str], Reference], Reading]


def english_days(text: str, reference: Reference) -> list[Day]:
    """Every day said in plain English text (the English view), at its spans; they may overlap."""
    found = []
    for pattern, read in _READERS:
        for match in pattern.finditer(text):
            days, doubts = read(match, reference)
            found.append(
                Day(
                    *match.span(),
                    tuple(days),
                    _bound(text, match.start()),
                    doubts,
                    is_payday=read is _payday,
                )
            )
    return found


_BOUND = re.compile(
    r"(?P<by>by|before|no later than|latest|until|till?|within)\s+(?:the\s+)?$|(?P<after>after|following|from)\s+(?:the\s+)?$"
)


def _bound(text: str, start: int) -> Bound:
    found = _BOUND.search(text, max(0, start - 20), start)
    if found is None:
        return "on"
    return "by" if found.group("by") else "after"


def _count(word: str) -> int:
    if word.isdigit():
        return int(word)
    return 1 if word in ("a", "an") else int(text2num(word, "en"))


def _weekday_number(match: re.Match[str]) -> int:
    return _WEEKDAYS.index(match.group("weekday")[:3])


def _month_number(match: re.Match[str]) -> int:
    return _MONTHS.index(match.group("month")[:3]) + 1


def _ordinal(match: re.Match[str]) -> int:
    if number := match.group("number"):
        return int(number)
    words = re.split("[- ]", match.group("spelt"))
    if words == ["thirtieth"]:
        return 30
    tens = {"twenty": 20, "thirty": 30}.get(words[0], 0) if len(words) == 2 else 0
    return tens + _ORDINALS.index(words[-1]) + 1


def _year(match: re.Match[str]) -> int | None:
    year = match.group("year")
    return int(year) if year else None


def _iso(match: re.Match[str], reference: Reference) -> Reading:
    return day_and_month(reference, int(match.group(2)), int(match.group(3)), int(match.group(1)))


def _month_day(match: re.Match[str], reference: Reference) -> Reading:
    return day_and_month(reference, _month_number(match), int(match.group("day")), _year(match))


def _slashed(match: re.Match[str], reference: Reference) -> Reading:
    year = match.group(3)
    return slashed(reference, int(match.group(1)), int(match.group(2)), int(year) if year else None)


def _plain_weekday(match: re.Match[str], reference: Reference) -> Reading:
    number, which = _weekday_number(match), match.group("which") or ""
    if match.group("later") or "week" in which:
        return weekday_of_week(reference, number, 1)
    if not which.startswith("next"):
        return weekday(reference, number)
    following = weekday_of_week(reference, number, 1)
    if number <= reference.today.weekday():  # this week's is past (or today): both readings are the same day
        return following
    this = weekday_of_week(reference, number, 0)
    return (*this[0], *following[0]), (EITHER_DAY,)


def _weekday_of_month(match: re.Match[str], reference: Reference) -> Reading:
    """As "the first Monday of April", "the last Friday of this month"."""
    place, number = match.group("place"), _weekday_number(match)
    if match.group("month"):
        days, doubts = day_and_month(reference, _month_number(match), 1)
        first = days[0] if days else None
    else:
        first = month_shifted(reference.today.replace(day=1), 1 if match.group("which") == "next" else 0)
        doubts = ()
    if first is None:
        return one(None, *doubts)
    if place == "last":
        end = end_of_month(first)
        return one(end - timedelta(days=(end.weekday() - number) % 7), *doubts)
    turn = ("first", "second", "third", "fourth").index(_TURNS.get(place, place))
    day = first + timedelta(days=(number - first.weekday()) % 7 + 7 * turn)
    return one(day, *doubts)


_TURNS = {"1st": "first", "2nd": "second", "3rd": "third", "4th": "fourth"}


def _weekday_after_next(match: re.Match[str], reference: Reference) -> Reading:
    """A week after "next Friday", which may itself mean two days."""
    number = _weekday_number(match)
    readings = {
        moved
        for weeks in (0, 1)
        for day in weekday_of_week(reference, number, weeks)[0]
        if day > reference.today and (moved := shifted(day, 7)) is not None
    }
    return tuple(sorted(readings)), (EITHER_DAY,) if len(readings) > 1 else ()


def _weeks_from_weekday(match: re.Match[str], reference: Reference) -> Reading:
    weeks = 7 * _count(match.group("count"))
    if match.group("weekday"):
        days, doubts = weekday(reference, _weekday_number(match))
        return tuple(moved for day in days if (moved := shifted(day, weeks))), doubts
    return one(shifted(reference.today, weeks + (1 if match.group("from") == "tomorrow" else 0)))


def _day_of_month(match: re.Match[str], reference: Reference) -> Reading:
    which = match.group("which")
    return day_of_month(reference, _ordinal(match), {None: None, "this": 0, "next": 1}[which])


def _end(match: re.Match[str], reference: Reference) -> Reading:
    if match.group("month"):
        days, doubts = day_and_month(reference, _month_number(match), 28)
        return tuple(end_of_month(day) for day in days), doubts
    months = 1 if match.group("which") == "next" else 0
    if match.group("unit") == "week":
        friday = weekday_of_week(reference, 4, months)
        sunday = weekday_of_week(reference, 6, months)
        return tuple(day for day in (*friday[0], *sunday[0]) if day >= reference.today), (EITHER_DAY,)
    if match.group("unit") == "year":
        return one(reference.today.replace(month=12, day=31))
    return one(end_of_month(reference.today, months))


def _start(match: re.Match[str], reference: Reference) -> Reading:
    if match.group("month"):
        days, doubts = day_and_month(reference, _month_number(match), 1)
        return days, (*doubts, ROUGH_DAY)
    is_today_first = reference.today.day == 1 and match.group("which") != "next"
    return one(
        end_of_month(reference.today, 0 if not is_today_first else -1).replace(day=1)
        if is_today_first
        else month_shifted(reference.today.replace(day=1), 1),
        ROUGH_DAY,
    )


def _middle(match: re.Match[str], reference: Reference) -> Reading:
    if match.group("month"):
        days, doubts = day_and_month(reference, _month_number(match), 15)
    else:
        days, doubts = day_of_month(reference, 15, 1 if match.group("which") == "next" else None)
    return days, (*doubts, ROUGH_DAY)


def _in_so_many(match: re.Match[str], reference: Reference) -> Reading:
    count, unit = _count(match.group("count")), match.group("unit")
    if unit == "month":
        return one(month_shifted(reference.today, count))
    return one(shifted(reference.today, count * {"day": 1, "week": 7, "fortnight": 14}[unit]))


def _today(_match: re.Match[str], reference: Reference) -> Reading:
    return one(reference.today)


def _tomorrow(_match: re.Match[str], reference: Reference) -> Reading:
    return one(shifted(reference.today, 1))


def _day_after_tomorrow(_match: re.Match[str], reference: Reference) -> Reading:
    return one(shifted(reference.today, 2))


def _weekend(match: re.Match[str], reference: Reference) -> Reading:
    weeks = 1 if match.group("which") == "next" else 0
    saturday, sunday = weekday_of_week(reference, 5, weeks), weekday_of_week(reference, 6, weeks)
    return tuple(day for day in (*saturday[0], *sunday[0]) if day >= reference.today), (EITHER_DAY,)


def _no_day(_match: re.Match[str], _reference: Reference) -> Reading:
    return (), (NO_DAY,)


def _payday(_match: re.Match[str], reference: Reference) -> Reading:
    return payday(reference)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$£€¥.,/])(?:{text})(?![\w]|[.,/-]\d)")


_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (_pattern(r"(20\d\d)-(\d{1,2})-(\d{1,2})"), _iso),
    (_pattern(rf"{_MONTH}\s?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}"), _month_day),
    (_pattern(rf"(?P<day>\d{{1,2}})\s?(?:st|nd|rd|th)?\s?(?:of\s+)?{_MONTH}{_YEAR}"), _month_day),
    (_pattern(r"(\d{1,2})/(\d{1,2})(?:/((?:20)?\d\d))?"), _slashed),
    (_pattern(rf"{_COUNT}\s+weeks?\s+(?P<from>from)\s+(?:now|today|{_WEEKDAY})"), _weeks_from_weekday),
    (_pattern(rf"{_COUNT}\s+weeks?\s+on\s+(?P<from>){_WEEKDAY}"), _weeks_from_weekday),
    (
        _pattern(
            rf"(?:the\s+)?(?P<place>first|second|third|fourth|last|1st|2nd|3rd|4th)\s+{_WEEKDAY}\s+(?:of|in)\s+"
            rf"(?:(?:the|this|(?P<which>next))\s+month|{_MONTH})"
        ),
        _weekday_of_month,
    ),
    (_pattern(rf"(?:the\s+)?{_WEEKDAY}\s+after\s+next"), _weekday_after_next),
    (
        _pattern(
            rf"(?:(?P<which>next week|next|this coming|coming|this)\s+)?{_WEEKDAY}(?P<later>\s+(?:of\s+)?next\s+week)?"
            r"(?:\s+(?:morning|afternoon|evening|night))?"
        ),
        _plain_weekday,
    ),
    (
        _pattern(
            rf"(?<!\ba\s)(?<!\bone\s)(?:the\s+)?(?:{_ORDINAL}){_FIRST_OF}(?:\s+of\s+(?P<which>this|next)\s+month)?"
        ),
        _day_of_month,
    ),
    (
        _pattern(
            rf"(?:the\s+)?end\s+of\s+(?:(?:the|this|(?P<which>next))\s+)?(?:(?P<unit>month|week|year)|{_MONTH})"
        ),
        _end,
    ),
    (
        _pattern(r"(?P<which>next\s+)?(?P<unit>month)(?P<month>)'?s?\s?end|(?:eom)"),
        lambda match, ref: one(end_of_month(ref.today, 1 if match.group("which") else 0)),
    ),
    (_pattern(rf"(?:{_DAYS_END}){_NO_DAY_FOLLOWS}"), _today),
    (
        _pattern(
            rf"(?:the\s+)?(?:beginning|start)\s+of\s+(?:(?:the|this|(?P<which>next))\s+)?(?:month|{_MONTH})"
        ),
        _start,
    ),
    (
        _pattern(
            rf"(?:(?:the\s+)?middle\s+of\s+(?:(?:the|this|(?P<which>next))\s+)?|mid[- ]?)(?:month|{_MONTH})"
        ),
        _middle,
    ),
    (
        _pattern(
            rf"(?:in|within|after)\s+(?:the\s+next\s+|like\s+|about\s+)?{_COUNT}\s+{_UNIT}(?:'?s?\s+time)?"
        ),
        _in_so_many,
    ),
    (_pattern(rf"{_COUNT}\s+{_UNIT}\s+from\s+(?:now|today)"), _in_so_many),
    (
        _pattern(
            r"today|tonight|right\s+now|now|immediately|right\s+away|straight\s+away|this\s+(?:morning|afternoon|evening)"
            r"|(?:in|within)\s+(?:an?|the|\d+|one|two)\s+(?:hours?|mins?|minutes?)|later\s+on|shortly"
        ),
        _today,
    ),
    (_pattern(r"(?:the\s+)?day\s+after\s+tomorrow"), _day_after_tomorrow),
    (_pattern(r"tomorrow(?:\s+(?:morning|afternoon|evening|night))?"), _tomorrow),
    (_pattern(r"(?:over\s+|this\s+|the\s+|(?P<which>next)\s+)*weekend"), _weekend),
    (
        _pattern(
            r"soon|asap|as\s+soon\s+as\s+(?:possible|i\s+can)|(?:next|this|the\s+following)\s+(?:week|month|year)|in\s+a\s+(?:bit|while|few\s+days|few"
            r"\s+weeks|couple\s+of\s+(?:days|weeks))|in\s+(?:some|several|a\s+couple)\s+(?:days|weeks)|one\s+day|some\s?day|eventually"
        ),
        _no_day,
    ),
    (
        _pattern(r"pay\s?day|when\s+i\s+(?:get|am)\s+paid|(?:next|my)\s+(?:pay\s?check|check|cheque|wages)"),
        _payday,
    ),
)
