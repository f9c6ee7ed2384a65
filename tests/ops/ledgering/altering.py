"""Everything that is done to the folder of a lab in the tables of `ops/how-to/verify.md`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from bus.jetstream import JetStreamBus
from bus.ledger.entry import decode_entry, encode_entry
from bus.ledger.growth import Growth
from bus.ledger.keys import KEYS, VERIFIERS, open_ring, publish_verifiers, read_verifiers
from bus.ledger.merkle import leaf_hash
from bus.ledger.note import ED25519
from bus.ledger.tiles import CHECKPOINT, ENTRIES, TileStore, pack_bundle, tile_path
from bus.server import EmbeddedServer
from contracts.presence import AgentStopped
from tests.bus.ledger.growing import envelope, grow
from tests.bus.ledger.signed_lab import COUNT, Lab

BUNDLE = tile_path(ENTRIES, 1)
AT = 300
STOPPED = AgentStopped(agent="planner", start=9, reason="a lie")


def flip(path: Path, byte: int) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)


def forged(lab: Lab) -> bytes:
    """Another event in the place of one, as its speaker could have said it."""
    return encode_entry(*lab.said(AT, STOPPED, "planner"))


def exchange(lab: Lab) -> None:
    """One entry of a bundle."""
    bundle = lab.store.read_bundle(1)
    bundle[AT - 256] = forged(lab)
    (lab.ledger / BUNDLE).write_bytes(pack_bundle(bundle))


def flip_event(lab: Lab) -> int:
    """In the words of an event, not in its frame."""
    content = (lab.ledger / BUNDLE).read_bytes()
    entry = lab.store.read_bundle(1)[AT - 256]
    flip(lab.ledger / BUNDLE, content.index(entry) + entry.index(b"a test"))
    return AT


def cut_out(lab: Lab) -> int:
    """The 300th of 600."""
    bundle = lab.store.read_bundle(1)
    (lab.ledger / BUNDLE).write_bytes(pack_bundle([*bundle[: AT - 256], *bundle[AT - 255 :], bundle[0]]))
    return AT


def exchange_with_hash(lab: Lab) -> int:
    """The tile above is left alone."""
    exchange(lab)
    path = lab.ledger / tile_path(0, 1)
    tile = bytearray(path.read_bytes())
    at = (AT - 256) * 32
    tile[at : at + 32] = leaf_hash(forged(lab))
    path.write_bytes(tile)
    return 256


def rebuild(lab: Lab) -> int:
    """All tiles, under the checkpoint that was signed."""
    entries = list(lab.store.entries(0, COUNT))
    entries[AT] = forged(lab)
    shutil.rmtree(lab.ledger / "tile")
    growth = Growth()
    for entry in entries:
        growth.append(entry)
    lab.store.write(growth.files())
    return 0


def rewrite(lab: Lab) -> int:
    """All tiles, signed with the log's own key."""
    entries = list(lab.store.entries(0, COUNT))
    entries[AT] = forged(lab)
    shutil.rmtree(lab.ledger / "tile")
    grow(lab.store, open_ring(lab.run / KEYS, lab.ledger), entries)
    return 0


def drop_witness(lab: Lab) -> None:
    """Its key, its word and its memory."""
    publish_verifiers(lab.ledger, [v for v in read_verifiers(lab.ledger) if v.kind == ED25519])
    shutil.rmtree(lab.run / "witness")


def rewrite_without_witness(lab: Lab) -> None:
    """As if there had never been one."""
    rewrite(lab)
    drop_witness(lab)


def sign_anew(lab: Lab) -> None:
    """With new keys; whoever has no other source believes them."""
    entries = list(lab.store.entries(0, COUNT))
    entries[AT] = forged(lab)
    shutil.rmtree(lab.ledger)
    shutil.rmtree(lab.run / KEYS)
    shutil.rmtree(lab.run / "witness")
    grow(lab.store, open_ring(lab.run / KEYS, lab.ledger), entries)


