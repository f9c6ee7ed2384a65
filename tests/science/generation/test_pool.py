"""Tests of the feasible pool."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from science.acquisition import composite
from science.constraints.checks import Limits, check, feasible
from science.generation.errors import EmptyPoolError, InfeasibleDesignError
from science.generation.pool import PATIENCE, Pool, Space, _drawn, draw_profiles, feasible_pool, spread
from tests.science.generation.spaces import LIMITS, SPACE, WILD, design


def raw_proposals(space: Space, count: int, seed: int) -> list:
    rng = np.random.default_rng(seed)
    profiles = draw_profiles(space, rng)
    return [_drawn(space, profiles, rng) for _ in range(count)]


def test_ten_thousand_proposals_leave_nothing_infeasible_in_any_pool() -> None:
    """Of more than 10 000 raw draws over six spaces not one that breaks a constraint reaches a pool."""
    drawn = kept = 0
    for seed in range(6):
        limits = replace(WILD.limits, max_species=1 + seed % 4, divisor=(2, 3, 6, 8, 12, 24)[seed])
        space = replace(WILD, limits=limits)
        near = feasible_pool(space, 5, np.random.default_rng(seed)).designs if seed % 2 else ()
        pool = feasible_pool(space, 300, np.random.default_rng(seed), near=near)
        assert all(c.satisfied for d in pool.designs for c in check(d, limits))
        drawn, kept = drawn + pool.drawn, kept + len(pool.designs)
    assert drawn >= 10_000
    assert kept < drawn / 2, "most raw draws break a constraint, so the filter had something to do"


def test_an_infeasible_design_cannot_be_put_into_a_pool() -> None:
    """A pool made by hand refuses a charge error and says which constraint it breaks and what to do."""
    good, bad = design({"Ba": 12}, {"Zr": 12}), design({"La": 12}, {"Zr": 12})
    with pytest.raises(InfeasibleDesignError, match=r"charge balance.*feasible_pool") as caught:
        Pool((good, bad), 2, WILD.limits)
    assert caught.value.design == bad
    assert Pool((good,), 1, WILD.limits).designs == (good,)


def test_filtering_first_is_another_answer_than_ranking_first_and_the_only_one_to_be_had() -> None:
    """The ten best raw proposals are mostly infeasible, the ten best of the pool never; ranking takes only a pool."""
    raw = raw_proposals(WILD, 3000, seed=1)

    def nearness(d: object) -> float:
        return abs(d.radius_lattice() - 4.116)

    ranked_first = [d for d in sorted(raw, key=nearness)[:10] if feasible(d, WILD.limits)]
    filtered_first = sorted((d for d in raw if feasible(d, WILD.limits)), key=nearness)[:10]
    assert len(ranked_first) < len(filtered_first) == 10
    assert next(iter(inspect.signature(composite.rank).parameters.values())).annotation == "Pool"
    assert composite.Pool is Pool
    with pytest.raises(InfeasibleDesignError):
        Pool(tuple(raw), len(raw), WILD.limits)


def test_the_same_dice_draw_the_same_pool() -> None:
    """A seed gives the same designs in the same order, and another seed others."""
    one, two, other = (feasible_pool(SPACE, 200, np.random.default_rng(s)).designs for s in (5, 5, 6))
    assert one == two
    assert one != other


def test_what_was_proposed_before_is_not_drawn_again() -> None:
    """Barred designs never come back, and no design is drawn twice."""
    first = feasible_pool(SPACE, 300, np.random.default_rng(0)).designs
    again = feasible_pool(SPACE, 300, np.random.default_rng(0), barred=frozenset(first)).designs
    assert not set(first) & set(again)
    assert len(set(first)) == len(first) == 300


def test_a_third_of_the_draws_varies_the_good_designs() -> None:
    """Neighbours of a good design fill part of the pool: same vessel, compositions a part or two away."""
    good = design({"Sr": 6, "Ba": 6}, {"Zr": 6, "Hf": 6}, celsius=1450.0, vessel="alumina")

    def away(d: object) -> float:
        return sum(
            abs(getattr(d, f"{site}_fractions").get(e, 0) - getattr(good, f"{site}_fractions").get(e, 0))
            for site in "ab"
            for e in (*SPACE.a_site, *SPACE.b_site)
        )

    plain = feasible_pool(SPACE, 300, np.random.default_rng(2)).designs
    varied = feasible_pool(SPACE, 300, np.random.default_rng(2), near=(good,)).designs
    near = [sum(away(d) <= 8 / 12 + 1e-9 for d in pool) for pool in (plain, varied)]
    assert near[1] > near[0] + 50
    assert all(feasible(d, LIMITS) for d in varied)


def test_an_empty_pool_says_how_to_get_one() -> None:
    """Nothing is feasible between 1.2 and 1.3; the error counts the draws and names what stands in the way."""
    space = replace(SPACE, limits=replace(LIMITS, tolerance_factor=(1.2, 1.3)))
    with pytest.raises(EmptyPoolError, match=r"100% break tolerance factor \(1\.2 to 1\.3\)") as caught:
        feasible_pool(space, 20, np.random.default_rng(0))
    assert caught.value.drawn == 60 * 20
    assert "tolerance factor (1.2 to 1.3)" in caught.value.broken


def test_a_space_of_one_design_is_found_and_then_said_to_be_used_up() -> None:
    """A single design is found without drawing for ever; once it was proposed the error says so."""
    only = replace(
        SPACE,
        a_site=("Ba",), b_site=("Zr",), celsius=(1400.0,), dwells_h=(12.0,), regrinds=(1,), a_excesses=(0.0,),
        vessels=("Pt",), limits=Limits(1, 1, {}, (0.9, 1.1)),
    )  # fmt: skip
    pool = feasible_pool(only, 2000, np.random.default_rng(0))
    assert len(pool.designs) == 1
    assert pool.drawn <= PATIENCE + 2
    with pytest.raises(EmptyPoolError, match="were proposed before") as caught:
        feasible_pool(only, 5, np.random.default_rng(0), barred=frozenset(pool.designs))
    assert caught.value.barred == caught.value.drawn


def test_coarse_fractions_allow_fewer_elements_instead_of_failing() -> None:
    """With halves only, three elements cannot share a site; the draw settles for two."""
    space = replace(SPACE, limits=Limits(2, 3, {}, (0.9, 1.1)))
    pool = feasible_pool(space, 200, np.random.default_rng(0))
    assert {len(d.b_site) for d in pool.designs} == {1, 2}
    assert {n for d in pool.designs for _, n in (*d.a_site, *d.b_site)} == {1, 2}


def test_candidates_share_thermal_profiles_so_that_a_furnace_can_be_filled() -> None:
    """A pool of many designs draws on eight ways to fire at most."""
    pool = feasible_pool(SPACE, 400, np.random.default_rng(3))
    assert 2 <= len({(d.celsius, d.dwell_h, d.ramp, d.regrinds, d.atmosphere, d.cooling) for d in pool.designs}) <= 8


def test_the_first_batch_fills_the_space() -> None:
    """Each chosen design is the farthest from those before it, so the batch lies wider apart than a random one."""
    pool = feasible_pool(SPACE, 300, np.random.default_rng(4))
    features = pool.features()
    chosen = spread(pool, 12, np.random.default_rng(0))
    distance = np.linalg.norm(features[:, None] - features[None], axis=2)
    for k in range(1, 12):
        to_earlier = distance[:, chosen[:k]].min(1)
        assert to_earlier[chosen[k]] == to_earlier.max()
    apart = distance[np.ix_(chosen, chosen)] + 9 * np.eye(12)
    random = distance[:12, :12] + 9 * np.eye(12)
    assert apart.min() > 1.5 * random.min()
    assert len(spread(pool, 1000, np.random.default_rng(0))) == 300
