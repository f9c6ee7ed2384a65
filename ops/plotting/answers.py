"""An answer as a picture: observed, calculated and difference, ticks for each phase, and what nothing explains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ops.plotting.canvas import ALARM, COLOURS, FAINT, INK, PALE, figure, save, sparse, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from science.diffraction.answer import IdentifiedPhase
    from science.diffraction.picture import Picture

Array = NDArray[np.float64]
VERDICTS = {"identified": "#009E73", "ambiguous": "#B27500", "unknown": ALARM}
MARKED = 8
"""Most unexplained lines that are marked; more would hide the pattern."""
WINDOWS, TOWERING = 12, 8.0
"""A line towers if it is so much higher than what the third highest of so many parts of the range has."""
WIDTH, PANEL, ROW, REST = 10.0, 3.7, 0.2, 1.35
"""Inches: of the figure, of the main panel, of a row of ticks, and of the rest."""


def draw_answer(picture: Picture, title: str, out: Path) -> None:
    """Writes an answer as a picture.

    Args:
        picture: its curves.
        title: usually the name of the file.
        out: a file ending in one of `canvas.SUFFIXES`.

    Raises:
        PictureError: the file cannot be written.
    """
    rows = max(len(picture.phases), 1)
    legend = 0.19 * -(-rows // 2)
    with styled():
        drawn = figure(WIDTH, PANEL + ROW * rows + REST + legend)
        panels = drawn.subplots(3, 1, sharex=True, height_ratios=[PANEL, ROW * rows + 0.05, 0.75])
        main, ticks, difference = panels
        _main(main, picture)
        _ticks(ticks, picture)
        _difference(difference, picture)
        difference.set_xlabel("2θ / °")
        main.set_xlim(float(picture.x[0]), float(picture.x[-1]))
        _head(main, picture, title)
        drawn.align_ylabels(list(panels))
        save(drawn, out)


def formula_text(formula: str) -> str:
    """A formula with its numbers below the line; two decimals are enough for the eye."""
    return re.sub(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)", _below, formula)


def _below(number: re.Match[str]) -> str:
    digits = number.group(1)
    if "." in digits:
        digits = f"{float(digits):.2f}".rstrip("0").rstrip(".")
    return f"$_{{{digits}}}$"


def towers(picture: Picture) -> bool:
    """Whether one line towers above all others, so that only a scale that goes with the root shows the rest."""
    net = picture.observed - picture.background
    heights = sorted((float(part.max()) for part in np.array_split(net, WINDOWS)), reverse=True)
    return heights[0] > TOWERING * max(heights[2], 1e-12 * heights[0])


def _root(values: Array) -> Array:
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), float)


def _square(values: Array) -> Array:
    return np.asarray(np.sign(values) * np.square(values), float)


def _above(low: float, high: float, share: float, *, bent: bool, top: float | None = None) -> float:
    """Counts that lie a share of the panel's range above the top, or another height; on whatever scale it has."""
    begin = high if top is None else top
    if not bent:
        return begin + share * (high - low)
    ceiling, begin = (float(_root(np.array(v - low))) for v in (high, begin))
    return low + float(_square(np.array(begin + share * ceiling)))


def _main(axes: Axes, picture: Picture) -> None:
    from matplotlib.ticker import FuncFormatter

    answer = picture.answer
    axes.plot(picture.x, picture.observed, ".", ms=2.2, mew=0, color="#9a9a9a", rasterized=True, label="observed")
    for n, phase in enumerate(picture.phases):
        colour = COLOURS[n % len(COLOURS)]
        axes.fill_between(
            picture.x, picture.background, picture.background + phase.part, color=colour, alpha=0.28, lw=0
        )
    axes.plot(picture.x, picture.background, "-", lw=0.8, color=PALE)
    if picture.phases:
        axes.plot(picture.x, picture.calculated, "-", lw=0.9, color=INK, label="calculated")
    low, high = float(picture.observed.min()), float(picture.observed.max())
    bent = towers(picture)
    if bent:
        axes.set_yscale("function", functions=(lambda v: _root(v - low), lambda v: low + _square(v)))
    axes.set_ylim(_above(low, high, -1.04, bent=bent), _above(low, high, 0.1, bent=bent))
    for line in answer.unexplained_lines[:MARKED]:
        near = np.abs(picture.x - line.two_theta) < 0.25
        top = float(picture.observed[near].max()) if near.any() else high
        mark = _above(low, high, 0.035, bent=bent, top=top)
        axes.plot([line.two_theta], [mark], marker="v", ms=6, mew=0, color=ALARM, clip_on=False)
        axes.annotate(
            f"{line.d:.3f} Å",
            (line.two_theta, _above(low, high, 0.05, bent=bent, top=top)),
            ha="center",
            va="bottom",
            fontsize=7,
            color=ALARM,
            xytext=(0, 3),
            textcoords="offset points",
        )
    axes.set_ylabel("intensity / counts, root scale" if bent else "intensity / counts")
    sparse(axes)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{v:,.0f}".replace(",", "\u202f") if high > 20 else f"{v:g}")
    )
    axes.tick_params(labelbottom=False)


