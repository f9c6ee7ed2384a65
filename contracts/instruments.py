"""What an instrument must be able to do.

Three verbs make a physical action effectively once: `start` is idempotent in its key, `ask` says what
became of a key after a crash, `finish` waits for the end. A driver keeps these promises over a wire, a
simulator keeps them over a hidden world, and one promise suite runs on all of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol, Self, TypeVar, runtime_checkable

from pydantic import AwareDatetime, Field, JsonValue, model_validator

from contracts.event import Words
from contracts.identifiers import CandidateId, MeasurementId, SampleId, StepId
from contracts.materials import Composition
from contracts.quantities import Angstrom, DegreesTwoTheta, Fraction, Seconds
from contracts.recipe import Recipe


class StepKind(StrEnum):
    """The physical actions of a solid-state synthesis, and the calibration of the furnace that it depends on."""

    WEIGH = "weigh"
    MILL = "mill"
    LOAD = "load"
    FIRE = "fire"
    REGRIND = "regrind"
    UNLOAD = "unload"
    CALIBRATE = "calibrate"
    """Holds the furnace against a reference thermocouple beside its own, and corrects its controller by the difference.
    The report carries the readings `SHOWN` and `REFERENCE`, and `UNCERTAINTY` where it is known."""


SHOWN, REFERENCE, UNCERTAINTY = "shown temperature", "reference temperature", "reference uncertainty"
"""Readings of a calibration: what the furnace says it has, what the reference says, both in Cel before the correction;
and the standard uncertainty of the reference in K."""


class ActionState(StrEnum):
    """What an instrument knows of a key."""

    NEVER_SEEN = "never seen"
    RUNNING = "running"
    DONE = "done"
    UNKNOWN = "unknown"


class Reading(Words):
    """A number that an instrument logged."""

    name: str
    """What was read: ``balance mass of BaCO3``, ``peak temperature``."""
    value: float
    """The number."""
    unit: str
    """Its unit."""


class StepSample(Words):
    """One vial taking part in a step."""

    sample_id: SampleId
    """The vial."""
    composition: Composition
    """What it is meant to become."""
    recipe: Recipe
    """How."""


class StepRequest(Words):
    """What the synthesiser is asked to do."""

    key: StepId
    """Idempotency key: the same key is the same action, whoever asks and however often."""
    step: StepKind
    """Which action."""
    samples: tuple[StepSample, ...]
    """The vials; firing takes a whole batch, a calibration none, the other steps one."""
    firing: Annotated[int, Field(ge=1)] = 1
    """Which firing it belongs to, from 1."""

    @model_validator(mode="after")
    def _takes_its_vials(self) -> Self:
        if bool(self.samples) == (self.step is StepKind.CALIBRATE):
            wanted = "no vials" if self.samples else "at least one vial"
            raise ValueError(f"expected {wanted} to {self.step.value}, got {len(self.samples)}")
        return self


class SampleTrouble(Words):
    """What the instrument noticed about one vial."""

    sample_id: SampleId
    """The vial."""
    reason: str
    """What was seen, such as ``vial dropped (vibration 3.1 g)``."""
    lost: bool
    """Whether the vial is gone; otherwise it goes on, marked as doubtful."""


class StepReport(Words):
    """What became of a step, as the instrument tells it."""

    key: StepId
    """The action."""
    succeeded: bool
    """The instrument's own success flag."""
    retryable: bool = False
    """For a failed step: whether the very same action may be tried again without harm."""
    reason: str = ""
    """For a failed step: why."""
    started_at: AwareDatetime
    """When the action began."""
    ended_at: AwareDatetime
    """When it ended."""
    readings: tuple[Reading, ...] = ()
    """What the instrument logged."""
    troubles: tuple[SampleTrouble, ...] = ()
    """Vials that something happened to."""


class ScanRequest(Words):
    """What the diffractometer is asked to measure."""

    key: MeasurementId
    """Idempotency key."""
    sample_id: SampleId
    """The vial."""
    start: DegreesTwoTheta
    """First angle."""
    stop: DegreesTwoTheta
    """Last angle."""
    step: Annotated[float, Field(gt=0, le=1, json_schema_extra={"unit": "deg"})]
    """Distance between angles."""
    seconds_per_step: Seconds
    """Counting time at each angle."""


