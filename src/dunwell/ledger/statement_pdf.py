"""A statement as a PDF to hand to a customer or a court, set by Typst from ``statement.typ``.

The same statement gives the same bytes: the document carries no time, and the fonts are Typst's own and, where it is installed,
WenQuanYi Micro Hei for Chinese. Without it the page is set all the same, Chinese characters then being empty boxes.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

from dunwell.ledger.statement import Line, Statement
from dunwell.ledger.statement_text import COMPONENT_NAMES, MONEY_COLUMNS, changed_components
from dunwell.ledger.statement_words import money_text

CJK_FONT_FOLDERS = (Path("/usr/share/fonts/truetype/wqy"), Path("/usr/share/fonts/wqy-microhei"))
"""Where the package fonts-wqy-microhei puts its font."""

_FONT, _CJK_FONT = "Libertinus Serif", "WenQuanYi Micro Hei"


def statement_pdf(
    statement: Statement, lender: str = "", *, font_folders: Sequence[Path] = CJK_FONT_FOLDERS
) -> bytes:
    """The statement as a PDF file's bytes.

    ``lender``: who it is from, as customers know them. ``font_folders``: where to look for the Chinese font.
    """
    fonts = _fonts(tuple(str(folder) for folder in font_folders if folder.is_dir()))
    families = [family for family in (_FONT, _CJK_FONT) if family in fonts.families()]
    return typst.compile(
        files("dunwell.ledger").joinpath("statement.typ").read_bytes(),
        font_paths=fonts,
        sys_inputs={
            "statement": json.dumps(_told(statement, lender) | {"fonts": families}, ensure_ascii=False)
        },
        timestamp=0,
    )


@cache
def _fonts(folders: tuple[str, ...]) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=list(folders))


def _told(statement: Statement, lender: str) -> dict[str, Any]:
    """Everything the page says, as text."""
    currency, closing = statement.currency, statement.closing
    days = [
        ("days past due", str(closing.past_due_days)),
        ("delinquent days", str(closing.delinquent_days)),
        ("oldest due on", _day(closing.oldest_due_on)),
        ("last paid on", _day(closing.last_paid_on)),
    ]
    return {
        "title": f"Statement of account {statement.account_id} as of {statement.as_of}",
        "as_of": statement.as_of.isoformat(),
        "lender": lender,
        "facts": [
            *([("From", lender)] if lender else []),
            ("Account", statement.account_id),
            ("Product", statement.product),
            ("Period", f"{statement.opened_on} to {statement.as_of}"),
            ("Currency", f"{currency}; all amounts are in it"),
        ],
        "headline": [
            (f"To settle it all on {statement.as_of}", _amount(closing.payoff_total, currency)),
            ("Past due", _amount(closing.past_due_total, currency)),
            ("Days past due", str(closing.past_due_days)),
        ],
        "lines": [_line(line, currency) for line in statement.lines],
        "closing": [
            (COMPONENT_NAMES[name], _amount(getattr(closing, name), currency)) for name in MONEY_COLUMNS
        ]
        + days,
        "worked_out": statement.worked_out,
    }


def _line(line: Line, currency: str) -> dict[str, Any]:
    notes = line.working.split("; ") if line.penalty else [line.working] if line.working else []
    return {
        "on": line.on.isoformat(),
        "event": line.event,
        "notes": [*notes, line.clause],
        "changes": [(name, _with_minus(change)) for name, change in changed_components(line, currency)],
        "balance": _amount(line.balance, currency),
        "late": str(line.past_due_days) if line.past_due_days else "",
    }


def _amount(minor: int, currency: str) -> str:
    return _with_minus(money_text(minor, currency))


def _with_minus(amount: str) -> str:
    """With a proper minus, as wide as a plus."""
    return amount.replace("-", "−")


def _day(day: object) -> str:
    return "none" if day is None else str(day)
