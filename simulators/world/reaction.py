"""How far a mixture gets, and what it loses on the way: kinetics, evaporation, contact with the vessel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.recipe import Atmosphere, Contact, Vessel
from simulators.world.thermochemistry import (
    ACTIVATION,
    AVRAMI,
    GAS,
    HALF_REACTED,
    HALF_REACTED_SHIFT,
)

ZERO_CELSIUS = 273.15


@dataclass(frozen=True, slots=True)
class Firing:
    """What a vial really went through: true peak temperature in °C, hours near it."""

    celsius: float
    hours: float


def conversion(firing: Firing, a: str, b: str) -> float:
    """Share of an A-B pair that reacts in one firing: 1 − exp(−(k t)^n), Johnson–Mehl–Avrami–Kolmogorov."""
    reference = HALF_REACTED[b] + HALF_REACTED_SHIFT[a] + ZERO_CELSIUS
    at_reference = math.log(2) ** (1 / AVRAMI) / 10
    kelvin = firing.celsius + ZERO_CELSIUS
    rate = at_reference * math.exp(-ACTIVATION / GAS * (1 / kelvin - 1 / reference))
    return 1 - math.exp(-min((rate * firing.hours) ** AVRAMI, 700))


def progress(
    firings: Sequence[Firing], a_site: Mapping[str, float], b_site: Mapping[str, float]
) -> tuple[float, float]:
    """How much has reacted, and how uneven the product still is.

    Grinding between firings brings fresh contacts: each later firing gets a third further. It makes nothing
    where the firing itself does not react.

    Returns:
        the reacted share, and the heterogeneity (0 even, 0.35 as mixed).
    """
    pairs = [(a, b, x * y) for a, x in a_site.items() for b, y in b_site.items()]
    left, slowest = 1.0, 1.0
    for n, firing in enumerate(firings):
        unreacted = 1 - sum(w * conversion(firing, a, b) for a, b, w in pairs)
        left *= max(unreacted, 0.0) ** (4 / 3 if n else 1.0)  # shares may sum to a rounding error above one
        slowest = min(slowest, 1 - min(conversion(firing, a, b) for a, b, _ in pairs))
    return 1 - left, 0.35 * slowest ** (0.6 * len(firings))


def after_losses(
    amounts: Mapping[str, float], firings: Sequence[Firing], vessel: Vessel, contact: Contact, atmosphere: Atmosphere
) -> tuple[dict[str, float], dict[str, float]]:
    """Cations left in the mixture, and what the vessel has taken up.

    Args:
        amounts: moles of each cation that went in.
        firings: what it went through.
        vessel: crucible; alumina eats alkaline earths, zirconia gives zirconium.
        contact: a sacrificial bed keeps four fifths of that away.
        atmosphere: forming gas drives tin out twenty times faster.

    Returns:
        moles left, and moles of each alkaline earth that went into aluminate.
    """
    left, eaten = dict(amounts), dict[str, float]()
    shield = 0.2 if contact is Contact.SACRIFICIAL_BED else 1.0
    for firing in firings:
        steam = math.exp((firing.celsius - 1450) / 70) * firing.hours / 10
        for element, rate in (("Ba", 0.02), ("Sr", 0.005)):
            if element in left:
                left[element] *= math.exp(-rate * steam)
        if "Sn" in left:
            reducing = 20.0 if atmosphere is Atmosphere.FORMING_GAS else 1.0
            left["Sn"] *= math.exp(-0.02 * reducing * math.exp((firing.celsius - 1400) / 60) * firing.hours / 10)
        if vessel is Vessel.ALUMINA:
            base = 0.02 * math.exp((firing.celsius - 1300) / 90) * math.sqrt(firing.hours / 10) * shield
            for element, weight in (("Ca", 0.4), ("Sr", 0.8), ("Ba", 1.2), ("La", 0.4)):
                if element in left:
                    taken = left[element] * min(0.25, base * weight)
                    left[element] -= taken
                    eaten[element] = eaten.get(element, 0.0) + taken
        elif vessel is Vessel.ZIRCONIA:
            uptake = min(0.05, 0.004 * math.exp((firing.celsius - 1300) / 90) * shield)
            left["Zr"] = left.get("Zr", 0.0) + uptake
    return left, eaten
