"""`athanor identify`: names the phases in measured files."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ops.exits import UNUSABLE, complain
from ops.given import Judge, chosen_axis, chosen_elements, judged_by
from ops.telling import document, print_json, print_table

if TYPE_CHECKING:
    from science.diffraction.identify import Identification
    from science.diffraction.library import PhaseLibrary
    from science.diffraction.pattern import Pattern
    from science.diffraction.reading.axis import Axis


OVERRULED = "wavelength-overruled"
"""Flag of an answer for which another wavelength was given than the file has."""


@dataclass(frozen=True)
class IdentifyOrder:
    """How to identify.

    Attributes:
        elements: that the sample may contain, as typed.
        library: folder of CIF files or TOML file; the shipped library otherwise.
        wavelength: Kα1 in Å, if better known than in the file.
        axis: what the values of text files are, as typed.
        plot: where to draw the answer.
        as_json: one JSON object a line instead of tables.
        standard: scan of a reference powder on the same diffractometer, whose zero holds for the files, too.
        standard_name: what powder that is.
    """

    elements: str
    library: Path | None = None
    wavelength: float | None = None
    axis: str | None = None
    plot: Path | None = None
    as_json: bool = False
    standard: Path | None = None
    standard_name: str = "Si"


def identify_files(files: list[Path], order: IdentifyOrder) -> int:
    """Identifies each file; 0 when all are identified, 1 when some are not, 2 when some input is unusable."""
    from ops.plotting.canvas import PictureError, checked
    from science.diffraction.errors import DiffractionError
    from science.diffraction.library import PhaseLibrary

    try:
        allowed = chosen_elements(order.elements)
        axis = chosen_axis(order.axis)
        if order.plot is not None:
            checked(order.plot)
        known = PhaseLibrary.shipped() if order.library is None else PhaseLibrary.load(order.library)
        judge = None if order.standard is None else judged_by(order.standard, order.standard_name, order.wavelength)
    except (ValueError, DiffractionError, PictureError) as error:
        complain(str(error))
        return UNUSABLE
    if known.skipped:
        complain(f"{len(known.skipped)} files of the library cannot be read, such as {known.skipped[0]}")
    if order.wavelength is not None and not 0.1 < order.wavelength < 5:
        complain(f"Expected a wavelength between 0.1 and 5 angstrom, got {order.wavelength:g}.")
        return UNUSABLE
    several = len(files) > 1
    case = _Case(allowed, known, axis, judge, several)
    return max((_one(file, case, order) for file in files), default=0)


@dataclass(frozen=True)
class _Case:
    """What all files of one command have in common."""

    elements: frozenset[str]
    library: PhaseLibrary
    axis: Axis | None
    judge: Judge | None
    several: bool


def _one(file: Path, case: _Case, order: IdentifyOrder) -> int:
    from ops.plotting.canvas import PictureError
    from science.diffraction.errors import DiffractionError
    from science.diffraction.identify import identify
    from science.diffraction.readers import read_pattern

    began = time.perf_counter()
    try:
        pattern = read_pattern(file, axis=case.axis, wavelength=order.wavelength)
        instrument = None if case.judge is None else case.judge.found.instrument
        answer = identify(pattern, case.library, case.elements, wavelength=order.wavelength, instrument=instrument)
        answer = replace(answer, flags=(*answer.flags, *_overruled(pattern, order.wavelength), *pattern.flags))
        told = document(file, answer, pattern, time.perf_counter() - began)
        if case.judge is not None:
            told |= {"standard": case.judge.told, "notes": [*told["notes"], case.judge.note]}
        if order.plot is not None:
            told["picture"] = str(_draw(pattern, answer, case.library, order, several=case.several))
    except (DiffractionError, PictureError) as error:
        if order.as_json:
            print_json({"file": str(file), "error": str(error), "verdict": "unusable", "phases": []})
        complain(f"{file}: {error}")
        return UNUSABLE
    if order.as_json:
        print_json(told)
    else:
        print_table(told)
    return 0 if answer.verdict == "identified" else 1


def _overruled(pattern: Pattern, wavelength: float | None) -> tuple[str, ...]:
    if wavelength is None or pattern.wavelength is None or abs(wavelength - pattern.wavelength) < 5e-4:
        return ()
    return (OVERRULED,)


def _draw(
    pattern: Pattern, answer: Identification, library: PhaseLibrary, order: IdentifyOrder, *, several: bool
) -> Path:
    """Draws an answer; of several each gets the name of its file, too."""
    from ops.plotting.answers import draw_answer
    from science.diffraction.picture import explain

    out = order.plot or Path()
    if several:
        out = out.with_name(f"{out.stem}-{Path(pattern.source).stem}{out.suffix}")
    picture = explain(pattern, answer, library.crystals, wavelength=order.wavelength)
    draw_answer(picture, pattern.source, out)
    return out
