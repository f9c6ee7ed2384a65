"""Spans of time and shortened lists as people read them in a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import timedelta

from ops.wording import listed

_MEASURED = re.compile(r"(?<=\d) (?=(?:%|°C|°|Å|K|h|d|g|kB|min|s)(?:\W|$))")


def few(words: Sequence[str], most: int) -> str:
    """``a, b and c``; of more than `most`, the first ones and how many more."""
    return listed(words) if len(words) <= most else f"{', '.join(words[:most])} and {len(words) - most} more"


def span(length: timedelta) -> str:
    """A span of time in its two largest units: ``35 min``, ``33 h 30 min``, ``8 d 4 h``."""
    seconds = length.total_seconds()
    for limit, large, unit, small, part in (
        (10 * 60, 60, "min", 1, "s"),
        (72 * 3600, 3600, "h", 60, "min"),
        (float("inf"), 86_400, "d", 3600, "h"),
    ):
        rounded = round(seconds / small) * small
        if rounded < limit:
            whole, rest = divmod(rounded, large)
            parts = [f"{whole} {unit}"] if whole else []
            parts += [f"{rest // small} {part}"] if rest else []
            return " ".join(parts) or f"0 {part}"
    raise AssertionError(f"expected a span of time, got {length}")


def folded(text: str, width: int, indent: str = "") -> str:
    """A text in lines of at most `width` characters; a number and its unit stay together.

    Args:
        text: its own line breaks stay.
        width: of the longest line.
        indent: of all lines but the first.
    """
    kept = _MEASURED.sub("\N{NO-BREAK SPACE}", text)
    return "\n".join(
        folded_line
        for line in kept.split("\n")
        for folded_line in textwrap.wrap(line, max(width, 8), subsequent_indent=indent, break_on_hyphens=False) or [""]
    )
