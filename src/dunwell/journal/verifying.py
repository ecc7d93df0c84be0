"""Checking the whole journal: every event against its hash, every hash against the tree, every seal against its signature.

Answers with what is wrong and where, in sentences. Anchors that were handed out earlier are held against the journal too:
so a journal rolled back to an older copy of itself is found.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Exists, OuterRef, Q

from dunwell.journal.canonical import event_bytes
from dunwell.journal.heads import Head
from dunwell.journal.keys import fingerprint, is_signed
from dunwell.journal.models import Event, Node, Seal, Subject
from dunwell.journal.recording import PERSONAL, columns
from dunwell.journal.sealing import NODE_STEP, last_seal, seal_hash, signed_bytes
from dunwell.journal.tree import leaf_hash, node_hash
from dunwell.journal.vault import Vault

_WRONG_MAX = 500
_FAULTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found. ``unsealed_count``: events recorded since the last seal, which no signature covers yet."""

    event_count: int
    sealed_count: int
    seal_count: int
    unsealed_count: int
    anchor_count: int
    faults: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class _Growing:
    """The tree as it grows, leaf by leaf: its root is known at every size (a stack of full subtrees)."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []
        self.size = 0
        self.kept: dict[tuple[int, int], bytes] = {}
        """The subtrees of the levels that the journal keeps, by level and index."""

    def add(self, leaf: bytes) -> None:
        level, found = 0, leaf
        while self._stack and self._stack[-1][0] == level:
            found = node_hash(self._stack.pop()[1], found)
            level += 1
            if level % NODE_STEP == 0:
                self.kept[level, self.size >> level] = found
        self._stack.append((level, found))
        self.size += 1

    def root(self) -> bytes:
        found = self._stack[-1][1]
        for _, left in reversed(self._stack[:-1]):
            found = node_hash(left, found)
        return found


def verify(
    public_keys: Mapping[str, bytes], anchors: Sequence[Head] = (), vault: Vault | None = None
) -> Findings:
    """Check everything. ``public_keys``: those that ever signed, by fingerprint; ``anchors``: heads handed out before.

    With a ``vault`` the personal data is opened too, and held against the digests in the events.
    """
    faults: list[str] = []
    seals = list(Seal.objects.order_by("number"))
    _check_chain(seals, public_keys, faults)
    roots = _check_events(seals, anchors, faults)
    for anchor in anchors:
        _check_anchor(anchor, roots, faults)
    _check_erasures(faults)
    if vault is not None:
        _check_people_and_items(vault, faults)
    sealed = roots.size
    covered = seals[-1].tree_size if seals else 0
    unsealed = Event.objects.filter(Q(leaf_index__isnull=True) | Q(leaf_index__gte=covered))
    for event in unsealed.order_by("id").iterator(chunk_size=2000):
        if leaf_hash(event_bytes(columns(event))) != bytes(event.leaf_hash):
            _say(faults, f"event {event.event_id} (not sealed yet) was changed")
    count = unsealed.count()
    return Findings(sealed + count, sealed, len(seals), count, len(anchors), tuple(faults))


def _say(faults: list[str], fault: str) -> None:
    if len(faults) < _FAULTS_MAX:
        faults.append(fault)


def _check_chain(seals: Sequence[Seal], public_keys: Mapping[str, bytes], faults: list[str]) -> None:
    previous, size = bytes(32), 0
    for number, seal in enumerate(seals):
        if seal.number != number:
            _say(faults, f"seal {number} is missing")
            return
        public = public_keys.get(seal.key_id)
        if public is None or fingerprint(public) != seal.key_id:
            _say(
                faults, f"seal {number} is signed with key {seal.key_id}, which is not among the public keys"
            )
        elif not is_signed(public, bytes(seal.signature), signed_bytes(seal)):
            _say(faults, f"seal {number} has a false signature")
        if bytes(seal.previous) != previous:
            _say(faults, f"seal {number} does not follow seal {number - 1}")
        if seal.tree_size <= size:
            _say(faults, f"seal {number} covers {seal.tree_size} events, the one before {size}")
        previous, size = seal_hash(seal), seal.tree_size


class _Roots:
    """The roots that were asked for, and how many leaves there are."""

    def __init__(self) -> None:
        self.at: dict[int, bytes] = {}
        self.size = 0


def _check_events(seals: Sequence[Seal], anchors: Iterable[Head], faults: list[str]) -> _Roots:
    """Every event under these seals against its hash and place, and the root at each seal's size. What is sealed while the check
    goes on counts as not sealed yet.
    """
    wanted = {seal.tree_size: seal for seal in seals}
    covered = seals[-1].tree_size if seals else 0
    asked = {anchor.tree_size for anchor in anchors}
    growing, roots = _Growing(), _Roots()
    rows = Event.objects.filter(leaf_index__lt=covered).order_by("leaf_index")
    for event in rows.iterator(chunk_size=2000):
        if event.leaf_index != growing.size:
            _say(faults, f"event number {growing.size} is missing")
            break
        computed = leaf_hash(event_bytes(columns(event)))
        if computed != bytes(event.leaf_hash):
            _say(faults, f"event {event.event_id} (number {event.leaf_index}) was changed")
        growing.add(computed)
        seal = wanted.get(growing.size)
        if seal is not None and bytes(seal.root) != growing.root():
            _say(
                faults,
                f"the events up to number {growing.size - 1} do not give the root of seal {seal.number}",
            )
        if growing.size in asked:
            roots.at[growing.size] = growing.root()
    roots.size = growing.size
    behind = Event.objects.filter(leaf_index__gte=covered).count()
    nodes = {(node.level, node.index): bytes(node.hash) for node in Node.objects.all()}
    newest = last_seal()  # read last: whatever was placed in the tree meanwhile came with a seal
    sealed = 0 if newest is None else newest.tree_size
    _check_nodes(growing, nodes, covered, sealed, faults)
    if covered > growing.size:
        _say(faults, f"the last seal covers {covered} events, only {growing.size} are there")
    if sealed < covered + behind:
        _say(faults, f"{covered + behind - sealed} events stand in the tree behind the last seal")
    return roots


def _check_nodes(
    growing: _Growing, nodes: Mapping[tuple[int, int], bytes], covered: int, sealed: int, faults: list[str]
) -> None:
    """The kept hashes of full subtrees, of which proofs and the next seal are made. Those over what was sealed while the check
    went on (from ``covered`` to ``sealed`` events) are for the next check.
    """
    kept = {
        (level, index): found
        for (level, index), found in nodes.items()
        if not covered < (index + 1) << level <= sealed
    }
    for place in sorted(kept.keys() | growing.kept.keys()):
        if kept.get(place) != growing.kept.get(place):
            level, index = place
            last = ((index + 1) << level) - 1
            _say(
                faults,
                f"the kept hash over the events number {index << level} to {last} is missing or not theirs",
            )


def _check_anchor(anchor: Head, roots: _Roots, faults: list[str]) -> None:
    if not anchor.is_genuine:
        _say(
            faults,
            f"the anchor of {anchor.sealed_at} has a false signature: it is not one that was handed out",
        )
    elif anchor.tree_size > roots.size:
        _say(
            faults,
            f"the anchor of {anchor.sealed_at} covers {anchor.tree_size} events, only {roots.size} are there:"
            " the journal was rolled back to an older copy",
        )
    elif roots.at.get(anchor.tree_size) != anchor.root:
        _say(faults, f"the events that the anchor of {anchor.sealed_at} covers are not the same any more")


def _check_erasures(faults: list[str]) -> None:
    """Nobody's key is gone without the event that says so, and nobody of whom an event tells is gone altogether."""
    erased = Event.objects.filter(subject_id=OuterRef("reference"), kind="data.erased")
    for reference in (
        Subject.objects.filter(wrapped_key__isnull=True)
        .exclude(Exists(erased))
        .values_list("reference", flat=True)
    ):
        _say(faults, f"the key of subject {reference} is gone, and no event says that they were erased")
    there = Subject.objects.filter(reference=OuterRef("subject_id"))
    gone = Event.objects.filter(subject_id__isnull=False).exclude(Exists(there))
    for name in gone.order_by().values_list("subject_id", flat=True).distinct():
        _say(faults, f"subject {name}, of whom events tell, is missing from the vault")


