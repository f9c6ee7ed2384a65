"""The README does not lie: its commands run, and print what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.console import ROOT, environment

pytestmark = pytest.mark.slow


def told() -> list[tuple[str, str]]:
    """(command, output) of every console block, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def pattern(output: str) -> re.Pattern[str]:
    """What was printed, with any run of blanks as one and ``…`` for anything."""
    lines = [" ".join(line.split()) for line in output.strip().splitlines()]
    text = "\n".join(lines)
    escaped = re.escape(text).replace("\\\n", "\n").replace("\\ ", " ")
    return re.compile(escaped.replace("…", ".*?"), re.DOTALL)


def test_the_tutorial_prints_what_it_says(tmp_path: Path) -> None:
    """Every command of the tutorial, in one folder, in order."""
    (tmp_path / "ops").symlink_to(ROOT / "ops")
    blocks = told()
    assert len(blocks) >= 4
    for command, output in blocks:
        words = shlex.split(command)
        assert words[0] == "athanor"
        answer = subprocess.run(
            [sys.executable, "-m", "ops.cli", *words[1:]],
            capture_output=True, text=True, cwd=tmp_path, env=environment(), timeout=700, check=False,
        )  # fmt: skip
        printed = "\n".join(" ".join(line.split()) for line in answer.stdout.strip().splitlines())
        assert pattern(output).fullmatch(printed), f"{command}\n{answer.stderr}\n{printed}"


def test_a_lie_is_noticed() -> None:
    """The comparison can fail, and an ellipsis stands for what it should."""
    assert pattern("a  … c").fullmatch("a b b c")
    assert not pattern("a … c").fullmatch("a b b d")
    assert not pattern("12 samples").fullmatch("13 samples")


def test_every_link_leads_somewhere() -> None:
    """Relative links of all pages that people read point at files that exist."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("*/README.md"), *ROOT.glob("ops/*/*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not broken
