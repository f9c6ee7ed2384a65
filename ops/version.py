"""Which Athanor this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata

DECISIONS = 2
"""Raised by one in every change that lets the same past lead to other decisions, whether released or not."""


@cache
def version() -> str:
    """The version of the installed distribution and, once they have changed within it, of its decisions.

    Each agent says it when it starts: what it decides from there on is decided by this version.
    """
    released = metadata.version("athanor-lab")
    return released if DECISIONS == 1 else f"{released}+decisions.{DECISIONS}"
