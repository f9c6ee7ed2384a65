"""An identification as a person reads it, and as a JSON document: every number with its uncertainty."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from science.diffraction.answer import Identification, IdentifiedPhase
    from science.diffraction.pattern import Pattern

ANGLES = ("alpha", "beta", "gamma")
MEMBERS_SHOWN = 4
"""Members of a class that are named in a table; the others are counted. The document has them all."""
NAMES = {"members": "same_lines", "in_prediction_set": "in_90_percent_set"}
DECIMALS = 6
WIDEST = 1000
"""Columns beyond which nobody has a console."""
COLOURS = {"identified": "green", "ambiguous": "yellow"}


def document(file: Path, answer: Identification, pattern: Pattern, seconds: float) -> dict[str, Any]:
    """The answer to a file, with nothing left out."""
    return {
        "file": str(file),
        "verdict": answer.verdict,
        "phases": [_phase(p) for p in answer.phases],
        "missing_phase_probability": round(answer.missing, 4),
        "not_claimed": [{"name": name, "probability": round(chance, 4)} for name, chance in answer.doubtful],
        "unexplained_fraction": round(answer.unexplained_fraction, 4),
        "unexplained_lines": [
            {
                "two_theta": round(u.two_theta, 3),
                "d_angstrom": round(u.d, 4),
                "relative_intensity": round(u.relative_intensity, 3),
            }
            for u in answer.unexplained_lines
        ],
        "rwp": round(answer.r_wp, 4),
        "zero_deg": round(float(answer.zero), 4),
        "axial_divergence_deg": round(float(answer.axial), 4),
        "displacement_mm": round(float(answer.displacement), 4),
        "wavelength_angstrom": answer.wavelength,
        "angles_stretched_by": round(answer.stretch, 5),
        "flags": list(answer.flags),
        "notes": list(pattern.notes),
        "provenance": {k: v for k, v in asdict(pattern.provenance).items() if v not in ("", None)},
        "seconds": round(seconds, 3),
    }


def _phase(phase: IdentifiedPhase) -> dict[str, Any]:
    """All of its fields under names that need no further explanation, rounded far below their uncertainties."""
    told = {NAMES.get(name, name): _rounded(value) for name, value in asdict(phase).items()}
    told["lattice_su"] = dict(zip(told["lattice"], told["lattice_su"], strict=False))
    return told


def _rounded(value: Any) -> Any:
    if isinstance(value, float):  # what a fit could not tell is infinite, or no number, and JSON knows neither
        return round(value, DECIMALS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


def print_json(answer: dict[str, Any]) -> None:
    """One document a line."""
    sys.stdout.write(json.dumps(_rounded(answer), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(answer: dict[str, Any]) -> None:
    """A document as a table of its phases, with what must be known beside it."""
    console = Console()
    colour = COLOURS.get(answer["verdict"], "red")
    console.print(f"[bold]{answer['file']}[/bold]  [{colour}]{answer['verdict']}[/{colour}]")
    if answer["phases"]:
        table = _phases(answer["phases"])
        narrow = console.measure(table, options=console.options.update(max_width=WIDEST)).maximum > console.width
        console.print(_phases(answer["phases"], between=",\n") if narrow else table)
    for note in (note for p in answer["phases"] for note in _beside(p)):
        console.print(f"  {note}", highlight=False)
    for other in answer["not_claimed"]:
        console.print(f"  not claimed: {other['name']}, probability {other['probability']:.2f}", highlight=False)
    for line in answer["unexplained_lines"]:
        console.print(
            f"  unexplained line at {line['two_theta']:.2f}° (d = {line['d_angstrom']:.4f} Å), "
            f"{100 * line['relative_intensity']:.0f} % of the strongest"
        )
    if answer["phases"]:
        console.print(f"  a phase is missing with probability {answer['missing_phase_probability']:.2f}")
    console.print(
        f"  unexplained {100 * answer['unexplained_fraction']:.0f} %, Rwp {100 * answer['rwp']:.1f} %, "
        f"{', '.join(answer['flags']) or 'no flags'}, {answer['seconds']:.1f} s"
    )
    for note in answer["notes"]:
        console.print(f"  [dim]{note}[/dim]")
    if "picture" in answer:
        console.print(f"  drawn in {answer['picture']}")


def _phases(phases: list[dict[str, Any]], between: str = ", ") -> Table:
    """A row for each phase; columns that say nothing are left out.

    Args:
        phases: as the document has them.
        between: the lengths and angles of a cell.
    """
    alone = len(phases) == 1
    rows = [
        {
            "phase": p["formula"],
            "space group": str(p["space_group"]),
            "weight % of these": "100.0" if alone else _with_su(p, "weight_fraction", "weight_fraction_su", 100, 1),
            "cell / Å, °": cell_text(p["lattice"], p["lattice_su"], between),
            "size / nm": _with_su(p, "size_nm", "size_su_nm", 1, 0),
            "probability": f"{p['confidence']:.2f}",
            "as good": "; ".join(p["alternatives"]),
        }
        for p in phases
    ]
    heads = [head for head in rows[0] if any(row[head] for row in rows)]
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*(row[head] for head in heads))
    return table


def _with_su(phase: dict[str, Any], name: str, su: str, unit: float, digits: int) -> str:
    """A number with its uncertainty; a question mark for an uncertainty that is not known, nothing for no number."""
    if phase[name] is None:
        return ""
    error = "?" if phase[su] is None else f"{unit * phase[su]:.{digits}f}"
    return f"{unit * phase[name]:.{digits}f} ± {error}"


def _beside(phase: dict[str, Any]) -> list[str]:
    """What must be known of a phase and stands in no column."""
    told = []
    if phase["same_lines"]:
        told.append(f"{phase['formula']} has the lines of {_some(phase['same_lines'])}")
    if phase["texture_axis"]:
        plane = "".join(map(str, phase["texture_axis"]))
        told.append(f"{phase['formula']} lies along ({plane}), March's r {phase['march']:.2f}")
    return told


def _some(names: list[str]) -> str:
    shown, more = names[:MEMBERS_SHOWN], len(names) - MEMBERS_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def cell_text(lattice: dict[str, float], errors: dict[str, float | None], between: str = ", ") -> str:
    """A cell as crystallographers write it: equal lengths and right angles once or not at all, ``a 10.1156(3)``."""
    shown: list[str] = []
    seen: set[float] = set()
    for name, value in lattice.items():
        if name in ANGLES:
            if value not in (90.0, 120.0):
                shown.append(f"{name} {with_error(value, errors.get(name), 2)}")
        elif value not in seen:
            seen.add(value)
            shown.append(f"{name} {with_error(value, errors.get(name), 4)}")
    return between.join(shown)


def with_error(value: float, error: float | None, digits: int) -> str:
    """A number with its standard uncertainty in units of its last digit, 2 to 19 of them: ``10.1156(3)``.

    Args:
        value: the number.
        error: its standard uncertainty; 0 or none if there is none.
        digits: decimals where there is none.
    """
    if error is None or not 0 < error < math.inf:
        return f"{value:.{digits}f}"
    decimals = max(0, math.ceil(-math.log10(error / 1.95)))
    units = round(error * 10**decimals) or 1
    return f"{value:.{decimals}f}({units})"
