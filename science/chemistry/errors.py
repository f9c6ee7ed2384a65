"""What can be wrong with substances.

::

    ChemistryError
    ├── CrystalError      a structure that cannot be read or built
    ├── FormulaError      a text that is no chemical formula
    ├── PhaseFactError    a phase library file that contradicts itself
    └── UnknownIonError   an ion of which no radius or charge is known here
"""

from __future__ import annotations


class ChemistryError(Exception):
    """The root of everything that `science.chemistry` raises."""


class CrystalError(ChemistryError):
    """A structure cannot be read or built."""


class FormulaError(ChemistryError):
    """A text is no chemical formula."""


class PhaseFactError(ChemistryError):
    """A phase library file contradicts itself."""


class UnknownIonError(ChemistryError):
    """No radius or charge of this ion is known here."""
