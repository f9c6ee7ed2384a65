"""Where a campaign may look: compositions, and settings of how samples are made."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.event import Words
from contracts.materials import ArtifactRef, ElementSymbol

SiteLabel = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,7}$")]
"""What a site is called, such as A."""
Charge = Annotated[int, Field(ge=-4, le=8)]
"""An oxidation state, in elementary charges."""
Named = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""What people call a component, a column, a setting, a property or a rule."""
Unit = Annotated[str, StringConstraints(min_length=1, max_length=24)]
"""A unit, spelt as UCUM does where it has one; ``1`` for none."""
Scale = Literal["linear", "log"]
"""On which scale neighbours are equally far apart."""


class Site(Words):
    """One kind of site of a crystal, and the ions that may share it."""

    label: SiteLabel
    """Its name."""
    multiplicity: Annotated[float, Field(gt=0, le=192)] = 1.0
    """How many of it there are in a formula unit."""
    ions: Annotated[dict[ElementSymbol, Annotated[tuple[Charge, ...], Field(min_length=1)]], Field(min_length=1)]
    """Element → charges that it may have there; several for mixed valence."""
    max_species: Annotated[int, Field(ge=1, le=8)] = 1
    """Most elements that may share it."""


class Sites(Words):
    """Ionic crystals: each site is shared by whole parts of ions."""

    kind: Literal["sites"] = "sites"
    sites: Annotated[tuple[Site, ...], Field(min_length=1)]
    """All sites, in the order of the formula."""
    divisor: Annotated[int, Field(ge=1, le=100)]
    """Shares are whole multiples of one over this."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once("each site", [site.label for site in self.sites])
        return self


class Simplex(Words):
    """Alloys and solutions: shares of components that sum to one, or to one at most."""

    kind: Literal["simplex"] = "simplex"
    components: Annotated[tuple[Named, ...], Field(min_length=2, max_length=64)]
    """What is mixed."""
    basis: Literal["atoms", "mass", "volume"] = "atoms"
    """What the shares are shares of."""
    divisor: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Shares are whole multiples of one over this; without it they are a continuum."""
    sum_to_one: bool = True
    """Otherwise what is missing to one is solvent, or nothing."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once("each component", self.components)
        return self


class Table(Words):
    """A list of candidates that somebody made."""

    kind: Literal["table"] = "table"
    rows: ArtifactRef
    """The file, as it was when the campaign began."""
    columns: Annotated[tuple[Named, ...], Field(min_length=1)]
    """What the planner may see of a row."""
    key: Named | None = None
    """The column that names a candidate; without it rows alike in all columns are one."""
    formula: Named | None = None
    """The column that holds a formula."""
    group: Named | None = None
    """The column that holds the family of a row."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once("each column", self.columns)
        return self


Compositions = Annotated[Sites | Simplex | Table, Field(discriminator="kind")]
"""What candidates may consist of."""


class Levels(Words):
    """A setting with a few values."""

    kind: Literal["levels"] = "levels"
    name: Named
    """What is set."""
    unit: Unit = "1"
    """Its unit."""
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    """What it may be."""
    scale: Scale = "linear"
    shared: bool = False
    """Whether samples of one batch take it from a few common bundles, because a furnace holds one profile."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once(f"each level of {self.name}", [str(value) for value in self.values])
        _above_zero(self.name, self.scale, min(self.values))
        return self


class Range(Words):
    """A setting that may have any value between two."""

    kind: Literal["range"] = "range"
    name: Named
    """What is set."""
    unit: Unit = "1"
    """Its unit."""
    low: float
    """Least value."""
    high: float
    """Largest value."""
    scale: Scale = "linear"
    shared: bool = False
    """As for `Levels`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"expected a range of {self.name} that rises, got {self.low:g} to {self.high:g}")
        _above_zero(self.name, self.scale, self.low)
        return self


class Choice(Words):
    """A setting that is one of a few words."""

    kind: Literal["choice"] = "choice"
    name: Named
    """What is set."""
    options: Annotated[tuple[Named, ...], Field(min_length=1)]
    """What it may be."""
    shared: bool = False
    """As for `Levels`."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _once(f"each option of {self.name}", self.options)
        return self


Setting = Annotated[Levels | Range | Choice, Field(discriminator="kind")]
"""Something that is chosen for a sample beside its composition."""


class Space(Words):
    """Where a campaign may look."""

    composition: Compositions | None = None
    """What candidates consist of; without it only how they are made is chosen."""
    settings: tuple[Setting, ...] = ()
    """What else is chosen."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.composition is None and not self.settings:
            raise ValueError("expected something to choose: a composition, or settings")
        _once("each setting", [setting.name for setting in self.settings])
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what is chosen: ``A.Sr`` for a share of a site, a component's, a column's or a setting's own."""
        chosen: tuple[str, ...] = ()
        if isinstance(self.composition, Sites):
            shared = [site for site in self.composition.sites if len(site.ions) > 1]
            chosen = tuple(f"{site.label}.{element}" for site in shared for element in site.ions)
        elif isinstance(self.composition, Simplex):
            chosen = self.composition.components
        elif isinstance(self.composition, Table):
            chosen = self.composition.columns
        return (*chosen, *(setting.name for setting in self.settings))


def _once(what: str, names: list[str] | tuple[str, ...]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"expected {what} once, got {', '.join(twice)} again")


def _above_zero(name: str, scale: Scale, least: float) -> None:
    if scale == "log" and least <= 0:
        raise ValueError(f"expected values of {name} above zero on a logarithmic scale, got {least:g}")
