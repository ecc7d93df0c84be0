"""Tables as CSV files that a spreadsheet opens: text that would be read as a formula stays text."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

_BEGINS_FORMULA = (*"=+-@＝＋－＠", "\t", "\r", "\n")
"""With the wide forms of Chinese keyboards, which some spreadsheets take for the narrow ones."""


def csv_of(headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    r"""The file's text. Numbers stand as they are; a text that a spreadsheet would work out gets an apostrophe before it.

    >>> csv_of(["what"], [["=1+1"], [-2], ["gb"]])
    "what\r\n'=1+1\r\n-2\r\ngb\r\n"
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_plain(cell) for cell in headings])
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def _plain(cell: Any) -> Any:
    text = str(cell)
    is_text = not isinstance(cell, int | float | Decimal)
    return f"'{text}" if is_text and text.startswith(_BEGINS_FORMULA) else cell
