"""`athanor plot-pattern`: measured patterns one above the other, as they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ops.exits import UNUSABLE, complain
from ops.given import chosen_axis
from ops.plotting.canvas import COLOURS, PALE, PictureError, checked, figure, save, sparse, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from science.diffraction.pattern import Pattern

Array = NDArray[np.float64]

LIFT = 1.05
"""Distance between patterns relative to their height."""
LOG_LIFT = 1.6
"""The same on a logarithmic scale: a factor between the top of one and the bottom of the next."""
D_TICKS = (50, 20, 10, 8, 6, 5, 4, 3.5, 3, 2.5, 2, 1.8, 1.6, 1.4, 1.2, 1, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Lattice spacings in Å that get a number, where there is room."""


@dataclass(frozen=True)
class PatternsOrder:
    """What was asked for.

    Attributes:
        log: logarithmic intensities.
        d: lattice spacings instead of angles.
        axis: what the values of text files are.
        wavelength: in Å, if better known than in the files.
    """

    log: bool = False
    d: bool = False
    axis: str | None = None
    wavelength: float | None = None


def plot_files(files: Sequence[Path], out: Path, order: PatternsOrder, *, as_json: bool) -> int:
    """Reads patterns and draws them; 0, or 2 when a file or the picture is unusable."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.readers import read_pattern

    try:
        checked(out)
        axis = chosen_axis(order.axis)
        patterns = [read_pattern(file, axis=axis, wavelength=order.wavelength) for file in files]
        draw_patterns(patterns, out, order)
    except (ValueError, DiffractionError, PictureError) as error:
        complain(str(error))
        return UNUSABLE
    if as_json:
        sys.stdout.write(json.dumps({"picture": str(out), "patterns": [told(p) for p in patterns]}) + "\n")
        return 0
    for pattern in patterns:
        for note in pattern.notes:
            complain(f"{pattern.source}: {note}")
    return 0


def told(pattern: Pattern) -> dict[str, Any]:
    """What a pattern is, without its points."""
    from dataclasses import asdict

    return {
        "file": pattern.source,
        "points": len(pattern.two_theta),
        "two_theta": [round(float(pattern.two_theta[0]), 4), round(float(pattern.two_theta[-1]), 4)],
        "wavelength_angstrom": pattern.wavelength,
        "k_alpha2": pattern.k_alpha2,
        "provenance": {k: v for k, v in asdict(pattern.provenance).items() if v not in ("", None)},
        "flags": list(pattern.flags),
        "notes": list(pattern.notes),
    }


def draw_patterns(patterns: Sequence[Pattern], out: Path, order: PatternsOrder) -> None:
    """Writes patterns as a picture, the first at the bottom.

    Raises:
        PictureError: spacings were asked for and a wavelength is missing, or the file cannot be written.
    """
    stacked = len(patterns) > 1
    curves = [(_abscissa(p, order), _ordinate(p, order, stacked=stacked)) for p in patterns]
    with styled():
        drawn = figure(10.0, min(3.6 + 1.2 * (len(patterns) - 1), 14.0))
        axes = drawn.subplots()
        if order.log:
            axes.set_yscale("log")
        floor = 1.0
        for n, (pattern, (x, y)) in enumerate(zip(patterns, curves, strict=True)):
            moved = y + n * LIFT
            if order.log:
                moved = y * (floor / float(y.min())) if stacked else y
                floor = LOG_LIFT * float(moved.max())
            colour = COLOURS[n % len(COLOURS)]
            axes.plot(x, moved, "-", lw=0.9, color=colour, rasterized=len(x) > 20_000)
            if stacked:
                _name(axes, pattern, x, moved, colour)
        if not stacked:
            axes.set_title(_short(patterns[0].source), loc="left", fontweight="bold", fontsize=11)
        _label(axes, order, stacked=stacked)
        if order.d:
            _spacings(axes, curves)
        else:
            axes.set_xlim(min(float(x[0]) for x, _ in curves), max(float(x[-1]) for x, _ in curves))
        save(drawn, out)


def _abscissa(pattern: Pattern, order: PatternsOrder) -> Array:
    if not order.d:
        return pattern.two_theta
    wavelength = order.wavelength or pattern.wavelength
    if wavelength is None:
        raise PictureError(
            f"Expected a wavelength to draw {pattern.source} over d, got none in the file. Give --wavelength."
        )
    return np.asarray(wavelength / (2 * np.sin(np.radians(pattern.two_theta / 2))), float)


def _ordinate(pattern: Pattern, order: PatternsOrder, *, stacked: bool) -> Array:
    """Counts of one pattern, shares of the strongest line of several; what has no logarithm is raised to have one."""
    y = pattern.intensity / pattern.intensity.max() if stacked else pattern.intensity
    if order.log:
        y = np.maximum(y, float(y[y > 0].min()))
    return np.asarray(y, float)


def _short(name: str) -> str:
    return name if len(name) < 70 else f"{name[:67]}…"


def _name(axes: Axes, pattern: Pattern, x: Array, moved: Array, colour: str) -> None:
    """The name of a pattern above its right end, clear of its lines there."""
    reach = np.abs(x - x[-1]) < 0.45 * np.ptp(x)
    axes.annotate(
        _short(pattern.source),
        (1, float(moved[reach].max())),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color=colour,
        fontweight="bold",
    )


def _label(axes: Axes, order: PatternsOrder, *, stacked: bool) -> None:
    axes.set_xlabel("d / Å" if order.d else "2θ / °")
    if not order.log:
        sparse(axes)
    axes.set_ylabel("share of the strongest line, moved apart" if stacked else "intensity / counts")
    if stacked:
        axes.set_yticks([])
        axes.tick_params(axis="y", which="both", left=False, labelleft=False)
        axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#efefef", lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="minor", color=PALE)


def _spacings(axes: Axes, curves: Sequence[tuple[Array, Array]]) -> None:
    """Large spacings at the left, as they are measured, on a scale on which lines keep their distance."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = min(float(x.min()) for x, _ in curves), max(float(x.max()) for x, _ in curves)
    axes.set_xscale("log")
    axes.set_xlim(high, low)
    inside = [d for d in D_TICKS if low <= d <= high]
    axes.xaxis.set_major_locator(FixedLocator(inside))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
