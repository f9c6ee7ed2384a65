"""The words of the log say what the science found: classes, uncertainties, what may be missing."""

from __future__ import annotations

import math

import pytest

from agents.identifying import analysis_of, why_unknown
from contracts.diffraction import CellErrors, MarchDollase, Verdict
from science.crystals.crystal import Lattice
from science.diffraction.answer import Identification, IdentifiedPhase
from science.diffraction.unexplained import UnexplainedLine


def found(**changes) -> IdentifiedPhase:
    fields = {
        "name": "BaZrO3", "formula": "BaZrO3", "space_group": 221, "weight_fraction": 0.9,
        "lattice": Lattice(4.19, 4.19, 4.19), "confidence": 0.97, "alternatives": (), "microstrain": 1e-3,
        "origin": "library", "members": ("BaHfO3 (221)",), "weight_fraction_su": 0.02,
        "lattice_su": (2e-4, 2e-4, 2e-4, 0.0, 0.0, 0.0), "size_nm": 80.0, "size_su_nm": 9.0, "texture": 0.1,
        "in_prediction_set": True,
    }  # fmt: skip
    return IdentifiedPhase(**(fields | changes))


def answer(*phases: IdentifiedPhase, **changes) -> Identification:
    fields = {
        "verdict": "identified", "phases": phases, "unexplained_fraction": 0.02, "unexplained_lines": (),
        "r_wp": 0.05, "zero": 0.01, "displacement": -0.05, "wavelength": 1.5406, "flags": ("overlap",),
        "missing": 0.03, "doubtful": (("B (1)", 0.1), ("A (2)", 0.3)),
    }  # fmt: skip
    return Identification(**(fields | changes))


def test_everything_that_was_found_is_told() -> None:
    """Members of the class, standard uncertainties and the prediction set stand beside each phase."""
    told = analysis_of(answer(found()), "0" * 64)
    [phase] = told.phases
    assert phase.members == ("BaHfO3 (221)",)
    assert (phase.weight_fraction_su, phase.size_nm, phase.size_su_nm, phase.texture) == (0.02, 80.0, 9.0, 0.1)
    assert phase.cell_su == CellErrors(a=2e-4, b=2e-4, c=2e-4, alpha=0, beta=0, gamma=0)
    assert phase.pseudo_cubic_su == pytest.approx(2e-4)
    assert phase.in_prediction_set is True
    assert phase.march_dollase is None
    [plates] = analysis_of(answer(found(texture_axis=(0, 0, 1), march=0.7)), "0" * 64).phases
    assert plates.march_dollase == MarchDollase(axis=(0, 0, 1), r=0.7)
    assert told.missing == 0.03
    assert [(d.name, d.probability) for d in told.doubtful] == [("A (2)", 0.3), ("B (1)", 0.1)]
    assert (told.verdict, told.flags, told.library_sha256) == (Verdict.IDENTIFIED, ("overlap",), "0" * 64)


def test_what_a_fit_cannot_tell_is_not_told() -> None:
    """Infinite uncertainties, and a cell of which nothing is known, are no numbers for a log."""
    odd = found(weight_fraction_su=math.inf, lattice_su=(), size_nm=None, size_su_nm=math.nan, weight_fraction=1.0001)
    [phase] = analysis_of(answer(odd), "0" * 64).phases
    assert (phase.weight_fraction_su, phase.size_nm, phase.size_su_nm) == (None, None, None)
    assert (phase.cell_su, phase.pseudo_cubic_su, phase.weight_fraction) == (None, None, 1.0)
    wild = found(lattice_su=(math.inf, 1e-4, 1e-4, 0, 0, 0))
    assert analysis_of(answer(wild), "0" * 64).phases[0].cell_su is None


@pytest.mark.parametrize(
    ("formula", "group"), [("BaCO3", 62), ("CaCO3", 167), ("Al2O3", 167), ("Fe2O3", 167), ("NaNO3", 167), ("LaBO3", 62)]
)
def test_only_a_perovskite_has_a_pseudo_cubic_lattice(formula: str, group: int) -> None:
    """Carbonates and corundum, of which crucibles are made, have three oxygens and the group of a perovskite, too."""
    salt = found(name=formula, formula=formula, space_group=group, lattice=Lattice(5.3, 8.9, 6.4))
    [phase] = analysis_of(answer(salt), "0" * 64).phases
    assert (phase.pseudo_cubic, phase.pseudo_cubic_su) == (None, None)


def test_the_unknown_is_told_by_its_strongest_line_or_its_flags() -> None:
    """A reason is one sentence with a place in it, or with what was noticed."""
    lines = (UnexplainedLine(30.0, 2.98, 0.2), UnexplainedLine(40.0, 2.25, 0.1))
    told = why_unknown(analysis_of(answer(verdict="unknown", unexplained_lines=lines), "0" * 64))
    assert told.startswith("2 clear lines belong to no known phase, the strongest at 30.00 degrees")
    assert "(overlap)" in why_unknown(analysis_of(answer(verdict="unknown"), "0" * 64))
