"""The artefacts that the events of a ledger name: each is there, and its content has the digest that was signed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bus.blobs import BlobStore
from bus.ledger.crew import Crew
from bus.ledger.events import Events
from bus.ledger.examining import UNTOLD, Artefact
from bus.ledger.files import digest_of, names_in, open_regular
from bus.ledger.findings import Findings, Kind
from bus.ledger.tiles import WIDTH, TileStore, widths

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")
_LOOSE = 3
"""How many of those that nobody names are named."""


def named_in(store: TileStore, size: int, processes: int = 1) -> dict[bytes, Artefact]:
    """The artefacts that the first events of a ledger name; digest → the first event that names it.

    Raises:
        TileError: a bundle cannot be read.
    """
    events = Events(Findings())
    with Crew(store.folder, processes) as crew:
        events.know(crew.rolls(size))
        for (n, width), told in zip(widths(size), crew.bundles(size), strict=True):
            if told is not None:
                events.take(n * WIDTH, told)
                continue
            for index, entry in enumerate(store.read_bundle(n, width), n * WIDTH):
                events.look(index, entry)
    return events.artefacts


def look_at_artefacts(folder: Path, named: Mapping[bytes, Artefact], findings: Findings) -> int:
    """Compares every artefact with what the event says that names it first.

    One that no event names is no fault, and told: a process may have been killed between storing it and speaking of it,
    and no signature covers it.

    Args:
        folder: where they lie.
        named: digest → the first event that names it.
        findings: where problems go.

    Returns:
        How many were compared.
    """
    store, compared = BlobStore(folder), 0
    for artefact in named.values():
        path = store.path(artefact.sha256)
        try:
            with open_regular(path) as file:
                size = file.seek(0, 2)
            sha256 = digest_of(path)[1] if artefact.size in {size, UNTOLD} else ""
        except FileNotFoundError:
            _tell(findings, artefact, "nothing there")
            continue
        except OSError as error:
            _tell(findings, artefact, str(error.strerror))
            continue
        compared += 1
        if not sha256:
            what = "it was cut" if size < artefact.size else "something was added to it"
            _tell(findings, artefact, f"{size} bytes instead of {artefact.size}: {what}")
        elif sha256 != artefact.sha256:
            other = named.get(bytes.fromhex(sha256))
            what = f"the content of {other.name}: they were swapped" if other else "other content: it was altered"
            _tell(findings, artefact, what)
    _tell_loose(folder, named, findings)
    return compared


def _tell(findings: Findings, artefact: Artefact, got: str) -> None:
    findings.add(
        artefact.said_at,
        Kind.ARTEFACT,
        f"Expected the artefact {artefact.name!r} (SHA-256 {artefact.sha256}), got {got}. Restore it from a copy.",
    )


def _tell_loose(folder: Path, named: Mapping[bytes, Artefact], findings: Findings) -> None:
    """Says what lies among the artefacts and is none that an event names."""
    loose, foreign = list[str](), list[str]()
    for name in names_in(folder):
        if not _NAME.fullmatch(name):
            foreign += [] if name.rpartition("/")[2].startswith(".new-") else [name]
        elif bytes.fromhex(name.replace("/", "")) not in named:
            loose.append(name)
    for names, what in ((loose, "artefacts that no event of the ledger names"), (foreign, "files that are none")):
        if names:
            more = f" and {len(names) - _LOOSE} more" if len(names) > _LOOSE else ""
            findings.notes.append(f"{len(names)} {what} lie in {folder.name}: {', '.join(names[:_LOOSE])}{more}")
