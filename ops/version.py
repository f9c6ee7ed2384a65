"""Which Athanor this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The version of the installed distribution."""
    return metadata.version("athanor-lab")
