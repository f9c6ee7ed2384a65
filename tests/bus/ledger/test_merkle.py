"""Merkle trees against the reference vectors of RFC 6962's authors and a naive tree."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.ledger.errors import ProofError
from bus.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    combine,
    consistency_proof,
    frontier,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)

# https://github.com/google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc
LEAVES = [
    bytes.fromhex(h)
    for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A, B = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
)
C, D = (
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
)
E, F = (
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)
INCLUSION = [(0, 8, [A, B, C]), (5, 8, [D, E, ROOTS[3]]), (2, 3, [ROOTS[1]]), (1, 5, [ROOTS[0], B, D])]
CONSISTENCY = [(1, 8, [A, B, C]), (6, 8, [F, E, ROOTS[3]]), (2, 5, [B, D])]


class Naive:
    """A tree straight from the definition: everything is hashed anew."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]

    def root(self, start: int = 0, stop: int | None = None) -> bytes:
        row = self.hashes[start:stop]
        if not row:
            return hashlib.sha256(b"").digest()
        if len(row) == 1:
            return row[0]
        split = 1
        while split * 2 < len(row):
            split *= 2
        tree = Naive([])
        tree.hashes = row
        return hashlib.sha256(b"\1" + tree.root(0, split) + tree.root(split)).digest()

    def read(self, level: int, index: int) -> bytes:
        assert (index + 1) << level <= len(self.hashes), "only complete subtrees are asked for"
        return self.root(index << level, (index + 1) << level)


def test_roots_are_those_of_the_reference() -> None:
    """Roots over the first eight reference leaves are the published ones, grown leaf by leaf and at once."""
    growing, tree = Frontier(), Naive(LEAVES)
    assert growing.root() == EMPTY_ROOT == hashlib.sha256(b"").digest()
    for size, root in enumerate(ROOTS, 1):
        growing.append(leaf_hash(LEAVES[size - 1]))
        assert growing.root().hex() == root
        assert root_hash(size, tree.read).hex() == root


@pytest.mark.parametrize(("index", "size", "path"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference(index: int, size: int, path: list[str]) -> None:
    """The audit paths are the published ones, and verify against the published roots."""
    proof = inclusion_proof(index, size, Naive(LEAVES).read)
    assert [node.hex() for node in proof] == path
    assert verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference(old: int, new: int, path: list[str]) -> None:
    """The consistency proofs are the published ones, and verify between the published roots."""
    proof = consistency_proof(old, new, Naive(LEAVES).read)
    assert [node.hex() for node in proof] == path
    assert verify_consistency(old, bytes.fromhex(ROOTS[old - 1]), new, bytes.fromhex(ROOTS[new - 1]), proof)


SIZES = st.integers(1, 70)


def tree_of(size: int) -> Naive:
    """A tree over as many different leaves."""
    return Naive([n.to_bytes(2) for n in range(size)])


@given(size=SIZES, at=st.floats(0, 1, exclude_max=True))
@settings(max_examples=60, deadline=None)
def test_every_leaf_can_be_proved_and_no_other(size: int, at: float) -> None:
    """A proof holds for its leaf, index, size and root, and for none beside them."""
    tree, index = tree_of(size), int(at * size)
    leaf, root = tree.hashes[index], tree.root()
    proof = inclusion_proof(index, size, tree.read)
    assert verify_inclusion(leaf, index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, root)
    assert not verify_inclusion(leaf, index, size, [*proof, root], root)
    assert not verify_inclusion(leaf, index, size, proof, leaf_hash(b"another"))
    assert not any(verify_inclusion(leaf, other, size, proof, root) for other in range(-1, size + 2) if other != index)
    if proof:
        assert not verify_inclusion(leaf, index, size, proof[:-1], root)


@given(sizes=st.tuples(SIZES, SIZES).map(sorted))
@settings(max_examples=60, deadline=None)
def test_every_growth_can_be_proved_and_no_other(sizes: list[int]) -> None:
    """A consistency proof holds between two sizes of one log, and not for a log that was altered in between."""
    old, new = sizes
    tree = tree_of(new)
    proof = consistency_proof(old, new, tree.read)
    old_root, root = tree.root(0, old), tree.root()
    assert verify_consistency(old, old_root, new, root, proof)
    assert not verify_consistency(old, leaf_hash(b"another"), new, root, proof)
    assert not verify_consistency(old, old_root, new, leaf_hash(b"another"), proof)
    assert not verify_consistency(old, old_root, new, root, [*proof, root])
    if old < new:
        assert not verify_consistency(old + 1, old_root, new, root, proof)
    altered = tree_of(new)
    altered.hashes[old - 1] = leaf_hash(b"another")
    forged = consistency_proof(old, new, altered.read)
    assert not verify_consistency(old, old_root, new, altered.root(), forged)


@given(size=st.integers(0, 70), more=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_tree_goes_on_growing_from_its_frontier(size: int, more: int) -> None:
    """A frontier made from a stored tree grows to the same root as one that saw each leaf."""
    tree = tree_of(size + more)
    resumed = frontier(size, tree.read)
    assert resumed.root() == tree.root(0, size)
    for leaf in tree.hashes[size:]:
        resumed.append(leaf)
    assert (resumed.size, resumed.root()) == (size + more, tree.root())


def test_the_empty_log_is_consistent_with_any() -> None:
    """Nothing has to be proved about a log that was empty, and nothing but emptiness can be claimed of it."""
    root = tree_of(3).root()
    assert verify_consistency(0, EMPTY_ROOT, 3, root, [])
    assert not verify_consistency(0, root, 3, root, [])
    assert not verify_consistency(0, EMPTY_ROOT, 0, root, [])
    assert not verify_consistency(3, root, 2, root, [])


def test_what_is_not_there_cannot_be_proved() -> None:
    """Indices beyond the log and logs that would shrink are refused with words."""
    tree = tree_of(4)
    with pytest.raises(ProofError, match="index from 0 to 3, got 4"):
        inclusion_proof(4, 4, tree.read)
    with pytest.raises(ProofError, match="a log never shrinks"):
        consistency_proof(5, 4, tree.read)
    with pytest.raises(ProofError, match="peaks"):
        Frontier(3, [b"one"])
    with pytest.raises(ProofError, match="power of two"):
        combine([b""] * 3)


def test_neighbours_combine() -> None:
    """Four neighbouring hashes give the hash two levels above."""
    a, b, c, d = tree_of(4).hashes
    assert combine([a, b, c, d]) == node_hash(node_hash(a, b), node_hash(c, d))
    assert combine([a]) == a


@pytest.mark.parametrize("before", [0, 4, 8, 12])
def test_a_subtree_is_as_good_as_its_leaves(before: int) -> None:
    """Whole subtrees that are added by their hash give the root that their leaves give; elsewhere they are refused."""
    leaves = [leaf_hash(bytes([n])) for n in range(before + 9)]
    one_by_one, at_once = Frontier(), Frontier()
    for leaf in leaves:
        one_by_one.append(leaf)
    for leaf in leaves[:before]:
        at_once.append(leaf)
    for start in (before, before + 4):
        at_once.append_subtree(combine(leaves[start : start + 4]), 2)
    at_once.append(leaves[-1])
    assert (at_once.size, at_once.root()) == (one_by_one.size, one_by_one.root())
    with pytest.raises(ProofError, match="multiple of 4"):
        at_once.append_subtree(leaves[0], 2)
