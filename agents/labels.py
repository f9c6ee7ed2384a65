"""What a measured sample teaches, if anything: labels, rows to train on, and reasons why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.designs import design_of
from agents.problems import problem_of, values_in
from contracts.campaigns import CampaignPlan
from contracts.diffraction import (
    Analysis,
    AnalysisFlagged,
    MeasurementFailed,
    PhaseFound,
    PhasesIdentified,
    Verdict,
)
from contracts.learning import ObservationRecorded
from contracts.synthesis import FurnaceCalibrated, SampleSynthesised

if TYPE_CHECKING:
    from science.surrogate.dataset import Labelled

SURE = 0.5
"""Confidence in the wanted phase below which a pattern teaches nothing."""
MASS_TOLERANCE = 0.01
"""Relative departure of the product mass from what conservation predicts that is still believed: three times what good
weighing scatters, so that a powder that is 5 % off shows in most samples, and a dirty crucible in all."""


def doubt_about(
    event: PhasesIdentified | AnalysisFlagged | MeasurementFailed, made: SampleSynthesised, plan: CampaignPlan
) -> str | None:
    """Why nothing may be learnt, if so.

    Args:
        event: what came of the measurement.
        made: what was measured.
        plan: says how well a lattice parameter must be known.
    """
    if not made.steps_ok:
        return f"a step of its making is doubtful: {'; '.join(made.doubts)}"
    if abs(made.product_mass - made.expected_mass) > MASS_TOLERANCE * made.expected_mass:
        return f"the product weighs {made.product_mass:.3f} g, conservation of mass expects {made.expected_mass:.3f} g"
    if isinstance(event, MeasurementFailed):
        return f"it could not be measured: {event.reason}"
    if isinstance(event, AnalysisFlagged):
        return f"its pattern is not accounted for: {event.reason}"
    wanted = wanted_phase(event.analysis)
    if wanted is not None:
        return _doubt_of(wanted, plan)
    if event.analysis.verdict is not Verdict.IDENTIFIED:
        return "no perovskite was found, but the pattern can be read in more than one way"
    return None


def _doubt_of(wanted: PhaseFound, plan: CampaignPlan) -> str | None:
    """Why nothing may be learnt from a perovskite, if so.

    Models take labels for exact. A lattice parameter that is less well known than the widest prediction on which a
    furnace is heated would teach them its error.
    """
    if wanted.confidence < SURE:
        return f"confidence in {wanted.name} is only {wanted.confidence:.2f}"
    if wanted.alternatives:
        return f"{', '.join(wanted.alternatives)} would fit as well as {wanted.name}"
    if (su := wanted.pseudo_cubic_su) is not None and su > plan.trust.max_width_lattice:
        return f"the lattice of {wanted.name} is known within {su:.2g} angstrom only"
    return None


def found_off(event: FurnaceCalibrated) -> str:
    """Why what a furnace made is doubtful after this calibration."""
    than = "hotter" if event.deviation > 0 else "colder"
    known = "" if event.uncertainty is None else f" (within {event.uncertainty:g} K)"
    return (
        f"{event.furnace}, where it was fired, was found {abs(event.deviation):.1f} K{known} {than} than it said "
        f"when it was calibrated on {event.calibrated_at:%Y-%m-%d}"
    )


def wanted_phase(analysis: Analysis) -> PhaseFound | None:
    """The perovskite with the largest share, if there is one."""
    perovskites = [p for p in analysis.phases if p.pseudo_cubic is not None]
    return max(perovskites, key=lambda p: p.weight_fraction, default=None)


def label_of(
    event: PhasesIdentified, made: SampleSynthesised, plan: CampaignPlan, batch_id: str
) -> ObservationRecorded:
    """The label that an answer becomes.

    Args:
        event: the answer.
        made: what was measured.
        plan: says what is good.
        batch_id: of its proposal.
    """
    import numpy as np

    from science.chemistry.perovskite.cells import CUBICITY
    from science.chemistry.perovskite.readings import unevenness

    wanted = wanted_phase(event.analysis)
    problem = problem_of(plan)
    values: dict[str, float] = {}
    utility = 0.0
    if wanted is not None and wanted.pseudo_cubic is not None:
        values = {
            "lattice": wanted.pseudo_cubic,
            "phase_fraction": wanted.weight_fraction,
            "cubicity": CUBICITY[wanted.space_group],
            "heterogeneity": unevenness(wanted.microstrain or 0.0),
        }
        utility = float(np.clip(problem.objective.utility({name: np.array(v) for name, v in values.items()}), 0, 1))
    return ObservationRecorded(
        sample_id=event.sample_id,
        candidate_id=made.candidate_id,
        batch_id=batch_id,
        measurement_id=event.measurement_id,
        composition=made.composition,
        family=problem.family_of(design_of(made.composition, made.recipe).sites),
        lattice=values.get("lattice"),
        phase_fraction=values.get("phase_fraction", 0.0),
        cubicity=values.get("cubicity"),
        heterogeneity=values.get("heterogeneity"),
        utility=utility,
        success=problem.objective.met(values),
    )


def row_of(label: ObservationRecorded, made: SampleSynthesised) -> Labelled:
    """The label as models are trained on it."""
    from science.surrogate.dataset import Labelled

    return Labelled(label.sample_id, design_of(made.composition, made.recipe), values_in(label))
