"""What goes wrong, on purpose, and the ledger of it.

Every fault is drawn from keyed dice, so that one in this sample never shifts what happens to the next. The
ledger belongs to the world: `ops` prints what was injected beside what became of it; agents never see it.
What wears out instead of striking is in `simulators.wear`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field

from contracts.event import Words
from contracts.instruments import StepSample
from contracts.quantities import Fraction, NonNegative
from simulators.dice import dice

SHOWN = 0.8
"""Share of mis-weighings that the balance's log shows, and of swaps that a bar code shows."""


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


STRIKING = (
    "dropped_vial", "misweigh", "swapped_vials", "dirty_crucible", "overshoot", "controller_stall",
    "displaced_holder", "empty_holder", "shutter_stuck", "lost_message", "doubled_message",
)  # fmt: skip
"""Faults with a chance each time; the others come with time."""
MAKING = frozenset(
    {"misweigh", "swapped_vials", "dirty_crucible", "overshoot", "controller_stall", "thermocouple_drift"}
)
"""Faults that change what is in a vial."""
MEASURING = frozenset({"displaced_holder", "empty_holder", "shutter_stuck", "schema_change"})
"""Faults that change what is seen of it."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that was injected."""

    thing: str
    """The vial, the instrument or the message that it struck."""
    fault: str
    """Name of its rate."""
    magnitude: float
    """How bad: a factor, K, mm, a share, days."""
    logged: bool
    """Whether an instrument's log shows it."""


class Shutter(StrEnum):
    """What the detector counts behind a shut shutter."""

    NOTHING = "nothing"
    DARK = "its own noise"


class Message(StrEnum):
    """What happens to a message."""

    QUESTION_LOST = "question lost"
    ANSWER_LOST = "answer lost"
    DOUBLED = "doubled"


@dataclass
class Faults:
    """Draws faults and remembers them."""

    seed: int
    rates: FaultRates
    injected: dict[tuple[str, str], Injected] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Injected]:
        """All that were injected so far."""
        return iter(self.injected.values())

    def without(self, fault: str) -> Faults:
        """The same world but for one fault, with a ledger of its own."""
        never = {"schema_change_week": -1} if fault == "schema_change" else {fault: 0}
        return Faults(self.seed, self.rates.model_copy(update=never))

    def unseen(self) -> Faults:
        """The same world with an empty ledger."""
        return Faults(self.seed, self.rates)

    def note(self, thing: str, fault: str, magnitude: float, *, logged: bool) -> None:
        """Enters a fault into the ledger."""
        self.injected[thing, fault] = Injected(thing, fault, magnitude, logged)

    def note_most(self, thing: str, fault: str, magnitude: float) -> None:
        """Enters how far something has worn, unless it is known to have worn further; no log shows it."""
        known = self.injected.get((thing, fault))
        if known is None or magnitude > known.magnitude:
            self.note(thing, fault, magnitude, logged=False)

    def _strikes(self, thing: str, fault: str) -> bool:
        return bool(dice(self.seed, thing, f"fault {fault}").random() < getattr(self.rates, fault))

    # making --------------------------------------------------------------------------------------

    def dropped_vial(self, sample: str) -> bool:
        """Whether the vial is dropped."""
        if not self._strikes(sample, "dropped_vial"):
            return False
        self.note(sample, "dropped_vial", 1.0, logged=True)
        return True

    def misweigh(self, sample: StepSample) -> tuple[str, float, bool] | None:
        """(element, factor, whether the balance shows it) of a mistake in weighing."""
        if not self._strikes(sample.sample_id, "misweigh"):
            return None
        rng = dice(self.seed, sample.sample_id, "misweigh")
        elements = [p.element for p in sample.recipe.precursors]
        element = str(rng.choice(elements))
        factor = float(1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.20))
        logged = bool(rng.random() < SHOWN)
        self.note(sample.sample_id, "misweigh", factor, logged=logged)
        return element, factor, logged

    def swapped_vials(self, batch: Sequence[str]) -> Mapping[str, tuple[str, bool]]:
        """Vial → (whose crucible stands in its place, whether the bar code shows it), for those that were confused.

        Args:
            batch: the vials of a firing, in a row.
        """
        found: dict[str, tuple[str, bool]] = {}
        for sample, other in pairwise(batch):
            if sample in found or not self._strikes(sample, "swapped_vials"):
                continue
            shown = bool(dice(self.seed, sample, "bar code").random() < SHOWN)
            for one, its in ((sample, other), (other, sample)):
                found[one] = its, shown
                self.note(one, "swapped_vials", 1.0, logged=shown)
        return found

    def dirty_crucible(self, sample: str) -> float:
        """Share of a product that its crucible would bring along; mostly none.

        It is a fault only where something was fired in the crucible before: who knows that enters it.
        """
        if not self._strikes(sample, "dirty_crucible"):
            return 0.0
        return float(dice(self.seed, sample, "dirty crucible").uniform(0.02, 0.06))

    def overshoot(self, key: str, samples: Sequence[str]) -> float:
        """Kelvin by which a firing runs too hot."""
        if not self._strikes(key, "overshoot"):
            return 0.0
        kelvin = float(dice(self.seed, key, "overshoot").uniform(30, 80))
        for sample in samples:
            self.note(sample, "overshoot", kelvin, logged=True)
        return kelvin

    def controller_stall(self, key: str, samples: Sequence[str]) -> float:
        """Share of its dwell that a firing gets; mostly all of it."""
        if not self._strikes(key, "controller_stall"):
            return 1.0
        share = float(dice(self.seed, key, "controller stall").uniform(0.1, 0.6))
        for sample in samples:
            self.note(sample, "controller_stall", share, logged=True)
        return share

    # measuring -----------------------------------------------------------------------------------

    def displacement(self, key: str, sample: str) -> float:
        """Displacement of the sample surface in mm: everyday scatter, or a badly seated holder."""
        everyday = float(dice(self.seed, key, "displacement").normal(0, 0.08))
        if not self._strikes(key, "displaced_holder"):
            return everyday
        rng = dice(self.seed, key, "displaced holder")
        off = float(rng.choice([-1, 1]) * rng.uniform(0.3, 0.6))
        self.note(sample, "displaced_holder", off, logged=False)
        return off

    def empty_holder(self, key: str, sample: str) -> bool:
        """Whether the holder is empty."""
        if not self._strikes(key, "empty_holder"):
            return False
        self.note(sample, "empty_holder", 1.0, logged=False)
        return True

    def shutter_stuck(self, key: str, sample: str) -> Shutter | None:
        """What is counted instead of the pattern, if the shutter stays shut."""
        if not self._strikes(key, "shutter_stuck"):
            return None
        self.note(sample, "shutter_stuck", 1.0, logged=False)
        return Shutter.NOTHING if dice(self.seed, key, "shutter").random() < 0.5 else Shutter.DARK

    # talking -------------------------------------------------------------------------------------

    def message(self, key: str, verb: str) -> Message | None:
        """What happens to the first question of this verb about an action, or to its answer."""
        thing = f"{key} {verb}"
        if self._strikes(thing, "lost_message"):
            self.note(thing, "lost_message", 1.0, logged=False)
            lost_before = dice(self.seed, thing, "lost message").random() < 0.5
            return Message.QUESTION_LOST if lost_before else Message.ANSWER_LOST
        if self._strikes(thing, "doubled_message"):
            self.note(thing, "doubled_message", 1.0, logged=False)
            return Message.DOUBLED
        return None
