"""Measuring a powder pattern, and naming the phases in it or saying that one cannot."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.campaigns import ScanSettings
from contracts.event import Event, Words
from contracts.identifiers import InstrumentName, MeasurementId, SampleId, Sha256
from contracts.instruments import Radiation
from contracts.materials import ArtifactRef
from contracts.quantities import (
    Angstrom,
    AngstromSpan,
    Bits,
    Count,
    Days,
    Degrees,
    DegreesTwoTheta,
    Fraction,
    Hours,
    Millimetre,
    Nanometre,
    NonNegative,
)

ZeroError = Annotated[float, Field(ge=-5, le=5, json_schema_extra={"unit": "deg"})]
"""Error of the circle of a diffractometer in 2θ."""
AxialDivergence = Annotated[float, Field(ge=0, le=5, json_schema_extra={"unit": "deg"})]
"""Degrees 2θ by which rays that leave the equator of a diffractometer come early."""


class MeasurementStarted(Event, kind="diffraction.measurement_started"):
    """The intent: written before the diffractometer is asked."""

    measurement_id: MeasurementId
    """Idempotency key of the measurement."""
    sample_id: SampleId
    """The vial."""
    instrument: InstrumentName
    """The diffractometer."""


class PatternMeasured(Event, kind="diffraction.pattern_measured", answers="scan/{measurement_id}"):
    """A powder pattern was collected."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial, or the name that the file gave."""
    instrument: InstrumentName
    """The diffractometer."""
    pattern: ArtifactRef
    """The file, byte for byte as the instrument wrote it."""
    radiation: Radiation
    """What is known of the X-rays."""
    started_at: AwareDatetime
    """When the scan began."""
    ended_at: AwareDatetime
    """When it ended."""
    asked: bool
    """Whether the lab asked for it; a dropped file of an unknown sample was not asked for."""


class MeasurementFailed(Event, kind="diffraction.measurement_failed", answers="scan/{measurement_id}"):
    """No usable file came of it."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial, or the name that the file gave."""
    instrument: InstrumentName
    """The diffractometer."""
    reason: str
    """Why."""
    retryable: bool
    """Whether measuring again makes sense."""


class Verdict(StrEnum):
    """How sure the identification is."""

    IDENTIFIED = "identified"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


class Cell(Words):
    """A refined unit cell."""

    a: Angstrom
    """Length a."""
    b: Angstrom
    """Length b."""
    c: Angstrom
    """Length c."""
    alpha: Degrees
    """Angle between b and c."""
    beta: Degrees
    """Angle between a and c."""
    gamma: Degrees
    """Angle between a and b."""


class CellErrors(Words):
    """Standard uncertainties of a refined unit cell; 0 where symmetry fixes a value."""

    a: AngstromSpan
    """Of length a."""
    b: AngstromSpan
    """Of length b."""
    c: AngstromSpan
    """Of length c."""
    alpha: Degrees
    """Of the angle between b and c."""
    beta: Degrees
    """Of the angle between a and c."""
    gamma: Degrees
    """Of the angle between a and b."""


class MarchDollase(Words):
    """Preferred orientation as one parameter about one axis (Dollase 1986, doi:10.1107/S0021889886089458)."""

    axis: tuple[int, int, int]
    """Miller indices of the planes that lie flat, or stand up."""
    r: Annotated[float, Field(gt=0, le=100, json_schema_extra={"unit": "1"})]
    """1 for none, below 1 where plates lie flat, above 1 where needles do."""


class PhaseFound(Words):
    """One phase of the mixture."""

    name: str
    """The library entry, or the solid-solution model that was tried."""
    formula: str
    """Its formula."""
    space_group: Annotated[int, Field(ge=1, le=230)]
    """International number of its space group."""
    weight_fraction: Fraction
    """Share of the crystalline mass that was explained."""
    cell: Cell
    """Its refined cell."""
    pseudo_cubic: Angstrom | None
    """Pseudo-cubic lattice parameter, for perovskites."""
    confidence: Fraction
    """How sure it is that the phase is there."""
    alternatives: tuple[str, ...]
    """Other substances that fit about as well in its place."""
    microstrain: NonNegative | None
    """Relative spread of the lattice that its line widths show."""
    members: tuple[str, ...] = ()
    """Other entries that a powder pattern cannot tell from it, such as isostructural ones: the answer is the class."""
    weight_fraction_su: NonNegative | None = None
    """Standard uncertainty of the weight fraction."""
    cell_su: CellErrors | None = None
    """Standard uncertainties of the cell."""
    pseudo_cubic_su: AngstromSpan | None = None
    """Standard uncertainty of the pseudo-cubic lattice parameter."""
    size_nm: Nanometre | None = None
    """Crystallite size; none where the width of the instrument hides it."""
    size_su_nm: Nanometre | None = None
    """Its standard uncertainty."""
    in_prediction_set: bool | None = None
    """Whether it belongs to the set that holds nine of ten true phases."""
    texture: NonNegative | None = None
    """Root mean square by which its line intensities deviate, relative."""
    march_dollase: MarchDollase | None = None
    """Preferred orientation that was refined; none where it was not."""


