"""What is forbidden to a perovskite and its crucible: unbalanced charges, strangers on a site, alloys with tin."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

from science.chemistry.elements import CHARGE
from science.chemistry.perovskite.ions import A_RADII, B_RADII

HOT_FOR_BARIUM_IN_ALUMINA = 1350.0
"""°C above which barium eats an alumina crucible."""


class Planned(Protocol):
    """What the rules ask about a sample that is to be made."""

    @property
    def a_site(self) -> tuple[tuple[str, int], ...]: ...  # noqa: D102  elements and their whole parts of it
    @property
    def b_site(self) -> tuple[tuple[str, int], ...]: ...  # noqa: D102  likewise
    @property
    def a_fractions(self) -> Mapping[str, float]: ...  # noqa: D102  shares of that site
    @property
    def celsius(self) -> float: ...  # noqa: D102  of the dwell
    @property
    def vessel(self) -> str: ...  # noqa: D102  what it lies in
    @property
    def contact(self) -> str: ...  # noqa: D102  what it lies on
    @property
    def atmosphere(self) -> str: ...  # noqa: D102  around it


def charge(planned: Planned) -> Fraction:
    """Net charge of one formula unit ABO3 in elementary charges, exact."""
    parts_a, parts_b = (sum(n for _, n in site) for site in (planned.a_site, planned.b_site))
    charge_a, charge_b = (sum(n * CHARGE[e] for e, n in site) for site in (planned.a_site, planned.b_site))
    return Fraction(charge_a * parts_b + charge_b * parts_a - 6 * parts_a * parts_b, parts_a * parts_b)


def strangers(planned: Planned) -> list[str]:
    """Elements of which no radius is known on the site where they are, A site first."""
    return [e for e, _ in planned.a_site if e not in A_RADII] + [e for e, _ in planned.b_site if e not in B_RADII]


def alloys(planned: Planned) -> bool:
    """Whether tin would go into the crucible."""
    return (
        planned.vessel == "Pt"
        and planned.atmosphere == "5%H2/N2"
        and any(e == "Sn" and n > 0 for e, n in planned.b_site)
    )


def eats_its_vessel(planned: Planned) -> bool:
    """Whether barium would react with the crucible: expected, and allowed."""
    return (
        planned.celsius > HOT_FOR_BARIUM_IN_ALUMINA
        and planned.a_fractions.get("Ba", 0.0) > 0
        and planned.vessel == "alumina"
        and planned.contact == "bare"
    )
