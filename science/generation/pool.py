"""The discrete feasible pool: filter first, rank second.

There is no way from here to a ranking that holds infeasible designs: a `Pool` is made by filtering, and
only a `Pool` can be ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from science.constraints.checks import Limits, feasible
from science.generation.designs import Array, Design, Parts
from science.generation.errors import EmptyPoolError

PROFILES = 8
"""Thermal profiles that one pool draws on, so that candidates can share a furnace run."""
TRIES = 60
"""Draws for each design that is wanted, before the space is called empty."""


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
    """Feasible designs, each once."""

    designs: tuple[Design, ...]
    drawn: int
    """Designs that were drawn to find them."""

    def features(self) -> Array:
        """``(n, d)`` numbers of all designs."""
        return np.array([d.features() for d in self.designs])


def _parts(elements: tuple[str, ...], space: Space, rng: Generator) -> Parts:
    """Random whole parts of a site: one to `max_species` elements, simple mixtures more often."""
    most = min(space.limits.max_species, len(elements))
    count = int(rng.choice(np.arange(1, most + 1), p=_simple_first(most)))
    chosen = sorted(rng.choice(len(elements), size=count, replace=False))
    cuts = np.sort(rng.choice(np.arange(1, space.limits.divisor), size=count - 1, replace=False))
    edges = [0, *map(int, cuts), space.limits.divisor]
    return tuple((elements[e], high - low) for e, low, high in zip(chosen, edges, edges[1:], strict=False))


def _simple_first(most: int) -> Array:
    weights = np.array([1.0, 2.0, 1.0, 0.5, 0.25, 0.1, 0.05, 0.02])[:most]
    return np.asarray(weights / weights.sum())


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
            float(rng.choice(space.celsius)),
            float(rng.choice(space.dwells_h)),
            float(rng.choice(space.ramps)),
            int(rng.choice(space.regrinds)),
            str(rng.choice(space.atmospheres)),
            str(rng.choice(space.coolings)),
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
    drawn = 0
    while len(found) < count and drawn < TRIES * count:
        drawn += 1
        if near and drawn % 3 == 0:
            design = _varied(near[int(rng.integers(len(near)))], space, profiles, rng)
        else:
            design = _drawn(space, profiles, rng)
        if design not in barred and feasible(design, space.limits):
            found[design] = None
    if not found:
        raise EmptyPoolError(drawn, space.limits)
    return Pool(tuple(found), drawn)


def _profile(design: Design) -> Profile:
    return Profile(design.celsius, design.dwell_h, design.ramp, design.regrinds, design.atmosphere, design.cooling)


def _drawn(space: Space, profiles: tuple[Profile, ...], rng: Generator) -> Design:
    return _made(
        _parts(space.a_site, space, rng),
        _parts(space.b_site, space, rng),
        profiles[int(rng.integers(len(profiles)))],
        float(rng.choice(space.a_excesses)),
        str(rng.choice(space.vessels)),
        str(rng.choice(space.contacts)),
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
        profile = profiles[int(rng.integers(len(profiles)))]
    excess = float(rng.choice(space.a_excesses)) if rng.random() < 0.3 else design.a_excess
    return _made(a, b, profile, excess, design.vessel, design.contact, space, rng)


def _moved(parts: Parts, elements: tuple[str, ...], rng: Generator) -> Parts:
    counts = dict(parts)
    giver = str(rng.choice(sorted(counts)))
    taker = str(rng.choice(elements))
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
        milling_h=float(rng.choice(space.milling_h)),
        vessel=vessel,
        atmosphere=profile.atmosphere,
        contact=contact,
        form=str(rng.choice(space.forms)),
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
