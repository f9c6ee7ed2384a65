"""All that is known of perovskites, as one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from science.chemistry.chemistry import Chemistry, Descriptor, Sites, everything
from science.chemistry.perovskite import families, ions, readings

if TYPE_CHECKING:
    from science.crystals.crystal import Crystal


def _tolerance_factor(sites: Sites) -> float:
    return ions.tolerance_factor(sites["A"], sites["B"])


def _b_site_majority(sites: Sites) -> tuple[str, ...]:
    return (families.family(sites["A"], sites["B"]), "all")


def _hypotheses(sites: Sites) -> tuple[Crystal, ...]:
    from science.chemistry.perovskite import models  # only now: names are told without loading numerics

    return models.perovskite_models(sites["A"], sites["B"])


def _lattice(designs: Any) -> Any:
    from science.chemistry.perovskite import prior  # likewise

    return prior.vegard_lattice(designs)


PEROVSKITE = Chemistry(
    name="perovskite",
    descriptors=(Descriptor("tolerance factor", "1", 0.95, 1.05, _tolerance_factor),),
    priors={"lattice": _lattice},
    families={"b-site majority": _b_site_majority, "all": everything},
    readings={
        "pseudo-cubic": readings.lattice,
        "share": readings.share,
        "cubicity": readings.cubicity,
        "heterogeneity": readings.heterogeneity,
    },
    powders=ions.POWDERS,
    hypotheses=_hypotheses,
)
"""Oxide perovskites ABO3; compositions have the sites A and B."""
