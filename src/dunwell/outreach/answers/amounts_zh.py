"""Chinese sums: 500块, 两千三, 1万2, 1.2万, 五百元整, 一半, 三分之一, 剩下的, 全部, 最低还款额."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import cn2an

from dunwell.outreach.answers.amounts import RANGE, ROUGH_AMOUNT, YUANS, Amount, money, without_overlaps
from dunwell.outreach.answers.figures import chinese_number

_DIGIT = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
_SCALE = "十百千万拾佰仟"
_CURRENCY = r"(?P<currency>元|块钱?|圆|人民币|rmb|cny|美元|美金|美刀|刀|港币|港元|hkd|usd|新台币|台币)?整?"
_CURRENCIES = {
    "美元": "USD",
    "美金": "USD",
    "美刀": "USD",
    "刀": "USD",
    "usd": "USD",
    "港币": "HKD",
    "港元": "HKD",
    "hkd": "HKD",
}
_CURRENCIES |= {"新台币": "TWD", "台币": "TWD", "人民币": "CNY", "rmb": "CNY", "cny": "CNY"}
_NOT_COUNTED = (
    r"(?!\s?(?:号|日|月|点|天|个|期|次|年|岁|分(?!之)|小时|周|星期|礼拜|%|％|位|楼|遍|人|条|家|笔|张|份|成|倍|折"
    r"|度|级|层|项|步|:|/|-\d|am|pm|\.\d)|\d)"
)
_FIGURES = re.compile(
    rf"(?<![\d.:/a-z-])(?P<sign>[¥$]|rmb)?\s?(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)(?P<scale>[百千万wk](?P<tail>\d(?!\d))?)?(?P<more>多|来|几)?{_CURRENCY}{_NOT_COUNTED}"
)
_SPELT = re.compile(rf"(?P<spelt>[{_DIGIT}{_SCALE}]+)(?P<more>多|来|几)?{_CURRENCY}{_NOT_COUNTED}")
_TWO_DIGITS = re.compile(rf"^([一二两三四五六七八])([二三四五六七八九])([{_SCALE}])$")
_ROUGHLY = re.compile(r"(?:大概|差不多|左右|大约|约|可能)$")
_ROUGH_TAIL = re.compile(r"左右|上下|吧?差不多")
_NAMED_BEFORE = re.compile(
    r"(?:第|卡号|尾号|电话|编号|周|星期|礼拜|号码|合同|手机|工号|房间|密码|验证码|[¥$]?\d[.,])(?:是|为|:)?$"
)
_SHARES: tuple[tuple[re.Pattern[str], Fraction], ...] = (
    (re.compile("一半儿?|半数|另一半|一半的?钱"), Fraction(1, 2)),
    (re.compile("全部|全额|全款|所有(?:的)?(?:欠款|钱)?|总额|全(?=还|结|付)|整个?"), Fraction(1)),
)
_FULL_VERB = re.compile("(?:还|付|结|缴|清|补)(?:清|完|掉|齐)(?!楚)|清账|一次性(?:结清|还清|还|付)?")
_FRACTION = re.compile(rf"(?P<below>[{_DIGIT}十百\d]+)分之(?P<above>[{_DIGIT}十\d]+)")
_TENTHS = re.compile("([一二两三四五六七八九1-9])成")
_REST = re.compile("剩下的?|剩余的?|余下的?|尾款|余款|其余的?|剩的|余额|其他的")
_MINIMUM = re.compile("最低(?:还款)?(?:金)?额?")
_PAID_OUT = re.compile(r"(?:还|付|转|打|给|汇|交|存|补|扣)(?:给|上|款)?(?:你们?|您|了)?$")
"""Words after which a bare numeral is a sum: 还八十, 转你二十五."""
_TO_MORE = re.compile(rf"(?:到|至|~|-)(?=[{_DIGIT}{_SCALE}\d])")
_SCALES = {"百": 100, "千": 1000, "万": 10000, "w": 10000, "k": 1000}


def chinese_amounts(text: str, own: str, taken: Iterable[tuple[int, int]]) -> list[Amount]:
    """Sums in plain Chinese text (the Chinese view); ``taken`` are spans that are days, ``own`` the debt's currency."""
    spans = list(taken)
    found: list[Amount | None] = [_figure(match, text, own) for match in _FIGURES.finditer(text)]
    found += [_spelt(match, text, own) for match in _SPELT.finditer(text)]
    found += [
        Amount(*match.span(), share=share) for pattern, share in _SHARES for match in pattern.finditer(text)
    ]
    found += [_fraction(match) for match in _FRACTION.finditer(text)]
    found += [
        Amount(*match.span(), share=Fraction(chinese_number(match.group(1)) or 10, 10))
        for match in _TENTHS.finditer(text)
    ]
    found += [Amount(*match.span(), is_rest=True) for match in _REST.finditer(text)]
    found += [Amount(*match.span(), is_minimum=True) for match in _MINIMUM.finditer(text)]
    found += [Amount(*match.span(), share=Fraction(1), is_weak=True) for match in _FULL_VERB.finditer(text)]
    return without_overlaps(one for one in found if one is not None and not _overlaps(one, spans))


