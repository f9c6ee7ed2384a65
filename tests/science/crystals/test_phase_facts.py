"""Phase library files: what a good one gives, and what is said of each way to contradict oneself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from science.crystals.errors import PhaseFactError
from science.crystals.phase_facts import AsymmetricSite, load_phase_facts

SALT = """
[[phase]]
id = "halite"
formula = "NaCl"
space_group = "F m -3 m"
number = 225
cell = [5.6402, 5.6402, 5.6402, 90.0, 90.0, 90.0]
density = 2.16
strongest_d = [2.82, 1.99, 1.63]
role = "standard"
source = "Swanson & Fuyat (1953) NBS Circular 539, vol. 2, 41"
certainty = "checked"
sites = [
    { element = "Na", charge = 1, multiplicity = 4, at = [0.0, 0.0, 0.0], occupancy = 1 },
    { element = "Cl", charge = -1, multiplicity = 4, at = [0.5, 0.5, 0.5], b_iso = 0.9 },
]
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Where the library of a test goes."""
    return tmp_path / "phases.toml"


def test_a_good_file(library: Path) -> None:
    """Facts come out as typed, with full occupancy and B = 0.5 where nothing is said, and make a crystal."""
    library.write_text(SALT, encoding="utf-8")
    (salt,) = load_phase_facts(library)
    assert salt.sites == (
        AsymmetricSite("Na", 1, 4, (0.0, 0.0, 0.0), 1.0, 0.5),
        AsymmetricSite("Cl", -1, 4, (0.5, 0.5, 0.5), 1.0, 0.9),
    )
    assert salt.content == {"Na": 4, "Cl": 4}
    assert salt.charge == 0
    assert (salt.crystal.name, salt.crystal.formula, salt.crystal.space_group) == ("halite", "NaCl", 225)
    assert len(salt.crystal.sites) == 8


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('formula = "NaCl"\n', "", r"Expected the keys .*, got none of \['formula'\]"),
        ('role = "standard"\n', 'role = "standard"\ncolour = "white"\n', r"got \['colour'\] as well"),
        ("density = 2.16", 'density = "heavy"', "numbers and texts of the right kind"),
        ("density = 2.16", "density = 2.3", r"Expected the density 2\.163 g/cm3 .*, got 2\.3"),
        ("density = 2.16", "density = nan", "Expected the density"),
        ('formula = "NaCl"', 'formula = "NaCl2"', r"units of NaCl2 in the cell .*, got"),
        ('formula = "NaCl"', 'formula = "KCl"', r"units of KCl in the cell"),
        ('formula = "NaCl"', 'formula = "rock salt"', "Expected a formula"),
        ("number = 225", "number = 227", r"Expected the number 225 of F m -3 m .*, got 227"),
        ('space_group = "F m -3 m"', 'space_group = "F q 7"', "Hermann-Mauguin symbol"),
        ('space_group = "F m -3 m"', 'space_group = "P m -3 m"', r"Expected the number 221 .*, got 225"),
        ("cell = [5.6402, 5.6402, 5.6402, 90.0, 90.0, 90.0]", "cell = [5.6402, 5.6402]", "of the right kind"),
        ("cell = [5.6402, 5.6402, 5.6402,", "cell = [5.6402, 5.6402, -5.6402,", "of the right kind"),
        ("cell = [5.6402, 5.6402, 5.6402,", "cell = [5.6402, 5.6402, inf,", "of the right kind"),
        ("90.0, 90.0, 90.0]", "10.0, 100.0, 170.0]", "of the right kind"),
        ("multiplicity = 4, at = [0.0", "multiplicity = 8, at = [0.0", r"Expected the multiplicity 4 .*, got 8"),
        ("at = [0.0, 0.0, 0.0]", "at = [0.1, 0.0, 0.0]", r"Expected the multiplicity 24 .*, got 4"),
        ("at = [0.0, 0.0, 0.0]", "at = [0.0, 0.0]", "of the right kind"),
        ("charge = 1,", "charge = 2,", r"Expected charges that cancel .*, got \+4 e per cell"),
        ("charge = 1,", "", r"Expected \['charge'\] of each site .*, got none"),
        ("occupancy = 1 ", "occupancy = 0 ", r"occupancy above 0 and up to 1 .*, got 0"),
        ("occupancy = 1 ", "occupancy = 1.5 ", r"occupancy above 0 and up to 1 .*, got 1\.5"),
        ("occupancy = 1 ", "occupation = 1 ", r"got \['occupation'\] as well"),
        ('element = "Na"', 'element = "Xx"', "units of NaCl in the cell"),
    ],
)
def test_contradictions_are_refused(library: Path, old: str, new: str, complaint: str) -> None:
    """Each contradiction is an error that names file and phase, and says what was expected and what was found."""
    assert old in SALT
    library.write_text(SALT.replace(old, new), encoding="utf-8")
    with pytest.raises(PhaseFactError, match=complaint) as caught:
        load_phase_facts(library)
    assert "phases.toml" in str(caught.value)
    assert "halite" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"Expected \[\[phase\]\] entries .*, got \[\]"),
        ("[phase]\nid = 'x'\n", r"Expected \[\[phase\]\] entries"),
        ("phase = []\n", r"Expected \[\[phase\]\] entries"),
        ("phase = [1, 2]\n", r"Expected \[\[phase\]\] entries"),
        ("phase = 1\n", r"Expected \[\[phase\]\] entries"),
        ("[[phase]\n", "Expected a phase library in TOML"),
        (SALT + SALT, "Expected each id once"),
    ],
)
def test_files_that_are_no_library_are_refused(library: Path, text: str, complaint: str) -> None:
    """Files without entries, with entries of another kind, or with the same entry twice are no library."""
    library.write_text(text, encoding="utf-8")
    with pytest.raises(PhaseFactError, match=complaint):
        load_phase_facts(library)


def test_unreadable_files_are_refused(library: Path) -> None:
    """Missing files and files that are not text say why."""
    with pytest.raises(PhaseFactError, match="No such file"):
        load_phase_facts(library)
    library.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PhaseFactError, match="Expected a phase library in TOML"):
        load_phase_facts(library)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 300),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=3),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([line for line in SALT.splitlines() if " = " in line and "element" not in line]), values)
def test_any_wrong_value_is_told(library: Path, line: str, value: object) -> None:
    """Whatever stands in the place of a value, the file is a library or an error of our own; never another error."""
    literal = {True: "true", False: "false", None: '""'}.get(value) if isinstance(value, bool | None) else repr(value)
    if isinstance(value, str):
        literal = '"' + "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
    library.write_text(SALT.replace(line, f"{line.split(' = ', maxsplit=1)[0]} = {literal}"), encoding="utf-8")
    try:
        (fact,) = load_phase_facts(library)
    except PhaseFactError:
        return
    assert fact.crystal.formula
