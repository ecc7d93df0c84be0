"""Ten million events, their people and their seal: in the database within minutes, and the same rows that the product writes.

People are made by the vault and copied; events are written by the database itself and their hashes held against
those of ``dunwell.journal``; the nodes and the seal are made by its tree. ``tests/benchmarks`` holds a small journal made in this
way against the verifier.
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction

from benchmarks.office.journal_texts import BODIES, EVENT_ID, LEAF
from dunwell.journal.canonical import canonical, event_bytes, instant_text
from dunwell.journal.digests import digest_of, pseudonym_of
from dunwell.journal.heads import seal_bytes
from dunwell.journal.models import Event, Seal
from dunwell.journal.recording import NewEvent, check, columns
from dunwell.journal.sealing import StoredSubtrees
from dunwell.journal.signing import signer_of
from dunwell.journal.tree import leaf_hash, root_hash, subtrees_of
from dunwell.journal.vault import CUSTOMER_ID, Vault
from dunwell.office.workplace import Workplace

DESKS = 40
"""So many collectors' names stand in the events."""

DAYS = 60
ROUNDS: Sequence[Sequence[tuple[str, str, str, int]]] = (
    (
        ("contact.permitted", "sms", "true", 0),
        ("contact.sent", "sms sent", "true", 2),
        ("contact.delivered", "arrived", "true", 9),
    ),
    (
        ("data.read", "look", "true", 0),
        ("contact.permitted", "call", "true", 30),
        ("contact.made", "called", "true", 150),
    ),
    (("contact.permitted", "email", "true", 0), ("contact.sent", "email sent", "true", 3)),
    (
        ("data.read", "look", "true", 0),
        ("payment.seen", "paid", "p.n % 100 < 66", 40),
        ("contact.refused", "refused", "p.n % 100 BETWEEN 66 AND 85", 40),
        ("case.note", "note", "p.n % 100 BETWEEN 86 AND 95", 40),
        ("contact.replied", "wrote", "p.n % 100 BETWEEN 96 AND 98", 40),
        ("hold.placed", "complaint", "p.n % 100 = 99", 40),
    ),
)
"""The rounds of DAYS, one after the other: each event's kind, what it says, of whom, and how many seconds after the first."""

_FILLED = ("journal_subject", "journal_vaultitem", "journal_event")
_NODE_LEAVES = 1 << 16
_TEXT = "Please call us about your account."


def begin(place: Workplace) -> None:
    """The table ``people`` from which events are made, empty, and the vault's key that all processes share."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS people, written")
        cursor.execute("CREATE TABLE written (round int PRIMARY KEY)")
        cursor.execute(
            "CREATE UNLOGGED TABLE people (n int, reference text, account text, point text,"
            " item text, digest text, currency text, pack text, law text)"
        )
    place.journal.vault.references(["nobody"])


def write_people(place: Workplace, number: int, at: datetime) -> int:
    """Every customer of a partition of the book in the vault, each with one text of theirs, and in ``people``; how many.

    All of a partition in one transaction; a partition that was written stays as it is.
    """
    vault = place.journal.vault
    rows = _people(place.settings.book_folder, number)
    first = number * rows.height
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM people WHERE n >= %s AND n < %s", [first, first + rows.height])
        if cursor.fetchone()[0]:
            return rows.height
        subjects, items, people = [], [], []
        for n, (customer, account, point, currency, jurisdiction) in enumerate(rows.iter_rows(), start=first):
            subject = vault._new_subject(customer, at)
            reference = subject.reference
            items.append(_item(vault, reference, CUSTOMER_ID, customer, os.urandom(16), at))
            salt = os.urandom(16)
            items.append(_item(vault, reference, "contact.permitted:text", _TEXT, salt, at))
            pseudonyms = vault.pseudonym_key(reference)
            gate = place.gate(jurisdiction)
            named = [
                pseudonym_of(pseudonyms, kind, name)
                for kind, name in (("account", account), ("point", point))
            ]
            pack = gate.packs[0].key if gate.packs else "house"
            about = (items[-1][0], digest_of(salt, _TEXT), currency, pack, gate.content_hash)
            people.append((n, reference, *named, *about))
            subjects.append((reference, subject.lookup, subject.wrapped_key, subject.master_id, at, None))
        vault._open.clear()
        vault._pseudonym_keys.clear()
        names = "reference, lookup, wrapped_key, master_id, created_at, erased_at"
        _copy(cursor, "journal_subject", names, subjects)
        _copy(cursor, "journal_vaultitem", "reference, subject_id, kind, sealed, created_at", items)
        _copy(cursor, "people", "n, reference, account, point, item, digest, currency, pack, law", people)
    return rows.height


def write_round(number: int, now: datetime) -> int:
    """The events of a round, unless they stand there; how many. Their places follow from the people alone, so rounds can be
    written beside each other.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '512MB'")
        before, own = _places(cursor)[number]
        cursor.execute("SELECT count(*) FROM people")
        (people_count,) = cursor.fetchone()
        begins = now - timedelta(days=DAYS * (len(ROUNDS) - number) / len(ROUNDS))
        span = timedelta(days=DAYS / len(ROUNDS), minutes=-5) / max(people_count, 1)
        cursor.execute("SELECT count(*) FROM written WHERE round = %s", [number])
        if cursor.fetchone()[0]:
            return own
        cursor.execute(_insert(number, ROUNDS[number]), [begins, span.total_seconds(), before, before])
        assert cursor.rowcount == own, f"round {number}: {cursor.rowcount} events written, {own} expected"
        cursor.execute("INSERT INTO written VALUES (%s)", [number])
    return own