def put_back(lab: Lab) -> int:
    """Complete, as it was signed after 400 entries; the witness remembers 600."""
    entries = list(lab.store.entries(0, 400))
    shutil.rmtree(lab.ledger / "tile")
    kept = (lab.run / "witness" / "log" / CHECKPOINT).read_bytes()
    lab.sign(entries)
    (lab.run / "witness" / "log" / CHECKPOINT).write_bytes(kept)
    return 400


def uncosign(lab: Lab) -> None:
    """The line of the witness is the last one."""
    lines = (lab.ledger / CHECKPOINT).read_text(encoding="utf-8").splitlines(keepends=True)
    (lab.ledger / CHECKPOINT).write_text("".join(lines[:-1]), encoding="utf-8")


def alter_checkpoint(lab: Lab) -> None:
    """It claims more."""
    text = (lab.ledger / CHECKPOINT).read_text(encoding="utf-8")
    (lab.ledger / CHECKPOINT).write_text(text.replace(f"\n{COUNT}\n", f"\n{COUNT + 1}\n"), encoding="utf-8")


def replace(lab: Lab, make: Callable[[Path], None]) -> int:
    """Puts something in the place of a bundle."""
    (lab.ledger / BUNDLE).unlink()
    make(lab.ledger / BUNDLE)
    return 256


def go_on(lab: Lab) -> None:
    """Entries that the next signature would have been over."""
    growth = Growth.resume(lab.store, COUNT)
    for entry in lab.entries(700)[COUNT:]:
        growth.append(entry)
    lab.store.write(growth.files())


def log_with(lab: Lab, message: tuple[int, str, str, int, bytes]) -> int:
    """The log has one message more, which the ledger's writer has signed as it must."""
    entries = [*lab.store.entries(0, COUNT), encode_entry(*message)]
    shutil.rmtree(lab.ledger / "tile")
    lab.sign(entries)
    return COUNT


def repeat(lab: Lab) -> int:
    """The id of an earlier event, and other words."""
    told = envelope(AT, STOPPED).model_copy(update={"source": "/agents/planner"})
    return log_with(lab, (COUNT + 1, *lab.message(AT, told, "planner")[1:]))


def causeless(lab: Lab) -> int:
    """A cause that never was."""
    told = envelope(COUNT, STOPPED).model_copy(update={"source": "/agents/planner", "causationid": uuid4()})
    return log_with(lab, lab.message(COUNT, told, "planner"))


def under_another_subject(lab: Lab) -> int:
    """Signed for that subject, too."""
    number, subject, name, time, payload = lab.said(COUNT, STOPPED, "planner")
    return log_with(lab, (number, subject.replace("agent_stopped", "agent_started"), name, time, payload))


def pattern(lab: Lab, n: int = 50) -> Path:
    """Where an artefact lies."""
    sha256 = lab.pattern(n).pattern.sha256
    return lab.blobs / sha256[:2] / sha256[2:]


def of_pattern(change: Callable[[Lab, Path], object]) -> Callable[[Lab], int]:
    """An alteration of the pattern that the event at index 50 names."""

    def alter(lab: Lab) -> int:
        change(lab, pattern(lab))
        return 50

    return alter


def swap(lab: Lab, path: Path) -> None:
    """With another one."""
    other = pattern(lab, 150)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def add_artefact(lab: Lab) -> None:
    """Whole, under its digest."""
    lab.pattern(7)


async def _store(lab: Lab, change: Callable[[list[tuple[str, str, bytes]]], None]) -> None:
    messages = [(e.subject, str(e.id), bytes(e.payload)) for e in map(decode_entry, lab.store.entries(0, COUNT))]  # type: ignore[arg-type]  # none is a digest
    change(messages)
    server = await EmbeddedServer.start(lab.run / "store")
    bus = await JetStreamBus.connect(server.url, None)  # type: ignore[arg-type]  # no artefact is asked for
    for start in range(0, len(messages), 100):
        said = messages[start : start + 100]
        await asyncio.gather(*(bus.store_raw(s, p, {"Nats-Msg-Id": i}) for s, i, p in said))
    await bus.close()
    await server.stop()


