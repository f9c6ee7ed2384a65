"""A library in one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from science.crystals.phase_facts import load_phase_facts
from science.diffraction import library as library_module
from science.diffraction.built import Built, build, from_file, to_bytes
from science.diffraction.errors import LibraryError
from science.diffraction.library import PhaseLibrary
from science.diffraction.sticks import Sticks, calculate

W = 1.540593
CRYSTALS = tuple(fact.crystal for fact in load_phase_facts() if fact.id in ("MgO", "BaZrO3", "ZrO2_m"))


def _built() -> Built:
    return build(CRYSTALS, ("a.cif: broken",), PhaseLibrary.of(CRYSTALS).sha256, W)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Crystals, lines, classes, skipped files, wavelength and digest come back to the last bit."""
    path = tmp_path / "a.phases"
    built = _built()
    path.write_bytes(to_bytes(built))
    again = from_file(path)
    assert again.crystals == built.crystals
    assert (again.classes, again.skipped, again.wavelength, again.sha256) == (
        built.classes,
        built.skipped,
        W,
        built.sha256,
    )
    assert again.crystals[0].__dict__["space_group"] == CRYSTALS[0].space_group
    for one, other in zip(again.sticks, built.sticks, strict=True):
        assert np.array_equal(one.hkl, other.hkl)
        assert np.array_equal(one.q, other.q)
        assert np.array_equal(one.strength, other.strength)


def test_built_lines_are_used_and_are_the_calculated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """No structure factor is calculated for its own wavelength; another wavelength still is."""
    library = PhaseLibrary.built(_built())
    expected = calculate(CRYSTALS[1], W, d_min=1.1)
    calls: list[float] = []

    def counted(crystal: object, wavelength: float, *, d_min: float) -> Sticks:
        calls.append(wavelength)
        return calculate(CRYSTALS[1], wavelength, d_min=d_min)

    monkeypatch.setattr(library_module, "calculate", counted)
    found = library.sticks(CRYSTALS[1], W, 1.1)
    assert calls == []
    assert found.q == pytest.approx(expected.q)
    assert found.strength == pytest.approx(expected.strength, rel=1e-6)
    library.sticks(CRYSTALS[1], 0.70932, 1.1)
    assert calls == [0.70932]


def _tampered(path: Path, **changes: object) -> None:
    with np.load(path) as archive:
        parts = {name: archive[name] for name in archive.files}
    head = {**json.loads(parts["head"].tobytes()), **changes}
    parts["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, **parts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "recipes"}, "got 'recipes'"),
        ({"version": 99}, "Update Athanor"),
        ({"sha256": "0" * 64}, "the file was changed"),
        ({"crystals": [{}]}, "cannot be read"),
    ],
)
def test_strange_files_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    """Another format, a newer version, a digest that is not of these crystals, a broken head: each says so."""
    path = tmp_path / "a.phases"
    path.write_bytes(to_bytes(_built()))
    _tampered(path, **changes)
    with pytest.raises(LibraryError, match=message):
        PhaseLibrary.load(path)
