"""A world that answers what the log says it answered, and in which nothing happens.

An agent that is lived again asks them as it asked the real ones: its intents, and what it makes of the answers, are
its own again, and no effect ever happens. What was never answered ends the reaction where it waited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

from agents.actions import all_lost
from agents.errors import NotRecordedError
from agents.runtime.past import Past
from bus.blobs import reference
from bus.errors import BlobMissingError
from bus.protocol import Blobs, Recorded
from contracts.diffraction import MeasurementFailed, PatternMeasured
from contracts.errors import InstrumentError
from contracts.instruments import (
    ActionState,
    ReviewAnswer,
    ReviewQuestion,
    ScanReport,
    ScanRequest,
    StepKind,
    StepReport,
    StepRequest,
)
from contracts.materials import ArtifactRef
from contracts.review import ReviewDecided
from contracts.synthesis import StepCompleted, StepFailed

P = ParamSpec("P")
R = TypeVar("R")


class Science(Protocol):
    """Where heavy science runs: `agents.workers.Workers`."""

    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of ``fn(*args, **kwargs)``."""
        ...


class Recollection:
    """What a past lends to agents: its artefacts, and workers; it waits for nothing and writes nothing."""

    def __init__(self, blobs: Blobs, workers: Science) -> None:
        self.blobs, self.workers = blobs, workers
        self._kept: dict[str, bytes] = {}

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs heavy science in a worker process."""
        return await self.workers.run(fn, *args, **kwargs)

    async def fetch(self, ref: ArtifactRef) -> bytes:
        """The content, as it was kept."""
        return self.content(ref)

    def content(self, ref: ArtifactRef) -> bytes:
        """The content, as it was kept or is made now."""
        kept = self._kept.get(ref.sha256)
        return self.blobs.get(ref) if kept is None else kept

    async def keep(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """The reference that the content has; nothing is written."""
        ref = reference(content, media_type, name)
        try:
            self.blobs.get(ref)
        except BlobMissingError:
            self._kept[ref.sha256] = content  # it was not made then, but somebody may ask for it now
        return ref

    async def wait_until(self, when: datetime) -> None:
        """At once: what was waited for is past."""


def _told(past: Past, key: str) -> Recorded:
    if (recorded := past.answer(key)) is None:
        raise NotRecordedError(key)
    return recorded


class RecordedSynthesiser:
    """A synthesiser that reports what the log says it reported."""

    def __init__(self, name: str, past: Past) -> None:
        self.name, self.past = name, past

    async def start(self, request: StepRequest) -> None:
        """Does nothing."""

    async def ask(self, key: str) -> ActionState:
        """Never seen, as before the action; or the trouble in which nobody could tell.

        Raises:
            NotRecordedError: the log does not say what became of it.
            InstrumentError: nobody could tell.
        """
        event = _told(self.past, f"step/{key}").envelope.data
        if isinstance(event, StepFailed) and _nobody_knows(event):
            raise InstrumentError(self.name, event.reason)
        return ActionState.NEVER_SEEN

    async def finish(self, key: str) -> StepReport:
        """What was reported."""
        recorded = _told(self.past, f"step/{key}")
        event, at = recorded.envelope.data, recorded.envelope.time
        if isinstance(event, StepCompleted):
            return StepReport(
                key=key,
                succeeded=True,
                started_at=event.started_at,
                ended_at=event.ended_at,
                readings=event.readings,
                troubles=event.troubles,
            )
        assert isinstance(event, StepFailed)  # noqa: S101  the two are filed under these keys, and nothing else
        return StepReport(
            key=key,
            succeeded=False,
            retryable=event.retryable,
            reason=event.reason,
            started_at=at,  # a failed step is told without its times
            ended_at=at,
            readings=event.readings,
            troubles=event.troubles,
        )

    async def offers(self, step: StepKind) -> bool:
        """All steps, unless the log says that a furnace could not be asked for its calibration."""
        return step is not StepKind.CALIBRATE or self.past.answer(f"offers/{self.name}") is None


def _nobody_knows(event: StepFailed) -> bool:
    """Whether all vials are set aside because nobody could tell what became of the step. A calibration has none."""
    return event.sample_ids != () and event.troubles == all_lost(event.step, event.sample_ids)


class RecordedDiffractometer:
    """A diffractometer that hands over the files that the log speaks of."""

    def __init__(self, name: str, past: Past, blobs: Blobs) -> None:
        self.name, self.past, self.blobs = name, past, blobs

    async def start(self, request: ScanRequest) -> None:
        """Does nothing."""

    async def ask(self, key: str) -> ActionState:
        """Never seen, as before the scan; or the trouble because of which there is no file.

        Raises:
            NotRecordedError: the log does not say what became of it.
            InstrumentError: there is no file.
        """
        event = _told(self.past, f"scan/{key}").envelope.data
        if isinstance(event, MeasurementFailed):
            raise InstrumentError(self.name, event.reason)
        return ActionState.NEVER_SEEN

    async def finish(self, key: str) -> ScanReport:
        """The file."""
        event = _told(self.past, f"scan/{key}").envelope.data
        assert isinstance(event, PatternMeasured)  # noqa: S101  a failed one was told when it was asked about
        return ScanReport(
            key=key,
            sample_id=event.sample_id,
            content=self.blobs.get(event.pattern),
            file_name=event.pattern.name,
            radiation=event.radiation,
            started_at=event.started_at,
            ended_at=event.ended_at,
        )


class RecordedReviewer:
    """A reviewer who answers as the log says."""

    def __init__(self, past: Past) -> None:
        self.past = past

    async def decide(self, question: ReviewQuestion) -> ReviewAnswer:
        """The recorded answer.

        Raises:
            NotRecordedError: nobody has answered yet.
        """
        event = _told(self.past, f"review/{question.candidate_id}").envelope.data
        assert isinstance(event, ReviewDecided)  # noqa: S101  nothing else is filed under these keys
        return ReviewAnswer(
            approved=event.approved, reviewer=event.reviewer, simulated=event.simulated, reason=event.reason
        )
