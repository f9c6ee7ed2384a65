"""The form that campaign files had before they stated a question, as a question: a perovskite's lattice by X-rays."""

from __future__ import annotations

from typing import Any

from contracts.campaigns import CampaignPlan
from contracts.questions import Question

CHARGES = {"Ca": 2, "Sr": 2, "Ba": 2, "La": 3, "Ti": 4, "Zr": 4, "Sn": 4, "Hf": 4, "Al": 3, "Sc": 3, "In": 3}
"""What that form left unsaid."""
LEVELS = (
    ("temperature", "Cel", "temperatures_c", True), ("dwell", "h", "dwells_h", True), ("ramp", "K/min", "ramps", True),
    ("regrinds", "1", "regrinds", True), ("a_site_excess", "1", "a_site_excesses", False),
    ("milling", "h", "milling_h", False),
)  # fmt: skip
CHOICES = (
    ("atmosphere", "atmospheres", True), ("cooling", "coolings", True), ("vessel", "vessels", False),
    ("contact", "contacts", False), ("form", "forms", False),
)  # fmt: skip
"""Setting, its unit, the key that it had, whether samples of a furnace run share it."""


def question_of(plan: CampaignPlan) -> Question:
    """What a plan of that form asks."""
    space, trust, xrd = plan.space, plan.trust, plan.laboratory.diffractometer
    return Question.model_validate(
        {
            "chemistry": "perovskite",
            "family": "b-site majority",
            "route": "solid-state",
            "space": {"composition": _sites(plan), "settings": _settings(plan)},
            "constraints": [
                {"kind": "neutral"},
                {"kind": "between", "quantity": "tolerance factor", "low": space.tolerance_factor[0],
                 "high": space.tolerance_factor[1]},
                *({"kind": "cap", "species": e, "most": x} for e, x in space.max_fraction.items()),
                {"kind": "rule", "name": "vessel chemistry"},
            ],
            "properties": [
                {"name": "lattice", "unit": "Angstrom", "symbol": "a", "digits": 4,
                 "source": _read(xrd, "pseudo-cubic"), "max_su": trust.max_width_lattice,
                 "max_width": trust.max_width_lattice},
                {"name": "phase_fraction", "symbol": "w", "low": 0, "high": 1, "source": _read(xrd, "share"),
                 "max_width": trust.max_width_phase_fraction},
                {"name": "cubicity", "digits": 2, "low": 0, "high": 1, "source": _read(xrd, "cubicity")},
                {"name": "heterogeneity", "low": 0, "source": _read(xrd, "heterogeneity")},
            ],
            "objective": _objective(plan),
        }
    )  # fmt: skip


def _read(instrument: str, reading: str) -> dict[str, Any]:
    return {"kind": "phases", "instrument": instrument, "reading": reading}


def _sites(plan: CampaignPlan) -> dict[str, Any]:
    space = plan.space
    shared = [
        {"label": label, "ions": {e: [CHARGES[e]] for e in elements}, "max_species": space.max_species}
        for label, elements in (("A", space.a_site), ("B", space.b_site))
    ]
    oxygen = {"label": "X", "multiplicity": 3, "ions": {"O": [-2]}}
    return {"kind": "sites", "divisor": space.divisor, "sites": [*shared, oxygen]}


def _settings(plan: CampaignPlan) -> list[dict[str, Any]]:
    told = plan.space.model_dump(mode="json")
    levels = [
        {"kind": "levels", "name": name, "unit": unit, "values": told[key], "shared": shared,
         "scale": "log" if name == "dwell" else "linear"}
        for name, unit, key, shared in LEVELS
    ]  # fmt: skip
    choices = [{"kind": "choice", "name": n, "options": told[key], "shared": shared} for n, key, shared in CHOICES]
    return [*levels, *choices]


def _objective(plan: CampaignPlan) -> dict[str, Any]:
    goal = plan.goal
    return {
        "aims": [
            {"property": "phase_fraction", "worth": {"shape": "ramp", "zero": 0.5, "one": 1.0}},
            {"property": "lattice", "worth": {"shape": "peak", "at": goal.lattice, "width": goal.lattice_scale}},
            {"property": "cubicity", "worth": {"shape": "ramp", "zero": 0.0, "one": 1.0}},
            {"property": "heterogeneity", "worth": {"shape": "decay", "rate": 2.0}},
        ],
        "success": [
            {"kind": "within", "property": "lattice", "at": goal.lattice, "by": goal.lattice_tolerance},
            {"kind": "at-least", "property": "cubicity", "limit": 1.0},
            {"kind": "at-least", "property": "phase_fraction", "limit": goal.min_phase_fraction},
        ],
    }
