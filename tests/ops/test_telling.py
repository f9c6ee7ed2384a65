"""An answer in words and as a document."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from ops.telling import cell_text, document, print_json, print_table, with_error
from science.crystals.crystal import Lattice
from science.diffraction.answer import Identification, IdentifiedPhase
from science.diffraction.pattern import Pattern
from science.diffraction.unexplained import UnexplainedLine

PATTERN = Pattern(np.linspace(10, 80, 100), np.arange(100.0), source="scan.xy")
PHASE = IdentifiedPhase(
    "NiO_225", "NiO", 225, 0.62, Lattice(4.1771, 4.1771, 4.1771, 90, 90, 90), 0.97, ("CoO (225)",), 1e-4, "library",
    ("CrN (225)", "a (1)", "b (1)", "c (1)", "d (1)"), 0.021, (3.4e-4,) * 3 + (0.0,) * 3, 41.0, 3.0, 0.2,
)  # fmt: skip
ANSWER = Identification(
    "ambiguous", (PHASE,), 0.04, (), 0.07, 0.01, -0.02, 1.5406, ("displaced",), 0.12, (("Ni (225)", 0.31),)
)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (10.11561, 0.00034, "10.1156(3)"),
        (10.11561, 0.00012, "10.11561(12)"),
        (3.14159, 0.0000199, "3.14159(2)"),
        (99.23, 0.5, "99.2(5)"),
        (100.0, 3.4, "100(3)"),
        (5.1, 0.0, "5.1000"),
        (5.1, float("nan"), "5.1000"),
    ],
)
def test_uncertainties_stand_in_units_of_the_last_digit(value: float, error: float, text: str) -> None:
    """Two to nineteen units of the last digit; a number without one has the digits asked for."""
    assert with_error(value, error, 4) == text


def test_a_cell_says_what_symmetry_leaves_free() -> None:
    """Equal lengths stand once and right angles not at all."""
    cell = {"a": 5.15, "b": 5.2, "c": 5.3, "alpha": 90.0, "beta": 99.23, "gamma": 90.0}
    assert cell_text(cell, {"a": 0.001, "beta": 0.02}) == "a 5.1500(10), b 5.2000, c 5.3000, beta 99.23(2)"
    assert cell_text(dict.fromkeys("abc", 4.2) | {"alpha": 90.0}, {}) == "a 4.2000"


def test_a_document_leaves_nothing_out() -> None:
    """Class, chances, uncertainties and what was not claimed are in the document, and it is JSON."""
    told = json.loads(json.dumps(document(Path("scan.xy"), ANSWER, PATTERN, 1.0)))
    (phase,) = told["phases"]
    assert phase["same_lines"][0] == "CrN (225)"
    assert (phase["weight_fraction_su"], phase["size_su_nm"], phase["lattice_su"]["a"]) == (0.021, 3.0, 0.00034)
    assert phase["in_90_percent_set"] is True
    assert told["missing_phase_probability"] == 0.12
    assert told["not_claimed"] == [{"name": "Ni (225)", "probability": 0.31}]


def test_every_field_of_a_phase_is_told() -> None:
    """No field of a phase is forgotten: changing any of them changes the document."""
    before = document(Path("x"), ANSWER, PATTERN, 1.0)
    for field in fields(IdentifiedPhase):
        now = getattr(PHASE, field.name)
        other = {
            str: "other", int: 1, float: 0.5, bool: False, tuple: (0.25,) * 6, Lattice: Lattice(5, 5, 5, 90, 90, 90)
        }.get(type(now), (0, 0, 1))  # fmt: skip
        if field.name in ("alternatives", "members"):
            other = ("other",)
        changed = replace(ANSWER, phases=(replace(PHASE, **{field.name: other}),))
        assert document(Path("x"), changed, PATTERN, 1.0) != before, field.name


def test_every_field_of_an_answer_is_told() -> None:
    """No field of an answer is forgotten either."""
    before = document(Path("x"), ANSWER, PATTERN, 1.0)
    line = UnexplainedLine(30.0, 2.98, 0.2)
    others = {"phases": (), "unexplained_lines": (line,), "flags": ("texture",), "doubtful": (), "verdict": "unknown"}
    for field in fields(Identification):
        changed = replace(ANSWER, **{field.name: others.get(field.name, 0.5)})
        assert document(Path("x"), changed, PATTERN, 1.0) != before, field.name


def test_what_a_fit_cannot_tell_is_null_and_a_question_mark(capsys: pytest.CaptureFixture[str]) -> None:
    """Infinite uncertainties are valid JSON and stand in the table as unknown, not as numbers."""
    inf = float("inf")
    vague = replace(PHASE, weight_fraction_su=inf, size_su_nm=inf, lattice_su=(inf,) * 3 + (0.0,) * 3)
    told = document(Path("x"), replace(ANSWER, phases=(vague, PHASE)), PATTERN, 1.0)
    print_json(told)
    (first, _) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["phases"]
    assert (first["weight_fraction_su"], first["size_su_nm"], first["lattice_su"]["a"]) == (None, None, None)
    print_table(told)
    text = capsys.readouterr().out
    assert "62.0 ± ?" in text
    assert "a 4.1771 " in text


def test_a_table_says_the_class_and_what_was_not_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the table learns what has the same lines, how sure the answer is, and what was left out of it."""
    print_table(document(Path("scan.xy"), ANSWER, PATTERN, 1.0))
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "NiO has the lines of CrN (225), a (1), b (1), c (1) and 1 more" in text
    assert "not claimed: Ni (225), probability 0.31" in text
    assert "a phase is missing with probability 0.12" in text
    assert "a 4.1771(3)" in text
    assert "41 ± 3" in text
    assert "lies along" not in text


def test_a_table_says_how_crystallites_lie(capsys: pytest.CaptureFixture[str]) -> None:
    """Axis and strength of a texture stand below the phase that has it."""
    plates = replace(PHASE, texture_axis=(1, 0, -4), march=0.456)
    print_table(document(Path("scan.xy"), replace(ANSWER, phases=(plates,)), PATTERN, 1.0))
    assert "NiO lies along (10-4), March's r 0.46" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.parametrize(("columns", "cell"), [("100", "a 5.1000(3), c 9.2000(4)"), ("76", "a 5.1000(3),")])
def test_a_narrow_table_breaks_cells_between_their_numbers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str, cell: str
) -> None:
    """A letter stays with its number; a column that says nothing takes no room."""
    monkeypatch.setenv("COLUMNS", columns)
    phase = replace(PHASE, lattice=Lattice(5.1, 5.1, 9.2), lattice_su=(3e-4, 3e-4, 4e-4, 0, 0, 0), alternatives=())
    print_table(document(Path("x"), replace(ANSWER, phases=(phase,)), PATTERN, 1.0))
    text = capsys.readouterr().out
    assert f"{cell} " in text
    assert "as good" not in text
