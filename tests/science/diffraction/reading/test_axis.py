"""What a column holds is what its header says; where it says nothing, a doubtful one is refused."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import PatternError
from science.diffraction.readers import read_pattern_bytes
from science.diffraction.reading import flags
from science.diffraction.reading.axis import degrees, named_axis
from tests.science.diffraction.files import X, Y

LAMBDA = 1.5406
Q = 4 * np.pi * np.sin(np.radians(X / 2)) / LAMBDA
D = 2 * np.pi / Q


@pytest.mark.parametrize(
    ("header", "axis"),
    [
        (["# q (1/A)  I"], "q"),
        (["Q [Å⁻¹], Intensity"], "q"),
        (["# q_A^-1 I"], "q"),
        (["# q_nm^-1 I"], "q-nm"),
        (["q(1/nm);counts"], "q-nm"),
        (["d,I"], "d"),
        (["d (Å) counts"], "d"),
        (["d-spacing intensity"], "d"),
        (["2theta (rad)  I"], "radians"),
        (["# 2th_deg I"], "2theta"),
        (["Angle,Intensity"], None),
        (["# sample D, a mixture; quenched"], None),
        (["2Theta scan of q", "2θ/° counts"], "2theta"),
        ([], None),
    ],
)
def test_headers_as_programs_write_them(header: list[str], axis: str | None) -> None:
    """Known ways to write q, d, radians and 2θ are told apart, and prose is none of them."""
    assert named_axis(header) == axis


@pytest.mark.parametrize(
    ("axis", "values"), [("q", Q), ("q-nm", 10 * Q), ("d", D), ("radians", np.radians(X)), ("2theta", X)]
)
def test_conversions_end_at_the_same_angles(axis: str, values: np.ndarray) -> None:
    """Whatever the axis, the lines are where they were measured."""
    angles, seen, done = degrees("a.xy", values, axis, LAMBDA)
    assert angles == pytest.approx(X, abs=1e-9)
    assert seen.all()
    assert bool(done) == (axis != "2theta")


def test_a_named_axis_is_converted_and_flagged() -> None:
    """A file in q with its wavelength becomes angles, and says that they were calculated."""
    text = f"# wavelength: {LAMBDA}\n# q (1/A) I\n" + "\n".join(f"{a:.7f} {y}" for a, y in zip(Q, Y, strict=True))
    found = read_pattern_bytes("a.xy", text.encode())
    assert found.two_theta == pytest.approx(X, abs=1e-4)
    assert found.flags == (flags.CONVERTED,)
    assert found.wavelength == LAMBDA


@pytest.mark.parametrize("values", [Q, D])
def test_an_unnamed_axis_that_could_be_q_or_d_is_refused_until_somebody_says(values: np.ndarray) -> None:
    """Small numbers without a name are no angles until told so; with the name they need a wavelength."""
    text = "\n".join(f"{a:.7f} {y}" for a, y in zip(values, Y, strict=True)).encode()
    with pytest.raises(PatternError, match="could as well be q or d.*--axis"):
        read_pattern_bytes("a.xy", text)
    with pytest.raises(PatternError, match="Expected a wavelength with the . values"):
        read_pattern_bytes("a.xy", text, axis="q" if values is Q else "d")
    found = read_pattern_bytes("a.xy", text, axis="q" if values is Q else "d", wavelength=LAMBDA)
    assert found.two_theta == pytest.approx(X, abs=1e-4)


def test_wide_d_values_are_known_by_their_steps() -> None:
    """A scan from 2 to 100 degrees as d values reaches beyond 15, but its steps give it away."""
    angles = np.linspace(2, 100, 2000)
    values = LAMBDA / (2 * np.sin(np.radians(angles / 2)))
    with pytest.raises(PatternError, match="whose steps grow"):
        degrees("a.xy", values, None, None)
    assert degrees("a.xy", angles, None, None)[0] is angles


def test_values_out_of_reach_are_left_out_or_refused() -> None:
    """Beyond 180 degrees there is nothing: such points are left out, and a whole file of them is refused."""
    angles, seen, done = degrees("a.xy", np.array([1.0, 2.0, 9.0]), "q", LAMBDA)
    assert (len(angles), list(seen)) == (2, [True, True, False])
    assert "1 of them out of reach" in done
    with pytest.raises(PatternError, match="can be reached with 1.5406 angstrom"):
        degrees("a.xy", np.array([9.0, 10.0]), "q", LAMBDA)
    with pytest.raises(PatternError, match="values above 0"):
        degrees("a.xy", np.array([0.0, 1.0]), "d", LAMBDA)
