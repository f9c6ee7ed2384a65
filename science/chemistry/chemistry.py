"""What the lab knows of a class of materials: one value, assembled from functions that can be tested alone.

A chemistry is looked up by name (`known`), so that plans, logs and worker processes pass a word around and no code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from science.crystals.crystal import Crystal, Lattice


Sites = Mapping[str, Mapping[str, float]]
"""A composition: site → species → share of that site."""
Prior = Callable[[Any], Any]
"""What is expected of a property before anything was measured, ``(…)``, of designs as numbers ``(…, d)``; arrays and
tensors give the same."""
FamilyRule = Callable[[Sites], tuple[str, ...]]
"""Families that a composition belongs to, the finest first; the last is always ``all``."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A number that follows from a composition.

    Attributes:
        name: what people call it.
        unit: ``1`` for none.
        low: lower end of its usual range; what lies outside is extrapolated.
        high: upper end.
        of: the number itself.
    """

    name: str
    unit: str
    low: float
    high: float
    of: Callable[[Sites], float]


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase that was found in a sample.

    Attributes:
        name: the library entry or the model that was tried.
        formula: its formula.
        space_group: number of its space group.
        share: of the crystalline mass.
        lattice: its refined cell.
        share_su: standard uncertainty of the share, where it is known.
        lattice_su: of the cell: three lengths in Å, three angles in degrees, 0 where symmetry fixes them; empty where
            nothing is known of them.
        microstrain: relative spread of the lattice.
        size_nm: crystallite size; none where the width of the instrument hides it.
        size_su_nm: its standard uncertainty.
    """

    name: str
    formula: str
    space_group: int
    share: float
    lattice: Lattice
    share_su: float | None = None
    lattice_su: tuple[float, ...] = ()
    microstrain: float | None = None
    size_nm: float | None = None
    size_su_nm: float | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A number that was read, and its standard uncertainty where it is known."""

    value: float
    su: float | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why there is no number, in words that can stand after a colon."""

    why: str


class Reading(Protocol):
    """How a number is read off the phases that were found."""

    def __call__(self, phases: Sequence[Phase], wanted: str = "") -> Value | Doubt:
        """The number.

        Args:
            phases: all that were found.
            wanted: name or formula of the phase to read; empty where the chemistry knows which one is meant.
        """
        ...


def no_hypotheses(_: Sites) -> tuple[Crystal, ...]:
    """Nothing but the library is looked for."""
    return ()


def everything(_: Sites) -> tuple[str, ...]:
    """One family for all."""
    return ("all",)


@dataclass(frozen=True)
class Chemistry:
    """What is known of a class of materials.

    Attributes:
        name: by which it is looked up.
        descriptors: numbers that follow from a composition.
        priors: property → what is expected of it.
        families: rule → how it groups compositions.
        readings: name → how a number is read off the phases that were found.
        powders: element → the powder that brings it.
        hypotheses: structures to try in a pattern beside those of the library.
    """

    name: str
    descriptors: tuple[Descriptor, ...] = ()
    priors: Mapping[str, Prior] = field(default_factory=dict)
    families: Mapping[str, FamilyRule] = field(default_factory=lambda: {"all": everything})
    readings: Mapping[str, Reading] = field(default_factory=dict)
    powders: Mapping[str, str] = field(default_factory=dict)
    hypotheses: Callable[[Sites], tuple[Crystal, ...]] = no_hypotheses
