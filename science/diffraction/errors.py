"""What can be wrong with patterns and libraries.

::

    DiffractionError
    ├── PatternError     a file or array that is no usable powder pattern
    └── LibraryError     a phase library that cannot be used
"""

from __future__ import annotations


class DiffractionError(Exception):
    """The root of everything that `science.diffraction` raises."""


class PatternError(DiffractionError):
    """A file or array is no usable powder pattern."""


class LibraryError(DiffractionError):
    """A phase library cannot be used."""
