"""Labels from a smooth made-up truth, and models fitted on them, for tests of all that learns."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from science.chemistry.perovskite.cells import vegard
from science.designs import BOUNDS, FEATURES, Design
from science.generation.pool import Space, feasible_pool
from science.objective import Aim, Decay, Objective, Peak, Ramp
from science.problem import Column, Measured, Problem
from science.surrogate.components import ComponentModel, fit_components
from science.surrogate.dataset import Dataset, Labelled
from tests.science.generation.spaces import SPACE

NAN = float("nan")
OBJECTIVE = Objective(
    (
        Aim("phase_fraction", Ramp(zero=0.5, one=1.0)),
        Aim("lattice", Peak(at=4.116, width=0.01)),
        Aim("cubicity", Ramp(zero=0.0, one=1.0)),
        Aim("heterogeneity", Decay(2.0)),
    )
)
PROBLEM = Problem(
    chemistry="perovskite",
    properties=(
        Measured("lattice", "Angstrom", max_width=0.04, prior="lattice"),
        Measured("phase_fraction", max_width=0.9),
        Measured("cubicity"),
        Measured("heterogeneity"),
    ),
    objective=OBJECTIVE,
    family="b-site majority",
    columns=tuple(Column(*told) for told in zip(FEATURES, *BOUNDS.tolist(), strict=True)),
)
"""What these labels are asked about."""


def truth(d: Design) -> tuple[float, float, float, float]:
    """Lattice in Å, phase fraction, cubicity and heterogeneity; NaN where too little has reacted to be measured."""
    a, b = d.a_fractions, d.b_fractions
    hard = 1250.0 + 150.0 * b.get("Hf", 0.0) + 60.0 * b.get("Zr", 0.0) - 90.0 * b.get("Ti", 0.0)
    reached = d.celsius + 45.0 * math.log(d.dwell_h / 12.0) + 35.0 * d.regrinds
    reacted = 1.0 / (1.0 + math.exp(-(reached - hard) / 60.0))
    if reacted < 0.15:
        return NAN, 0.0, NAN, NAN
    bowing = 0.02 * b.get("Ti", 0.0) * b.get("Zr", 0.0) - 0.012 * a.get("Ca", 0.0) * a.get("Ba", 0.0)
    tilt = 1.0 / (1.0 + math.exp(-(d.features()[11] + 0.3) / 0.1))
    return vegard(a, b) + bowing, reacted**0.5, 0.25 + 0.75 * tilt, 0.35 * (1.0 - reacted)


def labelled(designs: tuple[Design, ...], seed: int) -> Dataset:
    """What a laboratory would have measured on these designs: lattice to 0.5 mÅ, fractions to 1 %."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, design in enumerate(designs):
        lattice, fraction, cubicity, uneven = truth(design)
        noise = rng.normal(0.0, (5e-4, 0.01, 0.01, 0.01))
        rows.append(
            Labelled(
                sample=f"c-{i:04d}-v1",
                design=design,
                values={
                    "lattice": lattice + noise[0],
                    "phase_fraction": float(np.clip(fraction + noise[1], 0, 1)) if fraction else 0.0,
                    "cubicity": float(np.clip(cubicity + noise[2], 0, 1)),
                    "heterogeneity": float(np.clip(uneven + noise[3], 0, 1)),
                },
            )
        )
    return Dataset(tuple(rows))


def with_values(row: Labelled, **changes: float) -> Labelled:
    """The label with other values."""
    return replace(row, values={**row.values, **changes})


def drawn(count: int, seed: int, space: Space = SPACE) -> tuple[Design, ...]:
    """Feasible designs of the default space; each draw of eight has eight ways to fire, so several are mixed."""
    found: dict[Design, None] = {}
    rng = np.random.default_rng(seed)
    while len(found) < count:
        found.update(dict.fromkeys(feasible_pool(space, 4, rng).designs))
    return tuple(found)[:count]


@cache
def fitted(count: int, seed: int) -> tuple[Dataset, ComponentModel]:
    """Labels of that many designs and the components fitted on them; made once."""
    dataset = labelled(drawn(count, seed), seed)
    return dataset, fit_components(dataset, PROBLEM)
