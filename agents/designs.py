"""Where what is said meets what is known: compositions and recipes as designs, and back."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.campaigns import CampaignPlan
from contracts.materials import Composition, Species, Sublattice
from contracts.recipe import (
    Atmosphere,
    Contact,
    Cooling,
    Form,
    Milling,
    Precursor,
    Recipe,
    Segment,
    ThermalProfile,
    Vessel,
)
from science.chemistry.elements import CHARGE
from science.chemistry.perovskite.ions import POWDERS
from science.chemistry.weighing import weigh_out
from science.constraints.checks import Limits
from science.designs import Design, Parts
from science.generation.pool import Space

CELSIUS = 273.15
MEDIUM = "ZrO2 balls in ethanol"


def space_of(plan: CampaignPlan) -> Space:
    """What a campaign's planner may choose from."""
    s = plan.space
    return Space(
        a_site=s.a_site,
        b_site=s.b_site,
        celsius=s.temperatures_c,
        dwells_h=s.dwells_h,
        ramps=s.ramps,
        regrinds=s.regrinds,
        a_excesses=s.a_site_excesses,
        milling_h=s.milling_h,
        vessels=tuple(v.value for v in s.vessels),
        atmospheres=tuple(a.value for a in s.atmospheres),
        contacts=tuple(c.value for c in s.contacts),
        forms=tuple(f.value for f in s.forms),
        coolings=tuple(c.value for c in s.coolings),
        limits=Limits(s.divisor, s.max_species, dict(s.max_fraction), s.tolerance_factor),
    )


def _ions(parts: Parts) -> tuple[Species, ...]:
    return tuple(Species(element=e, oxidation_state=CHARGE[e], parts=n) for e, n in parts)


def composition_of(design: Design) -> Composition:
    """The design's composition; charges are checked once more when it is built."""
    oxygen = (Species(element="O", oxidation_state=-2, parts=1),)
    return Composition(
        sublattices=(
            Sublattice(label="A", multiplicity=1, species=_ions(design.a_site)),
            Sublattice(label="B", multiplicity=1, species=_ions(design.b_site)),
            Sublattice(label="X", multiplicity=3, species=oxygen),
        )
    )


def recipe_of(design: Design, plan: CampaignPlan) -> Recipe:
    """The design's recipe with every gram worked out."""
    masses = weigh_out(
        composition_of(design).amounts,
        dict.fromkeys(design.a_fractions, design.a_excess),
        plan.laboratory.sample_mass,
        POWDERS,
    )
    return Recipe(
        precursors=tuple(
            Precursor(formula=POWDERS[e], element=e, lot=f"{POWDERS[e]}-1", mass=round(m, 4)) for e, m in masses.items()
        ),
        a_site_excess=design.a_excess,
        milling=Milling(duration=design.milling_h * 3600, medium=MEDIUM),
        form=Form(design.form),
        profile=ThermalProfile(
            segments=(Segment(rate=design.ramp, target=design.celsius + CELSIUS, dwell=design.dwell_h * 3600),),
            cooling=Cooling(design.cooling),
        ),
        atmosphere=Atmosphere(design.atmosphere),
        vessel=Vessel(design.vessel),
        contact=Contact(design.contact),
        regrinds=design.regrinds,
    )


def design_of(composition: Composition, recipe: Recipe) -> Design:
    """A composition and its recipe as a design."""

    def parts(label: str) -> Parts:
        return tuple((s.element, s.parts) for s in composition.site(label).species)

    segment = recipe.profile.segments[-1]
    return Design(
        a_site=parts("A"),
        b_site=parts("B"),
        celsius=round(recipe.profile.peak - CELSIUS, 6),
        dwell_h=segment.dwell / 3600,
        ramp=segment.rate,
        regrinds=recipe.regrinds,
        a_excess=recipe.a_site_excess,
        milling_h=recipe.milling.duration / 3600,
        vessel=recipe.vessel.value,
        atmosphere=recipe.atmosphere.value,
        contact=recipe.contact.value,
        form=recipe.form.value,
        cooling=recipe.profile.cooling.value,
    )


VESSEL_ELEMENTS: Mapping[Vessel, frozenset[str]] = {
    Vessel.ALUMINA: frozenset({"Al"}),
    Vessel.PLATINUM: frozenset({"Pt"}),
    Vessel.MAGNESIA: frozenset({"Mg"}),
    Vessel.ZIRCONIA: frozenset({"Zr"}),
}
"""What a crucible may leave in a sample."""


def elements_in(composition: Composition, recipe: Recipe) -> frozenset[str]:
    """Elements that a sample may contain: its own, those of the air, and those of its vessel."""
    return frozenset(composition.amounts) | {"O", "C", "H"} | VESSEL_ELEMENTS[recipe.vessel]
