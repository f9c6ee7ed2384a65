"""The files of a ledger: ``checkpoint``, ``tile/<L>/<N>[.p/<W>]`` and ``tile/entries/<N>[.p/<W>]``.

The layout is that of https://c2sp.org/tlog-tiles, so that any client of such logs can read the folder as it lies. A
tile holds 256 hashes, a bundle 256 entries; those at the right edge are partial and say how wide they are. Except
for the checkpoint a published file never changes: writing it anew with the same content does nothing, with other
content it is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bus.ledger.errors import TileConflictError, TileDamagedError, TileMissingError
from bus.ledger.files import read_regular
from bus.ledger.merkle import HASH_SIZE, HashReader, combine

WIDTH = 256
"""Hashes of a full tile, entries of a full bundle."""
HEIGHT = 8
"""Levels of the tree in a tile: 256 is two to the eighth."""
CHECKPOINT = "checkpoint"
"""Where the newest checkpoint lies."""
ENTRIES = "entries"
"""What stands in the place of the level in the path of a bundle."""
_LENGTH = struct.Struct(">H")
_PATH = re.compile(rf"tile/(?:{ENTRIES}|[0-9]|[1-5][0-9]|6[0-3])/(?:x[0-9]{{3}}/)*[0-9]{{3}}(?:\.p/[1-9][0-9]{{0,2}})?")
_CACHED = 64
LARGEST = WIDTH * (_LENGTH.size + 0xFFFF)
"""Bytes of the largest file: a bundle of the largest entries; tiles and checkpoints are smaller."""


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """Path of a tile or (`ENTRIES` as the level) of a bundle, relative to the ledger's folder.

    Args:
        level: level of tiles, from 0 at the leaves.
        n: number within the level.
        width: hashes or entries in it; 256 when it is full.
    """
    digits = f"{n:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def is_tile_path(path: str) -> bool:
    """Whether a path, relative to the ledger's folder, is that of a tile or bundle."""
    return bool(_PATH.fullmatch(path))


def place_of(path: str) -> tuple[int, int, int]:
    """(level, number, width) of a tile, from its path."""
    whole, _, width = path.partition(".p/")
    _, level, *digits = whole.split("/")
    return int(level), int("".join(digits).replace("x", "")), int(width or WIDTH)


