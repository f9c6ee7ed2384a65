"""Where a plan's question meets what science can work on: names of properties, and what they are worth."""

from __future__ import annotations

from contracts.campaigns import CampaignPlan
from science.acquisition.objective import Aim, AtLeast, Decay, Objective, Peak, Ramp, Within


def objective_of(plan: CampaignPlan) -> Objective:
    """What a campaign looks for: enough of the phase, with the lattice, cubic and even."""
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
