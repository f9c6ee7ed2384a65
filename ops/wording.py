"""Numbers, formulas, recipes and dates as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from contracts.recipe import Recipe

CELSIUS = 273.15
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
"""What stands where there is no value."""

_FORMULA = r"(?=[A-Za-z().]*\d)(?:\(?(?:[A-Z][a-z]?\d*(?:\.\d+)?)\)?\d*){2,}(?:_\w+)?"
_NAMED = re.compile(rf"{_FORMULA}(?: \([^()]{{1,12}}\))*|\b[A-Z][a-z]?_\w+")
_NUMBER = re.compile(r"(?<![A-Za-z])[-+\N{MINUS SIGN}]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_REPEATED = re.compile(r"…(?:, …)+")


def fixed(value: float | None, digits: int) -> str:
    """A number with that many decimals and a true minus sign, or a dash for none."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.replace("-", MINUS) if float(text) else text.removeprefix("-")


def signed(value: float, digits: int) -> str:
    """A number that always shows its sign."""
    text = fixed(value, digits)
    return text if text.startswith(MINUS) or not float(text) else f"+{text}"


def percent(share: float, digits: int = 0) -> str:
    """A share of a whole."""
    return f"{fixed(100 * share, digits)}\N{NO-BREAK SPACE}%"


def plural(count: int, word: str, several: str | None = None) -> str:
    """``1 sample``, ``2 samples``."""
    return f"{count} {word if count == 1 else several or word + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def when(moment: datetime) -> str:
    """A moment on the lab's clock, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M}"


def unicode_formula(text: str) -> str:
    """A formula in one line of plain text, whole numbers set low: BaZrO₃."""
    return re.sub(
        r"(?<=[A-Za-z)])\d+(?![.\d])", lambda m: "".join(chr(ord("₀") + int(digit)) for digit in m.group()), text
    )


def recipe(what: Recipe) -> str:
    """The essentials of a recipe in one line."""
    profile = what.profile
    firing = " + ".join(f"{s.target - CELSIUS:.0f} °C, {s.dwell / 3600:g} h" for s in profile.segments)
    words = [firing if what.firings == 1 else f"{what.firings} × ({firing})", what.vessel.value]
    if what.a_site_excess:
        words.append(f"{signed(100 * what.a_site_excess, 1)} % A")
    if what.atmosphere.value != "air":
        words.append(what.atmosphere.value)
    if what.contact.value != "bare":
        words.append(what.contact.value)
    if profile.cooling.value != "furnace":
        words.append(profile.cooling.value)
    return " · ".join(words)


def gist(reason: str) -> str:
    """A reason without its numbers and formulas, so that the same reason can be counted."""
    text = _NUMBER.sub("…", _NAMED.sub("…", reason))
    return _REPEATED.sub("…", text)
