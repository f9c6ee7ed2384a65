"""A clean ledger is found clean; what is wrong with another one is named, and nothing is written."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from bus.ledger.book import SIGNED
from bus.ledger.checkpoint import Checkpoint
from bus.ledger.entry import encode_entry
from bus.ledger.errors import SigningKeyError, TileMissingError
from bus.ledger.findings import MAX_TOLD, Kind, Problem, Verdict
from bus.ledger.growth import Growth
from bus.ledger.keys import VERIFIERS, open_ring, publish_verifiers, read_verifiers, rotate
from bus.ledger.note import COSIGNATURE, Note, Signer
from bus.ledger.tiles import ENTRIES, TileStore, tile_path
from bus.ledger.verify import Seen, Trust, fsck, verify
from contracts.presence import AgentStopped
from tests.bus.ledger.growing import entries, envelope, event_id, grow, make, message


def found(verdict: Verdict) -> list[tuple[int | None, Kind]]:
    """Where and what."""
    return [(p.index, p.kind) for p in verdict.problems]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder, with the times of change."""
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 600])
def test_a_clean_ledger_is_found_clean(tmp_path: Path, count: int) -> None:
    """Nothing is reported on a ledger as a lab leaves it, of any size, and nothing in it is touched."""
    store = make(tmp_path, count, steps=[s for s in (1, 100, 300) if s < count])
    before = contents(tmp_path)
    verdict = verify(store.folder)
    assert verdict.ok
    assert (verdict.size, verdict.problems) == (count, ())
    assert list(verdict.signers) == [str(v) for v in read_verifiers(store.folder)]
    assert contents(tmp_path) == before


def test_three_levels_of_tiles_are_found_clean(tmp_path: Path) -> None:
    """A ledger that needs tiles of tiles of tiles is clean, and a hash in the uppermost one is compared as well."""
    store = make(tmp_path, 0, content=[n.to_bytes(3) for n in range(65_800)])
    assert verify(store.folder, read_events=False).ok
    path = store.folder / tile_path(2, 0, 1)
    path.write_bytes(bytes(32))
    assert found(verify(store.folder, read_events=False)) == [(0, Kind.TILE)]


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """A folder without a checkpoint, or one that publishes no key when none is given, is unusable."""
    with pytest.raises(TileMissingError, match="checkpoint"):
        verify(tmp_path)
    store = make(tmp_path, 3)
    (store.folder / VERIFIERS).unlink()
    with pytest.raises(SigningKeyError, match="--key"):
        verify(store.folder)


def test_the_readers_own_key_counts(tmp_path: Path) -> None:
    """With a key that the reader brings, the ledger's own word on its keys is not asked."""
    store = make(tmp_path, 3)
    [own] = read_verifiers(store.folder)
    assert verify(store.folder, Trust(keys=(own,))).ok
    stranger = Signer.generate(own.name).verifier
    assert found(verify(store.folder, Trust(keys=(stranger,)))) == [(None, Kind.SIGNATURE)]
    (store.folder / VERIFIERS).unlink()
    assert verify(store.folder, Trust(keys=(own,))).ok


def test_keys_may_have_been_exchanged(tmp_path: Path) -> None:
    """A reader who knows only the first key follows the hand-overs to the one that signs now."""
    store = make(tmp_path, 3)
    [first] = read_verifiers(store.folder)
    for _ in range(3):
        ring = rotate(tmp_path / "keys", store.folder)
    grow(store, ring, entries(2, start=3), Growth.resume(store, 3))
    assert verify(store.folder, Trust(keys=(first,))).ok
    (store.folder / "hand-over" / "3").write_bytes(b"not a note")
    assert {kind for _, kind in found(verify(store.folder, Trust(keys=(first,))))} == {Kind.SIGNATURE}


def test_a_witness_that_is_asked_for_must_have_cosigned(tmp_path: Path) -> None:
    """The reader's witness must be on the checkpoint; the time it vouches for is told."""
    store, witness = make(tmp_path, 3), Signer.generate("witness", COSIGNATURE)
    trust = Trust(witnesses=(witness.verifier,))
    assert found(verify(store.folder, trust)) == [(None, Kind.COSIGNATURE)]
    note = Note.parse(store.read_checkpoint())
    cosigned = note.with_signatures([witness.sign(note.text, time=1234)])
    store.write_checkpoint(cosigned.encode())
    assert verify(store.folder, trust).witnesses == ((str(witness.verifier), 1234),)
    publish_verifiers(store.folder, [*read_verifiers(store.folder), witness.verifier])
    assert verify(store.folder).witnesses == ((str(witness.verifier), 1234),)
    forged = note.with_signatures([witness.sign(note.text + "x", time=1234)])
    store.write_checkpoint(forged.encode())
    assert found(verify(store.folder)) == [(None, Kind.SIGNATURE)]


def test_a_size_that_nobody_signed_is_not_believed(tmp_path: Path) -> None:
    """A forged checkpoint of astronomic size is refused in no time instead of being walked through."""
    store = make(tmp_path, 3)
    stranger = Signer.generate("log")
    store.write_checkpoint(Checkpoint("log", 1 << 62, bytes(32)).signed([stranger]).encode())
    assert (None, Kind.SIGNATURE) in found(verify(store.folder))


