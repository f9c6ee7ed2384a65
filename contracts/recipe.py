"""A recipe that another lab could follow.

"Heat at 600 °C for 12 h" is no recipe: without ramp, atmosphere, vessel and contact the same words make
different products. Every field here is required; a recipe that leaves one out cannot be built.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from contracts.event import Words
from contracts.materials import ElementSymbol
from contracts.quantities import Gram, Kelvin, KelvinPerMinute, Seconds, SignedFraction


class Atmosphere(StrEnum):
    """The gas over the sample."""

    AIR = "air"
    OXYGEN = "O2"
    NITROGEN = "N2"
    FORMING_GAS = "5%H2/N2"


class Vessel(StrEnum):
    """What the crucible is made of."""

    ALUMINA = "alumina"
    PLATINUM = "Pt"
    MAGNESIA = "MgO"
    ZIRCONIA = "YSZ"


class Contact(StrEnum):
    """What the sample touches inside the vessel."""

    BARE = "bare"
    SACRIFICIAL_BED = "sacrificial bed"


class Form(StrEnum):
    """How the mixture lies in the vessel."""

    POWDER = "powder"
    PELLET = "pellet"


class Cooling(StrEnum):
    """How the sample returns to room temperature after the last segment."""

    FURNACE = "furnace"
    QUENCH = "quench"


class Precursor(Words):
    """One powder of the mixture, from a named lot."""

    formula: Annotated[str, StringConstraints(pattern=r"^([A-Z][a-z]?\d*\.?\d*|[()]\d*)+$")]
    """Chemical formula of the powder."""
    element: ElementSymbol
    """The cation that it brings."""
    lot: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """The lot it is taken from."""
    mass: Gram
    """How much is to be weighed out."""


class Milling(Words):
    """How the powders are mixed."""

    duration: Seconds
    """Time on the mill."""
    medium: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Balls and liquid, such as ``ZrO2 balls in ethanol``."""


class Segment(Words):
    """One leg of the thermal profile: go to a temperature at a rate, then stay."""

    rate: KelvinPerMinute
    """Heating or cooling rate towards the target."""
    target: Kelvin
    """Temperature at the end of the ramp."""
    dwell: Seconds
    """Time spent at the target."""


class ThermalProfile(Words):
    """The whole temperature history of one firing."""

    segments: Annotated[tuple[Segment, ...], Field(min_length=1)]
    """Ramps and dwells in order, starting from room temperature."""
    cooling: Cooling
    """What follows the last segment."""

    @property
    def peak(self) -> float:
        """Highest target temperature in kelvin."""
        return max(s.target for s in self.segments)

    def duration(self, room: float = 298.15, furnace_cooling_rate: float = 5.0) -> float:
        """Planned length of the firing in seconds, cooling included.

        Args:
            room: temperature at the start and end, in K.
            furnace_cooling_rate: mean rate of uncontrolled cooling in K/min; a quench takes ten minutes.
        """
        at, seconds = room, 0.0
        for segment in self.segments:
            seconds += abs(segment.target - at) / segment.rate * 60 + segment.dwell
            at = segment.target
        down = 600.0 if self.cooling is Cooling.QUENCH else (at - room) / furnace_cooling_rate * 60
        return seconds + max(down, 0.0)


class Recipe(Words):
    """Everything that a solid-state synthesis depends on and that we can choose."""

    precursors: Annotated[tuple[Precursor, ...], Field(min_length=1)]
    """What is weighed, each cation once."""
    a_site_excess: SignedFraction
    """Relative excess of the A-site cations, to make up for what evaporates."""
    milling: Milling
    """How it is mixed, before the first firing and at each regrind."""
    form: Form
    """Loose powder or pressed pellet."""
    profile: ThermalProfile
    """The temperature history of each firing."""
    atmosphere: Atmosphere
    """The gas over the sample."""
    vessel: Vessel
    """The crucible."""
    contact: Contact
    """What the sample touches."""
    regrinds: Annotated[int, Field(ge=0, le=10)]
    """How often it is taken out, ground and fired again."""

    @model_validator(mode="after")
    def _each_cation_once(self) -> Recipe:
        seen = [p.element for p in self.precursors]
        if len(set(seen)) != len(seen):
            raise ValueError(f"expected each cation from one precursor, got {seen}")
        return self

    @property
    def firings(self) -> int:
        """How often the sample goes through the furnace."""
        return 1 + self.regrinds
