"""`athanor ledger prove`, `check-proof` and `consistency`: proofs in files, made here and checked anywhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bus.ledger.checkpoint import Checkpoint, Opened, open_checkpoint
from bus.ledger.entry import Digest, Entry, decode_entry
from bus.ledger.errors import LedgerError, ProofError
from bus.ledger.files import read_regular
from bus.ledger.keys import read_verifiers, trusted_by
from bus.ledger.merkle import consistency_proof
from bus.ledger.note import Note
from bus.ledger.proof import SUFFIX, Proof, consistent
from bus.ledger.proof import prove as make_proof
from bus.ledger.tiles import TileStore
from ops.errors import NoLedgerError
from ops.exits import FOUND_WANTING, complain
from ops.ledgering.places import answered, find, say, trust_of

LARGEST = 4_000_000
"""Bytes of the largest proof that is read."""


def prove_event(folder: Path, sequence: int, out: Path | None, *, as_json: bool) -> int:
    """Writes a proof; 0 when it is written, 1 when the ledger does not prove it, 2 when there is no such event."""

    def work() -> int:
        store = TileStore(find(folder).ledger)
        size = Checkpoint.parse(Note.parse(store.read_checkpoint()).text).size
        if sequence > size:
            raise NoLedgerError(
                f"Expected a sequence from 1 to {size}, got {sequence}: the newest checkpoint vouches for no more. "
                "Wait a second if it was stored just now."
            )
        try:
            proof = make_proof(store, sequence - 1)
        except LedgerError as error:
            complain(str(error))
            return FOUND_WANTING
        target = out or Path(f"{sequence}{SUFFIX}")
        try:
            target.write_bytes(proof.encode())
        except OSError as error:
            raise NoLedgerError(
                f"Expected to write {target}, got: {error.strerror}. Give another file with -o."
            ) from None
        told = {"ok": True, "sequence": sequence, "index": proof.index, "size": size, "file": str(target)}
        say(told, [f"{target}: sequence {sequence} stands in the log of {size} entries"], as_json=as_json)
        return 0

    return answered(work)


def check_file(file: Path, keys: Sequence[str], witnesses: Sequence[str], *, as_json: bool) -> int:
    """Checks a proof; 0 when it proves its event, 1 when it does not, 2 when it is none."""

    def work() -> int:
        trust = trust_of(keys, witnesses)
        proof = Proof.parse(_content(file))
        try:
            opened = proof.check((*trust.keys, *trust.witnesses))
            entry = decode_entry(proof.entry)
            _check_place(entry, proof.index)
            _check_witnesses(opened, len(trust.witnesses))
        except LedgerError as error:
            complain(str(error))
            say({"ok": False, "index": proof.index, "detail": str(error)}, [], as_json=as_json)
            return FOUND_WANTING
        told = _document(opened, entry, proof.index)
        lines = [
            f"sequence {entry.sequence} of {told['origin']} (of {told['size']} entries) is",
            f"{told['subject']}, id {told['id']}, stored {told['time']}",
            json.dumps(told["event"], indent=2, ensure_ascii=False),
        ]
        say(told, lines, as_json=as_json)
        return 0

    return answered(work)


def _content(file: Path) -> bytes:
    try:
        return read_regular(file, LARGEST)
    except OSError as error:
        raise NoLedgerError(f"Expected a proof at {file}, got: {error.strerror}.") from None


def _check_place(entry: Entry, index: int) -> None:
    if entry.sequence != index + 1:
        raise ProofError(f"Expected sequence {index + 1} at index {index}, got {entry.sequence}: the log is not dense.")


def _check_witnesses(opened: Opened, wanted: int) -> None:
    if len(opened.witnesses) < wanted:
        raise ProofError(f"Expected {wanted} cosignatures of your witnesses, got {len(opened.witnesses)}.")


def _document(opened: Opened, entry: Entry, index: int) -> dict[str, Any]:
    seconds, nanoseconds = divmod(entry.time, 1_000_000_000)
    return {
        "ok": True,
        "origin": opened.checkpoint.origin,
        "size": opened.checkpoint.size,
        "root": opened.checkpoint.root.hex(),
        "index": index,
        "sequence": entry.sequence,
        "subject": entry.subject,
        "id": entry.id.sha256.hex() if isinstance(entry.id, Digest) else entry.id,
        "time": f"{datetime.fromtimestamp(seconds, UTC):%FT%T}.{nanoseconds:09d}Z",
        "witnesses": [{"key": str(v), "time": time} for v, time in opened.witnesses],
        "event": _event(entry),
    }


def _event(entry: Entry) -> Any:
    if isinstance(entry.payload, Digest):
        return {"size": entry.payload.size, "sha256": entry.payload.sha256.hex()}
    try:
        return json.loads(entry.payload)
    except ValueError:
        return {"base64": base64.b64encode(entry.payload).decode()}


def prove_consistency(folder: Path, old: Path, keys: Sequence[str], *, as_json: bool) -> int:
    """Compares with a kept checkpoint; 0 when the ledger continues it, 1 when it does not, 2 when it is none."""

    def work() -> int:
        place = find(folder)
        store, trust = TileStore(place.ledger), trust_of(keys, ())
        known = trusted_by(place.ledger, trust.keys or read_verifiers(place.ledger))
        kept = open_checkpoint(_content(old), known).checkpoint
        now = open_checkpoint(store.read_checkpoint(), known).checkpoint
        if kept.origin != now.origin:
            raise NoLedgerError(
                f"Expected a checkpoint of {now.origin}, got one of {kept.origin}, which is another log."
            )
        proof = [] if kept.size > now.size else consistency_proof(kept.size, now.size, store.hashes(now.size))
        told: dict[str, Any] = {
            "ok": kept.size <= now.size and consistent(store, kept, now),
            "old": kept.size,
            "size": now.size,
            "root": now.root.hex(),
            "proof": [base64.b64encode(node).decode() for node in proof],
        }
        if told["ok"]:
            told["problems"] = []
            say(told, [f"{now.size} entries begin with the {kept.size} of {old.name}", *told["proof"]], as_json=as_json)
            return 0
        if kept.size > now.size:
            detail = f"Expected at least the {kept.size} entries of {old.name}, got {now.size}: it was put back."
            told["problems"] = [{"index": now.size, "kind": "rollback", "detail": detail}]
        else:
            detail = f"Expected a ledger that begins with the {kept.size} entries of {old.name}, got another past."
            told["problems"] = [{"index": None, "kind": "split view", "detail": detail}]
        say(told, [detail], as_json=as_json)
        return FOUND_WANTING

    return answered(work)
