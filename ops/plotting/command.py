"""The command that draws what standards have shown of a diffractometer: `plot-drift`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot_drift(
    places: Annotated[
        list[str],
        typer.Argument(metavar="DIR|URL|FILE...", help="The folder of a run, a server, or scans of a standard."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture: .png, .pdf or .svg.")],
    standard_name: Annotated[str, typer.Option(help="What powder the scans show: Si, LaB6 or Al2O3.")] = "Si",
    wavelength: Annotated[float | None, typer.Option(help="K-alpha-1 in angstrom, if better known.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw the zero of each diffractometer over time, and when it drifted; exit code 1 where one did."""
    from ops.plotting.drifting import DriftOrder
    from ops.plotting.drifting import plot_drift as draw

    raise typer.Exit(draw(places, out, DriftOrder(standard_name, wavelength, as_json)))
