"""Sums as people say them: figures with or without a currency, number words, shares of what is due, the rest.

A sum is what stands as one: whether it is promised, and for when, is decided elsewhere. Figures that count something
else (days, children, an account's number, a telephone) are no sums.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from text_to_num import text2num

from dunwell.money import CURRENCIES, MINOR_MAX

ROUGH_AMOUNT = "the amount is only roughly said"
RANGE = "a range was said; the lower end is taken"
OTHER_CURRENCY = "the currency is not that of the debt"
COLLOQUIAL = "said in short, as people do: two fifty may be 2.50 or 250"
TOO_MANY_DECIMALS = "the amount has more decimals than the currency"

AMOUNTS_MAX = 100
"""Sums that are looked at in one message; nobody promises more."""

DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "JMD", "TTD", "BBD"})
YUANS = frozenset({"CNY", "TWD", "HKD", "MOP", "JPY"})


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum as said, at a span of the message: money, or a share of what is due, or what is left of it."""

    start: int
    end: int
    minor: int | None = None
    currency: str | None = None
    share: Fraction | None = None
    is_rest: bool = False
    is_minimum: bool = False
    is_weak: bool = False
    doubts: tuple[str, ...] = ()


def money(start: int, end: int, value: Decimal, said: str | None, own: str, *doubts: str) -> Amount | None:
    """A sum of money in the currency said, or the debt's own; None when it is no sum anybody pays."""
    currency = said if said is not None and said in CURRENCIES else own
    try:
        minor = value.scaleb(CURRENCIES[currency])
        is_exact = minor == minor.to_integral_value()
    except InvalidOperation:
        return None
    if not 0 < minor < MINOR_MAX:
        return None
    found = list(doubts)
    if currency != own:
        found.append(OTHER_CURRENCY)
    if not is_exact:
        found.append(TOO_MANY_DECIMALS)
    return Amount(start, end, int(minor), currency, doubts=tuple(found))


def without_overlaps(amounts: Iterable[Amount]) -> list[Amount]:
    """Sums in the order said, the first AMOUNTS_MAX of them; of two that overlap the longer stays."""
    kept: list[Amount] = []
    first = sorted(amounts, key=lambda one: one.start)[:AMOUNTS_MAX]
    for amount in sorted(first, key=lambda one: (one.start - one.end, one.start)):
        if all(amount.end <= other.start or other.end <= amount.start for other in kept):
            kept.append(amount)
    return sorted(kept, key=lambda one: one.start)


