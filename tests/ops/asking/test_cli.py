"""What is typed: order of words, what is missing, what is listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.asking.shelves import views
from ops.cli import app

runner = CliRunner()


@pytest.mark.parametrize(
    "words", [["query"], ["query", "here"], ["query", "here", "SELECT 1", "--json", "--csv"]], ids=" ".join
)
def test_half_a_question_is_answered_with_an_example(words: list[str]) -> None:
    """Exit 2, and how it is meant."""
    told = runner.invoke(app, words)
    assert told.exit_code == 2
    assert 'athanor query runs/quick "FROM samples"' in told.stderr


def test_everything_is_listed() -> None:
    """Each view, each of its columns, without any log."""
    told = runner.invoke(app, ["query", "--tables", "--json"])
    listed = [json.loads(line) for line in told.stdout.splitlines()]
    assert {v["view"]: [c["name"] for c in v["columns"]] for v in listed} == {
        v.name: [c.name for c in v.columns] for v in views()
    }
    assert all(v["about"] and all(c["about"] for c in v["columns"]) for v in listed)


def test_one_view_is_listed_by_its_name(tmp_path: Path) -> None:
    """With or without the folder that will be asked."""
    for words in (["samples"], [str(tmp_path), "samples"]):
        told = runner.invoke(app, ["query", *words, "--tables"])
        assert told.exit_code == 0
        assert told.stdout.startswith("samples ")
        assert "phase_fraction" in told.stdout
        assert "decisions " not in told.stdout
    unknown = runner.invoke(app, ["query", "sampels", "--tables"])
    assert unknown.exit_code == 2
    assert "Nearest: samples" in unknown.stderr


@pytest.mark.parametrize(
    "words", [["query", "{there}", "SELECT 1"], ["trace", "c-0001", "{there}"], ["export", "{there}", "--parquet", "x"]]
)
@pytest.mark.parametrize("what", ["nothing", "empty"])
def test_a_folder_without_a_log_is_told(words: list[str], what: str, tmp_path: Path) -> None:
    """Exit 2, one paragraph, and nothing is written there."""
    there = tmp_path / "run"
    if what == "empty":
        there.mkdir()
    told = runner.invoke(app, [word.format(there=there) for word in words])
    assert told.exit_code == 2
    assert "Expected" in told.stderr
    assert str(there) in told.stderr.replace("\n", "")
    assert not there.exists() or list(there.iterdir()) == []
