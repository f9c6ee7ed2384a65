"""What is learnt from measurements, and the models that come of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.event import Event, Words
from contracts.identifiers import BatchId, CandidateId, MeasurementId, ModelId, SampleId, Sha256
from contracts.materials import ArtifactRef, Composition
from contracts.planning import ModelRef
from contracts.quantities import Angstrom, Count, Fraction, NonNegative


class ObservationRecorded(Event, kind="learning.observation_recorded"):
    """A measured sample became a label."""

    sample_id: SampleId
    """The vial."""
    candidate_id: CandidateId
    """The proposal that it carried out."""
    batch_id: BatchId
    """The batch of the proposal."""
    measurement_id: MeasurementId
    """The pattern that it rests on."""
    composition: Composition
    """What it was meant to become."""
    family: str
    """Its chemistry family."""
    lattice: Angstrom | None
    """Pseudo-cubic lattice parameter; none when no perovskite was found."""
    phase_fraction: Fraction
    """Share of the wanted phase."""
    cubicity: Fraction | None
    """1 for Pm-3m, less for distorted cells; none when no perovskite was found."""
    heterogeneity: NonNegative | None
    """Spread of the composition as line widths show it; none when no perovskite was found."""
    utility: Fraction
    """How good it is for the goal."""
    success: bool
    """Whether it meets the goal."""


class ObservationWithheld(Event, kind="learning.observation_withheld"):
    """A sample was measured and does not become a label."""

    sample_id: SampleId
    """The vial, or the name that a dropped file gave."""
    candidate_id: CandidateId | None
    """The proposal; none for a file that nobody asked for."""
    reason: str
    """Why it is not learnt from."""


class ObservationRetracted(Event, kind="learning.observation_retracted"):
    """A label turned out to be doubtful after it was recorded; models from here on are fitted without it."""

    sample_id: SampleId
    """The vial."""
    candidate_id: CandidateId
    """The proposal that it carried out."""
    measurement_id: MeasurementId
    """The pattern that the label rested on."""
    reason: str
    """What was found out, and how."""


class Metric(Words):
    """A number that says how good a model is."""

    name: str
    """Which."""
    value: float
    """The number."""
    unit: str
    """Its unit."""


class ModelReleased(Event, kind="learning.model_released"):
    """A model was fitted and passed its checks; agents use it from here on."""

    model: ModelRef
    """Its name and digest."""
    artifact: ArtifactRef
    """The component models."""
    trust_model: ModelRef
    """Name and digest of the trust model fitted with it."""
    trust_artifact: ArtifactRef
    """Ensemble, out-of-distribution thresholds and calibration scores."""
    dataset: ArtifactRef
    """The immutable snapshot that both were fitted on."""
    n_observations: Annotated[int, Field(ge=1)]
    """Observations in the snapshot."""
    metrics: tuple[Metric, ...]
    """What the checks found."""


class ModelRejected(Event, kind="learning.model_rejected"):
    """A model was fitted and did not pass, or could not be fitted; the last one stays in use."""

    model_id: ModelId
    """The name that it would have had."""
    dataset_sha256: Sha256
    """The snapshot it was fitted on."""
    n_observations: Count
    """Observations in it."""
    reason: str
    """Why."""
    metrics: tuple[Metric, ...]
    """What the checks found."""
