"""Families of perovskites."""

from __future__ import annotations

import pytest

from science.chemistry.perovskite.families import family


@pytest.mark.parametrize(
    ("a_site", "b_site", "name"),
    [
        ({"Ba": 1.0}, {"Ti": 0.6, "Zr": 0.4}, "titanate"),
        ({"Ba": 1.0}, {"Ti": 0.5, "Zr": 0.5}, "titanate"),
        ({"Ba": 1.0}, {"Ti": 0.4, "Zr": 0.35, "Sn": 0.25}, "mixed"),
        ({"Sr": 0.5, "Ba": 0.5}, {"Hf": 1.0}, "hafnate"),
        ({"Ba": 1.0}, {"Sn": 1.0}, "stannate"),
        ({"La": 1.0}, {"Sc": 1.0}, "3-3"),
        ({"La": 0.01, "Ba": 0.99}, {"Zr": 1.0}, "3-3"),
    ],
)
def test_families(a_site: dict[str, float], b_site: dict[str, float], name: str) -> None:
    """The B cation with half its site names the family; any trivalent A cation makes it 3-3."""
    assert family(a_site, b_site) == name
