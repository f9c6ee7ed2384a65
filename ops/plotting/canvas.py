"""What all pictures have in common: a figure without a screen, colours, type, and where it may be written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Told apart by everybody (Okabe & Ito 2008, https://jfly.uni-koeln.de/color/); further ones begin again."""
INK, PALE, FAINT, ALARM = "#222222", "#767676", "#d9d9d9", "#B2182B"
SUFFIXES = (".png", ".pdf", ".svg")
RESOLUTION = 160
_STYLE: Any = {  # keys as matplotlib types them are too many to name
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "path.simplify": True,
}


class PictureError(Exception):
    """A picture cannot be written where it was asked for."""


def checked(out: Path) -> Path:
    """A file that a picture may be written to.

    Raises:
        PictureError: its suffix is none of a picture, or its folder is missing.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise PictureError(f"Expected a picture to end in {', '.join(SUFFIXES)}, got {out.name}.")
    if not out.parent.is_dir():
        raise PictureError(f"Expected the folder {out.parent} to write {out.name} into, got none. Make it first.")
    return out


def figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        return Figure(figsize=(width, height), dpi=RESOLUTION, layout="constrained", facecolor="white")


def styled() -> Any:
    """The context in which axes are made and written."""
    import matplotlib as mpl

    return mpl.rc_context(_STYLE)


def save(drawn: Figure, out: Path) -> None:
    """Writes a figure; the same figure gives the same bytes.

    Raises:
        PictureError: the file cannot be written.
    """
    dated: dict[str, str | None] = {} if out.suffix.lower() == ".png" else {"Date": None}
    if out.suffix.lower() == ".pdf":
        dated = {"CreationDate": None}
    try:
        with styled():
            drawn.savefig(out, metadata=dated or None)
    except OSError as error:
        raise PictureError(f"Expected to write {out}, got: {error.strerror}.") from error


def sparse(axes: Axes, *, x: int = 10, y: int = 5) -> None:
    """As many labelled ticks as can be read at a glance, with unlabelled ones between them."""
    from matplotlib.ticker import AutoMinorLocator, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(x, steps=[1, 2, 5, 10]))
    axes.xaxis.set_minor_locator(AutoMinorLocator())
    axes.yaxis.set_major_locator(MaxNLocator(y, steps=[1, 2, 2.5, 5, 10]))
