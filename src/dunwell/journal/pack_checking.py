"""Checking a pack of evidence: without the database, without anybody else's data, with the public key alone.

What is found wrong is said in sentences. A pack that is whole shows that its events stood in the journal as they stand here,
when the head was signed; that the texts are those the events speak of; and that the journal continues every anchor in it.
"""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dunwell.journal.canonical import EVENT_COLUMNS, canonical, event_bytes
from dunwell.journal.digests import digest_of, pseudonym_of
from dunwell.journal.heads import Head, head_of
from dunwell.journal.keys import fingerprint, is_signed
from dunwell.journal.tree import is_consistent, is_included, leaf_hash

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
_SIZE_MAX = 2 << 30
_KEPT = "files/"
_LETTERS = "letters/"
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What a damaged file can make its readers raise."""
_NEEDED = ("events.json", "personal.json", "names.json", "head.json", "anchors.json", "index.html")


@dataclass(frozen=True, slots=True)
class PackFindings:
    """What the check of a pack found. ``key_id``: the fingerprint of the key that signed it, to compare with the lender's."""

    key_id: str
    event_count: int
    opened_count: int
    erased_count: int
    anchor_count: int
    sealed_at: str
    faults: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def hash_of(data: bytes) -> str:
    """A file's SHA-256."""
    return sha256(data).hexdigest()


def manifest_bytes(hashes: Mapping[str, str], made_at: str, public_key: bytes) -> bytes:
    """The manifest as it is signed."""
    return canonical(
        {"what": "dunwell evidence 1", "made_at": made_at, "files": hashes, "public_key": public_key.hex()}
    ).encode()


def check_pack(file: Path, public_key: bytes | None = None, anchors: Sequence[Head] = ()) -> PackFindings:
    """Check a pack. ``public_key``: the lender's, where it is known; ``anchors``: heads that the lender handed out before.

    Never raises for what a file holds: what cannot be read is a fault.
    """
    faults: list[str] = []
    try:
        files = _read(file)
        manifest = json.loads(files[MANIFEST])
        signature = bytes.fromhex(json.loads(files[SIGNATURE])["signature"])
        key = bytes.fromhex(manifest["public_key"])
        said = dict(manifest["files"])
        head = head_of(json.loads(files["head.json"]))
        _check_manifest(files, said, is_signed(key, signature, files[MANIFEST]), faults)
        if public_key is not None and key != public_key:
            faults.append(
                f"it is signed with key {fingerprint(key)}, not with the lender's {fingerprint(public_key)}"
            )
        if head.public_key != key or not head.is_genuine:
            faults.append("the head of the tree is not signed with the pack's key")
        counts = _check_contents(files, head, anchors, faults)
    except _UNREADABLE as error:
        faults.append(f"it cannot be read ({type(error).__name__}: {error}): it was cut off or changed")
        return PackFindings("", 0, 0, 0, 0, "", tuple(faults))
    return PackFindings(fingerprint(key), *counts, head.sealed_at, tuple(faults))


