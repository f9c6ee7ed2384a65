"""What people give along with measured patterns: the axis of their values, the elements in them, a standard's scan."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from science.diffraction.reading.axis import Axis
    from science.diffraction.standards import Alignment


def chosen_axis(text: str | None) -> Axis | None:
    """The axis that somebody typed.

    Raises:
        ValueError: it is none.
    """
    from science.diffraction.reading.axis import AXES

    if text is None:
        return None
    for axis in AXES:
        if axis == text:
            return axis
    raise ValueError(f"Expected one of {', '.join(AXES)} as --axis, got {text!r}.")


def chosen_elements(text: str) -> frozenset[str]:
    """The elements that somebody typed, such as Ba,Ti,O.

    Raises:
        ValueError: one of them is none, or there is none.
    """
    from pymatgen.core.periodic_table import Element

    symbols = [s for s in re.split(r"[,\s]+", text.strip()) if s]
    wrong = [s for s in symbols if not Element.is_valid_symbol(s)]
    if wrong or not symbols:
        raise ValueError(f"Expected symbols of elements such as Ba,Ti,O, got {', '.join(wrong) or 'none'}.")
    return frozenset(symbols)


@dataclass(frozen=True)
class Judge:
    """A standard, and what it says of the diffractometer.

    Attributes:
        file: its scan.
        name: of the powder.
        certificate: whose lattice it has.
        found: what it says.
        began: when it was measured, as the file says.
    """

    file: Path
    name: str
    certificate: str
    found: Alignment
    began: str = ""

    @property
    def told(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "file": str(self.file),
            "name": self.name,
            "certificate": self.certificate,
            "zero_deg": round(self.found.zero, 5),
            "zero_su_deg": round(self.found.zero_su, 5),
            "axial_divergence_deg": round(self.found.axial, 4),
            "axial_divergence_su_deg": round(self.found.axial_su, 4),
            "displacement_mm": round(self.found.displacement, 4),
            "displacement_su_mm": round(self.found.displacement_su, 4),
            "lines": len(self.found.lines),
            "residual_deg": round(self.found.residual, 5),
        }

    @property
    def note(self) -> str:
        """In a sentence."""
        return (
            f"cells are corrected by {self.name} ({self.certificate}) in {self.file.name}: {len(self.found.lines)} of "
            f"its lines say that the zero is {self.found.zero:+.4f} ± {self.found.zero_su:.4f} and axial divergence "
            f"{self.found.axial:.3f} ± {self.found.axial_su:.3f} degrees"
        )


def judged_by(file: Path, name: str, wavelength: float | None) -> Judge:
    """What the scan of a standard says of the diffractometer.

    Raises:
        ValueError: no standard has that name.
        DiffractionError: the file cannot be read, or shows too little of the standard.
    """
    from science.diffraction.readers import read_pattern
    from science.diffraction.standards import STANDARDS, aligned

    standard = STANDARDS.get(name)
    if standard is None:
        raise ValueError(f"Expected one of {', '.join(STANDARDS)} as the name of a standard, got {name!r}.")
    pattern = read_pattern(file, wavelength=wavelength)
    found = aligned(pattern, standard, wavelength=wavelength)
    return Judge(file, name, standard.certificate, found, pattern.provenance.began)
