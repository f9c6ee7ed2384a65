"""Identification from bytes to answer, as worker processes run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from science.chemistry.perovskite.models import perovskite_models
from science.diffraction.identify import Identification, identify
from science.diffraction.instrument import Instrument
from science.diffraction.library import PhaseLibrary
from science.diffraction.readers import read_pattern_bytes

Sites = tuple[Mapping[str, float], Mapping[str, float]]


@cache
def library(path: str | None) -> PhaseLibrary:
    """The library at a path, or the shipped one; loaded once a process."""
    return PhaseLibrary.shipped() if path is None else PhaseLibrary.load(Path(path))


def identify_bytes(
    name: str,
    content: bytes,
    elements: tuple[str, ...],
    nominal: Sites | None,
    wavelength: float | None,
    library_path: str | None,
    instrument: Instrument | None = None,
) -> Identification:
    """The phases in the bytes of a measured file; what the reader repaired is told among the flags.

    Args:
        name: file name, for its format.
        content: the bytes.
        elements: elements that the sample may contain.
        nominal: site fractions of the perovskite that it was meant to become, if known.
        wavelength: Kα1 in Å as the instrument says; the file's own comes first.
        library_path: a library instead of the shipped one.
        instrument: what standards have shown of the diffractometer.

    Raises:
        DiffractionError: the file or the library cannot be used.
    """
    pattern = read_pattern_bytes(name, content)
    hypotheses = perovskite_models(*nominal) if nominal else ()
    told = None if pattern.wavelength is not None else wavelength
    answer = identify(
        pattern,
        library(library_path),
        elements,
        hypotheses=hypotheses,
        wavelength=told,
        instrument=instrument,
    )
    return replace(answer, flags=(*answer.flags, *pattern.flags))
