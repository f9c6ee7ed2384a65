"""Chemistries are known by name: listed without loading anything, loaded when asked for, brought by packages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from science.chemistry.errors import UnknownChemistryError
from science.chemistry.known import CHEMISTRIES, chemistry, names

ROOT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages that Python looks into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    chemistry.cache_clear()
    yield tmp_path
    chemistry.cache_clear()


def bring(folder: Path, package: str, **points: str) -> None:
    """Installs a package with entry points, and a module of its name that holds two values."""
    folder.joinpath(f"{package}.py").write_text(
        "from science.chemistry.chemistry import Chemistry\nHALIDES, NUMBER = Chemistry('halides'), 3\n"
    )
    told = folder / f"{package}-1.0.dist-info"
    told.mkdir()
    told.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {package}:{value}\n" for name, value in points.items())
    told.joinpath("entry_points.txt").write_text(f"[athanor.chemistries]\n{lines}")


def test_names_are_listed_without_a_heavy_library() -> None:
    """A campaign file is judged by the names that there are before anything that takes a second is imported."""
    program = (
        "import json, sys; from science.chemistry.known import names; found = names();"
        "print(json.dumps([found, [m for m in ('numpy', 'gemmi', 'torch', 'pymatgen') if m in sys.modules]]))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    found, heavy = json.loads(told.stdout)
    assert set(found) >= {"none", "perovskite"}
    assert heavy == []


def test_each_of_the_house_is_called_what_it_is_known_by() -> None:
    """The name under which one is found is its own, and it is the same value each time."""
    for name in CHEMISTRIES:
        assert chemistry(name).name == name
        assert chemistry(name) is chemistry(name)


def test_an_unknown_one_is_refused_with_those_that_are_known() -> None:
    """Whoever mistypes reads what can be asked for."""
    with pytest.raises(UnknownChemistryError, match=r"Expected a chemistry \(.*none, .*perovskite.*\), got 'perov'"):
        chemistry("perov")


def test_an_installed_package_brings_one(package: Path) -> None:
    """Its entry point is among the names, and what lies there is the chemistry."""
    bring(package, "brings_halides", halides="HALIDES")
    assert "halides" in names()
    assert chemistry("halides").name == "halides"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("NUMBER", "'salts' at brings_salts:NUMBER, got int"),
        ("HALIDES", "got one named 'halides'"),
        ("GONE", "attr"),
    ],
)
def test_what_is_no_chemistry_is_refused(package: Path, value: str, complaint: str) -> None:
    """A number, one of another name, and one that cannot be loaded: told by where it should lie."""
    bring(package, "brings_salts", salts=value)
    with pytest.raises(UnknownChemistryError, match=complaint):
        chemistry("salts")


def test_a_name_that_is_taken_is_refused(package: Path) -> None:
    """A package cannot put another perovskite in the place of the house's in silence."""
    bring(package, "brings_another", perovskite="HALIDES")
    with pytest.raises(UnknownChemistryError, match="'perovskite' at brings_another:HALIDES though that name is taken"):
        names()


def test_two_packages_with_one_name_are_refused(package: Path) -> None:
    """Which of them is meant would hang on the order of a folder."""
    bring(package, "brings_one", halides="HALIDES")
    bring(package, "brings_two", halides="HALIDES")
    with pytest.raises(UnknownChemistryError, match="'halides' at brings_.* though that name is taken"):
        chemistry("halides")
