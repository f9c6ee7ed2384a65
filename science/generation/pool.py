"""The discrete feasible pool: filter first, rank second.

There is no way from here to a ranking that holds infeasible designs: a `Pool` refuses them, and only a
`Pool` can be ranked.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from science.constraints.checks import Limits, check, feasible
from science.designs import Array, Design, Parts
from science.generation.errors import EmptyPoolError, InfeasibleDesignError

PROFILES = 8
"""Thermal profiles that one pool draws on, so that candidates can share a furnace run."""
TRIES = 60
"""Draws for each design that is wanted, before the space is called empty."""
LOOKED_AT = 200
"""Designs that are looked at to say why a space is empty."""
PATIENCE = 5000
"""Draws in a row without a new design, after which a space that gave some is called exhausted."""


@dataclass(frozen=True)
class Space:
    """What may be chosen, and the limits."""

    a_site: tuple[str, ...]
    b_site: tuple[str, ...]
    celsius: tuple[float, ...]
    dwells_h: tuple[float, ...]
    ramps: tuple[float, ...]
    regrinds: tuple[int, ...]
    a_excesses: tuple[float, ...]
    milling_h: tuple[float, ...]
    vessels: tuple[str, ...]
    atmospheres: tuple[str, ...]
    contacts: tuple[str, ...]
    forms: tuple[str, ...]
    coolings: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True)
class Pool:
    """Feasible designs, each once.

    Attributes:
        designs: those that satisfy every constraint.
        drawn: designs that were drawn to find them.
        limits: what they satisfy.

    Raises:
        InfeasibleDesignError: one of them does not.
    """

    designs: tuple[Design, ...]
    drawn: int
    limits: Limits

    def __post_init__(self) -> None:
        for design in self.designs:
            if not feasible(design, self.limits):
                raise InfeasibleDesignError(design, [c.name for c in check(design, self.limits) if not c.satisfied])

    def features(self) -> Array:
        """``(n, d)`` numbers of all designs."""
        return np.array([d.features() for d in self.designs])


SIMPLE_FIRST = (1.0, 2.0, 1.0, 0.5, 0.25, 0.1, 0.05, 0.02)
"""How often one, two, … elements share a site, relative to each other."""
T = TypeVar("T")


def _one_of(options: Sequence[T], rng: Generator) -> T:
    return options[int(rng.integers(len(options)))]


def _parts(elements: tuple[str, ...], space: Space, rng: Generator) -> Parts:
    """Random whole parts of a site: one to `max_species` elements, simple mixtures more often."""
    limits = space.limits
    most = min(limits.max_species, len(elements), limits.divisor, len(SIMPLE_FIRST))
    edges = list(itertools.accumulate(SIMPLE_FIRST[:most]))
    count = bisect.bisect_right(edges, rng.random() * edges[-1]) + 1
    chosen = sorted(rng.permutation(len(elements))[:count].tolist())
    cuts = sorted((rng.permutation(limits.divisor - 1)[: count - 1] + 1).tolist())
    return tuple(
        (elements[e], high - low) for e, low, high in zip(chosen, [0, *cuts], [*cuts, limits.divisor], strict=True)
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """A way to fire, shared by several designs."""

    celsius: float
    dwell_h: float
    ramp: float
    regrinds: int
    atmosphere: str
    cooling: str


def draw_profiles(space: Space, rng: Generator, count: int = PROFILES) -> tuple[Profile, ...]:
    """Distinct random thermal profiles of a space."""
    found: dict[Profile, None] = {}
    for _ in range(count * 10):
        profile = Profile(
            _one_of(space.celsius, rng),
            _one_of(space.dwells_h, rng),
            _one_of(space.ramps, rng),
            _one_of(space.regrinds, rng),
            _one_of(space.atmospheres, rng),
            _one_of(space.coolings, rng),
        )
        found[profile] = None
        if len(found) == count:
            break
    return tuple(found)


def feasible_pool(
    space: Space, count: int, rng: Generator, *, barred: frozenset[Design] = frozenset(), near: tuple[Design, ...] = ()
) -> Pool:
    """Designs that satisfy every constraint.

    Args:
        space: what may be chosen.
        count: how many are wanted.
        rng: dice.
        barred: designs that were proposed before.
        near: good designs; a third of the pool varies these by a part or a step.

    Raises:
        EmptyPoolError: no feasible design was found.
    """
    profiles = draw_profiles(space, rng) + tuple(_profile(d) for d in near)
    found: dict[Design, None] = {}
    drawn, latest, known = 0, 0, 0
    while len(found) < count and drawn < TRIES * count and not (found and drawn - latest > PATIENCE):
        drawn += 1
        if near and drawn % 3 == 0:
            design = _varied(_one_of(near, rng), space, profiles, rng)
        else:
            design = _drawn(space, profiles, rng)
        if design in barred:
            known += 1
        elif design not in found and feasible(design, space.limits):
            found[design] = None
            latest = drawn
    if not found:
        raise EmptyPoolError(drawn, known, _broken(space, profiles, rng))
    return Pool(tuple(found), drawn, space.limits)


def _broken(space: Space, profiles: tuple[Profile, ...], rng: Generator) -> dict[str, float]:
    """Constraint, with what it allows → share of designs that break it, of those that are drawn."""
    checks = [c for _ in range(LOOKED_AT) for c in check(_drawn(space, profiles, rng), space.limits)]
    counts = Counter(f"{c.name} ({c.limit})" for c in checks if not c.satisfied)
    return {name: n / LOOKED_AT for name, n in counts.items()}


def _profile(design: Design) -> Profile:
    return Profile(design.celsius, design.dwell_h, design.ramp, design.regrinds, design.atmosphere, design.cooling)


def _drawn(space: Space, profiles: tuple[Profile, ...], rng: Generator) -> Design:
    return _made(
        _parts(space.a_site, space, rng),
        _parts(space.b_site, space, rng),
        _one_of(profiles, rng),
        _one_of(space.a_excesses, rng),
        _one_of(space.vessels, rng),
        _one_of(space.contacts, rng),
        space,
        rng,
    )


def _varied(design: Design, space: Space, profiles: tuple[Profile, ...], rng: Generator) -> Design:
    """A neighbour: a part moved between two elements of a site, or another way to fire."""
    a, b, profile = design.a_site, design.b_site, _profile(design)
    if rng.random() < 0.7:
        b = _moved(b, space.b_site, rng)
    if rng.random() < 0.3:
        a = _moved(a, space.a_site, rng)
    if rng.random() < 0.4:
        profile = _one_of(profiles, rng)
    excess = _one_of(space.a_excesses, rng) if rng.random() < 0.3 else design.a_excess
    return _made(a, b, profile, excess, design.vessel, design.contact, space, rng)


def _moved(parts: Parts, elements: tuple[str, ...], rng: Generator) -> Parts:
    counts = dict(parts)
    giver = _one_of(sorted(counts), rng)
    taker = _one_of(elements, rng)
    amount = int(rng.integers(1, 3))
    if giver == taker or counts[giver] < amount:
        return parts
    counts[giver] -= amount
    counts[taker] = counts.get(taker, 0) + amount
    return tuple((e, counts[e]) for e in elements if counts.get(e, 0) > 0)


def _made(
    a: Parts, b: Parts, profile: Profile, excess: float, vessel: str, contact: str, space: Space, rng: Generator
) -> Design:
    return Design(
        a_site=a,
        b_site=b,
        celsius=profile.celsius,
        dwell_h=profile.dwell_h,
        ramp=profile.ramp,
        regrinds=profile.regrinds,
        a_excess=excess,
        milling_h=_one_of(space.milling_h, rng),
        vessel=vessel,
        atmosphere=profile.atmosphere,
        contact=contact,
        form=_one_of(space.forms, rng),
        cooling=profile.cooling,
    )


def spread(pool: Pool, count: int, rng: Generator) -> tuple[int, ...]:
    """Indices of a space-filling choice: each next design is the farthest from those chosen (maximin)."""
    features = pool.features()
    chosen = [int(rng.integers(len(features)))]
    distance = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < min(count, len(features)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return tuple(chosen)
