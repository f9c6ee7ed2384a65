"""Proof files: they prove their entry and nothing else, offline."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.ledger.checkpoint import Checkpoint
from bus.ledger.errors import LedgerError, ProofError, SignatureError, TileMissingError
from bus.ledger.keys import open_ring, read_verifiers
from bus.ledger.note import Note, Signer
from bus.ledger.proof import Proof, consistent, prove
from bus.ledger.tiles import ENTRIES, TileStore, tile_path
from tests.bus.ledger.growing import entries, grow, make


@pytest.mark.parametrize("index", [0, 255, 256, 511, 599])
def test_a_proof_reads_as_the_specification_has_it(tmp_path: Path, index: int) -> None:
    """Each entry has a proof whose file is what the specification draws, and that a stranger with the key accepts."""
    store = make(tmp_path, 600)
    proof = prove(store, index)
    content = proof.encode()
    lines = content.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == entries(1, start=index)[0]
    assert lines[2] == f"index {index}"
    assert content.endswith(b"\n\n" + store.read_checkpoint())
    assert Proof.parse(content) == proof
    assert proof.check(read_verifiers(store.folder)).checkpoint.size == 600


def test_an_altered_proof_proves_nothing(tmp_path: Path) -> None:
    """Another entry, another index, another path, another key: each is refused."""
    store = make(tmp_path, 20)
    proof, known = prove(store, 7), read_verifiers(store.folder)
    altered = [
        Proof(proof.entry + b"x", proof.index, proof.path, proof.checkpoint),
        Proof(proof.entry, 8, proof.path, proof.checkpoint),
        Proof(proof.entry, 20, proof.path, proof.checkpoint),
        Proof(proof.entry, proof.index, proof.path[:-1], proof.checkpoint),
        Proof(proof.entry, proof.index, proof.path[::-1], proof.checkpoint),
    ]
    for forgery in altered:
        with pytest.raises(ProofError, match="leads to another root"):
            forgery.check(known)
    with pytest.raises(SignatureError):
        proof.check([Signer.generate(known[0].name).verifier])


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_no_flipped_bit_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whichever bit of a proof file is flipped, it is refused or still proves the very same entry."""
    store = make(tmp_path_factory.mktemp("flip"), 9)
    proof, known = prove(store, 4), read_verifiers(store.folder)
    content = bytearray(proof.encode())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    try:
        read = Proof.parse(bytes(content))
        read.check(known)
    except LedgerError:
        return
    assert (read.entry, read.index) == (proof.entry, proof.index)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n",
        b"c2sp.org/tlog-proof@v2\nextra AA==\nindex 0\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex 01\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex -1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex 1\nAAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex " + b"9" * 5000 + b"\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex 1\n" + b"A" * 43 + b"=\n" * 64 + b"\nx",
        b"\xff\xfe\n\nx",
    ],
)
def test_what_is_no_proof_is_refused(content: bytes) -> None:
    """Cut and foreign files are refused with words."""
    with pytest.raises(ProofError):
        Proof.parse(content)


def test_a_damaged_ledger_proves_nothing(tmp_path: Path) -> None:
    """No proof is made from an entry or a tile that was altered, of what is missing, or of what never was."""
    store = make(tmp_path, 600)
    with pytest.raises(ProofError, match="index from 0 to 599, got 600"):
        prove(store, 600)
    bundle = store.folder / tile_path(ENTRIES, 1)
    content = bundle.read_bytes()
    bundle.write_bytes(content[:-1] + b"\xff")
    with pytest.raises(ProofError, match="athanor ledger verify"):
        prove(store, 511)
    bundle.unlink()
    with pytest.raises(TileMissingError, match="tile/entries/001"):
        prove(store, 511)


def test_growth_is_proved_between_checkpoints(tmp_path: Path) -> None:
    """A later checkpoint continues an earlier one of the same log, and neither a forged one nor another log's."""
    store = make(tmp_path, 300)
    old = Checkpoint.parse(Note.parse(store.read_checkpoint()).text)
    ring = open_ring(tmp_path / "keys", store.folder)
    grow(TileStore(tmp_path / "ledger"), ring, entries(700))
    new = Checkpoint.parse(Note.parse(store.read_checkpoint()).text)
    assert consistent(store, old, new)
    assert consistent(store, Checkpoint(old.origin, 0, Checkpoint.parse(f"x\n0\n{EMPTY}\n").root), new)
    assert not consistent(store, new, old)
    assert not consistent(store, Checkpoint(old.origin, old.size, bytes(32)), new)
    assert not consistent(store, Checkpoint("another", old.size, old.root), new)


EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
