"""The command: exit codes, comparable runs, and that no run fails for its report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ops.reports import writing
from ops.reports.errors import ReportError
from ops.reports.evidence import Evidence
from ops.reports.writing import _comparable, report_after_run, report_folder, write_report
from tests.agents import said
from tests.ops.reports.telling import PLAN, evidence, predicted, started, story

BARE = evidence([started(), predicted(1), said.asked(1)])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose evidence is at hand."""

    async def gather(_folder: Path, _server: str | None = None) -> Evidence:
        return BARE

    monkeypatch.setattr(writing, "gather", gather)
    return tmp_path


def test_the_page_is_written_beside_the_summary(run: Path) -> None:
    """``report/index.html``, made of so many events, the same bytes again."""
    written = write_report(run)
    assert written.path == run / "report" / "index.html"
    assert (written.events, written.troubles) == (3, ())
    first = written.path.read_bytes()
    assert write_report(run).path.read_bytes() == first


def test_exit_codes(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """0 for a whole report, 1 when something is missing in it, with what it is on stderr and in the JSON."""
    assert report_folder(run, server=None, beside=None, as_json=False) == 0
    assert "made of 3 events" in capsys.readouterr().out
    monkeypatch.setattr(BARE, "troubles", ["Sequence 2 cannot be read."])
    assert report_folder(run, server=None, beside=None, as_json=True) == 1
    told = capsys.readouterr()
    assert "Sequence 2" in told.err
    assert '"troubles": ["Sequence 2 cannot be read."]' in told.out


def test_a_folder_that_cannot_be_written_is_told(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands where the folder should be: exit 2 and a sentence."""
    (run / "report").write_text("in the way")
    assert report_folder(run, server=None, beside=None, as_json=False) == 2
    assert "Expected to read" in capsys.readouterr().err


def test_no_run_fails_for_its_report(run: Path, tmp_path: Path) -> None:
    """After a run trouble with the report is a sentence, not an exception; a whole report is silence."""
    assert report_after_run(run, None) is None
    (run / "report" / "index.html").unlink()
    (run / "report").rmdir()
    (run / "report").write_text("in the way")
    told = report_after_run(run, None)
    assert told is not None
    assert told.startswith("The run is whole, but no report of it was written.")


def test_nothing_to_report_after_a_run(tmp_path: Path) -> None:
    """A folder without a log is told, too."""
    told = report_after_run(tmp_path, None)
    assert told is not None
    assert "Expected the folder of a run" in told


def test_the_command_refuses_a_folder_without_a_run(tmp_path: Path) -> None:
    """`athanor report`: exit 2, one paragraph, nothing left behind, and none of the science imported for it."""
    code = (
        "import sys; from ops.cli import app\n"
        "try: app(['report', sys.argv[1]])\n"
        "finally: print(sorted(m for m in ('torch', 'numba', 'scipy') if m in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "nowhere")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 2
    assert "Expected the folder of a run" in answer.stderr
    assert answer.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_only_runs_with_the_same_goal_are_compared() -> None:
    """Another seed or strategy is welcome; another goal or space is no comparison."""
    mine = story(predicted(1))
    assert _comparable(mine, evidence([started(seed=7)]), Path("other")).started.seed == 7
    goal = PLAN.model_copy(update={"goal": PLAN.goal.model_copy(update={"lattice": 4.0})})
    with pytest.raises(ReportError, match="with the same goal beside this one"):
        _comparable(mine, evidence([started(plan=goal)]), Path("other"))
    space = PLAN.model_copy(update={"space": PLAN.space.model_copy(update={"max_species": 2})})
    with pytest.raises(ReportError, match="same design space"):
        _comparable(mine, evidence([started(plan=space)]), Path("other"))