def _read(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > _SIZE_MAX:
            raise ValueError("it is larger than a pack can be")
        names = [entry.filename for entry in entries]
        if len(names) != len(set(names)):
            raise ValueError("a file is in it twice")
        return {entry.filename: archive.read(entry) for entry in entries}


def _check_manifest(
    files: Mapping[str, bytes], said: Mapping[str, str], is_genuine: bool, faults: list[str]
) -> None:
    if not is_genuine:
        faults.append("the manifest has a false signature")
    present = set(files) - {MANIFEST, SIGNATURE}
    faults += [f"{name} is missing" for name in sorted({*said, *_NEEDED} - present)]
    faults += [f"{name} was added" for name in sorted(present - set(said))]
    faults += [
        f"{name} was changed" for name in sorted(present & set(said)) if hash_of(files[name]) != said[name]
    ]


def _check_contents(
    files: Mapping[str, bytes], head: Head, anchors: Sequence[Head], faults: list[str]
) -> tuple[int, int, int, int]:
    events = json.loads(files["events.json"])
    personal = json.loads(files["personal.json"])
    for event in events:
        _check_event(event, head, faults)
    _check_belonging(events, faults)
    opened, erased = _check_personal(events, personal, faults)
    _check_files(events, personal, files, faults)
    _check_letters(events, files, faults)
    _check_names(events, json.loads(files["names.json"]), faults)
    covered = {}
    for entry in json.loads(files["anchors.json"]):
        anchor = head_of(entry["anchor"])
        proof = [bytes.fromhex(part) for part in entry["proof"]]
        is_continued = is_consistent(anchor.tree_size, head.tree_size, anchor.root, head.root, proof)
        if not (anchor.is_genuine and anchor.public_key == head.public_key and is_continued):
            faults.append(f"the journal does not continue the anchor of {anchor.sealed_at}")
        covered[anchor.tree_size] = anchor.root
    for anchor in anchors:
        if covered.get(anchor.tree_size) != anchor.root:
            faults.append(
                f"the pack does not show that the journal continues the anchor of {anchor.sealed_at}"
            )
    return len(events), opened, erased, len(covered)


def _check_event(event: Mapping[str, Any], head: Head, faults: list[str]) -> None:
    proof = [bytes.fromhex(part) for part in event["proof"]]
    leaf = leaf_hash(event_bytes(event))
    if not is_included(leaf, event["leaf_index"], head.tree_size, proof, head.root):
        faults.append(f"event {event['event_id']} is not in the journal as it stands here")


def _check_belonging(events: Sequence[Mapping[str, Any]], faults: list[str]) -> None:
    """All of one person, each once, and nothing beside what was hashed: an event of somebody else's is a true one, too."""
    subjects = Counter(event["subject"] for event in events)
    faults += [f"{count} events are about somebody else ({who})" for who, count in subjects.most_common()[1:]]
    places = Counter(event["leaf_index"] for event in events)
    faults += [
        f"the event at place {place} is in it {count} times" for place, count in places.items() if count > 1
    ]
    known = {*EVENT_COLUMNS, "leaf_index", "proof"}
    faults += [
        f"event {event['event_id']} says {name}, which is no part of it"
        for event in events
        for name in sorted(set(event) - known)
    ]


def _check_letters(
    events: Sequence[Mapping[str, Any]], files: Mapping[str, bytes], faults: list[str]
) -> None:
    """Every letter against the digest by which its event names it. (A letter that is not there was not kept.)"""
    sent: dict[str, set[str]] = {}
    for event in events:
        if event["kind"] == "contact.sent":
            body = json.loads(event["body"])
            sent.setdefault(str(body["message_id"]), set()).update(map(str, body.get("references", ())))
    for name in sorted(files):
        if name.startswith(_LETTERS):
            message_id = name.removeprefix(_LETTERS).removesuffix(".pdf")
            if message_id not in sent:
                faults.append(f"{name} belongs to no event")
            elif f"sha256:{hash_of(files[name])}" not in sent[message_id]:
                faults.append(f"{name} is not the letter that was sent")


def _check_personal(
    events: Sequence[Mapping[str, Any]], personal: Mapping[str, Any], faults: list[str]
) -> tuple[int, int]:
    """Every text against the digest in its event; a text that no event speaks of is a fault."""
    spoken = set()
    erased = 0
    for event in events:
        for name, item in json.loads(event["body"]).get("personal", {}).items():
            spoken.add(item["item"])
            found = personal.get(item["item"])
            if found is None:
                erased += 1
            elif digest_of(bytes.fromhex(found["salt"]), found["text"]) != item["digest"]:
                faults.append(f"the {name} of event {event['event_id']} is not what the event holds")
    faults += [f"personal text {name} belongs to no event" for name in sorted(set(personal) - spoken)]
    return len(spoken) - erased, erased


def _check_files(
    events: Sequence[Mapping[str, Any]],
    personal: Mapping[str, Any],
    files: Mapping[str, bytes],
    faults: list[str],
) -> None:
    """Every recording, letter and paper against the digest to which its event is bound."""
    expected = {}
    for event in events:
        body = json.loads(event["body"])
        found = personal.get(body.get("personal", {}).get("file", {}).get("item"))
        if event["kind"] == "file.kept" and found is not None:
            expected[str(body["file"])] = json.loads(found["text"])["sha256"]
    present = {name.removeprefix(_KEPT).partition(".")[0]: name for name in files if name.startswith(_KEPT)}
    faults += [f"the kept file {name} is missing" for name in sorted(set(expected) - set(present))]
    faults += [f"{present[name]} belongs to no event" for name in sorted(set(present) - set(expected))]
    faults += [
        f"{present[name]} is not the file that was kept"
        for name in sorted(set(present) & set(expected))
        if hash_of(files[present[name]]) != expected[name]
    ]


def _check_names(events: Sequence[Mapping[str, Any]], names: Mapping[str, Any], faults: list[str]) -> None:
    """That the accounts and contact points named are those the events mean is recomputed, not believed."""
    key = bytes.fromhex(names["key"])
    known = {pseudonym_of(key, kind, name) for kind, found in names["names"].items() for name in found}
    used: set[str] = set()
    for event in events:
        body = json.loads(event["body"])
        used.update(body.get("accounts", ()))
        if "contact_point" in body:
            used.add(body["contact_point"])
    if used and not used & known:
        faults.append("none of the accounts and contact points named are those of the events")