_SYMBOLS = {
    "$": "USD",
    "us$": "USD",
    "£": "GBP",
    "€": "EUR",
    "¥": "CNY",
    "hk$": "HKD",
    "nt$": "TWD",
    "a$": "AUD",
    "c$": "CAD",
}
_SYMBOLS |= {
    "usd": "USD",
    "gbp": "GBP",
    "eur": "EUR",
    "cny": "CNY",
    "rmb": "CNY",
    "hkd": "HKD",
    "cad": "CAD",
    "aud": "AUD",
    "inr": "INR",
    "php": "PHP",
}
_NAMES = {
    "dollar": "USD",
    "buck": "USD",
    "usd": "USD",
    "quid": "GBP",
    "pound": "GBP",
    "gbp": "GBP",
    "euro": "EUR",
    "eur": "EUR",
}
_NAMES |= {
    "yuan": "CNY",
    "rmb": "CNY",
    "cny": "CNY",
    "kuai": "CNY",
    "rupee": "INR",
    "peso": "PHP",
    "hkd": "HKD",
    "cad": "CAD",
    "aud": "AUD",
}

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d+)?"
_UNITS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORD = "|".join((*_UNITS, *_TENS))
_NOT_COUNTED = (
    r"(?!\s*(?:st|nd|rd|th|days?|weeks?|months?|years?|yrs?|hours?|hrs?|min(?:ute)?s?|am|pm|a\.m|p\.m"
    r"|o'?clock|payments?|installments?|kids?|children|child"
    r"|people|persons?|times?|of us|mouths|jobs?|calls?|texts?|messages?|emails?|shifts?|minutes?|tires?"
    r"|paychecks?|pay\s?days?|(?:more\s+)?(?:days|weeks|months)"
    r"|accounts?|loans?|cards?|letters?|weeks?|weekly|in the|years)\b)(?![\d]|[.,/:-]\d|\s?[%/]|-\w)"
)
_NAMED_BEFORE = re.compile(
    r"\b(?:account|acct|no|nr|number|ref|reference|case|chapter|room|apt|apartment|code|option|line|aged?"
    r"|extension|ext|street|unit|covid|last|next|past|number is|ending|ends in|in"
    r"|(?:for|over|within) the (?:last|past|next))[\s.:#]*$|[#\d/:-]$|\d[.,]$"
)
_TAKEN = re.compile(
    r"\d{1,2}(?::\d\d)?\s?(?:am|pm|a\.m\.?|p\.m\.?|o'?clock)\b|\b\d{1,2}:\d\d\b|\b(?:at|after|before|around"
    r"|by) (?:1[0-2]|[1-9])(?= ?(?:or|if|to (?:talk|discuss|call|chat)|$|[.!?]))"
    r"|\+?\b\d{3}[-. ]\d{3}[-. ]?\d{0,4}\b|\b\d{3}-\d{4}\b|\b\d{8,}\b|\b401k\b|\b\d+-\d{3,}\b"
)
_FULL = (
    r"(?:(?:the|my)\s+)?(?:full|whole|entire|total|outstanding|complete)\s+(?:outstanding\s+)?(?:amount"
    r"|thing|balance|lot|sum|debt|bill|payment)|in\s+full|all\s+of\s+(?:it|this)"
    r"|it\s+all(?:\s+off)?|(?:pay(?:ing)?|clear(?:ing)?|settl(?:e|ing)|send(?:ing)?)\s+(?:off\s+)?everything"
    r"|(?:pay|paying|clear|clearing|settle|settling|paid)\s+(?:it\s+|this\s+|that\s+|everything\s+)?(?:all\s+)?off|pay\s+all|(?:the|my)\s+lot"
)
_WEAK_FULL = r"(?:the|my|this|that)\s+(?:outstanding\s+)?(?:balance|amount|debt|total|bill|account)"
_REST = (
    r"(?:(?:the|what(?:ever)?)\s+)?(?:is\s+)?(?:rest|remainder|remaining(?:\s+(?:balance|amount|part|sum))?"
    r"|left(?:\s+over)?|outstanding\s+rest|balance\s+after)"
)
_PARTS = {"third": 3, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_NOT_IN_A_ROW = (
    r"(?!\s+(?:payment|one|time|party|person|instal+ment|letter|call|text|message|job|card|loan|account))"
)
_SHARES: tuple[tuple[str, Fraction], ...] = (
    (
        r"(?:the\s+other\s+|one\s+|another\s+|a\s+)?half(?!\s+(?:a|an|past|day|hour|pay|month|year))",
        Fraction(1, 2),
    ),
    *((rf"(?:a|one)\s+{name}{_NOT_IN_A_ROW}", Fraction(1, whole)) for name, whole in _PARTS.items()),
    *((rf"two\s+{name}s", Fraction(2, whole)) for name, whole in _PARTS.items() if whole % 2),
    (r"(?:(?:a|one)\s+)?quarter", Fraction(1, 4)),
    (r"three\s+quarters", Fraction(3, 4)),
)


def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$£€¥]){text}(?!\w)")


_SYMBOL_FIRST = re.compile(
    rf"(?<![\w])(?P<symbol>us\$|hk\$|nt\$|a\$|c\$|[$£€¥]|(?:usd|gbp|eur|cny|rmb|hkd|cad|aud|inr|php)\s)\s?(?P<number>{_NUMBER})(?P<scale>\s?k\b|\s(?:hundred|thousand|grand)\b)?"
)
_NAME_LAST = re.compile(
    rf"(?<![\w$£€¥.,])(?P<number>{_NUMBER})(?P<scale>\s?k|\s(?:hundred|thousand|grand))?\s?(?P<name>dollar|buck|usd|quid|pound|gbp|euro|eur|yuan|rmb|cny|kuai|rupee|peso|hkd|cad|aud)s?\b"
)
_BARE = re.compile(
    rf"(?<![\w$£€¥])(?P<number>{_NUMBER})(?P<scale>\s?k\b|\s(?:hundred|thousand|grand)\b)?{_NOT_COUNTED}"
)
_SPELT = re.compile(
    rf"(?<![\w-])(?:(?:{_WORD}|an?|another|hundred|thousand|grand)(?:\s+|-))*(?:{_WORD}|hundred|thousand|grand)(?:\s+and\s+(?:{_WORD})(?:[\s-](?:{_WORD}))?)?"
    rf"(?:\s+(?P<name>dollar|buck|quid|pound|euro|yuan|rupee|peso)s?)?(?![\w-])"
)
_RANGE_TAIL = re.compile(rf"\s?(?:-|to|or)\s?[$£€]?(?:{_NUMBER})(?:k|\s?(?:dollars|bucks|usd))?(?![\w:/])")
_ROUGHLY = re.compile(
    r"(?:about|around|approx\w*|roughly|like|maybe|at least|up to|some|between|~)\s+[$£€]?$"
)
_SCALES = {"k": 1000, "hundred": 100, "thousand": 1000, "grand": 1000}


