"""The keys of a log: kept from others, exchanged without breaking the chain of trust."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bus.ledger.checkpoint import Checkpoint, open_checkpoint
from bus.ledger.errors import NoteError, SignatureError, SigningKeyError
from bus.ledger.keys import HAND_OVER, open_ring, read_verifiers, rotate, trusted_by, write_signer
from bus.ledger.note import COSIGNATURE, Note, Signer


def test_keys_are_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    """The first run makes a key that only its owner can read; the next one finds it again."""
    ring = open_ring(tmp_path / "keys", tmp_path / "ledger")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "keys").iterdir()] == [0o600]
    assert read_verifiers(tmp_path / "ledger") == (ring.verifier,)
    again = open_ring(tmp_path / "keys", tmp_path / "ledger")
    assert (again.origin, again.verifier) == (ring.origin, ring.verifier)
    assert "PRIVATE" not in "".join(p.read_text() for p in (tmp_path / "ledger").rglob("*") if p.is_file())


def test_two_logs_have_two_names(tmp_path: Path) -> None:
    """Logs made apart cannot be mistaken for each other."""
    assert open_ring(tmp_path / "a", tmp_path / "b").origin != open_ring(tmp_path / "c", tmp_path / "d").origin


@pytest.mark.parametrize(("place", "mode"), [("keys", 0o750), ("keys/signing-1", 0o640), ("keys/signing-1", 0o604)])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, place: str, mode: int) -> None:
    """Loose permissions are an error that says what to do, not a risk that is taken in silence."""
    open_ring(tmp_path / "keys", tmp_path / "ledger")
    (tmp_path / place).chmod(mode)
    with pytest.raises(SigningKeyError, match="chmod"):
        open_ring(tmp_path / "keys", tmp_path / "ledger")


def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """A ledger whose key is gone is not signed with a new one."""
    open_ring(tmp_path / "keys", tmp_path / "ledger")
    (tmp_path / "keys" / "signing-1").unlink()
    with pytest.raises(SigningKeyError, match="Put it back"):
        open_ring(tmp_path / "keys", tmp_path / "ledger")


def test_keys_of_another_ledger_are_refused(tmp_path: Path) -> None:
    """Nothing is signed with keys that the ledger does not know."""
    open_ring(tmp_path / "keys", tmp_path / "ledger")
    open_ring(tmp_path / "other-keys", tmp_path / "other")
    with pytest.raises(SigningKeyError, match="another ledger"):
        open_ring(tmp_path / "other-keys", tmp_path / "ledger")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Storing a key where one lies is refused."""
    write_signer(tmp_path / "keys" / "signing-1", Signer.generate("log"))
    with pytest.raises(SigningKeyError, match="not replaced"):
        write_signer(tmp_path / "keys" / "signing-1", Signer.generate("log"))


def test_whoever_trusts_the_first_key_trusts_the_third(tmp_path: Path) -> None:
    """Each key vouches for the next: checkpoints after two exchanges open for who knows any key of the chain."""
    keys, ledger = tmp_path / "keys", tmp_path / "ledger"
    first = open_ring(keys, ledger)
    second, third = rotate(keys, ledger), rotate(keys, ledger)
    assert [len(ring.signers) for ring in (first, second, third)] == [1, 2, 2]
    assert sorted(p.name for p in keys.iterdir()) == ["signing-2", "signing-3"]
    assert open_ring(keys, ledger).verifier == third.verifier
    assert third.origin == first.origin
    checkpoint = Checkpoint(third.origin, 0, bytes(32)).signed(third.signers).encode()
    with pytest.raises(SignatureError):
        open_checkpoint(checkpoint, [first.verifier])
    for known in (first, second, third):
        opened = open_checkpoint(checkpoint, trusted_by(ledger, [known.verifier]))
        assert third.verifier in opened.signers
    assert open_checkpoint(checkpoint, [second.verifier]).signers == (second.verifier,), "one exchange may be missed"


def test_a_strangers_key_cannot_join_the_chain(tmp_path: Path) -> None:
    """A hand-over that no trusted key has signed leads nowhere, and an altered one is an error."""
    keys, ledger = tmp_path / "keys", tmp_path / "ledger"
    first = open_ring(keys, ledger)
    rotate(keys, ledger)
    stranger = Signer.generate(first.origin)
    assert trusted_by(ledger, [stranger.verifier]) == (stranger.verifier,)
    note = ledger / HAND_OVER / "2"
    text = note.read_text(encoding="utf-8")
    told = str(trusted_by(ledger, [first.verifier])[-1])
    note.write_text(text.replace(told, str(stranger.verifier)), encoding="utf-8")
    with pytest.raises(SignatureError):
        trusted_by(ledger, [first.verifier])
    mine = Note.parse(text.encode())
    stolen = Note(mine.text.replace(told, str(stranger.verifier)), ())
    old = first.signers[0]
    note.write_bytes(Note(stolen.text, (old.sign(stolen.text),)).encode())
    assert trusted_by(ledger, [first.verifier]) == (first.verifier,), "nobody holds that key: it was not asked"
    witness = Signer.generate(first.origin, COSIGNATURE)
    text4 = mine.text.replace(told, str(witness.verifier))
    note.write_bytes(Note(text4, (old.sign(text4),)).encode())
    with pytest.raises(NoteError, match="next key"):
        trusted_by(ledger, [first.verifier])
    note.write_text("short\n\n" + text.partition("\n\n")[2], encoding="utf-8")
    with pytest.raises(NoteError, match="hand-over"):
        trusted_by(ledger, [first.verifier])


def test_an_exchange_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    """A key that was made but not yet vouched for when the power went is vouched for at the next start."""
    keys, ledger = tmp_path / "keys", tmp_path / "ledger"
    first = open_ring(keys, ledger)
    second = rotate(keys, ledger)
    (ledger / HAND_OVER / "2").unlink()
    assert open_ring(keys, ledger).verifier == second.verifier
    assert trusted_by(ledger, [first.verifier]) == (first.verifier, second.verifier)


def test_there_must_be_a_key_to_exchange(tmp_path: Path) -> None:
    """Exchanging keys that were never made is refused."""
    with pytest.raises(SigningKeyError, match="Run the lab once"):
        rotate(tmp_path / "keys", tmp_path / "ledger")
