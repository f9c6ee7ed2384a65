"""Files of a ledger that no reader of its newest checkpoint asks for: those of older checkpoints, and strangers."""

from __future__ import annotations

from pathlib import Path

from bus.ledger.findings import Findings, Kind
from bus.ledger.merkle import HASH_SIZE
from bus.ledger.tiles import ENTRIES, HEIGHT, WIDTH, TileStore, is_tile_path, pack_bundle, place_of


def look_at_files(folder: Path, size: int, findings: Findings) -> None:
    """Compares every partial file with the wider one that was verified, and names what is no file of a ledger.

    Files of entries that were written and not signed yet, when a writer was killed, are left alone.

    Args:
        folder: a ledger that verifies.
        size: its entries.
        findings: where problems go.
    """
    store = TileStore(folder)
    for name in store.names():
        path = folder / name
        if path.name.startswith(".new-"):
            continue
        if not is_tile_path(name) or path.is_symlink():
            findings.add(None, Kind.FOREIGN, f"Expected only files of a ledger, got {name}.")
            continue
        is_bundle = name.startswith(f"tile/{ENTRIES}/")
        level, n, width = place_of(name.replace(ENTRIES, "0", 1))
        span = WIDTH**level
        held = min(WIDTH, (size >> HEIGHT * level) - n * WIDTH)
        if width > held:
            continue
        if is_bundle:
            expected = pack_bundle(store.read_bundle(n, held)[:width])
        else:
            expected = store.read_tile(level, n, held)[: width * HASH_SIZE]
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # the log goes on growing
        if content != expected:
            findings.add(
                n * WIDTH * span,
                Kind.ENTRY if is_bundle else Kind.TILE,
                f"Expected {name} to be the beginning of what was signed, got something else: an old file was altered.",
            )
