"""How a command ends: its exit code, and what it says to people when it could not do as asked."""

from __future__ import annotations

import typer

FOUND_WANTING = 1
"""Exit code when the answer is no."""
UNUSABLE = 2
"""Exit code for input that cannot be used."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect."""


def complain(message: str) -> None:
    """One paragraph for people, on stderr."""
    typer.secho(message, fg=typer.colors.RED, err=True)
