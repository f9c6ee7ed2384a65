"""Merkle trees over the entries of a log: hashes, roots, inclusion and consistency proofs of RFC 6962.

A proof is computed from a `HashReader`, which knows the hashes of complete subtrees; verification needs only the
proof. Trees and proofs: RFC 6962 section 2.1 (https://www.rfc-editor.org/rfc/rfc6962); verification: RFC 9162 sections
2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from bus.ledger.errors import ProofError

HASH_SIZE = 32
"""Bytes of a hash."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""

HashReader = Callable[[int, int], bytes]
"""(level, index) → hash of the complete subtree over the leaves ``index·2**level`` to ``(index + 1)·2**level``."""

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """Hash of an entry as a leaf: SHA-256 of a zero byte and the entry."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256 of a one byte and both hashes below."""
    return _sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows at its right edge: it remembers one hash for each set bit of its size.

    Attributes:
        size: leaves.
        peaks: hashes of the complete subtrees that make up the tree, the largest first.
    """

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ProofError(f"Expected {size.bit_count()} peaks of a tree of {size} leaves, got {len(self.peaks)}.")

    def append(self, leaf: bytes) -> None:
        """Adds a leaf by its hash."""
        peaks, carry = self.peaks, self.size
        while carry & 1:
            leaf = _sha256(b"\x01" + peaks.pop() + leaf).digest()
            carry >>= 1
        peaks.append(leaf)
        self.size += 1

    def append_subtree(self, node: bytes, level: int) -> None:
        """Adds ``2**level`` leaves by the hash over them, behind as many as that goes into.

        Raises:
            ProofError: the tree does not end where such a subtree can stand.
        """
        if self.size & (1 << level) - 1:
            raise ProofError(f"Expected a tree of a multiple of {1 << level} leaves, got {self.size}.")
        peaks, carry = self.peaks, self.size >> level
        while carry & 1:
            node = _sha256(b"\x01" + peaks.pop() + node).digest()
            carry >>= 1
        peaks.append(node)
        self.size += 1 << level

    def root(self) -> bytes:
        """Root hash of the tree so far."""
        return fold(self.peaks)


def fold(peaks: Sequence[bytes]) -> bytes:
    """Root over complete subtrees that stand beside each other, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _subtree(start: int, stop: int, read: HashReader) -> bytes:
    """Hash over the leaves `start` to `stop`, as the tree has it.

    `start` is a multiple of the largest power of two that fits: the peaks come from the reader as they are.
    """
    peaks = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        peaks.append(read(level, start >> level))
        start += 1 << level
    return fold(peaks)


def root_hash(size: int, read: HashReader) -> bytes:
    """Root of the tree over the first `size` leaves."""
    return _subtree(0, size, read)


def frontier(size: int, read: HashReader) -> Frontier:
    """The tree over the first `size` leaves, ready to grow."""
    peaks, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(read(level, start >> level))
            start += 1 << level
    return Frontier(size, peaks)


def inclusion_proof(index: int, size: int, read: HashReader) -> list[bytes]:
    """Proof that the leaf at `index` stands in the tree over the first `size` leaves: siblings from leaf to root.

    Raises:
        ProofError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"Expected an index from 0 to {size - 1}, got {index}: the tree holds {size} entries.")
    proof, start, stop = [], 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(_subtree(middle, stop, read))
            stop = middle
        else:
            proof.append(_subtree(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read: HashReader) -> list[bytes]:
    """Proof that the first `old` leaves of the tree over `new` leaves are those of the tree over `old` leaves.

    Raises:
        ProofError: `old` is larger than `new`.
    """
    if not 0 <= old <= new:
        raise ProofError(f"Expected an old size from 0 to {new}, got {old}: a log never shrinks.")
    if old in (0, new):
        return []
    proof, start, stop, whole = [], 0, new, True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            proof.append(_subtree(middle, stop, read))
            stop = middle
        else:
            proof.append(_subtree(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(_subtree(start, stop, read))
    return proof[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to; none when the proof does not fit index and size."""
    if not 0 <= index < size:
        return None
    node, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return None
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    return root if last == 0 else None


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the leaf hash stands at `index` of the tree of that size and root."""
    return root_of_inclusion(leaf, index, size, proof) == root


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree (`new`, `new_root`) begins with the tree (`old`, `old_root`)."""
    if not 0 <= old <= new or any(len(node) != HASH_SIZE for node in proof):
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    if old == new:
        return not proof and old_root == new_root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_side = new_side = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_side, new_side = node_hash(sibling, old_side), node_hash(sibling, new_side)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_side = node_hash(new_side, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old_side == old_root and new_side == new_root


def combine(hashes: Sequence[bytes]) -> bytes:
    """Hash of the complete subtree over neighbouring hashes, as many as a power of two."""
    row = list(hashes)
    if not row or len(row) & (len(row) - 1):
        raise ProofError(f"Expected as many hashes as a power of two, got {len(row)}.")
    while len(row) > 1:
        row = [_sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]
