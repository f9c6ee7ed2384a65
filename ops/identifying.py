"""`athanor identify`: names the phases in measured files."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ops.cli import UNUSABLE, complain

if TYPE_CHECKING:
    from science.diffraction.identify import Identification
    from science.diffraction.library import PhaseLibrary


def identify_files(
    files: list[Path], elements: str, library: Path | None, wavelength: float | None, *, as_json: bool
) -> int:
    """Identifies each file; 0 when all are identified, 1 when some are not, 2 when some input is unusable."""
    from science.diffraction.errors import DiffractionError
    from science.diffraction.library import PhaseLibrary

    try:
        allowed = _elements(elements)
        known = PhaseLibrary.shipped() if library is None else PhaseLibrary.load(library)
    except (ValueError, DiffractionError) as error:
        complain(str(error))
        return UNUSABLE
    if known.skipped:
        complain(f"{len(known.skipped)} files of the library cannot be read, such as {known.skipped[0]}")
    if wavelength is not None and not 0.1 < wavelength < 5:
        complain(f"Expected a wavelength between 0.1 and 5 angstrom, got {wavelength:g}.")
        return UNUSABLE
    code = 0
    for file in files:
        code = max(code, _one(file, allowed, known, wavelength, as_json=as_json))
    return code


def _elements(text: str) -> frozenset[str]:
    from pymatgen.core.periodic_table import Element

    symbols = [s for s in re.split(r"[,\s]+", text.strip()) if s]
    wrong = [s for s in symbols if not Element.is_valid_symbol(s)]
    if wrong or not symbols:
        raise ValueError(f"Expected symbols of elements such as Ba,Ti,O, got {', '.join(wrong) or 'none'}.")
    return frozenset(symbols)


def _one(
    file: Path, elements: frozenset[str], library: PhaseLibrary, wavelength: float | None, *, as_json: bool
) -> int:
    from science.diffraction.errors import DiffractionError
    from science.diffraction.identify import identify
    from science.diffraction.readers import read_pattern

    began = time.perf_counter()
    try:
        pattern = read_pattern(file)
        answer = identify(pattern, library, elements, wavelength=wavelength)
    except DiffractionError as error:
        if as_json:
            _print_json({"file": str(file), "error": str(error), "verdict": "unusable", "phases": []})
        complain(f"{file}: {error}")
        return UNUSABLE
    document = _document(file, answer, pattern.notes, time.perf_counter() - began)
    if as_json:
        _print_json(document)
    else:
        _print_table(document)
    return 0 if answer.verdict == "identified" else 1


def _document(file: Path, answer: Identification, notes: tuple[str, ...], seconds: float) -> dict[str, Any]:
    return {
        "file": str(file),
        "verdict": answer.verdict,
        "phases": [
            {
                "formula": p.formula,
                "space_group": p.space_group,
                "weight_fraction": round(p.weight_fraction, 4),
                "lattice": {k: round(v, 5) for k, v in asdict(p.lattice).items()},
                "confidence": round(p.confidence, 3),
                "name": p.name,
                "alternatives": list(p.alternatives),
            }
            for p in answer.phases
        ],
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
        "displacement_mm": round(float(answer.displacement), 4),
        "wavelength_angstrom": answer.wavelength,
        "flags": list(answer.flags),
        "notes": list(notes),
        "seconds": round(seconds, 3),
    }


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _print_table(document: dict[str, Any]) -> None:
    console = Console()
    colour = {"identified": "green", "ambiguous": "yellow"}.get(document["verdict"], "red")
    console.print(f"[bold]{document['file']}[/bold]  [{colour}]{document['verdict']}[/{colour}]")
    table = Table("phase", "space group", "weight %", "a, b, c / Å", "confidence", "as good", box=None)
    for p in document["phases"]:
        cell = p["lattice"]
        table.add_row(
            p["formula"],
            str(p["space_group"]),
            f"{100 * p['weight_fraction']:.1f}",
            f"{cell['a']:.4f}, {cell['b']:.4f}, {cell['c']:.4f}",
            f"{p['confidence']:.2f}",
            "; ".join(p["alternatives"]),
        )
    if document["phases"]:
        console.print(table)
    for line in document["unexplained_lines"]:
        console.print(
            f"  unexplained line at {line['two_theta']:.2f}° (d = {line['d_angstrom']:.4f} Å), "
            f"{100 * line['relative_intensity']:.0f} % of the strongest"
        )
    console.print(
        f"  unexplained {100 * document['unexplained_fraction']:.0f} %, Rwp {100 * document['rwp']:.1f} %, "
        f"{', '.join(document['flags']) or 'no flags'}, {document['seconds']:.1f} s"
    )
