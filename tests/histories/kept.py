"""A history in a file: gzipped JSON lines, first what it is, then the stored bytes of each event, then artefacts."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bus.blobs import MemoryBlobs
from bus.codec import decode
from bus.protocol import Recorded
from contracts.materials import ArtifactRef

FOLDER = Path(__file__).parent


class SealedBlobs(MemoryBlobs):
    """Artefacts that nobody may add to."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__()
        self._contents = dict(contents)

    def put(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        raise AssertionError(f"a replay wrote {name}")


@dataclass(frozen=True)
class History:
    """A recorded campaign, and what living it again must give; also a `bus.replay.Source`.

    Attributes:
        name: of its file.
        about: what it is good for.
        arithmetic: of the machine that it was recorded on.
        memories: agent → digest of its memory at the end.
        payloads: stored bytes, in order.
        artefacts: digest → content, as far as decisions rest on them.
    """

    name: str
    about: str
    arithmetic: str
    memories: dict[str, str]
    payloads: tuple[bytes, ...]
    artefacts: dict[str, bytes] = field(default_factory=dict)

    @property
    def blobs(self) -> SealedBlobs:
        return SealedBlobs(self.artefacts)

    async def events(
        self, stop: int | None = None, *, passed_over: Callable[[object], None] = lambda _: None
    ) -> AsyncIterator[Recorded]:
        for sequence, payload in enumerate(self.payloads[:stop], 1):
            envelope = decode(payload)
            yield Recorded(sequence, "", envelope, payload, envelope.time)

    def altered(self, sequence: int, payload: bytes) -> History:
        """The same with other bytes at one place."""
        payloads = list(self.payloads)
        payloads[sequence - 1] = payload
        return replace(self, payloads=tuple(payloads))


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.jsonl.gz"


def write(history: History) -> int:
    """Writes the file; the same history gives the same bytes. Returns how many."""
    head = {
        "name": history.name,
        "about": history.about,
        "arithmetic": history.arithmetic,
        "memories": history.memories,
        "events": len(history.payloads),
    }
    lines = [json.dumps(head)]
    lines += [payload.decode() for payload in history.payloads]
    lines += [json.dumps({d: base64.b64encode(c).decode()}) for d, c in sorted(history.artefacts.items())]
    content = gzip.compress("\n".join(lines).encode(), mtime=0)
    path_of(history.name).write_bytes(content)
    return len(content)


def read(name: str) -> History:
    """The history in a file; its artefacts are what their digests say."""
    head, *lines = gzip.decompress(path_of(name).read_bytes()).decode().split("\n")
    told = json.loads(head)
    count = told.pop("events")
    artefacts = {
        digest: base64.b64decode(content) for line in lines[count:] for digest, content in json.loads(line).items()
    }
    assert all(hashlib.sha256(content).hexdigest() == digest for digest, content in artefacts.items())
    return History(**told, payloads=tuple(line.encode() for line in lines[:count]), artefacts=artefacts)
