"""Constraints as unit tests: each says what it found, what it allows, and why.

They are correctness, not penalties: a design that breaks one never reaches a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from science.chemistry.ions import A_RADII, B_RADII, CHARGE, tolerance_factor
from science.generation.designs import Design

HOT_FOR_BARIUM_IN_ALUMINA = 1350.0
"""°C above which barium eats an alumina crucible."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a campaign allows."""

    divisor: int
    max_species: int
    max_fraction: Mapping[str, float]
    tolerance_factor: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint and how a design stands to it."""

    name: str
    satisfied: bool
    value: float | None
    limit: str
    reason: str


def _simplex(design: Design, limits: Limits) -> Check:
    sums = [sum(n for _, n in site) for site in (design.a_site, design.b_site)]
    positive = all(n > 0 for site in (design.a_site, design.b_site) for _, n in site)
    good = positive and all(s == limits.divisor for s in sums)
    return Check(
        "site fractions",
        good,
        max(abs(Fraction(s, limits.divisor) - 1) for s in sums).__float__(),
        f"positive parts that sum to {limits.divisor} on each site",
        f"the parts sum to {sums[0]} and {sums[1]} of {limits.divisor}",
    )


def _known(design: Design) -> Check:
    strangers = sorted(
        [e for e, _ in design.a_site if e not in A_RADII] + [e for e, _ in design.b_site if e not in B_RADII]
    )
    return Check(
        "ions on their sites",
        not strangers,
        float(len(strangers)),
        "ions of known radius and charge on the site where they fit",
        f"strangers: {', '.join(strangers)}" if strangers else "all ions are known on their sites",
    )


def charge(design: Design) -> Fraction:
    """Net charge of one formula unit ABO3 in elementary charges, exact."""
    total = Fraction(-6)
    for site in (design.a_site, design.b_site):
        divisor = sum(n for _, n in site)
        total += sum((Fraction(n * CHARGE[e], divisor) for e, n in site), start=Fraction(0))
    return total


def _neutral(design: Design) -> Check:
    net = charge(design)
    return Check("charge balance", net == 0, float(net), "0 e exactly", f"the ions add up to {float(net):+g} e")


def _tolerance(design: Design, limits: Limits) -> Check:
    low, high = limits.tolerance_factor
    t = tolerance_factor(design.a_fractions, design.b_fractions)
    return Check("tolerance factor", low <= t <= high, t, f"{low:g} to {high:g}", f"Goldschmidt's factor is {t:.3f}")


def _caps(design: Design, limits: Limits) -> Check:
    shares = design.a_fractions | design.b_fractions
    over = {e: shares[e] for e, cap in limits.max_fraction.items() if shares.get(e, 0.0) > cap + 1e-12}
    limit = ", ".join(f"{e} up to {cap:g}" for e, cap in sorted(limits.max_fraction.items())) or "none"
    found = ", ".join(f"{e} {x:.3f}" for e, x in over.items()) or "within the caps"
    return Check("element caps", not over, max(over.values(), default=0.0), limit, found)


def _sparse(design: Design, limits: Limits) -> Check:
    most = max(len(design.a_site), len(design.b_site))
    return Check(
        "weighable", most <= limits.max_species, float(most), f"at most {limits.max_species} elements a site",
        f"{most} elements share a site",
    )  # fmt: skip


def _vessel(design: Design) -> Check:
    reducing = design.atmosphere == "5%H2/N2"
    if reducing and design.vessel == "Pt" and "Sn" in design.b_fractions:
        return Check("vessel chemistry", False, None, "no platinum with tin under hydrogen", "tin would alloy with it")
    hot = design.celsius > HOT_FOR_BARIUM_IN_ALUMINA and design.a_fractions.get("Ba", 0.0) > 0
    bare = design.vessel == "alumina" and design.contact == "bare"
    reason = "hot barium on bare alumina: expect a reaction" if hot and bare else "nothing speaks against the vessel"
    return Check("vessel chemistry", True, design.celsius, "no platinum with tin under hydrogen", reason)


def check(design: Design, limits: Limits) -> tuple[Check, ...]:
    """All constraints; a design is feasible when each is satisfied."""
    first = (_simplex(design, limits), _known(design))
    if not all(c.satisfied for c in first):
        return first  # the others need a composition
    rest = (_neutral(design), _tolerance(design, limits), _caps(design, limits), _sparse(design, limits))
    return (*first, *rest, _vessel(design))


def feasible(design: Design, limits: Limits) -> bool:
    """Whether every constraint is satisfied."""
    return all(c.satisfied for c in check(design, limits))
