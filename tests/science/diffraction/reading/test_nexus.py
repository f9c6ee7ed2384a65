"""NeXus files give counts over angles or q, and no damage to them stops the reader."""

from __future__ import annotations

import numpy as np
import pytest

from science.diffraction.errors import PatternError
from science.diffraction.reading import flags
from science.diffraction.reading.nexus import read_nexus
from tests.science.diffraction.files import K_ALPHA1, X, Y, nexus


@pytest.mark.parametrize("name", ["two_theta", "polar_angle"])
def test_counts_over_angles(name: str) -> None:
    """Angles, counts, wavelength and instrument come back, whichever definition named them."""
    found = read_nexus("a.nxs", nexus(name=name))
    assert found.two_theta == pytest.approx(X)
    assert found.intensity == pytest.approx(Y)
    assert found.wavelength == pytest.approx(K_ALPHA1)
    assert (found.provenance.version, found.provenance.instrument) == ("NXmonopd", "bench diffractometer")
    assert found.flags == ()


def test_q_and_radians_are_converted_by_their_units() -> None:
    """The unit attribute decides; an unknown unit, or q without one, is refused."""
    q = 4 * np.pi * np.sin(np.radians(X / 2)) / K_ALPHA1
    for content in (
        nexus(name="q", unit="1/angstrom", values=q),
        nexus(name="q", unit="1/nm", values=10 * q),
        nexus(unit="rad", values=np.radians(X)),
    ):
        found = read_nexus("a.nxs", content)
        assert found.two_theta == pytest.approx(X)
        assert found.flags == (flags.CONVERTED,)
    with pytest.raises(PatternError, match="got 'furlong'"):
        read_nexus("a.nxs", nexus(unit="furlong"))
    with pytest.raises(PatternError, match="unit of the q values"):
        read_nexus("a.nxs", nexus(name="q", unit="", values=q))
    with pytest.raises(PatternError, match="Expected a wavelength with the q-nm values"):
        read_nexus("a.nxs", nexus(name="q", unit="1/nm", values=10 * q, wavelength=None))


def test_files_without_a_pattern_say_what_they_lack() -> None:
    """An array of another name is no angle, and the message names what is looked for."""
    with pytest.raises(PatternError, match="beside two_theta or .* in a.nxs, got none"):
        read_nexus("a.nxs", nexus(name="temperature"))


def test_damage_is_an_error_and_not_a_hang() -> None:
    """Cut short, overwritten or slow beyond patience: the reader ends with an error of its own each time."""
    content = nexus()
    damaged = bytearray(content)
    damaged[8:96] = b"\xff" * 88
    for bad in (content[: len(content) // 2], bytes(damaged), b"\x89HDF\r\n\x1a\n"):
        with pytest.raises(PatternError, match=r"Expected an HDF5 file in a\.nxs, got"):
            read_nexus("a.nxs", bad)
    with pytest.raises(PatternError, match="not reached in 0.001 s. It is damaged"):
        read_nexus("a.nxs", content, patience=0.001)
    with pytest.raises(PatternError, match="got something else"):
        read_nexus("a.nxs", b"no HDF5 at all")
