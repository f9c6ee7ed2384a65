"""Where a plan's question meets what science can work on: what is measured, what it is worth, who groups candidates."""

from __future__ import annotations

import math

from contracts.campaigns import CampaignPlan
from contracts.learning import ObservationRecorded
from science.chemistry.known import ASSUMED
from science.designs import BOUNDS, FEATURES
from science.objective import Aim, AtLeast, Decay, Objective, Peak, Ramp, Within
from science.problem import Column, Measured, Problem

COLUMNS = tuple(
    Column(name, float(low), float(high)) for name, low, high in zip(FEATURES, BOUNDS[0], BOUNDS[1], strict=True)
)


def problem_of(plan: CampaignPlan) -> Problem:
    """What a campaign asks: as long as plans name no properties, always about the same four."""
    trust = plan.trust
    return Problem(
        chemistry=ASSUMED,
        properties=(
            Measured("lattice", "Angstrom", trust.max_width_lattice, prior="lattice"),
            Measured("phase_fraction", max_width=trust.max_width_phase_fraction),
            Measured("cubicity"),
            Measured("heterogeneity"),
        ),
        objective=_objective_of(plan),
        family="b-site majority",
        columns=COLUMNS,
    )


def values_in(label: ObservationRecorded) -> dict[str, float]:
    """Property → what was measured; NaN where it could not be."""
    told = {
        "lattice": label.lattice,
        "phase_fraction": label.phase_fraction,
        "cubicity": label.cubicity,
        "heterogeneity": label.heterogeneity,
    }
    return {name: math.nan if value is None else value for name, value in told.items()}


def _objective_of(plan: CampaignPlan) -> Objective:
    """Enough of the phase, with the lattice, cubic and even."""
    goal = plan.goal
    return Objective(
        aims=(
            Aim("phase_fraction", Ramp(zero=0.5, one=1.0)),
            Aim("lattice", Peak(goal.lattice, goal.lattice_scale)),
            Aim("cubicity", Ramp(zero=0.0, one=1.0)),
            Aim("heterogeneity", Decay(2.0)),
        ),
        demands=(
            Within("lattice", goal.lattice, goal.lattice_tolerance),
            AtLeast("cubicity", 1.0),
            AtLeast("phase_fraction", goal.min_phase_fraction),
        ),
    )
