"""Lines are appended, parts turn over, and a full disk costs telemetry and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ops.telemetry.lines import Lines


def test_the_oldest_part_goes(tmp_path: Path) -> None:
    """However much is written, there are as many parts as wished, none larger than wished, the newest lines in them."""
    lines = Lines(tmp_path / "deep" / "spans.jsonl", part=200, parts=3)
    for n in range(100):
        assert lines.write([{"n": n}])
    lines.close()
    files = {p.name: p for p in (tmp_path / "deep").iterdir()}
    assert set(files) == {"spans.jsonl", "spans.1.jsonl", "spans.2.jsonl"}
    assert all(0 < p.stat().st_size <= 200 for p in files.values())
    text = "".join(files[name].read_text() for name in ("spans.2.jsonl", "spans.1.jsonl", "spans.jsonl"))
    numbers = [json.loads(line)["n"] for line in text.splitlines()]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 40


def test_a_line_that_was_cut_off_stands_alone(tmp_path: Path) -> None:
    """After a kill in the middle of a line the next one begins at its own beginning."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"n": 1}\n{"n": 2, "wor')
    lines = Lines(path)
    lines.write([{"n": 3}])
    lines.close()
    assert path.read_text().splitlines() == ['{"n": 1}', '{"n": 2, "wor', '{"n":3}']


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    """A file in the way of the folder raises nothing; the lines are counted, and later ones are written again."""
    (tmp_path / "t").write_text("in the way")
    lines = Lines(tmp_path / "t" / "log.jsonl")
    assert not lines.write([{"n": 1}, {"n": 2}])
    assert lines.lost == 2
    (tmp_path / "t").unlink()
    assert lines.write([{"n": 3}])
    assert lines.lost == 2
    lines.close()


def test_why_nothing_can_be_written_is_told_once_until_it_can(tmp_path: Path) -> None:
    """The path, the reason and what to do; again when it fails again; and whoever hears it may write a line here."""
    path, told = tmp_path / "t" / "log.jsonl", list[str]()
    (tmp_path / "t").write_text("in the way")
    lines = Lines(path)
    lines.told = lambda words: told.append(words) or lines.write([{"told": words}])
    for n in range(3):
        lines.write([{"n": n}])
    [words] = told
    assert str(path) in words
    assert "Not a directory" in words or "File exists" in words
    assert "make room there" in words
    (tmp_path / "t").unlink()
    assert lines.write([{"n": 3}])
    lines.close()
    shutil.rmtree(tmp_path / "t")
    (tmp_path / "t").write_text("in the way")
    lines._file = None
    lines.write([{"n": 4}])
    assert len(told) == 2


@pytest.mark.parametrize("value", [Path("a"), {1, 2}], ids=["path", "set"])
def test_anything_can_be_written(tmp_path: Path, value: object) -> None:
    """What JSON has no word for is written as text instead of breaking the file."""
    lines = Lines(tmp_path / "log.jsonl")
    assert lines.write([{"v": value}])
    lines.close()
    assert json.loads((tmp_path / "log.jsonl").read_text()) == {"v": str(value)}
