"""What a ledger promises whoever writes it: the suite that each writer's tests inherit."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.keys import KEYS, LEDGER, read_verifiers, rotate, trusted_by
from bus.ledger.note import Note
from bus.ledger.proof import consistent, prove
from bus.ledger.tiles import CHECKPOINT, TileStore, tile_path, tiles_of
from bus.ledger.verify import Seen, Trust, fsck, verify
from tests.bus.ledger.growing import entries

STOPS = (1, 3, 255, 256, 257, 520, 777)
"""Sizes at which a checkpoint is published: before, at and behind the borders of tiles."""


class LedgerPromises:
    """Inherited by a class of tests that knows how to write."""

    def write(self, run: Path, more: list[bytes]) -> None:
        """Opens the ledger of a run, appends entries, publishes a signed checkpoint and lets go of it again."""
        raise NotImplementedError

    @pytest.fixture
    def grown(self, tmp_path: Path) -> tuple[Path, list[bytes]]:
        """The folder of a run whose ledger was opened and let go of at each stop, and the checkpoints of then."""
        kept, done = [], 0
        for stop in STOPS:
            self.write(tmp_path, entries(stop - done, start=done))
            kept.append((tmp_path / LEDGER / CHECKPOINT).read_bytes())
            done = stop
        return tmp_path, kept

    def test_what_is_written_verifies(self, grown: tuple[Path, list[bytes]]) -> None:
        """The ledger continues each checkpoint that it ever published, and every file of it is in order."""
        run, kept = grown
        seen = tuple(Seen(f"a reader at {stop}", note) for stop, note in zip(STOPS, kept, strict=True))
        verdict = verify(run / LEDGER, Trust(seen=seen))
        assert verdict.problems == ()
        assert verdict.size == STOPS[-1]
        assert fsck(run / LEDGER).ok
        assert list(TileStore(run / LEDGER).entries(0, STOPS[-1])) == entries(STOPS[-1])

    def test_all_tiles_of_its_size_are_there(self, grown: tuple[Path, list[bytes]]) -> None:
        """Every tile that a client of such logs may ask for at the newest checkpoint lies at its path."""
        run, _ = grown
        for tile in tiles_of(STOPS[-1]):
            assert (run / LEDGER / tile_path(*tile)).is_file()

    def test_each_entry_can_be_proved(self, grown: tuple[Path, list[bytes]]) -> None:
        """Proofs of entries on both sides of each border hold for who knows the log's key alone."""
        run, _ = grown
        known = read_verifiers(run / LEDGER)
        for index in (0, 1, 254, 255, 256, 257, 511, 512, 776):
            proof = prove(TileStore(run / LEDGER), index)
            assert proof.check(known).checkpoint.size == STOPS[-1]
            assert proof.entry == entries(1, start=index)[0]

    def test_it_only_grows(self, grown: tuple[Path, list[bytes]]) -> None:
        """Between any two published checkpoints there is a proof of consistency."""
        run, kept = grown
        told = [Checkpoint.parse(Note.parse(note).text) for note in kept]
        assert [c.size for c in told] == list(STOPS)
        store = TileStore(run / LEDGER)
        assert all(consistent(store, old, told[-1]) for old in told)
        assert len({c.origin for c in told}) == 1

    def test_nothing_new_changes_nothing(self, grown: tuple[Path, list[bytes]]) -> None:
        """A writer that finds nothing to add leaves size and root as they are."""
        run, kept = grown
        self.write(run, [])
        now = Checkpoint.parse(Note.parse((run / LEDGER / CHECKPOINT).read_bytes()).text)
        assert now == Checkpoint.parse(Note.parse(kept[-1]).text)

    def test_keys_can_be_exchanged_on_the_way(self, grown: tuple[Path, list[bytes]]) -> None:
        """After an exchange of keys the checkpoint bears both, and who knows the first key alone verifies it."""
        run, _ = grown
        first = read_verifiers(run / LEDGER)
        ring = rotate(run / KEYS, run / LEDGER)
        self.write(run, entries(3, start=STOPS[-1]))
        content = (run / LEDGER / CHECKPOINT).read_bytes()
        assert {s.key_id for s in Note.parse(content).signatures} == {s.verifier.key_id for s in ring.signers}
        assert ring.verifier in open_checkpoint(content, trusted_by(run / LEDGER, first)).signers
        assert verify(run / LEDGER, Trust(keys=first)).ok

    def test_its_private_keys_stay_where_they_are(self, grown: tuple[Path, list[bytes]]) -> None:
        """Nothing in the folder that is handed to strangers has the private key in it."""
        run, _ = grown
        [secret] = (run / KEYS).iterdir()
        seed = base64.b64decode(secret.read_text().strip().split("+", 4)[4])[1:]
        for path in (run / LEDGER).rglob("*"):
            assert not path.is_file() or (seed not in path.read_bytes() and b"PRIVATE" not in path.read_bytes())
