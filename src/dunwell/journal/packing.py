"""A pack of evidence about one customer: everything that happened, shown to be unchanged, without anybody else's data.

The pack is a zip file: the events as they were hashed with their proofs of inclusion under a signed head, the personal data
they speak of with the salts that open their digests, proofs that the head continues every anchor handed out, the texts of law
and policy, whatever the product adds (statements, letters, recordings), and an index that a person can read. Its manifest
holds the hash of every file and is signed.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from dunwell.journal.attachments import KIND, files_for_pack
from dunwell.journal.canonical import canonical, instant_text
from dunwell.journal.heads import Head
from dunwell.journal.keys import Signer
from dunwell.journal.models import Event
from dunwell.journal.pack_checking import MANIFEST, SIGNATURE, hash_of, manifest_bytes
from dunwell.journal.pack_index import index_page
from dunwell.journal.recording import PERSONAL, Journal, NewEvent, columns
from dunwell.journal.sealing import StoredSubtrees, head, last_seal
from dunwell.journal.tree import consistency_proof, inclusion_proof

PACK = "a pack of evidence"
"""What the event says that was read, when a pack is made."""


class NothingToShow(LookupError):
    """There is no pack to make; says why and the mend."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a pack, why, and what goes in beside the journal's own: files by their name in the pack.

    ``names``: the lender's ids of the person's debts and contact points by kind ("account", "point"), so that the pack says
    which is meant. ``kept_files``: the folder of recordings, letters and papers (``attachments``).
    """

    customer_id: str
    by: str
    why: str
    files: Mapping[str, bytes]
    names: Mapping[str, Sequence[str]]
    anchors: Sequence[Head] = ()
    kept_files: Path | None = None


def make_pack(journal: Journal, signer: Signer, asked: Asked, now: datetime) -> bytes:
    """The pack as the bytes of a zip file. That it was made is recorded; seal before, so that everything is covered.

    Raises NothingToShow when the vault does not know the customer or nothing is sealed, NotKept when a kept file is gone.
    """
    vault = journal.vault
    subject = vault.references([asked.customer_id]).get(asked.customer_id)
    newest = last_seal()
    if subject is None or newest is None:
        raise NothingToShow(
            f"the journal knows nothing of customer {asked.customer_id!r}, or it is not sealed yet"
        )
    rows = list(
        Event.objects.filter(subject_id=subject, leaf_index__lt=newest.tree_size).order_by("leaf_index")
    )
    items = [item["item"] for row in rows for item in json.loads(row.body).get(PERSONAL, {}).values()]
    opened = vault.read(items)
    vault.open_keys([subject])
    body = {"by": asked.by, "why": asked.why, "what": PACK, "items": sorted(opened)}
    journal.record([NewEvent("data.read", now, subject=subject, body=body)])
    trees, signed = StoredSubtrees(), head(newest, signer.public)
    events = [_event(row, trees, signed) for row in rows]
    files = {
        "events.json": _json(events),
        "personal.json": _json(
            {name: {"text": text, "salt": salt.hex()} for name, (text, salt) in opened.items()}
        ),
        "names.json": _json(
            {
                "key": vault.pseudonym_key(subject).hex(),
                "names": {k: sorted(v) for k, v in asked.names.items()},
            }
        ),
        "head.json": signed.as_text().encode(),
        "anchors.json": _json(list(_anchors(asked.anchors, trees, signed))),
        **asked.files,
        **files_for_pack(
            journal,
            asked.kept_files,
            subject,
            [json.loads(row.body) for row in rows if row.kind == KIND],
            {name: text for name, (text, _) in opened.items()},
        ),
    }
    files["index.html"] = index_page(asked.customer_id, events, opened, files, signed, now).encode()
    return _zip(files, signer, now)


def _event(row: Event, trees: StoredSubtrees, signed: Head) -> dict[str, Any]:
    said = columns(row)
    for name in ("happened_at", "recorded_at"):
        said[name] = instant_text(said[name])
    assert row.leaf_index is not None
    proof = inclusion_proof(trees, row.leaf_index, signed.tree_size)
    return said | {"leaf_index": row.leaf_index, "proof": [part.hex() for part in proof]}


def _anchors(anchors: Iterable[Head], trees: StoredSubtrees, signed: Head) -> Iterable[dict[str, Any]]:
    for anchor in anchors:
        if 0 < anchor.tree_size <= signed.tree_size:
            proof = consistency_proof(trees, anchor.tree_size, signed.tree_size)
            yield {"anchor": json.loads(anchor.as_text()), "proof": [part.hex() for part in proof]}


def _json(values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True).encode()


def _zip(files: Mapping[str, bytes], signer: Signer, now: datetime) -> bytes:
    manifest = manifest_bytes(
        {name: hash_of(data) for name, data in files.items()}, instant_text(now), signer.public
    )
    signature = canonical({"signature": signer.sign(manifest).hex()}).encode()
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted({**files, MANIFEST: manifest, SIGNATURE: signature}.items()):
            entry = zipfile.ZipInfo(name, date_time=now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return stream.getvalue()
