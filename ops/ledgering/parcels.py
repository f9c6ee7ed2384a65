"""`athanor ledger export` and `import`: a ledger in one file, for a reviewer."""

from __future__ import annotations

from pathlib import Path

from bus.ledger.export import bring_in, export
from bus.ledger.keys import LEDGER
from ops.exits import FOUND_WANTING, UNUSABLE
from ops.ledgering.checking import lines_of, processors
from ops.ledgering.places import answered, find, say, trust_of

Brought = tuple[list[str] | None, list[str] | None, list[Path] | None]
"""Keys, witnesses and kept checkpoints, as the command takes them."""


def export_ledger(folder: Path, out: Path, *, with_artefacts: bool, as_json: bool) -> int:
    """Writes the file; 0 when it is written, 2 when it cannot be."""

    def work() -> int:
        place = find(folder)
        artefacts = place.artefacts if with_artefacts else None
        exported = export(place.ledger, out, artefacts, processes=processors())
        checkpoint = exported.checkpoint
        told = {
            "ok": True,
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "file": str(out),
            "bytes": out.stat().st_size,
            "artefacts": exported.artefacts,
            "artefact_bytes": exported.artefact_bytes,
        }
        lines = [f"{out}: {checkpoint.size} entries of {checkpoint.origin}, {told['bytes']} bytes"]
        lines.append(
            f"{exported.artefacts} artefacts in it, {exported.artefact_bytes} bytes"
            if artefacts is not None
            else "without artefacts: patterns and models cannot be checked by whoever reads it"
        )
        say(told, [*lines, "tell the reader the verifier key on another way than with the file"], as_json=as_json)
        return 0

    return answered(work)


def import_ledger(file: Path, folder: Path, brought: Brought, *, as_json: bool) -> int:
    """Unpacks and verifies; 0 when it is there, 1 when it is found wanting and was not kept, 2 when it is unusable."""

    def work() -> int:
        verdict = bring_in(file, folder / LEDGER, trust_of(*brought), processes=processors())
        lines = [*lines_of(verdict), f"it lies in {folder / LEDGER}" if verdict.ok else "it was not kept"]
        say(verdict.document(), lines, as_json=as_json)
        if verdict.ok:
            return 0
        return FOUND_WANTING if verdict.judged else UNUSABLE

    return answered(work)
