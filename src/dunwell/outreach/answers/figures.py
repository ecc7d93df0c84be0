"""Figures in digits or Chinese characters as whole numbers; None for what only looks like one."""

import cn2an


def chinese_number(figure: str) -> int | None:
    """The number of a figure in digits or characters.

    >>> chinese_number("二十五"), chinese_number("12"), chinese_number("十十")
    (25, 12, None)
    """
    try:
        return int(figure) if figure.isdecimal() else int(cn2an.cn2an(figure.replace("两", "二"), "smart"))
    except (ValueError, KeyError, IndexError):
        return None