def _overlaps(amount: Amount, spans: Iterable[tuple[int, int]]) -> bool:
    return any(amount.start < end and start < amount.end for start, end in spans)


def _currency(said: str | None, own: str) -> str | None:
    if said in _CURRENCIES:
        return _CURRENCIES[said]
    return None if said is None or own in YUANS else "CNY"


def _figure(match: re.Match[str], text: str, own: str) -> Amount | None:
    number, scale, tail = match.group("number"), match.group("scale"), match.group("tail")
    if _NAMED_BEFORE.search(text, max(0, match.start() - 6), match.start()) or (
        len(number) > 7 and not match.group("currency")
    ):
        return None
    value = Decimal(number.replace(",", ""))
    if scale:
        factor = _SCALES[scale[0]]
        value = value * factor + (int(tail) * factor // 10 if tail else 0)
    doubts = _rough(match, text)
    return money(*match.span(), value, _currency(match.group("currency"), own), own, *doubts)


def _spelt(match: re.Match[str], text: str, own: str) -> Amount | None:
    word = match.group("spelt")
    has_scale = any(one in word for one in "百千万佰仟")
    is_sum = match.group("currency") or (has_scale and len(word) > 1)
    is_paid_out = len(word) > 1 and _PAID_OUT.search(text, max(0, match.start() - 4), match.start())
    if not (is_sum or is_paid_out):
        return None
    if _NAMED_BEFORE.search(text, max(0, match.start() - 4), match.start()):
        return None
    doubts = _rough(match, text)
    if two := _TWO_DIGITS.match(word):  # 两三百: between two and three hundred
        word = two.group(1) + two.group(3)
        doubts = (*doubts, RANGE)
    try:
        value = Decimal(str(cn2an.cn2an(word, "smart")))
    except (ValueError, InvalidOperation, KeyError, IndexError):
        return None
    return money(*match.span(), value, _currency(match.group("currency"), own), own, *doubts)


def _rough(match: re.Match[str], text: str) -> tuple[str, ...]:
    is_rough = (
        match.group("more")
        or _ROUGHLY.search(text, max(0, match.start() - 3), match.start())
        or _ROUGH_TAIL.match(text, match.end())
    )
    rough = (ROUGH_AMOUNT,) if is_rough else ()
    return (*rough, RANGE) if _TO_MORE.match(text, match.end()) else rough


def _fraction(match: re.Match[str]) -> Amount | None:
    above, below = chinese_number(match.group("above")), chinese_number(match.group("below"))
    if above is None or below is None or not 0 < above <= below:
        return None
    return Amount(*match.span(), share=Fraction(above, below))
