"""From a recorded past to what comes of living it again: the crew, its recorded world, and workers."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agents.crew import Instruments, crew
from agents.runtime.past import Past
from agents.runtime.recorded import (
    Recollection,
    RecordedDiffractometer,
    RecordedReviewer,
    RecordedSynthesiser,
    Science,
)
from agents.runtime.replaying import Replay, Terms
from agents.runtime.snapshots import MemorySnapshot, Snapshots
from agents.runtime.verdicts import Change, Replayed
from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from bus.errors import BlobError
from bus.protocol import Blobs
from bus.replay import Source
from contracts.diffraction import PatternMeasured
from contracts.materials import ArtifactRef
from ops.errors import ResumeError
from ops.replays.rounding import rounding
from ops.version import version


@dataclass(frozen=True)
class Look:
    """How a past is looked at.

    Attributes:
        folder: of the run, for its library and snapshots; none for a bare server.
        until: place or moment at which to stop.
        agents: who is lived again; all by default.
        campaign: which one, where a log holds several.
        change: another plan.
        tolerance: largest relative departure of numbers that is let pass as rounding; none by default.
    """

    folder: Path | None = None
    until: int | datetime | None = None
    agents: Collection[str] = ()
    campaign: str | None = None
    change: Change | None = None
    tolerance: float = 0.0


@dataclass
class Lived:
    """What came of it.

    Attributes:
        past: what happened.
        replayed: what came of living it again.
        bench: the artefacts that it was done with.
        rounded: departures of decisions that are let pass as rounding.
        passed_over: bytes in the log that are no events, and snapshots that cannot be read.
    """

    past: Past
    replayed: Replayed
    bench: Recollection
    rounded: list[float] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    def fetch(self, ref: ArtifactRef) -> bytes | None:
        """An artefact, recorded or made again; none if it is not there."""
        try:
            return self.bench.content(ref)
        except BlobError:
            return None

    def let_pass(self, tolerance: float) -> None:
        """Takes departures of numbers up to that size for what they are."""
        judged = self.replayed.differences
        departures = [rounding(difference, self.fetch) for difference in judged]
        self.rounded = [d for d in departures if d is not None and d <= tolerance]
        self.replayed.differences = [j for j, d in zip(judged, departures, strict=True) if d is None or d > tolerance]


PATTERNS_TO_BEGIN = 6
"""A worker takes about as long to begin as it takes to identify so many patterns."""


def hands(past: Past) -> int:
    """Worker processes that make a replay faster: one for each processor, if there is enough for each to do."""
    patterns = sum(entry.kind == PatternMeasured.kind for entry in past.entries)
    return max(1, min(len(os.sched_getaffinity(0)), patterns // PATTERNS_TO_BEGIN))


def recorded_instruments(past: Past, blobs: Blobs) -> Instruments:
    """A world that answers what was recorded.

    Args:
        past: what happened.
        blobs: its artefacts.
    """
    laboratory = past.started.plan.laboratory if past.started else None
    furnaces = [f.name for f in laboratory.furnaces] if laboratory else []
    diffractometer = laboratory.diffractometer if laboratory else "none"
    return Instruments(
        {name: RecordedSynthesiser(name, past) for name in furnaces},
        RecordedDiffractometer(diffractometer, past, blobs),
        RecordedReviewer(past),
    )


async def read(source: Source, look: Look) -> tuple[Past, list[str]]:
    """The past of one campaign, and what in the log is no event.

    Raises:
        ResumeError: there is no campaign of that name, or there are several and none is named.
        BusError: the log cannot be read.
    """
    passed_over: list[str] = []
    stop = look.until if isinstance(look.until, int) else None
    moment = look.until if isinstance(look.until, datetime) else None
    pasts: dict[str, Past] = {}
    async for recorded in source.events(stop, passed_over=lambda error: passed_over.append(str(error))):
        if moment is None or recorded.envelope.time <= moment:
            pasts.setdefault(recorded.envelope.campaign, Past()).note(recorded)
    if look.campaign is None and len(pasts) <= 1:
        return next(iter(pasts.values()), Past()), passed_over
    if look.campaign not in pasts:
        got = "none of that name" if look.campaign else f"{len(pasts)}"
        raise ResumeError(
            f"Expected one campaign to replay, got {got}: the log holds {', '.join(sorted(pasts)) or 'nothing'}. "
            "Name it with --campaign."
        )
    return pasts[look.campaign], passed_over


async def relive(source: Source, look: Look, past: Past, workers: Science, *, at_once: int) -> Lived:
    """Lives a past again."""
    library, unable = await _library(past, look.folder, workers)
    everybody = crew(recorded_instruments(past, source.blobs), library)
    agents = [a for a in everybody if not look.agents or a.name in look.agents]
    bench = Recollection(source.blobs, workers)
    replay = Replay(past, agents, bench, Terms(version(), at_once, look.change, unable))
    passed_over: list[str] = []
    if look.change is None:
        replay.expect_starts()
        passed_over = _expect_snapshots(replay, look.folder)
    lived = Lived(past, await replay.run(), bench, passed_over=passed_over)
    if look.tolerance:
        lived.let_pass(look.tolerance)
    return lived


async def relive_with_all_hands(source: Source, look: Look, past: Past) -> Lived:
    """Lives a past again, with as many worker processes as there are processors for them."""
    workers = Workers(count := hands(past))
    try:
        return await relive(source, look, past, workers, at_once=2 * count + 2)
    finally:
        workers.close()


def _expect_snapshots(replay: Replay, folder: Path | None) -> list[str]:
    doubts: list[str] = []
    if folder is None or not (folder / "snapshots").is_dir():
        return doubts
    snapshots = Snapshots(folder / "snapshots")
    snapshots.passed_over = doubts.append
    for seat in replay.seats:
        for snapshot in snapshots.read(seat.name, MemorySnapshot):
            if snapshot.campaign == replay.past.campaign:
                replay.expect_snapshot(snapshot)
    return doubts


def digest_of_library(path: str | None) -> str:
    """Digest of the phase library at a path, or of the shipped one; empty if there is none."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.tasks import library

    try:
        return library(path).sha256
    except (DiffractionError, OSError):
        return ""


async def _library(
    past: Past, folder: Path | None, workers: Science
) -> tuple[str | None, Mapping[tuple[str, str], str]]:
    """The phase library of the run; or why patterns cannot be identified with it again."""
    if past.started is None or not any(entry.kind == PatternMeasured.kind for entry in past.entries):
        return None, {}
    for path in dict.fromkeys((_named_library(folder), None)):
        if await workers.run(digest_of_library, path) == past.started.library_sha256:
            return path, {}
    wanted = past.started.library_sha256[:12]
    return None, {(XrdAnalyser.name, "identify"): f"the phase library {wanted}… that it was decided with is not here"}


def _named_library(folder: Path | None) -> str | None:
    try:
        card = json.loads(((folder or Path()) / "campaign.json").read_text(encoding="utf-8"))
        return str(named) if (named := card["file"]["instruments"]["library"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
