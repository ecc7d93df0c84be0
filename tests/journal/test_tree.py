"""The hash tree against its definition in RFC 9162, written plainly, and against tampering."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from dunwell.journal import tree


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def data(count: int) -> list[bytes]:
    return [f"event {number}".encode() for number in range(count)]


def subtrees(count: int) -> tree.Subtree:
    return tree.subtrees_of([tree.leaf_hash(leaf) for leaf in data(count)])


def test_the_root_is_that_of_the_definition() -> None:
    for size in range(70):
        assert tree.root_hash(subtrees(70), size) == plain_root(data(size))


def test_every_leaf_is_shown_to_be_in_every_tree_and_nowhere_else() -> None:
    for size in range(1, 40):
        trees = subtrees(size)
        root = tree.root_hash(trees, size)
        for index in range(size):
            proof = tree.inclusion_proof(trees, index, size)
            leaf = tree.leaf_hash(data(size)[index])
            assert tree.is_included(leaf, index, size, proof, root)
            for wrong in (index - 1, index + 1, size):
                assert not tree.is_included(leaf, wrong, size, proof, root)
            assert not tree.is_included(tree.leaf_hash(b"forged"), index, size, proof, root)
            assert not tree.is_included(leaf, index, size, [*proof, root], root)


def test_every_tree_is_shown_to_begin_with_every_earlier_one() -> None:
    for size in range(1, 40):
        trees = subtrees(size)
        root = tree.root_hash(trees, size)
        for before in range(1, size + 1):
            proof = tree.consistency_proof(trees, before, size)
            earlier = tree.root_hash(trees, before)
            assert tree.is_consistent(before, size, earlier, root, proof)
            assert not tree.is_consistent(before, size, tree.leaf_hash(b"forged"), root, proof)
            if proof:
                assert not tree.is_consistent(before, size, earlier, root, proof[:-1])


@given(st.integers(1, 300), st.data())
def test_a_tree_with_one_leaf_changed_is_not_consistent_with_the_earlier_one(
    size: int, draw: st.DataObject
) -> None:
    before = draw.draw(st.integers(1, size))
    changed = draw.draw(st.integers(0, before - 1))
    leaves = [tree.leaf_hash(leaf) for leaf in data(size)]
    earlier = tree.root_hash(tree.subtrees_of(leaves), before)
    leaves[changed] = tree.leaf_hash(b"forged")
    forged = tree.subtrees_of(leaves)
    proof = tree.consistency_proof(forged, before, size)
    assert not tree.is_consistent(before, size, earlier, tree.root_hash(forged, size), proof)
