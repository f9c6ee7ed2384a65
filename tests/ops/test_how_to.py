"""The how-to pages show commands that there are, pictures that are there, and statements that have an answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ops.asking.statement import answer
from ops.cli import app
from tests.ops.asking.told import Told, asked, chained, every_fate

FOLDER = Path(__file__).parents[2] / "ops" / "how-to"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
COMMANDS = [
    (name, line.split("#", maxsplit=1)[0].strip())
    for name, text in PAGES.items()
    for line in [*re.findall(r"`(athanor [^`\n]+)`", text), *re.findall(r"^(athanor .+)$", text, re.MULTILINE)]
]
PICTURES = [(name, link) for name, text in PAGES.items() for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)]
LARGEST = 150_000
"""Bytes of a picture that everybody downloads who wants the source."""


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_and_their_options_exist(page: str, line: str) -> None:
    """Each word that begins a command or an option is one, so that a reader can type what stands there."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while hasattr(command, "commands"):
        assert words[0] in command.commands, f"{page}: {line}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    asked_for = [w for w in words if re.fullmatch(r"--?[a-z][a-z-]*", w) and w != "--help"]
    assert set(asked_for) <= known, f"{page}: {line}"


@pytest.mark.parametrize(("page", "link"), PICTURES)
def test_pictures_are_there_and_small(page: str, link: str) -> None:
    """Each picture lies beside its page and is small enough to be carried along."""
    assert 1000 < (FOLDER / link).stat().st_size < LARGEST, page


def test_every_picture_is_shown() -> None:
    """No picture lies there that no page shows."""
    assert {link for _, link in PICTURES} == {f"pictures/{p.name}" for p in (FOLDER / "pictures").iterdir()}


def test_the_statement_about_a_drift_has_an_answer() -> None:
    """What the page of standards asks the log is a statement that it understands."""
    (sql,) = re.findall(r'athanor query DIR "([^"]+)"', PAGES["standards.md"])
    with asked(Told(chained(every_fate()))) as (connection, _):
        assert answer(connection, sql).names == ("sample_id",)
