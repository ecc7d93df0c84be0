"""What people write back: a deliver_sm read as text, and a long one put together again from its parts.

A part is acknowledged only once it is kept, and the whole becomes a Reply when its last part is there, in whatever
order they come. The parts are kept in a small SQLite file (``parts_file``), so that a restart loses none.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from dunwell.outreach.channel import Reply
from dunwell.outreach.sms.pdu import Delivery
from dunwell.outreach.sms.splitting import Place, join_bodies, place_of, read_header

_ESM_CLASS_UDHI = 0x40
_TAG_RECEIPTED_MESSAGE_ID = 0x001E
_TAG_SAR_REFERENCE, _TAG_SAR_TOTAL, _TAG_SAR_NUMBER = 0x020C, 0x020E, 0x020F
_SAME_MESSAGE = timedelta(minutes=5)
"""SMPP gives a person's message no name. The same words from the same number within this time are one message that the
SMSC delivered again; a person who says the same twice within it has said it."""
_KEPT = timedelta(days=1)

_TABLES = """
CREATE TABLE IF NOT EXISTS parts (
    series TEXT, number INTEGER, total INTEGER, sender TEXT, data_coding INTEGER, body BLOB, at REAL, reply_id TEXT,
    is_settled INTEGER DEFAULT 0, PRIMARY KEY (series, number)
);
CREATE TABLE IF NOT EXISTS heard (fingerprint TEXT PRIMARY KEY, reply_id TEXT, at REAL);
"""


class PartialReplies:
    """Replies as they come in: whole ones at once, long ones when their parts are together."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)  # what people wrote is for nobody else on this machine
        self._store = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._store.execute("PRAGMA secure_delete = ON")
        self._store.executescript(_TABLES)

    def take(self, delivery: Delivery, at: datetime) -> Reply | None:
        """The reply this completes, or None while parts are missing (or when it only repeats one already settled)."""
        self._forget(at)
        place, body = _place_and_body(delivery)
        if place is None:
            text = join_bodies([delivery.data_coding], [body])
            return Reply(self._reply_id(delivery, body, at), delivery.source.removeprefix("+"), at, text)
        return self._take_part(delivery, place, body, at)

    def settle(self, reply_id: str) -> None:
        """The reply is stored for good: its parts are kept only to know a repeated one."""
        self._store.execute("UPDATE parts SET is_settled = 1 WHERE reply_id = ?", (reply_id,))

    def overdue(self, before: datetime) -> list[Reply]:
        """Replies of which some part has not come since ``before``, with a mark where it is missing."""
        rows = self._store.execute(
            "SELECT series, max(at) FROM parts WHERE NOT is_settled GROUP BY series HAVING max(at) <= ?",
            (before.timestamp(),),
        ).fetchall()
        return [self._joined(series, datetime.fromtimestamp(at, before.tzinfo)) for series, at in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _take_part(self, delivery: Delivery, place: Place, body: bytes, at: datetime) -> Reply | None:
        series = _digest(delivery.source, delivery.destination, str(place.reference), str(place.total))
        known = self._store.execute(
            "SELECT body, data_coding, is_settled FROM parts WHERE series = ? AND number = ?",
            (series, place.number),
        ).fetchone()
        is_repeated = known is not None and known[:2] == (body, delivery.data_coding)
        if is_repeated and known[2]:
            return None
        if not is_repeated:
            self._begin_anew(series, is_other_message=known is not None, at=at)
            self._store.execute(
                "INSERT OR REPLACE INTO parts (series, number, total, sender, data_coding, body, at, reply_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, '')",
                (
                    series,
                    place.number,
                    place.total,
                    delivery.source.removeprefix("+"),
                    delivery.data_coding,
                    body,
                    at.timestamp(),
                ),
            )
        (count,) = self._store.execute("SELECT count(*) FROM parts WHERE series = ?", (series,)).fetchone()
        return self._joined(series, at) if count == place.total else None

    def _begin_anew(self, series: str, is_other_message: bool, at: datetime) -> None:
        # A phone uses its few references again: other words under a settled one are another message, and where the
        # first was never completed, it is set aside to be handed over as far as it came.
        self._store.execute("DELETE FROM parts WHERE series = ? AND is_settled", (series,))
        if is_other_message:
            self._store.execute(
                "UPDATE parts SET series = series || '/' || ? WHERE series = ?", (at.isoformat(), series)
            )

    def _joined(self, series: str, at: datetime) -> Reply:
        rows = self._store.execute(
            "SELECT number, total, sender, data_coding, body, at FROM parts WHERE series = ? ORDER BY number",
            (series,),
        ).fetchall()
        first_at = min(row[5] for row in rows)
        reply_id = "smpp-" + _digest(series, str(first_at), *(row[4].hex() for row in rows))
        self._store.execute("UPDATE parts SET reply_id = ? WHERE series = ?", (reply_id, series))
        total, sender = rows[0][1], rows[0][2]
        return Reply(reply_id, sender, at, "".join(_runs({row[0]: (row[3], row[4]) for row in rows}, total)))

    def _reply_id(self, delivery: Delivery, body: bytes, at: datetime) -> str:
        named = delivery.tlvs.get(_TAG_RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")
        if named:
            return "smpp-" + _digest(delivery.source, named.hex())
        fingerprint = _digest(delivery.source, delivery.destination, str(delivery.data_coding), body.hex())
        known = self._store.execute(
            "SELECT reply_id FROM heard WHERE fingerprint = ? AND at >= ?",
            (fingerprint, (at - _SAME_MESSAGE).timestamp()),
        ).fetchone()
        reply_id = known[0] if known else "smpp-" + _digest(fingerprint, at.isoformat())
        if not known:
            self._store.execute(
                "INSERT OR REPLACE INTO heard VALUES (?, ?, ?)", (fingerprint, reply_id, at.timestamp())
            )
        return str(reply_id)

    def _forget(self, at: datetime) -> None:
        before = (at - _KEPT).timestamp()
        self._store.execute("DELETE FROM parts WHERE is_settled AND at < ?", (before,))
        self._store.execute("DELETE FROM heard WHERE at < ?", (before,))


def _place_and_body(delivery: Delivery) -> tuple[Place | None, bytes]:
    if delivery.esm_class & _ESM_CLASS_UDHI:
        return read_header(delivery.body)
    reference, total, number = (
        int.from_bytes(delivery.tlvs.get(tag, b""), "big")
        for tag in (_TAG_SAR_REFERENCE, _TAG_SAR_TOTAL, _TAG_SAR_NUMBER)
    )
    return place_of(reference, total, number), delivery.body


def _runs(parts: dict[int, tuple[int, bytes]], total: int) -> Iterator[str]:
    """The text, run by run of parts that follow each other, with a mark for every gap."""
    run: list[tuple[int, bytes]] = []
    for number in range(1, total + 2):
        if number in parts:
            run.append(parts[number])
            continue
        if run:
            yield join_bodies([coding for coding, _ in run], [body for _, body in run])
            run = []
        if number <= total and (number - 1 in parts or number == 1):
            yield "[...]"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]
