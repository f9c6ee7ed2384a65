"""Constraints as unit tests: each says what it found, what it allows, and why.

They are correctness, not penalties: a design that breaks one never reaches a ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from science.chemistry.perovskite.ions import tolerance_factor
from science.chemistry.perovskite.rules import alloys, charge, eats_its_vessel, strangers
from science.designs import Design


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


# What each constraint demands. `feasible` asks these alone; `check` asks them too, and adds what to say about it.


def _sums_up(design: Design, limits: Limits) -> bool:
    return all(
        sum(n for _, n in site) == limits.divisor
        and all(n > 0 for _, n in site)
        and len({e for e, _ in site}) == len(site)
        for site in (design.a_site, design.b_site)
    )


def _tolerable(t: float, limits: Limits) -> bool:
    low, high = limits.tolerance_factor
    return low <= t <= high


def _over(design: Design, limits: Limits) -> dict[str, float]:
    """Elements above their cap, and their shares."""
    shares = {e: n / limits.divisor for site in (design.a_site, design.b_site) for e, n in site}
    return {e: shares[e] for e, cap in limits.max_fraction.items() if shares.get(e, 0.0) > cap + 1e-12}


def _most(design: Design) -> int:
    return max(len(design.a_site), len(design.b_site))


def feasible(design: Design, limits: Limits) -> bool:
    """Whether every constraint is satisfied: the answer of `check` without its words."""
    return (
        _sums_up(design, limits)
        and not strangers(design)
        and charge(design) == 0
        and _most(design) <= limits.max_species
        and not _over(design, limits)
        and not alloys(design)
        and _tolerable(tolerance_factor(design.a_fractions, design.b_fractions), limits)
    )


def check(design: Design, limits: Limits) -> tuple[Check, ...]:
    """All constraints; a design is feasible when each is satisfied."""
    first = (_site_fractions(design, limits), _ions(design))
    if not all(c.satisfied for c in first):
        return first  # the others need a composition
    return (
        *first,
        _neutral(design),
        _tolerance(design, limits),
        _caps(design, limits),
        _weighable(design, limits),
        _vessel(design),
    )


def _site_fractions(design: Design, limits: Limits) -> Check:
    sums = [sum(n for _, n in site) for site in (design.a_site, design.b_site)]
    return Check(
        "site fractions",
        _sums_up(design, limits),
        float(max(abs(Fraction(s, limits.divisor) - 1) for s in sums)),
        f"positive parts of different elements that sum to {limits.divisor} on each site",
        f"the parts sum to {sums[0]} and {sums[1]} of {limits.divisor}",
    )


def _ions(design: Design) -> Check:
    found = sorted(strangers(design))
    return Check(
        "ions on their sites",
        not found,
        float(len(found)),
        "ions of known radius and charge on the site where they fit",
        f"strangers: {', '.join(found)}" if found else "all ions are known on their sites",
    )


def _neutral(design: Design) -> Check:
    net = charge(design)
    return Check("charge balance", net == 0, float(net), "0 e exactly", f"the ions add up to {float(net):+g} e")


def _tolerance(design: Design, limits: Limits) -> Check:
    low, high = limits.tolerance_factor
    t = tolerance_factor(design.a_fractions, design.b_fractions)
    return Check(
        "tolerance factor", _tolerable(t, limits), t, f"{low:g} to {high:g}", f"Goldschmidt's factor is {t:.3f}"
    )


def _caps(design: Design, limits: Limits) -> Check:
    over = _over(design, limits)
    limit = ", ".join(f"{e} up to {cap:g}" for e, cap in sorted(limits.max_fraction.items())) or "none"
    found = ", ".join(f"{e} {x:.3f}" for e, x in over.items()) or "within the caps"
    return Check("element caps", not over, max(over.values(), default=0.0), limit, found)


def _weighable(design: Design, limits: Limits) -> Check:
    most = _most(design)
    return Check(
        "weighable", most <= limits.max_species, float(most), f"at most {limits.max_species} elements a site",
        f"{most} elements share a site",
    )  # fmt: skip


def _vessel(design: Design) -> Check:
    if alloys(design):
        return Check("vessel chemistry", False, None, "no platinum with tin under hydrogen", "tin would alloy with it")
    eaten = eats_its_vessel(design)
    reason = "hot barium on bare alumina: expect a reaction" if eaten else "nothing speaks against the vessel"
    return Check("vessel chemistry", True, design.celsius, "no platinum with tin under hydrogen", reason)
