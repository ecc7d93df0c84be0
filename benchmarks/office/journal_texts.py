# ruff: noqa: E501 - a body is told in one line
"""What the events of the filled journal say, as expressions of PostgreSQL over a person ``p``: the bodies that the desk and the
dispatcher write. Canonical JSON has its keys in order and no spaces (``dunwell.journal.canonical``).
"""

from collections.abc import Mapping

BODIES: Mapping[str, str] = {
    "sms": """'{"accounts":["' || p.account || '"],"automated":true,"channel":"sms","contact_point":"' || p.point || '","law_hash":"' || p.law || '","message_id":"' || message || '","owes":[],"packs":["' || p.pack || '"],"personal":{"text":{"digest":"' || p.digest || '","item":"' || p.item || '"}},"purpose":"remind","text":"overdue","worker":"outreach-1"}'""",
    "email": """'{"accounts":["' || p.account || '"],"automated":true,"channel":"email","contact_point":"' || p.point || '","law_hash":"' || p.law || '","message_id":"' || message || '","owes":[],"packs":["' || p.pack || '"],"personal":{"text":{"digest":"' || p.digest || '","item":"' || p.item || '"}},"purpose":"remind","text":"overdue","worker":"outreach-1"}'""",
    "sms sent": """'{"channel":"sms","contact_point":"' || p.point || '","message_id":"' || message || '","provider":"smpp"}'""",
    "email sent": """'{"channel":"email","contact_point":"' || p.point || '","message_id":"' || message || '","provider":"smtp"}'""",
    "arrived": """'{"message_id":"' || message || '","provider":"smpp"}'""",
    "look": """'{"by":"' || by || '","what":"case","why":"case opened at the desk"}'""",
    "call": """'{"accounts":["' || p.account || '"],"automated":false,"channel":"call","contact_point":"' || p.point || '","law_hash":"' || p.law || '","message_id":"' || message || '","owes":[],"packs":["' || p.pack || '"],"purpose":"remind","worker":"desk:' || by || '"}'""",
    "called": """'{"accounts":["' || p.account || '"],"by":"' || by || '","channel":"call","contact_point":"' || p.point || '","direction":"out","message_id":"' || message || '","outcome":"' || CASE p.n % 3 WHEN 0 THEN 'conversation' ELSE 'no_answer' END || '","party":"self"}'""",
    "refused": """'{"accounts":["' || p.account || '"],"by":"' || by || '","channel":"call","contact_point":"' || p.point || '","law_hash":"' || p.law || '","message_id":"' || message || '","not_before":null,"packs":["' || p.pack || '"],"purpose":"remind","reasons":[{"citation":"as the pack says","effect":"prohibited","rule":"' || p.pack || '.hours"}]}'""",
    "paid": """'{"accounts":["' || p.account || '"],"amount":"25.00","currency":"' || p.currency || '","payment":"seen-' || p.n || '","source":"api"}'""",
    "note": """'{"by":"' || by || '","personal":{"note":{"digest":"' || p.digest || '","item":"' || p.item || '"}}}'""",
    "wrote": """'{"channel":"sms","contact_point":"' || p.point || '","intents":["call_me"],"language":"en","message_id":"' || message || '","needs_person":' || CASE p.n % 10 WHEN 0 THEN 'true' ELSE 'false' END || '}'""",
    "complaint": """'{"by":"' || by || '","hold":"complaint","message_id":"' || message || '","needs_person":true,"source":"desk"}'""",
}
"""By name; ``message`` is the id of the message or call, ``by`` the collector's name."""

EVENT_ID = """(substr(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 1, 8) || '-'
    || substr(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 9, 4)
    || '-7' || substr(salt, 1, 3) || '-a' || substr(salt, 4, 3) || '-' || substr(salt, 7, 12))"""
"""A UUID of version 7: the milliseconds of its instant, then as good as random."""

_INSTANT = """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
LEAF = f"""sha256('\\x00'::bytea || convert_to('{{"body":' || to_json(body)::text || ',"corrects":null,"event_id":"' || event_id
    || '","happened_at":"' || {_INSTANT} || '","key":null,"kind":"' || kind || '","recorded_at":"' || {_INSTANT}
    || '","subject":"' || reference || '"}}', 'UTF8'))"""
"""The hash of an event's leaf: a zero byte and its columns (``dunwell.journal.tree``)."""
