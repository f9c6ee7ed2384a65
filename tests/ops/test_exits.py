"""How a command ends: codes that scripts rely on, and complaints that stay out of what is piped on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ops.exits import FOUND_WANTING, INTERRUPTED, UNUSABLE, complain


def test_the_exit_codes_are_those_that_scripts_know() -> None:
    """No, not usable and interrupted differ from done and from each other, as scripts and shells expect."""
    assert (FOUND_WANTING, UNUSABLE, INTERRUPTED) == (1, 2, 130)


def test_a_complaint_leaves_what_is_printed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to stderr, so that a pipe behind `--json` sees answers only."""
    complain("Expected a folder, got a file.")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "Expected a folder, got a file.\n")


def test_whoever_complains_does_not_load_the_command() -> None:
    """The floor below the command knows nothing of it: no other module of ours comes with it."""
    code = "import sys, ops.exits; print(sorted(m for m in sys.modules if m.startswith('ops')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ops', 'ops.exits']"
