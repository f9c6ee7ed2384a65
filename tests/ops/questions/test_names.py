"""Names that a question leaves to its chemistry and its route: unknown ones are told with those that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.questions.names import unknown_names
from ops.questions.reading import read_campaign
from science.chemistry.known import chemistry
from tests.ops.questions.files import ALLOY, PEROVSKITE, TABLE, written


def unknown(folder: Path, text: str, *changes: tuple[str, str]) -> list[str]:
    question = read_campaign(written(folder, text, *changes)).question
    return unknown_names(question, chemistry(question.chemistry))


@pytest.mark.parametrize("text", [PEROVSKITE, TABLE, ALLOY])
def test_known_names_are_no_mistakes(tmp_path: Path, text: str) -> None:
    """The files that are shown to people."""
    assert unknown(tmp_path, text) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            '"b-site majority"',
            '"colour"',
            "family: expected one that perovskite knows (all, b-site majority, majority A",
        ),
        ('"tolerance factor"', '"hull distance"', "expected a descriptor of perovskite (tolerance factor), got 'hull"),
        ('read = "share"', 'read = "colour"', "phase_fraction.read: expected a reading of perovskite (pseudo-cubic, "),
        ('"solid-state"', '"magic"', "route: expected one of none, solid-state, got 'magic'"),
        ("dwell =", "soak =", "space.settings.soak: expected a setting of solid-state (temperature, dwell"),
        ('unit = "Cel"', 'unit = "K"', "space.settings.temperature: expected numbers in 'Cel', got 'K'"),
        ('["alumina", "Pt"]', '["alumina", "tin"]', "vessel: expected some of alumina, Pt, MgO, YSZ, got tin"),
        ('choice = ["alumina", "Pt"]', "levels = [1]", "vessel: expected a choice of alumina, Pt, MgO, YSZ, got num"),
    ],
)
def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Family, descriptor, reading, route, setting, unit, word."""
    [words] = unknown(tmp_path, PEROVSKITE, (old, new))
    assert told in words


@pytest.mark.parametrize("family", ["majority A", "vessel"])
def test_the_space_itself_can_group_candidates(tmp_path: Path, family: str) -> None:
    """By the majority of a site, or by a setting of words."""
    assert unknown(tmp_path, PEROVSKITE, ('"b-site majority"', f'"{family}"')) == []