def _ticks(axes: Axes, picture: Picture) -> None:
    rows = max(len(picture.phases), 1)
    for n, phase in enumerate(picture.phases):
        axes.vlines(phase.ticks, rows - n - 0.86, rows - n - 0.14, color=COLOURS[n % len(COLOURS)], lw=0.9)
    axes.set_ylim(0, rows)
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(bottom=False, which="both", labelbottom=False)
    if not picture.phases:
        axes.text(0.5, 0.5, "no phase named", transform=axes.transAxes, ha="center", va="center", color=PALE)


def _grouped(value: float, _: int | None) -> str:
    """A number in groups of three digits."""
    text = f"{value:,.0f}" if abs(value) >= 10 else f"{value:g}"
    return text.replace(",", "\u202f").replace("-", "−")


def _difference(axes: Axes, picture: Picture) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.axhline(0, color=FAINT, lw=0.8)
    axes.plot(picture.x, picture.difference, "-", lw=0.7, color="#5b5b5b")
    for line in picture.answer.unexplained_lines[:MARKED]:
        axes.axvline(line.two_theta, color=ALARM, lw=0.8, alpha=0.35)
    reach = float(np.abs(picture.difference).max()) * 1.1 or 1.0
    if towers(picture):
        axes.set_yscale("function", functions=(_root, _square))
    axes.set_ylim(-reach, reach)
    sparse(axes, y=2)
    axes.yaxis.set_major_formatter(FuncFormatter(_grouped))
    axes.set_ylabel("obs − calc")


def _head(axes: Axes, picture: Picture, title: str) -> None:
    """Title, verdict and legend above the panel, where no peak is."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    answer = picture.answer
    entries: list[Patch | Line2D] = [
        Line2D([], [], marker=".", ms=5, ls="", color="#9a9a9a", label="observed"),
        Line2D([], [], lw=1.2, color=INK, label="calculated"),
    ]
    for n, phase in enumerate(answer.phases):
        entries.append(Patch(facecolor=COLOURS[n % len(COLOURS)], label=_phase(phase)))
    if answer.unexplained_lines:
        count = len(answer.unexplained_lines)
        told = f"{count} unexplained line{'s' if count > 1 else ''}"
        entries.append(Line2D([], [], marker="v", ms=6, ls="", color=ALARM, mew=0, label=told))
    columns = 3 if len(entries) > 4 else len(entries)
    height = 0.2 * -(-len(entries) // columns)
    axes.legend(
        handles=entries,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
        columnspacing=1.8,
        handlelength=1.2,
    )
    flags = f"   ·   {', '.join(answer.flags)}" if answer.flags else ""
    up = 72 * height + 12
    axes.annotate(
        title,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, up + 13),
        textcoords="offset points",
        fontweight="bold",
        fontsize=11,
        color=INK,
    )
    axes.annotate(
        answer.verdict,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, up),
        textcoords="offset points",
        fontweight="bold",
        color=VERDICTS[answer.verdict],
    )
    axes.annotate(
        f"Rwp {100 * picture.r_wp:.1f} %   ·   unexplained {100 * answer.unexplained_fraction:.0f} %   ·   "
        f"λ {answer.wavelength:.5f} Å{flags}",
        (0, 1),
        xycoords="axes fraction",
        xytext=(72, up),
        textcoords="offset points",
        fontsize=8.5,
        color=PALE,
    )


def _phase(phase: IdentifiedPhase) -> str:
    error = f" ± {100 * phase.weight_fraction_su:.1f}" if phase.weight_fraction_su else ""
    return f"{formula_text(phase.formula)} ({phase.space_group})  {100 * phase.weight_fraction:.1f}{error} wt%"
