"""`athanor plot-drift` draws how each diffractometer stood, says when it drifted, and exits with what it found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.plotting.drifting import DriftOrder, draw_drift, plot_drift, sentence
from ops.plotting.standings import Departure, History, Standing
from tests.ops.plotting.test_standings import BEGUN, written

WEEK = timedelta(weeks=1)


def history(zeros: list[float], *departures: Departure) -> History:
    """A diffractometer with a standard a week."""
    row = tuple(Standing(BEGUN + n * WEEK, "Si", z, 0.002, 0.03) for n, z in enumerate(zeros))
    return History("xrd-1", row, departures)


STEADY = history([0.001 * (-1) ** n for n in range(12)])
DRIFTED = history([0.0] * 8 + [0.05] * 4, Departure(BEGUN + 7 * WEEK, BEGUN + 8 * WEEK, 0.05))


def test_the_chart_says_what_there_is_to_see(tmp_path: Path) -> None:
    """Axes with units, the limit with its meaning, and each drift with its size and its delay in days."""
    draw_drift([STEADY, DRIFTED], tmp_path / "d.svg")
    text = (tmp_path / "d.svg").read_text()
    for words in ("zero / 0.001° 2θ", "one false alarm in 200 standards", "+0.050°", "found after 7 days", "no drift"):
        assert words in text
    assert "12 standards (Si), 1 drift" in text


def test_the_same_history_is_the_same_picture(tmp_path: Path) -> None:
    """Drawn twice it is the same bytes; moved by a day it is not."""
    draw_drift([DRIFTED], tmp_path / "a.png")
    draw_drift([DRIFTED], tmp_path / "b.png")
    later = replace(DRIFTED, departures=(Departure(BEGUN + 6 * WEEK, BEGUN + 8 * WEEK, 0.05),))
    draw_drift([later], tmp_path / "c.png")
    one, same, other = ((tmp_path / f"{n}.png").read_bytes() for n in "abc")
    assert one == same != other


def test_one_standard_alone_is_drawn(tmp_path: Path) -> None:
    """A row of one has no scatter, no sums and no end, and is a picture all the same."""
    draw_drift([history([0.01])], tmp_path / "d.png")
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG"


def test_words_tell_the_delay() -> None:
    """The sentence for people has the last zero, and since when it is off and how long nobody knew."""
    assert sentence(STEADY).endswith("no drift.")
    assert "off by +0.0500 degrees since after 2026-02-23, found 2026-03-02, 7 days later" in sentence(DRIFTED)


def test_the_exit_code_says_whether_it_drifted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Steady scans end with 0, a step in them with 1, and JSON holds the drift."""
    for zeros, code in (([0.0] * 4, 0), ([0.0] * 4 + [0.06], 1)):
        files = [str(written(tmp_path, f"si-202603{7 * n + 1:02d}.xy", z, n)) for n, z in enumerate(zeros)]
        assert plot_drift(files, tmp_path / "d.png", DriftOrder(as_json=True)) == code
        told = json.loads(capsys.readouterr().out)
        assert [len(i["drifts"]) for i in told["instruments"]] == [code]
        assert Path(told["picture"]).is_file()


@pytest.mark.parametrize(
    ("places", "out", "complaint"),
    [
        (["."], "d.png", "Expected the folder"),
        ([".", "si.xy"], "d.png", "Expected the folder of one run, one server, or files"),
        (["nowhere.xy"], "d.png", "nowhere.xy"),
        (["nowhere.xy"], "d.doc", "Expected a picture to end in"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    places: list[str], out: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without a log, a mixture of places, a missing file and a wrong suffix: one sentence, exit code 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["plot-drift", *places, "-o", out])
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr
    assert not result.exception or isinstance(result.exception, SystemExit)