def of_stream(at: int, change: Callable[[list[tuple[str, str, bytes]]], None]) -> Callable[[Lab], int]:
    """An alteration of the stream, beside a ledger that is left alone."""

    def alter(lab: Lab) -> int:
        asyncio.run(_store(lab, change))
        return at

    return alter


def other_message(messages: list[tuple[str, str, bytes]]) -> None:
    """Other words under the same id."""
    subject, name, payload = messages[AT]
    messages[AT] = (subject, name, payload.replace(b"a test", b"a lie!"))


def speak_for_another(lab: Lab) -> int:
    """Signed with a key, but another's."""
    return log_with(lab, lab.said(COUNT, STOPPED, "planner", by="xrd_analyser"))


def nonsense(lab: Lab) -> int:
    """Bytes."""
    return log_with(lab, (COUNT + 1, "lab.test-bench.presence.agent_stopped", "x", 1, b"not json"))


FOUND: dict[str, Callable[[Lab], int | None]] = {
    "a byte of an event was flipped in the ledger": flip_event,
    "an event was cut out, and the rest moved up": cut_out,
    "an event was exchanged, and its hash too": exchange_with_hash,
    "everything was made anew around a forgery": rebuild,
    "a bundle of entries was removed": lambda lab: replace(lab, lambda _: None),
    "a bundle was cut": lambda lab: replace(lab, lambda path: path.touch()),
    "a hash in a tile was flipped": lambda lab: flip(lab.ledger / tile_path(0, 1), 44 * 32) or AT,
    "the checkpoint was altered": alter_checkpoint,
    "a pipe stands in the place of a bundle": lambda lab: replace(lab, os.mkfifo),
    "a link to a device stands in the place of a bundle": lambda lab: replace(
        lab, lambda path: path.symlink_to("/dev/zero")
    ),
    "a bundle was put behind the end": lambda lab: (
        shutil.copy(lab.ledger / BUNDLE, lab.ledger / tile_path(ENTRIES, 3)) and None
    ),
    "a writer was killed before it signed": go_on,
    "a file was put beside the tiles": lambda lab: (lab.ledger / "tile" / "readme.txt").write_text("hello") and None,
    "the ledger was signed with another key, which you were not given": sign_anew,
    "the cosignature was taken off": uncosign,
    "the ledger was put back to an older state": put_back,
    "somebody with the ledger's key has rewritten the past": rewrite,
    "somebody spoke in another's name": speak_for_another,
    "an event lacks its signature": lambda lab: log_with(lab, lab.said(COUNT, STOPPED, "planner", by="-")),
    "an event stands under another's subject": under_another_subject,
    "an event names a cause that is nowhere": causeless,
    "one id was given to two events": repeat,
    "something that is no event was stored": nonsense,
    "a byte of a pattern was flipped": of_pattern(lambda _, path: flip(path, 900)),
    "two patterns were swapped": of_pattern(swap),
    "a pattern was cut": of_pattern(lambda _, path: os.truncate(path, 700)),
    "a pattern is gone": of_pattern(lambda _, path: path.unlink()),
    "an artefact was added that no event names": add_artefact,
    "a message of the stream was altered": of_stream(AT, other_message),
    "the stream was cut": of_stream(500, lambda messages: messages.__delitem__(slice(500, None))),
    "messages were added to a stream that rests": of_stream(
        COUNT, lambda messages: messages.append(("lab.test-bench.presence.agent_stopped", "more", b"{}"))
    ),
}
"""What was done → how; each tells the first bad index, or none where it is the ledger as a whole."""

NOT_FOUND: dict[str, Callable[[Lab], int | None]] = {
    "the ledger and all that lies beside it were made anew with new keys": sign_anew,
    "cosignature and witness were taken off, and the ledger rewritten with its key": rewrite_without_witness,
    "somebody with the key of an agent has spoken in its name": lambda lab: log_with(
        lab, lab.said(COUNT, STOPPED, "planner")
    ),
}
"""The same of what nothing finds that a reader has who brings nothing along."""

__all__ = ["FOUND", "NOT_FOUND", "VERIFIERS", "TileStore"]
