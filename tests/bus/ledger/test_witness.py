"""A witness signs one history of each log, whatever it is told and whenever it dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import LedgerError, NoteError, SigningKeyError
from bus.ledger.growth import Growth
from bus.ledger.merkle import consistency_proof, leaf_hash
from bus.ledger.note import COSIGNATURE, Note, Signature, Signer
from bus.ledger.tiles import TileStore
from bus.ledger.witness import Request, Witness, witness_key

LOG = Signer("example.com/log", bytes(range(32)))
NOW = 1_700_000_000


class Log:
    """A log in a folder, able to tell two histories."""

    def __init__(self, folder: Path, entries: list[bytes]) -> None:
        self.store, self.growth, self.sizes = TileStore(folder), Growth(), {0: Growth().root()}
        for entry in entries:
            self.growth.append(entry)
            self.sizes[self.growth.size] = self.growth.root()
            self.store.write(self.growth.files())

    def note(self, size: int, signer: Signer = LOG) -> bytes:
        """The checkpoint at a size."""
        return Checkpoint(LOG.verifier.name, size, self.sizes[size]).signed([signer]).encode()

    def request(self, old: int, new: int) -> bytes:
        """A request with the right proof."""
        proof = consistency_proof(old, new, self.store.hashes(new)) if old <= new else []
        return Request(old, tuple(proof), self.note(new)).encode()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log", [f"entry {n}".encode() for n in range(20)])


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    made = Witness(witness_key(tmp_path / "witness" / "key" / "private"), tmp_path / "witness", [LOG.verifier])
    made.open()
    return made


def test_it_cosigns_what_continues_what_it_cosigned(witness: Witness, log: Log) -> None:
    """Each answer is a cosignature, valid together with the log's own signature, that tells the time."""
    for old, new in ((0, 0), (0, 3), (3, 3), (3, 8), (8, 20)):
        answer = witness.add_checkpoint(log.request(old, new), NOW + new)
        assert answer.status == 200, answer.body
        note = Note.parse(log.note(new)).with_signatures([Signature.parse(answer.body.decode()[:-1])])
        opened = open_checkpoint(note.encode(), [LOG.verifier, witness.verifier])
        assert opened.witnesses == ((witness.verifier, NOW + new),)
        assert witness.last(LOG.verifier.name) == opened.checkpoint


def test_another_old_size_is_a_conflict_that_tells_the_last_one(witness: Witness, log: Log) -> None:
    """Whoever asks from another size than the last is told that size, in decimal and by its own media type."""
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    for old, new in ((0, 8), (0, 20), (3, 5), (3, 20), (9, 20)):
        answer = witness.add_checkpoint(log.request(old, new), NOW)
        assert (answer.status, answer.body, answer.media_type) == (409, b"8\n", "text/x.tlog.size")
    assert witness.last(LOG.verifier.name).size == 8


def test_a_second_history_is_never_cosigned(witness: Witness, log: Log, tmp_path: Path) -> None:
    """Other entries, of any size, are refused although the log has signed them and its proof is right for itself."""
    other = Log(
        tmp_path / "other", [f"entry {n}".encode() for n in range(7)] + [f"forged {n}".encode() for n in range(9)]
    )
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    for new in (8, 9, 16):
        assert witness.add_checkpoint(other.request(8, new), NOW).status == 422
    assert witness.last(LOG.verifier.name).root == log.sizes[8]
    assert witness.add_checkpoint(log.request(8, 9), NOW).status == 200


def test_proofs_must_be_what_they_claim(witness: Witness, log: Log) -> None:
    """A wrong hash, one too many, one too few, a proof where none may be, a root of nothing that is not: 422."""
    assert witness.add_checkpoint(Request(0, (leaf_hash(b""),), log.note(8)).encode(), NOW).status == 422
    wrong = Checkpoint(LOG.verifier.name, 0, log.sizes[3]).signed([LOG]).encode()
    assert witness.add_checkpoint(Request(0, (), wrong).encode(), NOW).status == 422
    assert witness.add_checkpoint(log.request(0, 7), NOW).status == 200
    proof = tuple(consistency_proof(7, 20, log.store.hashes(20)))
    for bad in (proof[:-1], (*proof, leaf_hash(b"")), (leaf_hash(b""), *proof[1:]), ()):
        assert witness.add_checkpoint(Request(7, bad, log.note(20)).encode(), NOW).status == 422
    assert witness.add_checkpoint(Request(7, proof, log.note(7)).encode(), NOW).status == 422
    assert witness.add_checkpoint(Request(7, proof, log.note(20)).encode(), NOW).status == 200


