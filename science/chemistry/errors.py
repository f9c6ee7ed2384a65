"""What can be wrong with a chemistry.

::

    ChemistryError
    ├── UnknownChemistryError   a name of no chemistry, or a plug-in that brings none
    └── UnknownIonError         an ion of which no radius or charge is known here
"""

from __future__ import annotations


class ChemistryError(Exception):
    """The root of everything that `science.chemistry` raises."""


class UnknownChemistryError(ChemistryError):
    """No chemistry of this name is known, or what goes by it is none."""


class UnknownIonError(ChemistryError):
    """No radius or charge of this ion is known here."""
