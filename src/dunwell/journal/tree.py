"""The hash tree of RFC 9162 section 2.1: roots, inclusion proofs and consistency proofs, made and checked.

Pure functions over hashes. A leaf's hash and a node's are told apart by their first byte, so that neither can be passed
off as the other. Nothing here knows what the leaves say.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""``subtree(level, index)``: the hash of the full subtree over the leaves index * 2**level to (index + 1) * 2**level - 1."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def subtrees_of(leaves: Sequence[bytes]) -> Subtree:
    """The full subtrees over leaf hashes that lie in memory."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def subtree(level: int, index: int) -> bytes:
        return levels[level][index]

    return subtree


def root_hash(subtree: Subtree, size: int) -> bytes:
    """The root over the first ``size`` leaves."""
    return EMPTY_ROOT if size == 0 else _range_hash(subtree, 0, size)


def _split(count: int) -> int:
    """The largest power of two smaller than ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(subtree: Subtree, low: int, high: int) -> bytes:
    """The hash over the leaves low to high - 1; low is a multiple of the range's largest power of two."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return subtree(level, low >> level)
    middle = low + _split(count)
    return node_hash(_range_hash(subtree, low, middle), _range_hash(subtree, middle, high))


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """The hashes by which a leaf is shown to be in the tree of that size (section 2.1.3.1).

    Raises ValueError when the leaf is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_range_hash(subtree, middle, high))
            high = middle
        else:
            proof.append(_range_hash(subtree, low, middle))
            low = middle
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a leaf's hash is at that place in the tree with that root (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(subtree: Subtree, before: int, size: int) -> list[bytes]:
    """The hashes by which a tree is shown to begin with an earlier one (section 2.1.4.1).

    Raises ValueError when ``before`` is not from 1 to ``size``.
    """
    if not 0 < before <= size:
        raise ValueError(f"a tree of {size} cannot begin with one of {before}")
    if before == size:
        return []
    proof: list[bytes] = []
    low, high, is_whole = 0, size, True
    while before != high:
        middle = low + _split(high - low)
        if before <= middle:
            proof.append(_range_hash(subtree, middle, high))
            high = middle
        else:
            proof.append(_range_hash(subtree, low, middle))
            low, is_whole = middle, False
    if not is_whole:
        proof.append(_range_hash(subtree, low, high))
    return proof[::-1]


def is_consistent(before: int, size: int, before_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree with ``root`` begins with the one with ``before_root`` (section 2.1.4.2)."""
    if not 0 < before <= size:
        return False
    if before == size:
        return not proof and before_root == root
    path = list(proof)
    if before & (before - 1) == 0:
        path.insert(0, before_root)
    if not path:
        return False
    place, last = before - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and first == before_root and second == root
