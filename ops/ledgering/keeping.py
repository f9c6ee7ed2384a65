"""`athanor ledger key`: the verifier key of a ledger, and its exchange."""

from __future__ import annotations

from pathlib import Path

from bus.ledger.keys import read_verifiers, rotate, trusted_by
from bus.ledger.locking import FolderLock
from bus.ledger.note import COSIGNATURE, ED25519
from ops.errors import NoLedgerError
from ops.ledgering.places import Place, answered, find, say


def show_key(folder: Path, *, rotate: bool, as_json: bool) -> int:
    """Prints the newest verifier key, after exchanging it if that is wanted; 2 when there is none."""

    def work() -> int:
        place = find(folder)
        if rotate:
            _exchange(place)
        own = read_verifiers(place.ledger)
        chain = [v for v in trusted_by(place.ledger, own) if v.kind == ED25519]
        if not chain:
            raise NoLedgerError(f"Expected a verifier key of the log in {place.ledger}, got only those of witnesses.")
        told = {
            "origin": chain[-1].name,
            "key": str(chain[-1]),
            "earlier": [str(v) for v in chain[:-1]],
            "witnesses": [str(v) for v in own if v.kind == COSIGNATURE],
        }
        say(told, [str(chain[-1])], as_json=as_json)
        return 0

    return answered(work)


def _exchange(place: Place) -> None:
    if place.keys is None:
        raise NoLedgerError(
            "Expected the folder of a run, where the private keys are, got a ledger that was handed over."
        )
    lock = FolderLock(place.ledger)
    if owner := lock.take():
        raise NoLedgerError(f"Expected a ledger that rests, got one that {owner} writes. Stop the lab first.")
    try:
        rotate(place.keys, place.ledger)
    finally:
        lock.release()
