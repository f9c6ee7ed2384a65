"""Numbers that carry their unit and their bounds into the schema.

A bare float says nothing; `Kelvin` says what it counts, refuses −5 and 10⁶, and writes both into the
published JSON Schema as ``unit``, ``minimum`` and ``maximum``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field


def _unit(symbol: str) -> dict[str, str]:
    """Schema keyword for the unit of a number (UCUM spelling where it has one)."""
    return {"unit": symbol}


Kelvin = Annotated[float, Field(ge=0, le=3500, json_schema_extra=_unit("K"))]
"""Absolute temperature."""
Celsius = Annotated[float, Field(ge=-273.15, le=3200, json_schema_extra=_unit("Cel"))]
"""Temperature as people write it into campaign files."""
KelvinDifference = Annotated[float, Field(ge=-1000, le=1000, json_schema_extra=_unit("K"))]
"""How much hotter one thing is than another; negative where it is colder."""
KelvinSpan = Annotated[float, Field(ge=0, le=1000, json_schema_extra=_unit("K"))]
"""How far two temperatures may lie apart: a tolerance, an uncertainty."""
Days = Annotated[float, Field(ge=0, le=3650, json_schema_extra=_unit("d"))]
"""A span of time as people write it into campaign files, up to ten years."""
Hours = Annotated[float, Field(ge=0, le=9000, json_schema_extra=_unit("h"))]
"""A span of time as people write it into campaign files."""
KelvinPerMinute = Annotated[float, Field(gt=0, le=600, json_schema_extra=_unit("K/min"))]
"""Rate of heating or controlled cooling."""
Seconds = Annotated[float, Field(ge=0, le=3.2e7, json_schema_extra=_unit("s"))]
"""A span of time, up to a year."""
Angstrom = Annotated[float, Field(gt=0, le=500, json_schema_extra=_unit("Angstrom"))]
"""A length in a crystal, or a wavelength."""
AngstromSpan = Annotated[float, Field(ge=0, le=500, json_schema_extra=_unit("Angstrom"))]
"""How far two such lengths may lie apart: an uncertainty; 0 where symmetry fixes the length."""
Nanometre = Annotated[float, Field(ge=0, le=1e6, json_schema_extra=_unit("nm"))]
"""A length between atoms and grains: a crystallite, or how well its size is known."""
Millimetre = Annotated[float, Field(ge=-50, le=1000, json_schema_extra=_unit("mm"))]
"""A length in an instrument; signed for displacements."""
Degrees = Annotated[float, Field(ge=0, le=180, json_schema_extra=_unit("deg"))]
"""A plane angle."""
DegreesTwoTheta = Annotated[float, Field(ge=-10, le=180, json_schema_extra=_unit("deg"))]
"""A diffraction angle 2θ."""
Gram = Annotated[float, Field(ge=0, le=10_000, json_schema_extra=_unit("g"))]
"""A mass on the balance."""
Euro = Annotated[float, Field(ge=0, json_schema_extra=_unit("EUR"))]
"""Money."""
Fraction = Annotated[float, Field(ge=0, le=1, json_schema_extra=_unit("1"))]
"""A share of a whole: phase fraction, probability, relative intensity."""
AtomicFraction = Fraction
"""A share of the atoms of one sublattice."""
SignedFraction = Annotated[float, Field(ge=-1, le=1, json_schema_extra=_unit("1"))]
"""A relative excess (positive) or deficit (negative)."""
NonNegative = Annotated[float, Field(ge=0, json_schema_extra=_unit("1"))]
"""A number without unit that cannot be negative, such as a score or a residual."""
Bits = Annotated[float, Field(ge=0, le=1000, json_schema_extra=_unit("bit"))]
"""Information: one bit settles a question of which both answers were as likely."""
Count = Annotated[int, Field(ge=0)]
"""How many."""