def english_amounts(text: str, own: str, taken: Iterable[tuple[int, int]]) -> list[Amount]:
    """Sums in plain English text (the English view); ``taken`` are spans that are days, ``own`` the debt's currency."""
    spans = [*taken, *(match.span() for match in _TAKEN.finditer(text))]
    found: list[Amount | None] = []
    for pattern in (_SYMBOL_FIRST, _NAME_LAST, _BARE):
        found += [_figure(match, text, own, is_bare=pattern is _BARE) for match in pattern.finditer(text)]
    found += [_spelt(match, own) for match in _SPELT.finditer(text)]
    found += _shares(text)
    kept = [one for one in found if one is not None and not _overlaps(one, spans)]
    return without_overlaps(kept)


def _overlaps(amount: Amount, spans: Iterable[tuple[int, int]]) -> bool:
    return any(amount.start < end and start < amount.end for start, end in spans)


def _figure(match: re.Match[str], text: str, own: str, is_bare: bool) -> Amount | None:
    groups = match.groupdict()
    value = Decimal(groups["number"].replace(",", ""))
    value *= _SCALES.get((groups["scale"] or "").strip(), 1)
    if is_bare and (_NAMED_BEFORE.search(text, max(0, match.start() - 24), match.start()) or value == 0):
        return None
    said = _said_currency(groups.get("symbol"), groups.get("name"), own)
    doubts = [ROUGH_AMOUNT] if _ROUGHLY.search(text, max(0, match.start() - 14), match.start()) else []
    end = match.end()
    if tail := _RANGE_TAIL.match(text, end):
        doubts.append(RANGE)
        end = tail.end()
    return money(match.start(), end, value, said, own, *doubts)


def _said_currency(symbol: str | None, name: str | None, own: str) -> str | None:
    said = _SYMBOLS.get((symbol or "").strip()) or _NAMES.get(name or "")
    if (symbol == "$" or name in ("dollar", "buck")) and own in DOLLARS:
        return own
    return own if symbol == "¥" and own in ("CNY", "JPY") else said


def _spelt(match: re.Match[str], own: str) -> Amount | None:
    name = match.group("name")
    words = [word for word in re.split(r"[\s-]+", match.group()) if word not in ("and",)]
    words = words[:-1] if name else words
    value, doubts = _value(words)
    is_big = any(word in ("hundred", "thousand", "grand") for word in words)
    if value is None or not (is_big or name or (len(words) > 1 and value >= 20) or words[-1] in _TENS):
        return None
    return money(*match.span(), Decimal(value), _said_currency(None, name, own), own, *doubts)


def _value(words: list[str]) -> tuple[int | None, tuple[str, ...]]:
    plain = ["thousand" if word == "grand" else "forty" if word == "fourty" else word for word in words]
    if plain and plain[0] in ("a", "an", "another"):
        plain = ["one", *plain[1:]] if plain[1:2] and plain[1] in ("hundred", "thousand") else plain[1:]
    if plain and plain[0] in ("hundred", "thousand"):
        plain = ["one", *plain]
    try:
        return int(text2num(" ".join(plain), "en")), ()
    except (ValueError, IndexError):
        pass
    if len(plain) >= 2 and plain[0] in _UNITS[:9] and plain[1] in _TENS:  # "two fifty"
        try:
            rest = int(text2num(" ".join(plain[1:]), "en"))
        except (ValueError, IndexError):
            return None, ()
        return (_UNITS.index(plain[0]) + 1) * 100 + rest, (COLLOQUIAL,)
    return None, ()


def _shares(text: str) -> list[Amount | None]:
    found: list[Amount | None] = [
        Amount(*match.span(), share=share)
        for pattern, share in _SHARE_PATTERNS
        for match in pattern.finditer(text)
    ]
    found += [Amount(*match.span(), share=Fraction(1)) for match in _FULL_PATTERN.finditer(text)]
    found += [
        Amount(*match.span(), share=Fraction(1), is_weak=True) for match in _WEAK_PATTERN.finditer(text)
    ]
    found += [Amount(*match.span(), is_rest=True) for match in _REST_PATTERN.finditer(text)]
    found += [Amount(*match.span(), is_minimum=True) for match in _MINIMUM.finditer(text)]
    found += [
        Amount(*match.span(), share=Fraction(int(match.group(1)), 100))
        for match in _PERCENT.finditer(text)
        if 0 < int(match.group(1)) <= 100
    ]
    return found


_SHARE_PATTERNS = tuple((_compiled(pattern), share) for pattern, share in _SHARES)
_FULL_PATTERN = _compiled(f"(?:{_FULL})")
_WEAK_PATTERN = _compiled(f"(?:{_WEAK_FULL})")
_REST_PATTERN = _compiled(f"(?:{_REST})")
_MINIMUM = _compiled(r"(?:the\s+)?minimum(?:\s+(?:payment|amount|due))?")
_PERCENT = re.compile(r"(?<![\w.])(\d{1,3})\s?(?:%|percent)(?!\w)")