def widths(size: int) -> Iterator[tuple[int, int]]:
    """(number, width) of the bundles, and of the tiles at level 0, of a log of that size."""
    yield from ((n, WIDTH) for n in range(size // WIDTH))
    if size % WIDTH:
        yield size // WIDTH, size % WIDTH


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, number, width) of every tile of a log of that size."""
    level = 0
    while size:
        yield from ((level, n, width) for n, width in widths(size))
        size, level = size // WIDTH, level + 1


def pack_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries with their lengths, as a bundle holds them."""
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def unpack_bundle(path: str, content: bytes, width: int) -> list[bytes]:
    """The entries in a bundle.

    Args:
        path: its name, for the message of an error.
        content: its bytes.
        width: how many entries it must hold.

    Raises:
        TileDamagedError: it holds fewer or more.
    """
    entries, at = whole_entries(content, width)
    if len(entries) != width or at != len(content):
        whole = f"{len(entries)} whole entries" + (" and something behind them" if len(entries) == width else "")
        raise TileDamagedError(path, f"{whole} in {len(content)} bytes instead of {width} entries")
    return entries


def whole_entries(content: bytes, width: int) -> tuple[list[bytes], int]:
    """The entries of a bundle as far as they can be read, `width` at most, and where the last one ends."""
    entries: list[bytes] = []
    at, end = 0, len(content)
    while at + 2 <= end and len(entries) < width:
        begin = at + 2
        stop = begin + (content[at] << 8 | content[at + 1])
        if stop > end:
            break
        entries.append(content[begin:stop])
        at = stop
    return entries, at


class TileStore:
    """The files of one ledger.

    Attributes:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_checkpoint(self) -> bytes:
        """The newest checkpoint.

        Raises:
            TileMissingError: there is none.
        """
        return self._read(CHECKPOINT)

    def extent(self) -> int:
        """How many entries the stored bundles hold at most, whatever the checkpoint says."""
        names = (name for name in self.names() if name.startswith(f"tile/{ENTRIES}/") and is_tile_path(name))
        places = (place_of(name.replace(ENTRIES, "0", 1)) for name in names)
        return max((n * WIDTH + width for _, n, width in places), default=0)

    def names(self) -> list[str]:
        """Whatever lies where tiles and bundles do, sorted; a log that grows may take partial files away meanwhile."""
        found = []
        for folder, _, files in os.walk(self.folder / "tile"):  # passes over folders that vanish
            found += [str((Path(folder) / file).relative_to(self.folder)) for file in files]
        return sorted(found)

    def read_tile(self, level: int, n: int, width: int = WIDTH) -> bytes:
        """The first `width` hashes of a tile, one after the other; from a wider one where it is gone.

        Raises:
            TileMissingError: it is not there.
            TileDamagedError: it has another length.
        """
        held, path, content = self._read_partial(level, n, width)
        if len(content) != held * HASH_SIZE:
            raise TileDamagedError(path, f"{len(content)} bytes instead of {held * HASH_SIZE}")
        return content[: width * HASH_SIZE]

    def read_bundle(self, n: int, width: int = WIDTH) -> list[bytes]:
        """The first `width` entries of a bundle; from a wider one where it is gone.

        Raises:
            TileMissingError: it is not there.
            TileDamagedError: it was cut, or holds more or fewer entries.
        """
        held, path, content = self._read_partial(ENTRIES, n, width)
        return unpack_bundle(path, content, held)[:width]

    def entries(self, start: int, size: int) -> Iterator[bytes]:
        """The entries from index `start` of a log of that size, bundle by bundle.

        Raises:
            TileMissingError: a bundle is not there.
            TileDamagedError: a bundle is not whole.
        """
        for n, bundle in enumerate(self.bundles(size, start // WIDTH), start // WIDTH):
            yield from bundle[max(0, start - n * WIDTH) :]

    def bundles(self, size: int, first: int = 0) -> Iterator[list[bytes]]:
        """The entries of a log of that size, bundle by bundle, from the bundle of that number on.

        Raises:
            TileMissingError: a bundle is not there.
            TileDamagedError: a bundle is not whole.
        """
        for n in range(first, -(-size // WIDTH)):
            yield self.read_bundle(n, min(WIDTH, size - n * WIDTH))

    def hashes(self, size: int) -> HashReader:
        """Hashes of complete subtrees of a log of that size, from its tiles."""
        cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()

        def tile(level: int, n: int) -> bytes:
            if (level, n) not in cache:
                width = min(WIDTH, (size >> HEIGHT * level) - n * WIDTH)
                if width <= 0:
                    raise TileMissingError(tile_path(level, n))
                cache[level, n] = self.read_tile(level, n, width)
                if len(cache) > _CACHED:
                    cache.popitem(last=False)
            cache.move_to_end((level, n))
            return cache[level, n]

        def read(level: int, index: int) -> bytes:
            tiled, above = divmod(level, HEIGHT)
            first, count = index << above, 1 << above
            hashes, at = tile(tiled, first // WIDTH), first % WIDTH * HASH_SIZE
            if len(hashes) < at + count * HASH_SIZE:
                raise TileMissingError(tile_path(tiled, first // WIDTH))
            return combine([hashes[i : i + HASH_SIZE] for i in range(at, at + count * HASH_SIZE, HASH_SIZE)])

        return read

    def write_checkpoint(self, content: bytes) -> None:
        """Puts a newer checkpoint in the place of the last one; what it vouches for must be written before."""
        self._place({CHECKPOINT: content})

    def write(self, files: Mapping[str, bytes]) -> None:
        """Publishes tiles and bundles; when this returns they are on disk.

        Args:
            files: path (`tile_path`) → content.

        Raises:
            TileConflictError: one of them is published with other content; nothing was written.
        """
        new = {}
        for path, content in files.items():
            try:
                published = (self.folder / path).read_bytes()
            except FileNotFoundError:
                new[path] = content
                continue
            if published != content:
                raise TileConflictError(path)
        self._place(new)

    def drop_partials(self) -> None:
        """Removes partial files beside the full one, in which whoever needs them still finds them."""
        for folder in list((self.folder / "tile").rglob("*.p")):
            if folder.with_suffix("").is_file():
                for partial in folder.iterdir():
                    partial.unlink()
                folder.rmdir()

    def _read_partial(self, level: int | str, n: int, width: int) -> tuple[int, str, bytes]:
        """(width, path, content) of the narrowest file that holds at least `width` of a tile or bundle.

        A log that grows replaces partial files by wider ones while somebody reads.
        """
        path, full = tile_path(level, n, width), tile_path(level, n)
        if width == WIDTH:
            return WIDTH, full, self._read(full)
        try:
            return width, path, self._read(path)
        except TileMissingError:
            beside = (p.name for p in (self.folder / path).parent.glob("*"))
            wider = sorted(int(name) for name in beside if name.isascii() and name.isdigit())
            for held in [w for w in wider if width < w < WIDTH]:
                with contextlib.suppress(TileMissingError):
                    return held, tile_path(level, n, held), self._read(tile_path(level, n, held))
            with contextlib.suppress(TileMissingError):
                return WIDTH, full, self._read(full)
            raise

    def _read(self, path: str) -> bytes:
        try:
            return read_regular(self.folder / path, LARGEST)
        except (FileNotFoundError, NotADirectoryError):
            raise TileMissingError(path) from None
        except OSError as error:
            raise TileDamagedError(path, f"{error.strerror} when it was read") from None

    def _place(self, files: Mapping[str, bytes]) -> None:
        """Temporary file, fsync and rename for each, then fsync of each folder that has changed."""
        changed: dict[Path, None] = {}
        for path, content in files.items():
            target = self.folder / path
            for folder in _make_folders(target.parent):
                changed[folder] = None
            handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fchmod(file.fileno(), 0o644)
                    os.fsync(file.fileno())
                Path(temporary).replace(target)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            changed[target.parent] = None
        for folder in changed:
            sync_folder(folder)


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder, and names those above it that have a new name in them."""
    if folder.is_dir():
        return []
    above = _make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    return [*above, folder.parent]


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
