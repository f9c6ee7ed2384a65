"""The command answers quickly, and tells people what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.catalogue import kinds

ATHANOR = [sys.executable, "-m", "ops.cli"]


def athanor(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run([*ATHANOR, *arguments], capture_output=True, text=True, timeout=120, check=False)


def test_help_lists_every_command() -> None:
    """A newcomer sees what there is."""
    told = athanor("--help")
    assert told.returncode == 0
    for command in (
        "run", "replay", "identify", "catalogue", "report", "up", "status", "pause", "resume", "stop", "doctor",
    ):  # fmt: skip
        assert command in told.stdout
    for heading in ("Campaigns", "A lab in real time", "What happened, and why", "Evidence", "Agents of your own"):
        assert f"─ {heading} ─" in told.stdout
    assert "─ Commands ─" not in told.stdout, "every command stands under a heading"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_its_commands(shell: str) -> None:
    """The script that a shell reads names the command; asked for completions, the command gives its own."""
    script = subprocess.run(
        [*ATHANOR, "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SHELL": shell},
    )
    assert "_COMPLETE" in script.stdout


def test_version_is_the_installed_one() -> None:
    """``--version`` tells the distribution's version."""
    told = athanor("--version")
    assert told.stdout.startswith("athanor ")
    assert told.stdout.split()[1][0].isdigit()


def test_the_catalogue_has_every_event() -> None:
    """One JSON object a kind."""
    told = athanor("catalogue", "--json")
    assert [json.loads(line)["kind"] for line in told.stdout.splitlines()] == [k.kind for k in kinds()]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "nope"], "Expected a shipped campaign"),
        (["run", "quick", "--until-weeks", "-1", "--out", "X"], "--until-weeks = -1"),
        (
            ["run", "quick", "--strategy", "magic", "--out", "X"],
            "--strategy = 'magic': input should be",
        ),
        (["replay", "nowhere"], "Expected the folder of a run"),
        (["identify", "nothing.xy", "--elements", "Ba,O"], "Expected a readable file"),
        (["identify", "nothing.xy", "--elements", "Unobtainium"], "Expected symbols of elements"),
        (["identify", "nothing.xy", "--elements", "Ba", "--wavelength", "99"], "between 0.1 and 5 angstrom"),
        (["identify", "nothing.xy", "--elements", "Ba", "--library", "nowhere"], "got nothing there"),
    ],
)
def test_what_cannot_be_used_is_said_and_exits_with_2(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One paragraph, exit code 2, no traceback, nothing left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    answer = athanor(*arguments)
    assert answer.returncode == 2
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (["run", "quick", "--until-weeks", "-1"], 2),
        (["run", "nope"], 2),
        (["up", "--campaign", "nope"], 2),
        (["check", "bso-match"], 0),
    ],
)
def test_a_mistake_is_told_before_anything_heavy_is_imported(command: list[str], ends: int) -> None:
    """Whoever mistypes, or only asks, does not wait for numerics, the broker or the simulators."""
    heavy = ("numpy", "scipy", "numba", "torch", "pymatgen", "nats", "ops.lab")
    program = (
        "import sys\nfrom ops.cli import main\n"
        f"sys.argv = ['athanor', *{command!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n"
        f"    print('ended', ended.code or 0, [name for name in {heavy!r} if name in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == f"ended {ends} []", told.stdout + told.stderr
