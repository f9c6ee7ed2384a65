"""What goes wrong, on purpose, and the ledger of it.

Rates are per sample unless noted, all drawn from keyed dice. The ledger belongs to the world: `ops` prints
what was injected beside what was caught; agents never see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from contracts.event import Words
from contracts.instruments import StepSample
from contracts.quantities import Fraction
from simulators.dice import dice


class FaultRates(Words):
    """How often each fault strikes."""

    dropped_vial: Fraction = 0.005
    """The robot drops the vial while loading; the vibration log shows it."""
    misweigh: Fraction = 0.01
    """One precursor is 5–20 % off; the balance log shows it in four of five cases."""
    overshoot: Fraction = 0.01
    """Per firing: the furnace runs 30–80 K too hot; its thermocouple shows it."""
    displaced_holder: Fraction = 0.015
    """The sample holder sits 0.3–0.6 mm off; nothing but the pattern shows it."""
    empty_holder: Fraction = 0.003
    """There is no sample in the holder; nothing but the pattern shows it."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that was injected."""

    sample: str
    fault: str
    magnitude: float
    logged: bool
    """Whether an instrument's log shows it."""


@dataclass
class Faults:
    """Draws faults and remembers them."""

    seed: int
    rates: FaultRates
    injected: dict[tuple[str, str], Injected] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Injected]:
        """All that were injected so far."""
        return iter(self.injected.values())

    def _strikes(self, thing: str, fault: str) -> bool:
        return bool(dice(self.seed, thing, f"fault {fault}").random() < getattr(self.rates, fault))

    def _note(self, sample: str, fault: str, magnitude: float, *, logged: bool) -> None:
        self.injected[sample, fault] = Injected(sample, fault, magnitude, logged)

    def dropped_vial(self, sample: str) -> bool:
        """Whether the vial is dropped."""
        if not self._strikes(sample, "dropped_vial"):
            return False
        self._note(sample, "dropped vial", 1.0, logged=True)
        return True

    def misweigh(self, sample: StepSample) -> tuple[str, float, bool] | None:
        """(element, factor, whether the balance shows it) of a mistake in weighing."""
        if not self._strikes(sample.sample_id, "misweigh"):
            return None
        rng = dice(self.seed, sample.sample_id, "misweigh")
        elements = [p.element for p in sample.recipe.precursors]
        element = str(rng.choice(elements))
        factor = float(1 + rng.choice([-1, 1]) * rng.uniform(0.05, 0.20))
        logged = bool(rng.random() < 0.8)
        self._note(sample.sample_id, "mis-weighed", factor, logged=logged)
        return element, factor, logged

    def overshoot(self, key: str, samples: tuple[str, ...]) -> float:
        """Kelvin by which a firing runs too hot."""
        if not self._strikes(key, "overshoot"):
            return 0.0
        kelvin = float(dice(self.seed, key, "overshoot").uniform(30, 80))
        for sample in samples:
            self._note(sample, "overshoot", kelvin, logged=True)
        return kelvin

    def displacement(self, key: str, sample: str) -> float:
        """Displacement of the sample surface in mm: everyday scatter, or a badly seated holder."""
        everyday = float(dice(self.seed, key, "displacement").normal(0, 0.08))
        if not self._strikes(key, "displaced_holder"):
            return everyday
        rng = dice(self.seed, key, "displaced holder")
        off = float(rng.choice([-1, 1]) * rng.uniform(0.3, 0.6))
        self._note(sample, "displaced holder", off, logged=False)
        return off

    def empty_holder(self, key: str, sample: str) -> bool:
        """Whether the holder is empty."""
        if not self._strikes(key, "empty_holder"):
            return False
        self._note(sample, "empty holder", 1.0, logged=False)
        return True
