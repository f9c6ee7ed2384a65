"""What the first column of a text file is: degrees, radians, q or d. Where the file does not say, nobody guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from science.diffraction.errors import PatternError
from science.diffraction.pattern import Array

Axis = Literal["2theta", "radians", "q", "q-nm", "d"]
"""Degrees 2θ, radians 2θ, q in 1/Å, q in 1/nm, d in Å."""
AXES: tuple[Axis, ...] = get_args(Axis)
DOUBTFUL = 15.0
"""Degrees below which a whole column of unnamed values could as well be q or d."""

_UNIT = r"[\s\[\(_/,]*"
_INVERSE = r"(?:1\s*/\s*{u}|{u}\s*(?:\^|\*\*)?\s*[-\u2212\u207b]\s*[1\u00b9]|inv(?:erse)?\s*{u})"
_PATTERNS: tuple[tuple[Axis, str], ...] = (
    ("q-nm", r"(?<![a-z])q" + _UNIT + _INVERSE.format(u="nm")),
    ("q", r"(?<![a-z])q" + _UNIT + _INVERSE.format(u="(?:a|\u00e5|\u212b|ang(?:strom)?s?)")),
    ("radians", r"(?:2\s*[-_]?\s*(?:theta|th|\u03b8)|two[-_ ]?theta|tth)" + _UNIT + r"rad"),
    ("2theta", r"2\s*[-_]?\s*(?:theta|th|\u03b8)|two[-_ ]?theta|(?<![a-z])tth(?![a-z])"),
    ("d", r"(?<![a-z])d\s*[\[\(_/]\s*(?:a|\u00e5|\u212b|ang(?:strom)?s?)(?![a-z])|(?<![a-z])d[-_ ]?spacing"),
)


def named_axis(header: Sequence[str]) -> Axis | None:
    """What the header calls the first column; the last line that calls it anything counts."""
    for line in reversed(header):
        text = line.lower().strip()
        first = re.split(r"[,;\t ]+", text.lstrip("#;!*'/\"% "))[0]
        if first in ("q", "d"):
            return _bare(first, text)
        for axis, pattern in _PATTERNS:
            if re.search(pattern, text):
                return axis
    return None


def _bare(first: str, text: str) -> Axis:
    if first == "d":
        return "d"
    return "q-nm" if "nm" in text else "q"


def degrees(
    name: str, values: Array, axis: Axis | None, wavelength: float | None
) -> tuple[Array, NDArray[np.bool_], str]:
    """The angles that a column stands for.

    Args:
        name: of the file.
        values: ``(n,)`` the first column.
        axis: what it is; none if neither the file nor anybody says.
        wavelength: Kα1 in Å, if known.

    Returns:
        Degrees 2θ ``(m,)``, which of the ``n`` values they belong to, and what was done, if anything.

    Raises:
        PatternError: nobody can know what it is, or it cannot be converted.
    """
    every = np.ones(len(values), dtype=np.bool_)
    if axis is None:
        _not_doubtful(name, values)
    if axis in (None, "2theta"):
        return values, every, ""
    if axis == "radians":
        return np.degrees(values), every, "angles were given in radians"
    if wavelength is None:
        raise PatternError(
            f"Expected a wavelength with the {axis} values in {name}, got none: intensities depend on the angle at "
            "which they were measured. Give --wavelength."
        )
    if (values <= 0).any():
        raise PatternError(f"Expected {axis} values above 0 in {name}, got {values.min():g}.")
    sine = wavelength / (2 * values) if axis == "d" else values * wavelength / (4 * np.pi) / (1 + 9 * (axis == "q-nm"))
    seen = sine < 1
    if not seen.any():
        raise PatternError(
            f"Expected {axis} values that can be reached with {wavelength:g} angstrom in {name}, got none. "
            "Is the wavelength right?"
        )
    left = f", {np.count_nonzero(~seen)} of them out of reach" if not seen.all() else ""
    done = f"angles were calculated from {axis} values with {wavelength:g} angstrom{left}"
    return np.degrees(2 * np.arcsin(sine[seen])), seen, done


def _not_doubtful(name: str, values: Array) -> None:
    """Refuses what could as well be q or d.

    Raises:
        PatternError: it could.
    """
    low, high = float(values.min()), float(values.max())
    if low > 0 and high < DOUBTFUL:
        raise PatternError(
            f"Expected angles in {name}, got values from {low:g} to {high:g} that could as well be q or d, and no "
            f"header that names them. Say which with --axis ({', '.join(AXES)})."
        )
    ordered = np.sort(values)
    steps = np.diff(ordered)
    tenth = max(len(steps) // 10, 1)
    first, last = float(np.median(steps[:tenth])), float(np.median(steps[-tenth:]))
    if 0 < low < 5 and high < 100 and last > 8 * first > 0:
        raise PatternError(
            f"Expected angles in {name}, got values from {low:g} to {high:g} whose steps grow from {first:.3g} to "
            f"{last:.3g}, as those of d values do, and no header that names them. Say which with --axis "
            f"({', '.join(AXES)})."
        )
