"""Letters that came back: the list that the return-mail desk or the post keeps, as receipts.

A CSV in UTF-8 with a header: ``message_id`` or ``barcode`` (what the code on the letter reads), ``reason``, and
``returned_on`` (a day). Other columns are let be.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from dunwell.outreach.channel import Receipt
from dunwell.outreach.letter.page import MESSAGE_ID

_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "moved": (
            *("moved", "moved left no address", "no forwarding address", "forwarding expired"),
            *("unbekannt verzogen", "迁移新址", "迁址", "已搬迁", "搬迁"),
        ),
        "deceased": ("deceased", "died", "dead", "已故", "死亡", "身故"),
        "unknown": (
            *(
                "unknown",
                "attempted not known",
                "not known",
                "no such number",
                "no such street",
                "not at address",
            ),
            *("vacant", "查无此人", "无此人", "查无地址", "无此地址"),
        ),
        "refused": ("refused", "拒收", "收件人拒收"),
        "unclaimed": ("unclaimed", "not collected", "逾期未领", "无人领取", "逾期不取"),
        "bad_address": (
            *("bad address", "insufficient address", "illegible", "not deliverable as addressed"),
            *("地址不详", "地址不清"),
        ),
        "no_mailbox": ("no mailbox", "no mail receptacle", "box closed", "无信箱"),
        "damaged": ("damaged", "破损"),
    }
)
REASONS: Mapping[str, str] = MappingProxyType(
    {word: reason for reason, words in _WORDS.items() for word in words}
)
"""What the post writes on a letter that comes back, and our word for it."""

PERMANENT = frozenset({"moved", "deceased", "unknown"})
"""After these the address is not used again."""


class BadReturn(ValueError):
    """A row of a return list cannot be read; says what is wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: its line in the file (1 is the header), what is wrong, and the mend."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class ReturnMail:
    """A return list as read: a receipt for every good row, and the bad ones."""

    receipts: tuple[Receipt, ...]
    bad_rows: tuple[BadRow, ...]


def parse_receipt(row: Mapping[str, str | None]) -> Receipt:
    """The receipt of one row. Raises BadReturn."""
    message_id = (row.get("message_id") or row.get("barcode") or "").strip()
    if not MESSAGE_ID.fullmatch(message_id):
        raise BadReturn(
            f"message_id {message_id[:40]!r} is none of ours. Scan the code on the letter's first page"
        )
    said = " ".join(re.sub(r"[-–_/:]+", " ", row.get("reason") or "").lower().split())
    reason = REASONS.get(said)
    if reason is None:
        raise BadReturn(f"reason {said[:40]!r} is not known. One of: {', '.join(_WORDS)}")
    try:
        returned_on = date.fromisoformat((row.get("returned_on") or "").strip())
    except ValueError as error:
        raise BadReturn(f"returned_on {row.get('returned_on')!r} is no day. Write 2026-11-24") from error
    return Receipt(
        receipt_id=f"letter-{message_id}-{returned_on.isoformat()}-{reason}",
        kind="returned",
        at=datetime(returned_on.year, returned_on.month, returned_on.day, tzinfo=UTC),
        message_id=message_id,
        permanent=reason in PERMANENT,
        detail=reason,
    )


def parse_receipts(raw: bytes) -> ReturnMail:
    """Every row of a return list; the same row twice is one receipt. A file that is no such list is one bad row."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ReturnMail((), (BadRow(1, "the file is not UTF-8. Save it as CSV UTF-8"),))
    reader = csv.DictReader(io.StringIO(text, newline=""))
    receipts: dict[str, Receipt] = {}
    bad: list[BadRow] = []
    try:
        names = set(reader.fieldnames or ())
        if not names & {"message_id", "barcode"} or not {"reason", "returned_on"} <= names:
            problem = (
                "the columns message_id (or barcode), reason and returned_on are needed. Mend the header"
            )
            return ReturnMail((), (BadRow(1, problem),))
        for row in reader:
            try:
                receipt = parse_receipt(row)
                receipts[receipt.receipt_id] = receipt
            except BadReturn as error:
                bad.append(BadRow(reader.line_num, str(error)))
    except csv.Error as error:
        bad.append(BadRow(reader.line_num, f"is no CSV ({error}). Mend the line"))
    return ReturnMail(tuple(receipts.values()), tuple(bad))