def test_strangers_and_forgers(witness: Witness, log: Log) -> None:
    """An unknown log is 404; a known one without its signature, or with a wrong one, is 403; neither is remembered."""
    stranger = Signer.generate("example.com/other")
    unknown = Checkpoint("example.com/other", 3, log.sizes[3]).signed([stranger]).encode()
    assert witness.add_checkpoint(Request(0, (), unknown).encode(), NOW).status == 404
    assert witness.add_checkpoint(Request(0, (), log.note(3, stranger)).encode(), NOW).status == 403
    same_name = Signer.generate(LOG.verifier.name)
    assert witness.add_checkpoint(Request(0, (), log.note(3, same_name)).encode(), NOW).status == 403
    good = Note.parse(log.note(3))
    forged = Note(good.text.replace("\n3\n", "\n4\n"), good.signatures)
    assert witness.add_checkpoint(Request(0, (), forged.encode()).encode(), NOW).status == 403
    assert witness.last(LOG.verifier.name).size == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[: len(b) // 2],
        lambda b: b.replace(b"old 0", b"old 00"),
        lambda b: b.replace(b"old 0", b"old -1"),
        lambda b: b.replace(b"old 0", b"new 0"),
        lambda b: b.replace(b"old 0\n", b"old 0\nAAAA\n"),
        lambda b: b.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 63),
        lambda b: b.replace(b"old 0\n", b"old \xff\n"),
    ],
)
def test_what_is_no_request_is_400(witness: Witness, log: Log, damage: object) -> None:
    """A body that is cut, numbers in another form, hashes of another length, or too many of them."""
    assert witness.add_checkpoint(damage(log.request(0, 8)), NOW).status == 400
    assert witness.last(LOG.verifier.name).size == 0


def test_an_old_size_above_the_new_one_is_400(witness: Witness, log: Log) -> None:
    """A log that wants to shrink is told that this is no request at all."""
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    assert witness.add_checkpoint(Request(8, (), log.note(3)).encode(), NOW).status == 400


def test_requests_survive_their_bytes(log: Log) -> None:
    """What a log sends is what a witness reads."""
    request = Request.parse(log.request(3, 20))
    assert Request.parse(request.encode()) == request
    with pytest.raises(NoteError):
        Request.parse(b"old 3")


def test_it_remembers_over_its_death(witness: Witness, log: Log, tmp_path: Path) -> None:
    """Another process over the same state goes on where the first was killed, and only when that one is gone."""
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    again = Witness(witness_key(tmp_path / "witness" / "key" / "private"), tmp_path / "witness", [LOG.verifier])
    with pytest.raises(LedgerError, match="in use by process"):
        again.open()
    witness.close()
    again.open()
    assert again.verifier == witness.verifier
    assert again.add_checkpoint(log.request(0, 20), NOW).status == 409
    assert again.add_checkpoint(log.request(8, 20), NOW).status == 200


def test_it_writes_down_before_it_answers(
    witness: Witness, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, no cosignature leaves and the last one stays what it was."""
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    with monkeypatch.context() as patch:
        patch.setattr("bus.ledger.tiles.os.fsync", _refuse)
        with pytest.raises(OSError, match="full"):
            witness.add_checkpoint(log.request(8, 20), NOW)
    assert witness.last(LOG.verifier.name).size == 8


def _refuse(_: int) -> None:
    raise OSError(28, "the disk is full")


def test_altered_memory_is_noticed(witness: Witness, log: Log, tmp_path: Path) -> None:
    """Whoever puts an older or another checkpoint into its state cannot cosign it, and the witness says so."""
    assert witness.add_checkpoint(log.request(0, 8), NOW).status == 200
    (seen,) = (tmp_path / "witness").glob("*/checkpoint")
    seen.write_bytes(log.note(3))
    with pytest.raises(LedgerError, match="my own cosignature"):
        witness.add_checkpoint(log.request(3, 20), NOW)


def test_keys_of_the_wrong_sort(tmp_path: Path) -> None:
    """A log's key cannot witness, and a witness cannot be trusted as a log."""
    with pytest.raises(SigningKeyError, match="verifier key of a log"):
        Witness(witness_key(tmp_path / "k" / "private"), tmp_path, [Signer.generate("w", COSIGNATURE).verifier])
    path = tmp_path / "l" / "private"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    path.write_text(LOG.text())
    with pytest.raises(SigningKeyError, match="key of a witness"):
        witness_key(path)