def test_a_checkpoint_in_shreds_is_a_finding(tmp_path: Path) -> None:
    """A checkpoint that cannot be read is told, not raised."""
    store = make(tmp_path, 3)
    store.write_checkpoint(b"something else")
    assert found(verify(store.folder)) == [(None, Kind.CHECKPOINT)]


def forged(tmp_path: Path, n: int, entry: bytes, count: int = 5) -> Verdict:
    """The verdict on a ledger whose own writer has signed one entry of ours."""
    said = entries(count)
    said[n] = entry
    return verify(make(tmp_path, count, content=said).folder)


def test_sequences_must_be_dense(tmp_path: Path) -> None:
    """An entry that carries another sequence than its place is named, even when all of it was signed."""
    assert found(forged(tmp_path, 3, entries(5)[2])) == [(3, Kind.SEQUENCE), (4, Kind.CAUSE)]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda m: (*m[:4], b"not json"), Kind.EVENT),
        (lambda m: (*m[:4], m[4].replace(b'"start":4', b'"start":0')), Kind.EVENT),
        (lambda m: (*m[:4], m[4].replace(b"agent_stopped:1", b"agent_stopped:9")), Kind.NEWER),
        (lambda m: (*m[:4], m[4].replace(b"presence.agent_stopped", b"presence.agent_vanished")), Kind.EVENT),
        (lambda m: (m[0], m[1] + "x", *m[2:]), Kind.SUBJECT),
        (lambda m: (*m[:2], str(uuid4()), *m[3:]), Kind.ID),
        (lambda m: (*m[:2], "", *m[3:]), Kind.ID),
        (lambda m: (*m[:4], b"x" * 66_000), Kind.EVENT),
    ],
)
def test_events_must_make_sense(tmp_path: Path, change: object, kind: Kind) -> None:
    """Garbage, broken schemas, newer versions, foreign subjects and foreign ids are found although they were signed."""
    verdict = forged(tmp_path, 3, encode_entry(*change(message(3))))  # type: ignore[operator]
    assert found(verdict)[0] == (3, kind)
    assert verdict.judged is (kind is not Kind.NEWER)


def test_a_newer_form_of_entry_is_told_apart(tmp_path: Path) -> None:
    """An entry of a newer Athanor is no forgery; the answer is that this one cannot judge."""
    verdict = forged(tmp_path, 4, b"\x02" + entries(5)[4][1:])
    assert found(verdict) == [(4, Kind.NEWER)]
    assert not verdict.ok
    assert not verdict.judged


def test_bytes_that_are_no_entry_are_named(tmp_path: Path) -> None:
    """A leaf that was never framed is a finding."""
    assert found(forged(tmp_path, 4, b"\x01short")) == [(4, Kind.EVENT)]


def test_a_cause_stands_before_its_effect(tmp_path: Path) -> None:
    """Causes that come later, or never, are named at the effect."""
    said = entries(5)
    said[1] = encode_entry(*message(1, envelope(1, cause=3)))
    said[2] = encode_entry(*message(2, envelope(2, cause=77)))
    verdict = verify(make(tmp_path, 5, content=said).folder)
    assert found(verdict) == [(1, Kind.CAUSE), (2, Kind.CAUSE)]
    assert "stands behind its effect" in verdict.problems[0].detail
    assert "is not in the ledger" in verdict.problems[1].detail


def test_saying_it_again_is_no_problem_but_saying_otherwise_is(tmp_path: Path) -> None:
    """An event stored twice is one event; the same id with other words is a forgery."""
    said = [*entries(4), encode_entry(5, *message(2)[1:])]
    assert verify(make(tmp_path / "again", 5, content=said).folder).ok
    other = envelope(2, AgentStopped(agent="planner", start=9, reason="otherwise"))
    said[4] = encode_entry(5, *message(2, other)[1:])
    verdict = verify(make(tmp_path / "otherwise", 5, content=said).folder)
    assert found(verdict) == [(4, Kind.ID)]
    assert str(event_id(2)) in verdict.problems[0].detail


def test_dead_letters_may_hold_anything(tmp_path: Path) -> None:
    """What was set aside is evidence too, and need be no event."""
    dead = encode_entry(4, "lab.test-bench.dead.planner", "x", 1, b"\x00garbage")
    assert forged(tmp_path, 3, dead, count=4).ok


