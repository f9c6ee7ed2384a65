"""Spaces and designs that tests choose from."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from science.chemistry.perovskite.ions import A_ORDER, B_ORDER
from science.constraints.checks import Limits
from science.designs import Design
from science.generation.pool import Space

LIMITS = Limits(12, 3, {"Sn": 0.10}, (0.96, 1.04))
SPACE = Space(
    a_site=("Ca", "Sr", "Ba"),
    b_site=("Ti", "Zr", "Sn", "Hf"),
    celsius=tuple(float(t) for t in range(1000, 1601, 50)),
    dwells_h=(4.0, 8.0, 12.0, 24.0, 48.0),
    ramps=(5.0,),
    regrinds=(0, 1, 2),
    a_excesses=(0.0, 0.015, 0.03, 0.045),
    milling_h=(6.0,),
    vessels=("alumina", "Pt"),
    atmospheres=("air",),
    contacts=("bare",),
    forms=("pellet",),
    coolings=("furnace",),
    limits=LIMITS,
)
WILD = replace(
    SPACE,
    a_site=A_ORDER,
    b_site=B_ORDER,
    atmospheres=("air", "5%H2/N2"),
    contacts=("bare", "sacrificial bed"),
    limits=Limits(12, 4, {"Sn": 0.25, "In": 0.5}, (0.93, 1.05)),
)
"""Every ion the lab knows on each site: most draws break a constraint."""


def design(a_site: dict[str, int], b_site: dict[str, int], **recipe: object) -> Design:
    """A design of these parts, made in air on platinum unless told otherwise."""
    usual = Design(
        a_site=tuple(a_site.items()),
        b_site=tuple(b_site.items()),
        celsius=1400.0,
        dwell_h=12.0,
        ramp=5.0,
        regrinds=1,
        a_excess=0.015,
        milling_h=6.0,
        vessel="Pt",
        atmosphere="air",
        contact="bare",
        form="pellet",
        cooling="furnace",
    )
    return replace(usual, **recipe)


def _sites(elements: tuple[str, ...]) -> st.SearchStrategy[tuple[tuple[str, int], ...]]:
    part = st.tuples(st.sampled_from(elements), st.integers(-1, 12))
    return st.lists(part, max_size=4).map(tuple)


def _even_sites(elements: tuple[str, ...]) -> st.SearchStrategy[tuple[tuple[str, int], ...]]:
    """Whole parts of twelve, as a proposer that knows its arithmetic would draw them."""
    pair = st.tuples(st.permutations(elements), st.integers(1, 11))
    mixed = pair.map(lambda p: ((p[0][0], p[1]), (p[0][1], 12 - p[1])))
    return mixed | st.sampled_from(elements).map(lambda e: ((e, 12),))


def proposals() -> st.SearchStrategy[Design]:
    """Any proposal: sound ones, and ones with wrong sums, strangers on a site, broken charges or doubled elements."""
    anything = (*A_ORDER, *B_ORDER, "Na", "Cl")
    return st.builds(
        Design,
        a_site=_even_sites(A_ORDER) | _sites(anything),
        b_site=_even_sites(B_ORDER) | _sites(anything),
        celsius=st.floats(900, 1600),
        dwell_h=st.floats(1, 48),
        ramp=st.just(5.0),
        regrinds=st.integers(0, 3),
        a_excess=st.floats(-0.01, 0.05),
        milling_h=st.just(6.0),
        vessel=st.sampled_from(["alumina", "Pt", "MgO", "YSZ"]),
        atmosphere=st.sampled_from(["air", "5%H2/N2"]),
        contact=st.sampled_from(["bare", "sacrificial bed"]),
        form=st.just("pellet"),
        cooling=st.just("furnace"),
    )