def _places(cursor: Any) -> Sequence[tuple[int, int]]:
    """How many events stand before each round, and how many are its own."""
    places, before = [], 0
    for events in ROUNDS:
        counted = " + ".join(f"count(*) FILTER (WHERE {whom})" for _, _, whom, _ in events)
        cursor.execute(f"SELECT {counted} FROM people AS p".replace("%", "%%"), [])
        (own,) = cursor.fetchone()
        places.append((before, own))
        before += own
    return places


def finish(place: Workplace, now: datetime) -> int:
    """Check a sample of the events, seal them all, and leave nothing of the making behind; how many events."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM journal_event")
        (written,) = cursor.fetchone()
        cursor.execute("SELECT setval(pg_get_serial_sequence('journal_event', 'id'), %s)", [written])
        cursor.execute("TRUNCATE journal_node, journal_seal")
    _check_hashes()
    _seal(place, written, now)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS people, written")
    return int(written)


def _insert(number: int, events: Sequence[tuple[str, str, str, int]]) -> str:
    """The statement that writes a round; its parameters: when it begins, seconds a person, events before it (twice)."""
    each = " UNION ALL ".join(
        f"SELECT p.reference, '{kind}' AS kind, at + interval '{after} seconds' AS at, {BODIES[what]} AS body,"
        f" md5('{number}{what}' || p.n) AS salt FROM placed AS p WHERE {whom}"
        for kind, what, whom, after in events
    )
    return f"""
        WITH placed AS MATERIALIZED (
            SELECT people.*, md5('{number}-' || n)::uuid::text AS message,
                   %s::timestamptz + interval '1 second' * %s * ((n::bigint * 7919) %% (SELECT count(*) FROM people)) AS at,
                   'desk' || lpad((n %% {DESKS})::text, 2, '0') AS by
            FROM people
        ), told AS ({each.replace("%", "%%")}),
        named AS (SELECT *, {EVENT_ID} AS event_id FROM told)
        INSERT INTO journal_event
            (id, event_id, kind, subject_id, happened_at, recorded_at, body, corrects, key, leaf_hash, leaf_index)
        SELECT %s + row_number() OVER w, event_id, kind, reference, at, at, body, NULL, NULL, {LEAF},
               %s + row_number() OVER w - 1
        FROM named WINDOW w AS (ORDER BY at, event_id)
    """


def _people(book: Path, number: int) -> pl.DataFrame:
    """customer_id, an account, a contact point, its currency and the jurisdiction of every customer of a partition."""
    folder = book / f"partition={number:02d}"
    accounts = pl.read_parquet(folder / "accounts.parquet").unique(
        "customer_id", keep="first", maintain_order=True
    )
    points = pl.read_parquet(folder / "contact_points.parquet").unique(
        "customer_id", keep="first", maintain_order=True
    )
    return (
        pl.read_parquet(folder / "customers.parquet")
        .join(
            accounts.select("customer_id", "account_id", pl.col("currency").cast(pl.String)), on="customer_id"
        )
        .join(points.select("customer_id", "contact_point_id"), on="customer_id", how="left")
        .with_columns(pl.coalesce("contact_point_id", "account_id").alias("contact_point_id"))
        .select("customer_id", "account_id", "contact_point_id", "currency", "jurisdiction")
    )


def _item(vault: Vault, subject: str, kind: str, text: str, salt: bytes, at: datetime) -> tuple[Any, ...]:
    """A row of the vault, encrypted as ``Vault.keep`` does."""
    reference, nonce = os.urandom(16).hex(), os.urandom(12)
    about = f"{subject}\0{reference}\0{kind}".encode()
    sealed = nonce + AESGCM(vault._open[subject]).encrypt(nonce, salt + text.encode(), about)
    return (reference, subject, kind, sealed, at)


def _copy(cursor: Any, table: str, names: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def drop_indexes(kept: Path) -> None:
    """Take the keys and indexes off the tables that are filled: many times as fast. ``kept`` tells first what they were."""
    with connection.cursor() as cursor:
        if not kept.is_file():
            cursor.execute(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE (conrelid::regclass::text = ANY(%s) OR confrelid::regclass::text = ANY(%s))"
                " AND contype IN ('u', 'p', 'f') ORDER BY contype <> 'f'",
                [list(_FILLED), list(_FILLED)],
            )
            constraints = cursor.fetchall()
            own = [name for _, name, _ in constraints]
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND NOT indexname = ANY(%s)",
                [list(_FILLED), own],
            )
            told = json.dumps({"constraints": constraints, "indexes": cursor.fetchall()}, indent=1)
            kept.with_suffix(".tmp").write_text(told, encoding="utf-8")
            kept.with_suffix(".tmp").rename(kept)
        stood = json.loads(kept.read_text(encoding="utf-8"))
        for table, name, _ in stood["constraints"]:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT IF EXISTS "{name}"')
        for name, _ in stood["indexes"]:
            cursor.execute(f'DROP INDEX IF EXISTS "{name}"')


def restore_indexes(kept: Path) -> None:
    """Make the keys and indexes anew that ``drop_indexes`` took off, those that stand already left out."""
    stood = json.loads(kept.read_text(encoding="utf-8"))
    with connection.cursor() as cursor:
        for table, name, text in reversed(stood["constraints"]):
            cursor.execute("SELECT count(*) FROM pg_constraint WHERE conname = %s", [name])
            if not cursor.fetchone()[0]:
                cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {text}')
        for name, text in stood["indexes"]:
            cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = %s", [name])
            if not cursor.fetchone()[0]:
                cursor.execute(text)
        for table in _FILLED:
            cursor.execute(f"ANALYZE {table}")


def _check_hashes(count: int = 2000) -> None:
    """That a sample of the events are what the product records: their kinds may say it, and their hashes are its own."""
    last = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    step = max(last // count, 1)
    wanted = list(range(1, last + 1, step))
    for event in Event.objects.filter(id__in=wanted):
        assert bytes(event.leaf_hash) == leaf_hash(event_bytes(columns(event))), event.event_id
        body = {
            name: value
            for name, value in event_body(event).items()
            if name not in ("accounts", "contact_point", "personal")
        }
        named = {
            name: value for name, value in event_body(event).items() if name in ("accounts", "contact_point")
        }
        check(NewEvent(event.kind, event.happened_at, body=body, subject=event.subject_id, pseudonyms=named))


def event_body(event: Event) -> dict[str, Any]:
    """What an event says; asserts that it is written canonically."""
    body: dict[str, Any] = json.loads(event.body)
    assert canonical(body) == event.body, event.body
    return body


def _seal(place: Workplace, size: int, now: datetime) -> None:
    """The nodes over all events and one seal, by the journal's own tree."""
    with connection.cursor() as cursor:
        nodes: list[tuple[int, int, bytes]] = []
        for first in range(0, size, _NODE_LEAVES):
            cursor.execute(
                "SELECT leaf_hash FROM journal_event WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index",
                [first, first + _NODE_LEAVES],
            )
            leaves = [bytes(row[0]) for row in cursor.fetchall()]
            subtree = subtrees_of(leaves)
            nodes += [(8, (first >> 8) + k, subtree(8, k)) for k in range(len(leaves) >> 8)]
            if len(leaves) == _NODE_LEAVES:
                nodes.append((16, first >> 16, subtree(16, 0)))
        _copy(cursor, "journal_node", "level, index, hash", nodes)
        cursor.execute("ANALYZE journal_node")
    signer, sealed_at = signer_of(place.settings), instant_text(now)
    root = root_hash(StoredSubtrees(), size)
    signed = seal_bytes(0, size, root, bytes(32), sealed_at, signer.key_id)
    Seal.objects.create(
        number=0,
        tree_size=size,
        root=root,
        previous=bytes(32),
        sealed_at=now,
        key_id=signer.key_id,
        signature=signer.sign(signed),
    )


def vacuum() -> None:
    """Leave the tables as a database that has been at work has them: its autovacuum marks which pages everybody sees, without
    which each row that is counted is looked up, and else begins with that while the pages are asked for.
    """
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
