"""Sealing: events since the last seal take their places in the tree, and its new head is signed and chained.

One writer seals at a time; recording goes on beside it. A head that was handed out (an *anchor*) later proves that nothing
before it was changed and that the database is not an older copy of itself.
"""

from datetime import datetime
from hashlib import sha256

from django.db import connection, transaction

from dunwell.journal.canonical import instant_text
from dunwell.journal.heads import Head, seal_bytes
from dunwell.journal.keys import Signer
from dunwell.journal.models import Event, Node, Seal
from dunwell.journal.tree import node_hash, root_hash

NODE_STEP = 8
"""Full subtrees are kept for every so many levels: a proof reads at most 2**8 hashes a level."""

_BATCH = 20_000
_LOCK = 0x64756E77  # one sealer at a time on PostgreSQL
_FIRST_PREVIOUS = bytes(32)

_PLACE = """
UPDATE journal_event SET leaf_index = placed.place FROM (
    SELECT id, %s + row_number() OVER (ORDER BY id) - 1 AS place
    FROM (SELECT id FROM journal_event WHERE leaf_index IS NULL ORDER BY id LIMIT %s) AS waiting
) AS placed WHERE journal_event.id = placed.id
"""


def seal(signer: Signer, now: datetime) -> Seal | None:
    """Seal every event that was recorded; the last seal made, None when there was nothing to seal."""
    last = None
    while (made := _seal_batch(signer, now)) is not None:
        last = made
    return last


def _seal_batch(signer: Signer, now: datetime) -> Seal | None:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = Seal.objects.order_by("-number").first()
        size = 0 if before is None else before.tree_size
        with connection.cursor() as cursor:
            cursor.execute(_PLACE, [size, _BATCH])
            count = cursor.rowcount
        if count < 1:
            return None
        _keep_nodes(size, size + count)
        sealed_at = instant_text(now)
        previous = _FIRST_PREVIOUS if before is None else seal_hash(before)
        root = root_hash(StoredSubtrees(), size + count)
        number = 0 if before is None else before.number + 1
        signed = seal_bytes(number, size + count, root, previous, sealed_at, signer.key_id)
        return Seal.objects.create(
            number=number,
            tree_size=size + count,
            root=root,
            previous=previous,
            sealed_at=now,
            key_id=signer.key_id,
            signature=signer.sign(signed),
        )


def _keep_nodes(before: int, size: int) -> None:
    """Keep the hashes of the subtrees that became full."""
    subtrees = StoredSubtrees()
    level = NODE_STEP
    while size >> level:
        rows = [
            Node(level=level, index=index, hash=subtrees(level, index))
            for index in range(before >> level, size >> level)
        ]
        Node.objects.bulk_create(rows, batch_size=500)
        level += NODE_STEP


class StoredSubtrees:
    """The full subtrees over the sealed events, from the leaves' hashes and the nodes that are kept.

    Reads the 2**8 hashes below a node together and keeps what it read.
    """

    def __init__(self) -> None:
        self._read: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the full subtree over the leaves index * 2**level to (index + 1) * 2**level - 1."""
        found = self._read.get((level, index))
        if found is None:
            if level % NODE_STEP == 0:
                self._fetch(level, index)
                found = self._read.get((level, index))
            if found is None:
                found = node_hash(self(level - 1, 2 * index), self(level - 1, 2 * index + 1))
                self._read[level, index] = found
        return found

    def _fetch(self, level: int, index: int) -> None:
        low = index >> NODE_STEP << NODE_STEP
        high = low + (1 << NODE_STEP)
        if level == 0:
            leaves = Event.objects.filter(leaf_index__gte=low, leaf_index__lt=high)
            self._read.update(
                ((0, place), bytes(value))
                for place, value in leaves.values_list("leaf_index", "leaf_hash")
                if place is not None
            )
        else:
            nodes = Node.objects.filter(level=level, index__gte=low, index__lt=high)
            self._read.update(
                ((level, place), bytes(value)) for place, value in nodes.values_list("index", "hash")
            )
        if level == 0 and (0, index) not in self._read:
            raise LookupError(f"event number {index} of the tree is not in the journal")


def seal_hash(seal: Seal) -> bytes:
    """What the next seal is chained to."""
    return sha256(signed_bytes(seal) + bytes(seal.signature)).digest()


def signed_bytes(seal: Seal) -> bytes:
    """The bytes that a stored seal signs."""
    return seal_bytes(
        seal.number,
        seal.tree_size,
        bytes(seal.root),
        bytes(seal.previous),
        instant_text(seal.sealed_at),
        seal.key_id,
    )


def head(seal: Seal, public_key: bytes) -> Head:
    """A stored seal as it is handed out."""
    return Head(
        number=seal.number,
        tree_size=seal.tree_size,
        root=bytes(seal.root),
        previous=bytes(seal.previous),
        sealed_at=instant_text(seal.sealed_at),
        public_key=public_key,
        signature=bytes(seal.signature),
    )


def last_seal() -> Seal | None:
    """The newest seal."""
    return Seal.objects.order_by("-number").first()
