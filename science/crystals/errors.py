"""What can be wrong with structures.

::

    StructureError
    ├── CrystalError      a structure that cannot be read or built
    ├── FormulaError      a text that is no chemical formula
    └── PhaseFactError    a phase library file that contradicts itself
"""

from __future__ import annotations


class StructureError(Exception):
    """The root of everything that `science.crystals` raises."""


class CrystalError(StructureError):
    """A structure cannot be read or built."""


class FormulaError(StructureError):
    """A text is no chemical formula."""


class PhaseFactError(StructureError):
    """A phase library file contradicts itself."""
