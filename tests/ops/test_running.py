"""What `athanor run` shows while it runs."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.live import Live

from ops.running import _kept, _Picture
from ops.settings import load_campaign
from ops.tally import Tally


def test_the_live_picture_has_a_bar_and_the_best_so_far_each_on_its_line() -> None:
    """The bar does not swallow the line behind it."""
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123  goes with the test
    tally = Tally()
    tally.doing["planner"] = "proposed c-0001 BaZrO3"
    tally.alarms.append("c-0002-v1: dropped")
    picture = _Picture(load_campaign("quick"), Live(console=console))
    console.print(picture._draw(tally))
    lines = console.export_text().splitlines()
    assert any("nothing learnt yet" in line for line in lines)
    assert any("planner" in line and "BaZrO3" in line for line in lines)
    assert any("! c-0002-v1: dropped" in line for line in lines)
    assert "0 of 12 samples" in lines[0]


def test_a_summary_that_cannot_be_written_is_told_and_costs_the_run_nothing(tmp_path: Path) -> None:
    """The sentence has the path, the reason and what to do."""
    path = tmp_path / "report" / "summary.json"
    assert _kept(path, {"samples": 3}) is None
    assert json.loads(path.read_text()) == {"samples": 3}
    (tmp_path / "in-the-way").touch()
    words = _kept(tmp_path / "in-the-way" / "summary.json", {})
    assert words is not None
    assert "The run is whole" in words
    assert "in-the-way" in words
    assert "Make room" in words
