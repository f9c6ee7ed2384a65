"""What a report is made of: the recorded log, the artefacts, and what the run wrote beside them.

Nothing is changed by looking: a log is read from a copy of its store. What cannot be read is told and passed
over, because a report of a damaged log is worth more than none.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bus.blobs import BlobStore
from bus.errors import BlobError, GapError, UndecodableEventError
from bus.jetstream import JetStreamBus
from bus.protocol import Blobs, Bus, Recorded
from bus.server import EmbeddedServer
from contracts.materials import ArtifactRef
from ops.reports.errors import ReportError
from ops.roll import people

PATIENCE = 50
"""Holes in a log after which the rest is not looked at."""


@dataclass
class Evidence:
    """Everything that a run has left.

    Attributes:
        name: of the folder, for people.
        log: the events in order.
        blobs: where the artefacts are.
        summary: what `athanor run` wrote at its end, if it did.
        card: what the run was asked for, if that is there.
        troubles: what could not be read, in sentences.
    """

    name: str
    log: Sequence[Recorded]
    blobs: Blobs
    summary: dict[str, Any] | None = None
    card: dict[str, Any] | None = None
    troubles: list[str] = field(default_factory=list)

    def fetch(self, ref: ArtifactRef) -> bytes | None:
        """An artefact, or none and a trouble more."""
        try:
            return self.blobs.get(ref)
        except BlobError as error:
            self.troubles.append(f"The artefact {ref.name} cannot be used. {error}")
        except OSError as error:
            self.troubles.append(f"The artefact {ref.name} (SHA-256 {ref.sha256}) cannot be read: {error}.")
        return None

    @property
    def digest(self) -> str:
        """SHA-256 over the stored bytes of all events, each with its length before it."""
        total = hashlib.sha256()
        for recorded in self.log:
            total.update(len(recorded.payload).to_bytes(8, "big") + recorded.payload)
        return total.hexdigest()

    @property
    def library(self) -> str | None:
        """Path of the phase library that was asked for; none for the shipped one."""
        try:
            path = (self.card or {})["file"]["instruments"]["library"]
        except (KeyError, TypeError):
            return None
        return str(path) if path else None


async def gather(folder: Path, server: str | None = None) -> Evidence:
    """The evidence in a folder.

    Args:
        folder: of a run.
        server: NATS URL of the server that keeps its log, if not the folder itself.

    Raises:
        ReportError: there is no run.
        BusError: the log cannot be read at all.
    """
    card = _json(folder / "campaign.json")
    evidence = Evidence(folder.resolve().name, [], BlobStore(folder / "blobs"), card=card)
    evidence.summary = _json(folder / "report" / "summary.json")
    async with _opened(folder, server, card) as bus:
        name = card.get("campaign") if server and card else None
        evidence.log = await _events(bus, name if isinstance(name, str) else None, evidence.troubles)
    return evidence


@asynccontextmanager
async def _opened(folder: Path, server: str | None, card: dict[str, Any] | None) -> AsyncIterator[Bus]:
    blobs = BlobStore(folder / "blobs")
    if server is not None:
        bus = await JetStreamBus.connect(server, blobs, people=people())
        try:
            yield bus
        finally:
            await bus.close()
        return
    store = folder / "store" / "jetstream"
    if not store.is_dir():
        if card is not None and card.get("nats"):
            raise ReportError(
                f"Expected the log of the run in {folder}, got one that was kept by a NATS server of its own. "
                "Give that server with --nats URL."
            )
        raise ReportError(
            f"Expected the folder of a run (with store/jetstream inside), got {folder}. "
            "Give the --out folder of athanor run."
        )
    with tempfile.TemporaryDirectory(prefix="athanor-report-") as scratch:
        # the server writes into its store: the evidence itself is only read
        shutil.copytree(store, Path(scratch) / "store" / "jetstream")
        own = await EmbeddedServer.start(Path(scratch) / "store")
        try:
            async with _opened(folder, own.url, card) as opened:
                yield opened
        finally:
            await own.stop()


async def _events(bus: Bus, campaign: str | None, troubles: list[str]) -> list[Recorded]:
    """All events that can be read; each hole becomes a trouble."""
    log: list[Recorded] = []
    start, holes = 1, 0
    while holes < PATIENCE:
        try:
            async for recorded in bus.read(campaign, start):
                log.append(recorded)
                start = recorded.sequence + 1
        except UndecodableEventError as error:
            troubles.append(str(error))
            start = error.sequence + 1
        except GapError as error:
            troubles.append(str(error))
            if error.got <= error.expected:
                return log
            start = error.got
        else:
            return log
        holes += 1
    troubles.append(f"Sequences from {start} on were not looked at any more: too much of the log is unreadable.")
    return log


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or none if there is no such file or it holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
