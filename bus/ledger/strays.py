"""Files of a ledger that no reader of its newest checkpoint asks for: those of older checkpoints, and strangers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bus.ledger.alarms import ALARMS
from bus.ledger.book import SIGNED
from bus.ledger.entry import decode_entry
from bus.ledger.errors import LedgerError, TileError
from bus.ledger.files import names_in, read_regular
from bus.ledger.findings import Findings, Kind
from bus.ledger.growth import Growth
from bus.ledger.keys import HAND_OVER, VERIFIERS
from bus.ledger.locking import LOCK
from bus.ledger.merkle import HASH_SIZE, leaf_hash
from bus.ledger.tiles import (
    CHECKPOINT,
    ENTRIES,
    HEIGHT,
    LARGEST,
    WIDTH,
    TileStore,
    is_tile_path,
    pack_bundle,
    place_of,
    tile_path,
)

_OWN = re.compile(rf"(?:{CHECKPOINT}|{VERIFIERS}|{SIGNED}|{LOCK}|{re.escape(ALARMS)}|{HAND_OVER}/[1-9][0-9]{{0,5}})")
_NAMED = 5
"""How many foreign files are named."""


def look_for_strays(folder: Path, size: int, findings: Findings) -> None:
    """Names what lies in the folder of a ledger and is none of what its checkpoint vouches for.

    A tile or bundle beyond the signed size is what a writer leaves that is killed before it signs, or that is at work:
    entries that go on where the signed ones end, and their hashes. Anything else under such a name was put there for
    readers to find. Files under other names no reader asks for; they are told and are no fault.

    Args:
        folder: the ledger's.
        size: its signed entries.
        findings: where problems and notes go.
    """
    foreign, unsigned = list[str](), list[str]()
    for name in names_in(folder):
        if _OWN.fullmatch(name) or name.rpartition("/")[2].startswith(".new-"):
            continue
        if not is_tile_path(name):
            foreign.append(name)
        elif _beyond(name, size):
            unsigned.append(name)
    if foreign:
        more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
        findings.notes.append(
            f"{len(foreign)} files are none of a ledger, no reader asks for them: {', '.join(foreign[:_NAMED])}{more}"
        )
    if unsigned:
        _judge_unsigned(folder, size, unsigned, findings)


def _beyond(name: str, size: int) -> bool:
    """Whether a tile or bundle holds more than what was signed."""
    level, n, width = place_of(name.replace(ENTRIES, "0", 1))
    return n * WIDTH + width > size >> HEIGHT * level


def _judge_unsigned(folder: Path, size: int, names: Sequence[str], findings: Findings) -> None:
    """Tells the leavings of a writer from what somebody has put there."""
    try:
        going_on = _GoingOn(TileStore(folder), size)
    except LedgerError:
        findings.notes.append(f"{len(names)} files hold more than was signed; a damaged ledger does not tell what.")
        return
    left = 0
    for name in names:
        try:
            content = read_regular(folder / name, LARGEST)
        except FileNotFoundError:
            continue  # the log goes on growing
        except OSError:
            content = b""
        if going_on.holds(name, content):
            left += 1
            continue
        findings.add(
            None,
            Kind.STRAY,
            f"Expected nothing beyond the {size} signed entries, got {name}, which nobody has signed and which does "
            "not go on where they end. Remove it.",
        )
    if left:
        findings.notes.append(
            f"{left} files hold entries from index {size} to {going_on.size - 1} that nobody has signed yet: a writer "
            "is at work, or was killed before it signed"
        )


class _GoingOn:
    """What a ledger would be if its unsigned entries were signed as they lie there.

    Attributes:
        size: how many entries it would have.
    """

    def __init__(self, store: TileStore, size: int) -> None:
        growth, self._files = Growth.resume(store, size), dict[tuple[str, int], bytes]()
        self._keep(growth.files())
        while entries := self._more(store, growth.size, growth):
            for entry in entries:
                growth.append(entry)
            self._keep(growth.files())
            if growth.size % WIDTH:
                break
        self.size = growth.size

    def holds(self, name: str, content: bytes) -> bool:
        """Whether a file is the beginning of what would follow."""
        level = name.split("/")[1]
        _, n, width = place_of(name.replace(ENTRIES, "0", 1))
        whole = self._files.get((level, n), b"")
        if level != ENTRIES:
            return len(content) == width * HASH_SIZE and whole.startswith(content)
        return bool(content) and whole.startswith(content)

    def _keep(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            _, n, _ = place_of(name.replace(ENTRIES, "0", 1))
            self._files[name.split("/")[1], n] = content

    @staticmethod
    def _more(store: TileStore, size: int, growth: Growth) -> list[bytes]:
        """The entries of the bundle at an index that go on from there; none where there are none, or others."""
        n, signed = divmod(size, WIDTH)
        name = tile_path(ENTRIES, n)
        widths = sorted(
            (int(p.name) for p in (store.folder / f"{name}.p").glob("*") if p.name.isdecimal()), reverse=True
        )
        for width in [WIDTH, *(w for w in widths if signed < w < WIDTH)]:
            try:
                entries = store.read_bundle(n, width)
                numbers = [decode_entry(entry).sequence for entry in entries[signed:]]
            except (TileError, LedgerError):
                continue
            begins = [leaf_hash(entry) for entry in entries[:signed]] == growth.edge()
            if begins and numbers == list(range(size + 1, n * WIDTH + width + 1)):
                return entries[signed:]
        return []


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
