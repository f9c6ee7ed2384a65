"""Hypothesis strategies and examples of every event, shared by the tests of all floors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from contracts.campaigns import CampaignPlan
from contracts.envelope import Envelope, schema_uri
from contracts.event import Event
from contracts.identifiers import follow_up_id, root_id
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

EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)

OXIDATION = {
    "Ca": 2,
    "Sr": 2,
    "Ba": 2,
    "La": 3,
    "Ti": 4,
    "Zr": 4,
    "Sn": 4,
    "Hf": 4,
    "Al": 3,
    "Sc": 3,
    "In": 3,
}
POWDER = {
    "Ca": "CaCO3", "Sr": "SrCO3", "Ba": "BaCO3", "La": "La2O3", "Ti": "TiO2", "Zr": "ZrO2", "Sn": "SnO2",
    "Hf": "HfO2", "Al": "Al2O3", "Sc": "Sc2O3", "In": "In2O3",
}  # fmt: skip


def perovskite(a: dict[str, int], b: dict[str, int]) -> Composition:
    """An ABO3 composition from parts on A and B."""

    def ions(parts: dict[str, int]) -> tuple[Species, ...]:
        return tuple(Species(element=e, oxidation_state=OXIDATION[e], parts=n) for e, n in parts.items())

    return Composition(
        sublattices=(
            Sublattice(label="A", multiplicity=1, species=ions(a)),
            Sublattice(label="B", multiplicity=1, species=ions(b)),
            Sublattice(label="X", multiplicity=3, species=(Species(element="O", oxidation_state=-2, parts=1),)),
        )
    )


def recipe(elements: tuple[str, ...] = ("Ba", "Zr", "Ti"), *, celsius: float = 1450, **changes: Any) -> Recipe:
    """A plain box-furnace recipe, with changes."""
    fields: dict[str, Any] = {
        "precursors": tuple(Precursor(formula=POWDER[e], element=e, lot=f"{e}-1", mass=1.0) for e in elements),
        "a_site_excess": 0.03,
        "milling": Milling(duration=6 * 3600, medium="ZrO2 balls in ethanol"),
        "form": Form.PELLET,
        "profile": ThermalProfile(
            segments=(Segment(rate=5, target=celsius + 273.15, dwell=12 * 3600),), cooling=Cooling.FURNACE
        ),
        "atmosphere": Atmosphere.AIR,
        "vessel": Vessel.PLATINUM,
        "contact": Contact.BARE,
        "regrinds": 1,
    }
    return Recipe(**(fields | changes))


def envelope(event: Event, *, n: int = 0, campaign: str = "test", at: datetime = EPOCH) -> Envelope:
    """The `n`-th envelope of a test's conversation."""
    root = root_id(campaign, "root")
    return Envelope(
        id=follow_up_id(root, "test", n),
        source="/agents/test",
        type=event.kind,
        dataschema=schema_uri(event.kind, event.version),
        time=at + timedelta(seconds=n),
        campaign=campaign,
        causationid=root,
        correlationid=root,
        data=event,
    )


def plan(**changes: Any) -> CampaignPlan:
    """A small campaign plan, with changes to its sections."""
    fields: dict[str, Any] = {
        "name": "test",
        "title": "a small plan",
        "goal": {
            "lattice": 4.116, "lattice_tolerance": 0.003, "lattice_scale": 0.010, "min_phase_fraction": 0.95,
        },
        "space": {
            "a_site": ("Ca", "Sr", "Ba"), "b_site": ("Ti", "Zr", "Sn", "Hf"), "divisor": 12, "max_species": 3,
            "max_fraction": {"Sn": 0.1}, "tolerance_factor": (0.96, 1.04), "temperatures_c": (1350, 1450),
            "dwells_h": (12, 24), "ramps": (5,), "regrinds": (0, 1, 2), "a_site_excesses": (0.0, 0.03),
            "milling_h": (6,), "vessels": ("Pt",), "atmospheres": ("air",), "contacts": ("bare",),
            "forms": ("pellet",), "coolings": ("furnace",),
        },
        "planner": {"strategy": "composite", "initial": 6, "batch": 3, "pool": 200},
        "trust": {
            "alpha": 0.1, "max_width_lattice": 0.05, "max_width_phase_fraction": 0.8, "ood_percentile": 95,
        },
        "budget": {"max_samples": 12, "max_weeks": 26},
        "scan": {"start": 15, "stop": 90, "step": 0.02, "seconds_per_step": 0.5},
        "laboratory": {
            "furnaces": ({"name": "furnace-1", "capacity": 4},),
            "diffractometer": "xrd-1", "sample_mass": 5.0,
        },
    }  # fmt: skip
    return CampaignPlan.model_validate(fields | changes)


@st.composite
def compositions(draw: st.DrawFn) -> Composition:
    """Charge-neutral II-IV perovskites in twelfths."""

    def parts(elements: tuple[str, ...]) -> dict[str, int]:
        chosen = draw(st.lists(st.sampled_from(elements), min_size=1, max_size=3, unique=True))
        cuts = sorted(draw(st.sets(st.integers(1, 11), min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
        edges = [0, *cuts, 12]
        return {e: high - low for e, low, high in zip(chosen, edges, edges[1:], strict=False)}

    return perovskite(parts(("Ca", "Sr", "Ba")), parts(("Ti", "Zr", "Sn", "Hf")))
