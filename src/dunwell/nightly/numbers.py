"""How numbers are written for people: grouped digits, a currency's own decimals, short forms, shares."""

from decimal import Context, Decimal

from dunwell.money import minor_exponent

_STEPS = {
    "en": (
        (Decimal(10) ** 12, "tn"),
        (Decimal(10) ** 9, "bn"),
        (Decimal(10) ** 6, "m"),
        (Decimal(10) ** 3, "k"),
    ),
    "zh": ((Decimal(10) ** 12, "万亿"), (Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, "万")),
}
_THREE_FIGURES = Context(prec=3)


def amount_text(amount: Decimal, currency: str) -> str:
    """An amount in full with the currency's decimals: ``amount_text(Decimal("1234.5"), "USD")`` is "1,234.50"."""
    return f"{amount:,.{minor_exponent(currency)}f}"


def plain_amount(amount: Decimal, currency: str) -> str:
    """An amount as decimal text for machines: "1234.50"."""
    return f"{amount:.{minor_exponent(currency)}f}"


def short_amount(amount: Decimal, language: str = "en") -> str:
    """An amount in three figures or so: "1.23m", "45.6k", "123"; in Chinese by ten thousands (万, 亿)."""
    size = _THREE_FIGURES.plus(abs(amount))
    for step, name in _STEPS[language]:
        if size >= step:
            shown = size / step
            return f"{amount / step:,.{2 if shown < 10 else 1 if shown < 100 else 0}f}{name}"
    return f"{amount:,.0f}" if size >= 1 or not size else f"{amount:.2f}"


def share_text(part: Decimal | float, whole: Decimal | float, decimals: int = 1) -> str:
    """A share in per cent: "4.6%"; "<0.1%" for what would round to nothing; "–" of nothing."""
    if not whole:
        return "–"
    percent = 100 * float(part) / float(whole)
    least = 10**-decimals
    if 0 < percent < least / 2:
        return f"<{least:.{decimals}f}%"
    return f"{percent:.{decimals}f}%"
