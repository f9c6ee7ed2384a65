"""An answer is drawn with all that it claims: phases, ticks, shares, and the lines that nothing explains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.plotting.answers import draw_answer, formula_text, towers
from ops.plotting.canvas import PictureError, checked
from science.crystals.crystal import Lattice
from science.diffraction.answer import Identification, IdentifiedPhase
from science.diffraction.picture import PhasePicture, Picture
from science.diffraction.unexplained import UnexplainedLine

X = np.linspace(20.0, 60.0, 800)
PEAK = 900 * np.exp(-(((X - 30) / 0.2) ** 2))


def picture(*, lines: int = 0, phases: int = 1) -> Picture:
    """A picture of one line of one phase, and of some that are nobody's."""
    named = tuple(
        IdentifiedPhase("NiO_225", "NiO", 225, 0.97, Lattice(4.17, 4.17, 4.17, 90, 90, 90), 1.0, (), 0.0, "library")
        for _ in range(phases)
    )
    strange = tuple(UnexplainedLine(40.0 + n, 2.25, 0.1) for n in range(lines))
    verdict = "unknown" if lines else "identified"
    answer = Identification(verdict, named, 0.03, strange, 0.05, 0.0, 0.0, 1.5406, ("texture",))
    floor = np.full_like(X, 50.0)
    parts = tuple(PhasePicture(p.name, PEAK, np.array([30.0, 50.0]), np.zeros((2, 3))) for p in named)
    return Picture(X, floor + PEAK, floor, floor + (PEAK if phases else 0), parts, 0.05, answer)


def drawn(what: Picture, tmp_path: Path) -> str:
    """The words of the picture."""
    draw_answer(what, "scan.xy", tmp_path / "a.svg")
    return (tmp_path / "a.svg").read_text()


def test_the_picture_names_what_is_claimed(tmp_path: Path) -> None:
    """File, verdict, phase with its share, residual, flags and unit of the axis can be read in it."""
    text = drawn(picture(), tmp_path)
    for words in (
        "scan.xy",
        "identified",
        "NiO (225)  97.0 wt%",
        "Rwp 5.0 %",
        "texture",
        "2θ / °",
        "intensity / counts",
    ):
        assert words in text
    assert "unexplained line" not in text


def test_what_stands_beside_a_tower_is_seen(tmp_path: Path) -> None:
    """Where one line is far higher than all others the scale goes with the root and says so; not elsewhere."""
    lone = picture()
    others = sum(900 * np.exp(-(((X - at) / 0.2) ** 2)) for at in (25, 35, 45, 55))
    assert towers(lone)
    assert not towers(replace(lone, observed=lone.observed + others))
    assert "root scale" in drawn(lone, tmp_path)
    assert "root scale" not in drawn(replace(lone, observed=lone.observed + others), tmp_path)


def test_unexplained_lines_are_marked_with_their_spacing(tmp_path: Path) -> None:
    """Each has its d value beside it and all are counted in the legend."""
    text = drawn(picture(lines=2), tmp_path)
    assert text.count("2.250 Å") == 2
    assert "2 unexplained lines" in text
    assert "unknown" in text


def test_nothing_named_is_drawn_as_such(tmp_path: Path) -> None:
    """An empty answer is a picture, too, and says that it is empty."""
    assert "no phase named" in drawn(picture(lines=1, phases=0), tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_answer_gives_the_same_file(suffix: str, tmp_path: Path) -> None:
    """Formats for screens and print all work, and hold no time of day."""
    for name in ("a", "b"):
        draw_answer(picture(), "scan.xy", tmp_path / f"{name}{suffix}")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
    assert len(first) > 5000
    if suffix == ".png":
        assert first == second
    assert b"2026-" not in second


def test_numbers_of_formulas_stand_low() -> None:
    """Counts of atoms become indices, with two decimals at most."""
    assert formula_text("V2O5") == "V$_{2}$O$_{5}$"
    assert formula_text("Ba0.66667Sr0.3333TiO3") == "Ba$_{0.67}$Sr$_{0.33}$TiO$_{3}$"
    assert formula_text("NiO") == "NiO"


def test_impossible_places_are_refused(tmp_path: Path) -> None:
    """A suffix of no picture, a folder that is missing and one that may not be written are told before any work."""
    with pytest.raises(PictureError, match=r"end in \.png, \.pdf, \.svg, got a\.doc"):
        checked(tmp_path / "a.doc")
    with pytest.raises(PictureError, match="Expected the folder"):
        checked(tmp_path / "missing" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(PictureError, match="Expected to write"):
        draw_answer(replace(picture()), "scan.xy", tmp_path / "a.png")
