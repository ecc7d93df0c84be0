"""Recordings, letters and papers: files of a person's, kept beside the database under the person's own key.

A file lies encrypted in a folder; the event that it was kept commits to its SHA-256 by way of the vault, so that the event
tells nothing of it and a pack of evidence shows that the file is the one that was kept. Erasure destroys the key, and with it
the file.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from dunwell.journal.recording import Journal, NewEvent, Recorded

KIND = "file.kept"
WHATS = ("recording", "letter", "paper")
BYTES_MAX = 512 << 20


class NotKept(ValueError):
    """A file cannot be kept, or is not there any more; says why and the mend."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to keep. ``what``: one of WHATS; ``name``: as it came, with its ending; ``message_id``: of the contact it belongs
    to, where there is one; ``by``: who keeps it.
    """

    what: str
    name: str
    data: bytes
    at: datetime
    by: str
    message_id: str | None = None


def keep_file(journal: Journal, folder: Path, customer_id: str, new: NewFile) -> Recorded:
    """Keep a file of a customer's and record it: the same file of the same contact once. Raises NotKept, Erased, OSError.

    The file is on disk before the event is recorded: a crash between leaves a file that nothing names and nobody can read.
    """
    if new.what not in WHATS:
        raise NotKept(f"{new.what!r} is no kind of file. One of: {', '.join(WHATS)}")
    if not 0 < len(new.data) <= BYTES_MAX:
        raise NotKept(f"{new.name} has {len(new.data):,} bytes. Give a file of 1 to {BYTES_MAX:,}")
    subject = journal.vault.admit([customer_id], journal.clock())[customer_id]
    reference = os.urandom(16).hex()
    _write(folder / reference, journal.vault.seal_bytes(subject, f"file {reference}", new.data))
    digest = sha256(new.data).hexdigest()
    about = {"name": new.name, "sha256": digest, "bytes": len(new.data)}
    body = {"what": new.what, "by": new.by, "file": reference}
    if new.message_id is not None:
        body["message_id"] = new.message_id
    said = json.dumps(about, ensure_ascii=False, sort_keys=True)
    key = None
    if new.message_id is not None:
        key = f"file:{new.message_id}:{journal.vault.pseudonym(subject, 'file', digest)}"[:120]
    event = NewEvent(KIND, new.at, customer_id, body=body, personal={"file": said}, key=key)
    (recorded,) = journal.record([event])
    if not recorded.is_new:
        (folder / reference).unlink()
    return recorded


def read_file(
    journal: Journal, folder: Path, customer_id: str, body: Mapping[str, Any], *, by: str, why: str
) -> tuple[str, bytes]:
    """A kept file's name and content by the body of its event; who read it and why is recorded first.

    Raises NotKept where the file is not there, was erased or is another than was kept.
    """
    item, reference = body["personal"]["file"]["item"], str(body["file"])
    texts = journal.reveal([item], by=by, why=why, customer_id=customer_id)
    if item not in texts:
        raise NotKept("the person was erased, and the file with them")
    about, file = json.loads(texts[item]), folder / reference
    if not file.is_file():
        raise NotKept(f"the file {reference} of an event is not in {folder}. Restore it from the backup")
    subject = journal.vault.references([customer_id])[customer_id]
    data = journal.vault.open_bytes(subject, f"file {reference}", file.read_bytes())
    if sha256(data).hexdigest() != about["sha256"]:
        raise NotKept(f"the file {reference} is another than was kept. Restore it from the backup")
    return str(about["name"]), data


def files_for_pack(
    journal: Journal,
    folder: Path | None,
    subject: str,
    bodies: Sequence[Mapping[str, Any]],
    texts: Mapping[str, str],
) -> dict[str, bytes]:
    """The kept files by their name in a pack. ``bodies``: of the person's events; ``texts``: what the vault holds, by item.

    Raises NotKept where a file that an event names is not there or was changed.
    """
    found = {}
    for body in bodies:
        item = body.get("personal", {}).get("file", {}).get("item")
        if "file" not in body or item not in texts:
            continue  # another kind of event, or erased
        reference, about = str(body["file"]), json.loads(texts[item])
        file = None if folder is None else folder / reference
        if file is None or not file.is_file():
            raise NotKept(f"the file {reference} of an event is not in {folder}. Restore it from the backup")
        data = journal.vault.open_bytes(subject, f"file {reference}", file.read_bytes())
        found[name_in_pack(reference, about["name"])] = data
    return found


def name_in_pack(reference: str, name: str) -> str:
    """Where a file lies in a pack: under its reference, with the ending that it came with."""
    ending = "".join(letter for letter in Path(name).suffix.lower() if letter.isalnum())[:8]
    return f"files/{reference}" + (f".{ending}" if ending else "")


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    staging = file.with_suffix(".new")
    with staging.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    staging.replace(file)
