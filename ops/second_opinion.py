"""What the agents would have learnt, had an instrument handed in another file: asked of them outside the lab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from agents.agent import MOMENT, Moment
from agents.retrainer import Retrainer
from agents.xrd_analyser import XrdAnalyser
from contracts.diffraction import MeasurementStarted, PatternMeasured, PhasesIdentified
from contracts.event import Event
from contracts.instruments import Diffractometer, ScanReport
from contracts.learning import ObservationRecorded
from contracts.materials import ArtifactRef
from contracts.synthesis import SampleSynthesised

if TYPE_CHECKING:
    from numpy.random import Generator

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class _Desk:
    """A workbench with one file on it."""

    content: bytes

    async def compute(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Works on the spot."""
        return fn(*args, **kwargs)

    async def fetch(self, _ref: ArtifactRef) -> bytes:
        """The file."""
        return self.content

    async def keep(self, content: bytes, media_type: str, name: str) -> ArtifactRef:
        """Keeps nothing; says what it would be called."""
        return ArtifactRef(sha256=sha256(content).hexdigest(), size=len(content), media_type=media_type, name=name)

    async def wait_until(self, when: datetime) -> None:
        """Waits for nothing."""


async def would_be_learnt(
    before: Sequence[Event],
    made: SampleSynthesised,
    report: ScanReport,
    diffractometer: Diffractometer,
    library: str | None,
) -> ObservationRecorded | None:
    """The label that a file would have become; none if it would have been withheld.

    Args:
        before: what they had heard: the campaign, and standards.
        made: the vial.
        report: the file.
        diffractometer: whose file it is.
        library: phase library instead of the shipped one.
    """
    desk = _Desk(report.content)
    analyser, retrainer = XrdAnalyser(diffractometer, library), Retrainer()
    asked = MeasurementStarted(measurement_id=report.key, sample_id=made.sample_id, instrument=diffractometer.name)
    measured = PatternMeasured(
        measurement_id=report.key,
        sample_id=made.sample_id,
        instrument=diffractometer.name,
        pattern=await desk.keep(report.content, "application/octet-stream", report.file_name),
        radiation=report.radiation,
        started_at=report.started_at,
        ended_at=report.ended_at,
        asked=True,
    )
    MOMENT.set(Moment(report.ended_at, _dice))  # agents know no other time than that of their event
    agents: tuple[Any, ...] = (analyser, retrainer)
    for agent in agents:
        agent.attach(desk)
        for event in (*before, made, asked):
            if type(event) in agent.kinds():
                agent.fold(event)
    async for identified in analyser.identify(measured):
        if isinstance(identified, PhasesIdentified):
            async for learnt in retrainer.label(identified):
                if isinstance(learnt, ObservationRecorded):
                    return learnt
    return None


def _dice() -> Generator:
    from numpy.random import default_rng

    return default_rng(0)
