"""Compositions that balance, and references to big data.

Site fractions are integers over a common divisor (twelfths in the shipped campaigns): weighable, exact,
and free of rounding, so that "the fractions sum to one" and "the charges cancel" are equalities.
"""

from __future__ import annotations

from fractions import Fraction as Rational
from functools import cache
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from contracts.event import Words
from contracts.identifiers import Sha256

ElementSymbol = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]
"""The symbol of a chemical element."""


@cache
def _is_element(symbol: str) -> bool:
    from pymatgen.core.periodic_table import Element

    return bool(Element.is_valid_symbol(symbol))


@cache
def _known_oxidation_states(symbol: str) -> frozenset[int]:
    from pymatgen.core.periodic_table import Element

    element = Element(symbol)
    return frozenset(element.icsd_oxidation_states) | frozenset(element.common_oxidation_states)


_SEEN: set[tuple[str, int]] = set()
"""Ions that have been found to exist."""


class Species(Words):
    """An ion and its share of a sublattice."""

    element: ElementSymbol
    """Which element."""
    oxidation_state: Annotated[int, Field(ge=-4, le=8)]
    """Its charge in elementary charges."""
    parts: Annotated[int, Field(ge=1, le=10_000)]
    """Its share, in parts of the sublattice's sum."""

    @model_validator(mode="after")
    def _exists(self) -> Species:
        if (self.element, self.oxidation_state) in _SEEN:  # every ion of every event that is read comes here
            return self
        if not _is_element(self.element):
            raise ValueError(f"expected the symbol of a chemical element, got {self.element!r}")
        if self.oxidation_state not in _known_oxidation_states(self.element):
            states = ", ".join(f"{s:+d}" for s in sorted(_known_oxidation_states(self.element)))
            raise ValueError(
                f"expected an oxidation state of {self.element} seen in crystals ({states}), "
                f"got {self.oxidation_state:+d}"
            )
        _SEEN.add((self.element, self.oxidation_state))
        return self


class Sublattice(Words):
    """One kind of site: how many of it a formula unit has, and which ions share it."""

    label: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,7}$")]
    """``A``, ``B``, ``X``."""
    multiplicity: Annotated[int, Field(ge=1, le=192)]
    """Sites of this kind in one formula unit."""
    species: Annotated[tuple[Species, ...], Field(min_length=1)]
    """The ions on it, each element once."""

    @field_validator("species")
    @classmethod
    def _each_once(cls, species: tuple[Species, ...]) -> tuple[Species, ...]:
        if len(species) > 1 and len({s.element for s in species}) != len(species):
            seen = [s.element for s in species]
            raise ValueError(f"expected each element once on a sublattice, got {seen}")
        return species

    @property
    def divisor(self) -> int:
        """Sum of the parts: the fractions are ``parts / divisor`` and sum to one exactly."""
        return sum(s.parts for s in self.species)

    @property
    def fractions(self) -> dict[str, float]:
        """Element → share of the sublattice's sites."""
        return {s.element: s.parts / self.divisor for s in self.species}


class Composition(Words):
    """A charge-neutral ionic composition, site by site. One that does not balance cannot be built."""

    sublattices: Annotated[tuple[Sublattice, ...], Field(min_length=1)]
    """The sites of one formula unit."""

    @model_validator(mode="after")
    def _balances(self) -> Composition:
        if len({s.label for s in self.sublattices}) != len(self.sublattices):
            labels = [s.label for s in self.sublattices]
            raise ValueError(f"expected each sublattice once, got {labels}")
        if self._charge()[0]:
            raise ValueError(
                f"expected charges that cancel, got {float(self.charge):+g} e per formula unit of {self.formula}: "
                "change the shares or the oxidation states"
            )
        return self

    @property
    def charge(self) -> Rational:
        """Net charge of one formula unit in elementary charges, exact."""
        return Rational(*self._charge())

    def _charge(self) -> tuple[int, int]:
        """The same as numerator and denominator, not reduced."""
        above, below = 0, 1  # in whole numbers, for every event that names a composition is checked when it is read
        for site in self.sublattices:
            divisor = charges = 0
            for s in site.species:
                divisor += s.parts
                charges += s.parts * s.oxidation_state
            above, below = above * divisor + site.multiplicity * charges * below, below * divisor
        return above, below

    @property
    def amounts(self) -> dict[str, float]:
        """Element → atoms per formula unit."""
        total: dict[str, Rational] = {}
        for site in self.sublattices:
            for s in site.species:
                share = Rational(site.multiplicity * s.parts, site.divisor)
                total[s.element] = total.get(s.element, Rational(0)) + share
        return {element: float(amount) for element, amount in total.items()}

    @property
    def formula(self) -> str:
        """Readable formula in sublattice order, such as ``BaZr0.583Ti0.417O3``."""

        def number(x: float) -> str:
            return "" if x == 1 else f"{x:.3f}".rstrip("0").rstrip(".")

        return "".join(f"{element}{number(amount)}" for element, amount in self.amounts.items())

    def site(self, label: str) -> Sublattice:
        """The sublattice of that label.

        Raises:
            KeyError: there is none.
        """
        for sublattice in self.sublattices:
            if sublattice.label == label:
                return sublattice
        raise KeyError(label)


class ArtifactRef(Words):
    """Big data by reference: the content's digest is its name, so it cannot be swapped."""

    sha256: Sha256
    """Digest of the content."""
    size: Annotated[int, Field(ge=0, json_schema_extra={"unit": "B"})]
    """Length of the content."""
    media_type: str
    """IANA media type, or ``application/vnd.…`` for our own formats."""
    name: str
    """The file name that it came with; for people, never used to find it."""