class DoubtfulPhase(Words):
    """A phase that would explain something and is not claimed."""

    name: str
    """The library entry and its space group."""
    probability: Fraction
    """How likely it is there all the same."""


class UnexplainedLine(Words):
    """A line that no phase accounts for."""

    two_theta: DegreesTwoTheta
    """Where."""
    d: Angstrom
    """The spacing that it would mean."""
    relative_intensity: NonNegative
    """Height relative to the strongest line."""


class Analysis(Words):
    """What came of a pattern."""

    verdict: Verdict
    """How sure."""
    phases: tuple[PhaseFound, ...]
    """Phases found, largest share first."""
    unexplained_fraction: Fraction
    """Share of the net intensity that nothing accounts for."""
    unexplained_lines: tuple[UnexplainedLine, ...]
    """Its strongest lines."""
    r_wp: NonNegative
    """Weighted profile residual; 0.05 is 5 %."""
    zero: ZeroError
    """Refined zero error in 2θ."""
    displacement: Millimetre
    """Refined sample displacement."""
    wavelength: Angstrom
    """Wavelength that was used."""
    flags: tuple[str, ...]
    """What else was noticed."""
    library_sha256: Sha256
    """The library that was searched."""
    missing: Fraction | None = None
    """Calibrated probability that a phase is missing from the answer."""
    doubtful: tuple[DoubtfulPhase, ...] = ()
    """Phases that are not claimed and may be there, likeliest first."""


class PhasesIdentified(Event, kind="diffraction.phases_identified", version=2):
    """The pattern is accounted for."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial."""
    analysis: Analysis
    """What was found."""


class AnalysisFlagged(Event, kind="diffraction.analysis_flagged", version=2):
    """The pattern is not accounted for, and nothing may be learnt from it."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial."""
    reason: str
    """Why, in one sentence."""
    analysis: Analysis | None
    """What was found as far as it goes; none when the file could not be read."""


class RescanRequested(Event, kind="diffraction.rescan_requested"):
    """An answer is in doubt, and measuring again is expected to settle it; said before the answer itself."""

    measurement_id: MeasurementId
    """Idempotency key of the scan to come."""
    doubted: MeasurementId
    """The measurement whose answer is in doubt; it stands only if the scan to come shows nothing."""
    sample_id: SampleId
    """The vial."""
    instrument: InstrumentName
    """The diffractometer."""
    scan: ScanSettings
    """Range and counting time."""
    hours: Hours
    """What it takes of the day's budget."""
    reason: str
    """What is in doubt, and what the scan does about it."""
    expected_gain: Bits
    """How much of the doubt it is expected to settle."""


class AnalysisReviewRequested(Event, kind="diffraction.analysis_review_requested"):
    """An answer is in doubt and no scan would settle it: a person is asked to look at it."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial, or the name that the file gave."""
    priority: Fraction
    """How urgent it is."""
    question: str
    """What is asked."""


class AnalysisReviewDeferred(Event, kind="diffraction.analysis_review_deferred"):
    """As many questions as people want in a day are asked; this one waits, and is not lost."""

    measurement_id: MeasurementId
    """The measurement."""
    sample_id: SampleId
    """The vial, or the name that the file gave."""
    priority: Fraction
    """How urgent it is: the most urgent is asked first."""
    question: str
    """What will be asked."""
    until: AwareDatetime
    """When the next day begins."""
    waiting: Count
    """How many wait now."""


class ReviewsResumed(Event, kind="diffraction.reviews_resumed"):
    """A new day began, and questions that were put off may be asked."""

    since: AwareDatetime
    """When it began."""


class StandardMeasured(Event, kind="diffraction.standard_measured", version=2):
    """A reference powder was scanned: what it says of the diffractometer."""

    measurement_id: MeasurementId
    """The measurement."""
    instrument: InstrumentName
    """The diffractometer."""
    standard: str
    """The reference powder: ``Si``, ``LaB6`` or ``Al2O3``."""
    measured_at: AwareDatetime
    """When the scan ended."""
    zero: ZeroError
    """Zero error: where nothing is displaced, lines are found that much too high."""
    zero_su: Annotated[float, Field(ge=0, le=5, json_schema_extra={"unit": "deg"})]
    """Its standard uncertainty."""
    displacement: Millimetre
    """Displacement of the reference in its holder."""
    displacement_su: NonNegative
    """Its standard uncertainty in mm."""
    axial: AxialDivergence | None
    """Axial divergence: how early rays farthest off the equator come where cot 2θ = 1, as the shapes of lines show it;
    unknown before version 2."""
    axial_su: AxialDivergence | None
    """Its standard uncertainty."""
    lines: Annotated[int, Field(ge=1)]
    """Lines that were used."""


class DriftDetected(Event, kind="diffraction.drift_detected"):
    """A diffractometer's zero left where it was."""

    measurement_id: MeasurementId
    """The scan of a standard at which it was noticed."""
    instrument: InstrumentName
    """The diffractometer."""
    since: AwareDatetime
    """The last standard before it began."""
    delay_days: Days
    """How long it went unnoticed."""
    by: ZeroError
    """How far the zero is off since then."""
    quiet_standards: NonNegative
    """Standards between two false alarms of this test, on average."""