def test_kept_checkpoints_bind_the_ledger(tmp_path: Path) -> None:
    """Who keeps a checkpoint notices a rolled back ledger, and one with another past."""
    store = make(tmp_path, 10)
    ten = Seen("the reviewer", store.read_checkpoint())
    ring = open_ring(tmp_path / "keys", store.folder)
    grow(store, ring, entries(20, start=10), Growth.resume(store, 10))
    assert verify(store.folder, Trust(seen=(ten,))).ok
    thirty = Seen("the witness", store.read_checkpoint())
    store.write_checkpoint(ten.content)
    rolled_back = verify(store.folder, Trust(seen=(ten, thirty)))
    assert found(rolled_back) == [(10, Kind.ROLLBACK)]
    assert "the witness" in rolled_back.problems[0].detail
    other_past = entries(40)
    other_past[22] = encode_entry(*message(22, envelope(22, cause=3)))
    split = TileStore(tmp_path / "split")
    publish_verifiers(split.folder, [ring.verifier])
    grow(split, ring, other_past)
    assert verify(split.folder).ok, "alone it looks right"
    assert found(verify(split.folder, Trust(seen=(thirty, ten)))) == [(10, Kind.SPLIT)]


def test_another_ledgers_checkpoint_is_told_apart(tmp_path: Path) -> None:
    """A checkpoint of another log is no evidence against this one."""
    store, other = make(tmp_path / "a", 10), make(tmp_path / "b", 10)
    kept = Seen("somebody", other.read_checkpoint())
    assert found(verify(store.folder, Trust(seen=(kept,)))) == [(None, Kind.FOREIGN)]
    both = (*read_verifiers(store.folder), *read_verifiers(other.folder))
    assert found(verify(store.folder, Trust(keys=both, seen=(kept,)))) == [(None, Kind.FOREIGN)]


def test_a_ruin_does_not_flood(tmp_path: Path) -> None:
    """Of very many problems the first are told and the rest is counted."""
    store = make(tmp_path, 300, content=[b"\x01rubbish"] * 300)
    verdict = verify(store.folder)
    assert (len(verdict.problems), verdict.untold) == (MAX_TOLD, 300 - MAX_TOLD)
    assert verdict.problems[0] == Problem(0, Kind.EVENT, verdict.problems[0].detail)
    assert verdict.document()["more_problems"] == 300 - MAX_TOLD


def test_partial_files_may_be_gone(tmp_path: Path) -> None:
    """Partial tiles and bundles beside full ones are not needed."""
    store = make(tmp_path, 300, steps=[10, 200])
    store.drop_partials()
    assert not os.path.lexists(store.folder / tile_path(ENTRIES, 0, 10))
    assert verify(store.folder).ok


def test_a_writer_killed_before_it_published_has_signed_all_the_same(tmp_path: Path) -> None:
    """What was signed and not yet published is verified too, and a published past that it contradicts is found."""
    store = make(tmp_path, 10)
    old = store.read_checkpoint()
    ring = open_ring(tmp_path / "keys", store.folder)
    grow(store, ring, entries(20, start=10), Growth.resume(store, 10))
    (store.folder / SIGNED).write_bytes(store.read_checkpoint())
    assert verify(store.folder).ok
    store.write_checkpoint(old)
    assert (verify(store.folder).ok, verify(store.folder).size) == (True, 30)
    other = make(tmp_path / "other", 10, content=[*entries(9), encode_entry(*message(9, envelope(9, cause=0)))])
    forged = Checkpoint.parse(Note.parse(other.read_checkpoint()).text)
    store.write_checkpoint(Checkpoint(ring.origin, 10, forged.root).signed(ring.signers).encode())
    assert found(verify(store.folder)) == [(0, Kind.SPLIT)]
    store.write_checkpoint(old)
    (store.folder / SIGNED).write_bytes(b"rubbish")
    assert found(verify(store.folder)) == [(None, Kind.CHECKPOINT)]


def test_fsck_looks_at_every_file(tmp_path: Path) -> None:
    """Older partial files, which no reader of the newest checkpoint asks for, are compared too; strangers are named."""
    store = make(tmp_path, 700, steps=[10, 300, 650])
    assert fsck(store.folder).ok
    old = store.folder / tile_path(0, 1, 300 - 256)
    content = old.read_bytes()
    old.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert verify(store.folder).ok
    assert found(fsck(store.folder)) == [(256, Kind.TILE)]
    old.write_bytes(content)
    bundle = store.folder / tile_path(ENTRIES, 2, 650 - 512)
    bundle.write_bytes(bundle.read_bytes()[:-3])
    assert found(fsck(store.folder)) == [(512, Kind.ENTRY)]
    bundle.unlink()
    (store.folder / "tile/0/readme.txt").write_text("hello")
    assert found(fsck(store.folder)) == [(None, Kind.FOREIGN)]
    (store.folder / "tile/0/readme.txt").unlink()
    (store.folder / "tile/0/001").write_bytes(bytes(8192))
    assert found(fsck(store.folder))[0] == (256, Kind.TILE)


def test_fsck_leaves_alone_what_is_not_signed_yet(tmp_path: Path) -> None:
    """Files that a killed writer had written ahead of its signature, and its temporary ones, are no problem."""
    store = make(tmp_path, 10)
    growth = Growth.resume(store, 10)
    for entry in entries(600, start=10):
        growth.append(entry)
    store.write(growth.files())
    (store.folder / "tile/0/.new-abc").write_bytes(b"half a t")
    assert fsck(store.folder).ok
    assert verify(store.folder).ok
