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

from contracts.instruments import StepSample
from simulators.dice import dice
from simulators.rates import FaultRates

SHOWN = 0.8
"""Share of mis-weighings that the balance's log shows, and of swaps that a bar code shows."""


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
