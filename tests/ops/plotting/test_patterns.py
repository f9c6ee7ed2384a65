"""`athanor plot-pattern` draws what files hold, and says in words what it cannot draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.plotting.patterns import PatternsOrder, plot_files
from tests.science.diffraction.files import GOOD


def _files(tmp_path: Path, *names: str) -> list[Path]:
    for name in names:
        (tmp_path / name).write_bytes(GOOD[name])
    return [tmp_path / name for name in names]


def test_one_pattern_has_counts_and_its_name(tmp_path: Path) -> None:
    """The axes carry units, and the file's name stands above."""
    assert plot_files(_files(tmp_path, "a.xrdml"), tmp_path / "p.svg", PatternsOrder(), as_json=False) == 0
    text = (tmp_path / "p.svg").read_text()
    for words in ("2θ / °", "intensity / counts", "a.xrdml"):
        assert words in text


@pytest.mark.parametrize(
    "order", [PatternsOrder(), PatternsOrder(log=True), PatternsOrder(d=True), PatternsOrder(log=True, d=True)]
)
def test_several_patterns_are_moved_apart(order: PatternsOrder, tmp_path: Path) -> None:
    """All names are in the picture, over angles or spacings, linear or logarithmic."""
    files = _files(tmp_path, "a.xrdml", "a.ras")
    assert plot_files(files, tmp_path / "p.svg", order, as_json=False) == 0
    text = (tmp_path / "p.svg").read_text()
    for words in ("a.xrdml", "a.ras", "moved apart", "d / Å" if order.d else "2θ / °"):
        assert words in text


def test_json_says_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The object holds the picture's path and each pattern's points, wavelength and provenance."""
    assert plot_files(_files(tmp_path, "a.uxd"), tmp_path / "p.png", PatternsOrder(), as_json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    (pattern,) = document["patterns"]
    assert (pattern["points"], pattern["provenance"]["format"]) == (200, "Bruker UXD")


@pytest.mark.parametrize(
    ("name", "order", "out", "complaint"),
    [
        ("a.xy", PatternsOrder(d=True), "p.png", "Expected a wavelength to draw a.xy over d"),
        (
            "a.xy",
            PatternsOrder(axis="miles"),
            "p.png",
            "Expected one of 2theta, radians, q, q-nm, d as --axis, got 'miles'",
        ),
        ("a.xy", PatternsOrder(), "p.txt", "Expected a picture to end in"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    name: str, order: PatternsOrder, out: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing wavelength, an axis that is none and a wrong suffix are one sentence and exit code 2."""
    assert plot_files(_files(tmp_path, name), tmp_path / out, order, as_json=False) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / out).exists()