class Radiation(Words):
    """The X-rays that a pattern was measured with, as far as the instrument says."""

    anode: str | None = None
    """``Cu``, ``Co``, ``Mo`` …"""
    k_alpha1: Angstrom | None = None
    """Wavelength of the first line."""
    k_alpha2: Angstrom | None = None
    """Wavelength of the second; none behind a monochromator that removes it."""
    k_alpha2_ratio: Fraction | None = None
    """Intensity of the second relative to the first."""


class ScanReport(Words):
    """A measured file, exactly as the instrument wrote it."""

    key: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial it came from, or the name that the file gives."""
    content: bytes
    """The file's bytes, untouched."""
    file_name: str
    """The file's name; its suffix tells the format."""
    radiation: Radiation
    """What is known of the X-rays."""
    started_at: AwareDatetime
    """When the scan began."""
    ended_at: AwareDatetime
    """When it ended."""
    problem: str = ""
    """Why the file cannot be used, if it cannot."""


class Clock(Protocol):
    """The lab's time. `ops` owns the one clock; nobody else reads the wall."""

    def now(self) -> datetime:
        """The time in the lab, aware, UTC."""
        ...

    async def sleep_until(self, when: datetime) -> None:
        """Returns when the lab's time has reached `when`."""
        ...

    async def poll(self, seconds: float) -> None:
        """Waits for the outside world in real seconds; a virtual clock does not run on meanwhile."""
        ...


class Asked(Protocol):
    """What an instrument is asked to do."""

    @property
    def key(self) -> str:
        """The action's idempotency key."""
        ...


Request_contra = TypeVar("Request_contra", bound=Asked, contravariant=True)
Report_co = TypeVar("Report_co", covariant=True)


@runtime_checkable
class Instrument(Protocol[Request_contra, Report_co]):
    """Carries out physical actions, each under a key of its own, and can say later what became of it."""

    @property
    def name(self) -> str:
        """Name of the instrument."""
        ...

    async def start(self, request: Request_contra, /) -> None:
        """Begins the action; asked again with the same key it does nothing more."""
        ...

    async def ask(self, key: str, /) -> ActionState:
        """What became of that key."""
        ...

    async def finish(self, key: str, /) -> Report_co:
        """Waits until the action has ended and reports; asked again it reports the same."""
        ...


@runtime_checkable
class Synthesiser(Instrument[StepRequest, StepReport], Protocol):
    """Weighs, mills, loads, fires and unloads vials, and has its furnace calibrated."""


@runtime_checkable
class SelectiveSynthesiser(Protocol):
    """A synthesiser that says which steps it offers; any other offers all of them."""

    async def offers(self, step: StepKind) -> bool:
        """Whether it can be asked for such a step at all; waits until the instrument itself has been heard."""
        ...


@runtime_checkable
class Diffractometer(Instrument[ScanRequest, ScanReport], Protocol):
    """Measures the powder pattern of a vial, and hands over the file."""


@runtime_checkable
class UnaskedDiffractometer(Protocol):
    """A diffractometer that also hands in files that nobody asked for, such as a watched folder."""

    def unasked(self) -> AsyncIterator[ScanReport]:
        """Files as they come, for ever; each carries a key that follows from its name and content."""
        ...


class ReviewQuestion(Words):
    """What a reviewer is asked."""

    candidate_id: CandidateId
    """The candidate in doubt."""
    composition: Composition
    """What it is meant to become."""
    recipe: Recipe
    """How."""
    reasons: tuple[str, ...]
    """Why the trust auditor would not decide alone."""
    evidence: JsonValue
    """The decision record as JSON."""


class ReviewAnswer(Words):
    """What a reviewer says."""

    approved: bool
    """Whether the candidate may be made."""
    reviewer: str
    """Who decided."""
    simulated: bool
    """Whether a policy stood in for a human."""
    reason: str
    """Why."""


@runtime_checkable
class Reviewer(Protocol):
    """Answers reviews: a human at a desk, or a policy that says that it is one."""

    async def decide(self, question: ReviewQuestion) -> ReviewAnswer:
        """The answer to one question."""
        ...