def _check_people_and_items(vault: Vault, faults: list[str]) -> None:
    """Everybody who was not erased: their key opens, and they are found under the customer_id kept of them. Every piece of
    personal data that an event speaks of: there, and unchanged.
    """
    people = list(Subject.objects.filter(wrapped_key__isnull=False).values_list("reference", flat=True))
    wrong = vault.examine_people(people)
    for name in sorted(wrong):
        _say(faults, f"the key of subject {name}, or by which customer_id they are found, was changed")
    rows = Event.objects.filter(subject__wrapped_key__isnull=False, body__contains=f'"{PERSONAL}"')
    rows = rows.exclude(subject_id__in=sorted(wrong)[:_WRONG_MAX])
    events = rows.order_by("id").values_list("event_id", "body").iterator(chunk_size=500)
    while batch := list(islice(events, 500)):
        said = {
            item["item"]: (event_id, name, item["digest"])
            for event_id, body in batch
            for name, item in json.loads(body).get(PERSONAL, {}).items()
        }
        kept, damaged = vault.examine(said)
        for reference, (event_id, name, digest) in said.items():
            if reference in damaged:
                _say(faults, f"the {name} of event {event_id} was changed in the vault")
            elif reference not in kept:
                _say(faults, f"the {name} of event {event_id} is missing from the vault")
            elif kept[reference] != digest:
                _say(faults, f"the {name} of event {event_id} is not what the event holds")
