"""How often things go wrong: what a campaign file may say of it, and nothing that has to be computed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from contracts.event import Words
from contracts.quantities import Fraction, NonNegative

STRIKING = (
    "dropped_vial", "misweigh", "swapped_vials", "dirty_crucible", "overshoot", "controller_stall",
    "displaced_holder", "empty_holder", "shutter_stuck", "lost_message", "doubled_message",
)  # fmt: skip
"""Faults with a chance each time; the others come with time."""


class FaultRates(Words):
    """How often, or how fast, things go wrong. Shares are per vial unless they say otherwise."""

    dropped_vial: Fraction = 0.005
    """The robot drops the vial while loading; the vibration log shows it."""
    misweigh: Fraction = 0.01
    """One precursor is 5–20 % off; the balance log shows it in four of five cases."""
    swapped_vials: Fraction = 0.003
    """The robot puts the vial into the next one's place and the other way round; the bar code shows it in four of
    five cases."""
    dirty_crucible: Fraction = 0.015
    """What was fired in the crucible before is still in it, 2–6 % of the product; nothing but the mass shows it."""
    overshoot: Fraction = 0.01
    """Per firing: the furnace runs 30–80 K too hot; its thermocouple shows it."""
    controller_stall: Fraction = 0.005
    """Per firing: the controller gives up after a tenth to six tenths of the dwell; its log shows it."""
    thermocouple_drift: NonNegative = 1.0
    """K per week by which each furnace grows hotter than its ageing thermocouple says; no log shows it."""
    displaced_holder: Fraction = 0.015
    """Per scan: the sample holder sits 0.3–0.6 mm off; nothing but the pattern shows it."""
    empty_holder: Fraction = 0.003
    """Per scan: there is no sample in the holder; nothing but the pattern shows it."""
    shutter_stuck: Fraction = 0.003
    """Per scan: the shutter stays shut, and the detector counts nothing or its own noise; only the pattern shows it."""
    tube_decay: Annotated[float, Field(ge=0, lt=1)] = 0.08
    """Share of its brightness that the X-ray tube loses a month."""
    dead_tube: NonNegative = 2.0
    """How many X-ray tubes die a year."""
    tube_repair_days: NonNegative = 2.0
    """Days until a dead tube is replaced; until then the diffractometer is busy."""
    schema_change_week: Annotated[int, Field(ge=-1)] = 15
    """Week in which an update of the diffractometer's program writes files of a schema that nobody knows; −1 never."""
    schema_change_days: NonNegative = 1.0
    """Days until the next update writes the known schema again."""
    lost_message: Fraction = 0.005
    """Per action and verb: a question to an instrument, or its answer, is lost."""
    doubled_message: Fraction = 0.005
    """Per action and verb: a question to an instrument arrives a second time, late."""

    @classmethod
    def none(cls) -> Self:
        """A world in which nothing goes wrong."""
        return cls(**{name: -1 if name == "schema_change_week" else 0 for name in cls.model_fields})

    def times(self, factor: float) -> Self:
        """The same with everything that strikes by chance striking that many times as often."""
        chances = {name: min(getattr(self, name) * factor, 1.0) for name in STRIKING}
        return self.model_copy(update={**chances, "dead_tube": self.dead_tube * factor})
