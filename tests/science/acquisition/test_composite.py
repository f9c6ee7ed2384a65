"""Tests of the ranking."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from botorch.acquisition import logei

from science.acquisition.composite import SHORTLIST, Ranked, _shortlist, rank
from science.designs import Design
from science.generation.pool import Pool, feasible_pool
from science.surrogate.components import ComponentModel, fit_components
from science.surrogate.dataset import Dataset
from tests.science.generation.spaces import LIMITS, SPACE, design
from tests.science.surrogate.labels import OBJECTIVE, PROBLEM, drawn, fitted, labelled, truth, with_values


@cache
def pool(count: int = 300, seed: int = 0) -> Pool:
    return Pool(drawn(count, seed), count, LIMITS)


def utility(d: Design) -> float:
    found = truth(d)
    values = {name: np.array(v) for name, v in zip(PROBLEM.names, found, strict=True)}
    return 0.0 if np.isnan(found[0]) else float(OBJECTIVE.utility(values))


def expected_improvement(model: ComponentModel, designs: tuple[Design, ...], best: float) -> np.ndarray:
    """Of each design by itself, by plain Monte Carlo with many draws: the peer of the ranking."""
    rng = np.random.default_rng(1)
    predicted = model.predict(designs)
    draws = {n: predicted[n][0] + predicted[n][1] * rng.standard_normal((8_000, 1)) for n in PROBLEM.names}
    return np.maximum(OBJECTIVE.utility(draws) - best, 0).mean(0)


def test_the_first_choice_has_the_highest_expected_improvement_of_the_whole_pool() -> None:
    """Brute force over every design of the pool finds none that promises more than a tenth above the choice."""
    _, model = fitted(40, seed=0)
    for seed, best in ((0, 0.0), (1, 0.3)):
        candidates = pool(seed=seed)
        brute = expected_improvement(model, candidates.designs, best)
        (first,) = rank(candidates, model, PROBLEM, 1, best, seed=3)
        assert brute[first.index] > 0.9 * brute.max()
        assert first.score == pytest.approx(brute[first.index], rel=0.15)


def test_the_same_seed_ranks_the_same_to_the_last_bit() -> None:
    """A fresh model, one from its archive and one that was used before give the same batch and the same scores."""
    _, model = fitted(40, seed=0)
    back = ComponentModel.from_bytes(model.to_bytes(), PROBLEM)
    back.predict(drawn(5, seed=33))
    rank(pool(seed=5), back, PROBLEM, 2, 0.0, seed=9)
    found = [
        rank(pool(), m, PROBLEM, 4, 0.2, seed=7)
        for m in (model, back, ComponentModel.from_bytes(model.to_bytes(), PROBLEM))
    ]
    assert found[0] == found[1] == found[2]


def test_another_seed_agrees_on_what_matters() -> None:
    """The dice decide about near ties only: two seeds choose first what differs by a tenth at most."""
    _, model = fitted(40, seed=0)
    brute = expected_improvement(model, pool().designs, 0.2)
    firsts = [rank(pool(), model, PROBLEM, 1, 0.2, seed=s)[0].index for s in range(5)]
    assert min(brute[firsts]) > 0.9 * max(brute[firsts])


def test_members_of_a_batch_do_not_repeat_each_other() -> None:
    """Beside a near twin of the best design, the second choice is not the twin, though by itself it is second best."""
    _, model = fitted(40, seed=0)
    first = rank(pool(), model, PROBLEM, 1, 0.0, seed=3)[0]
    top = pool().designs[first.index]
    twin = replace(top, a_excess=top.a_excess + 1e-4)
    crowd = Pool((*pool().designs, twin), 301, LIMITS)
    alone = expected_improvement(model, crowd.designs, 0.0)
    assert alone[300] > np.sort(alone)[-5]
    chosen = [r.index for r in rank(crowd, model, PROBLEM, 3, 0.0, seed=3)]
    assert not {first.index, 300} <= set(chosen)
    assert len(set(chosen)) == 3


def test_scores_are_what_each_adds() -> None:
    """Scores add up to the batch's joint expected improvement, found by brute force; none is negative."""
    _, model = fitted(40, seed=0)
    found = rank(pool(), model, PROBLEM, 4, 0.1, seed=3)
    batch = np.array([pool().designs[r.index].features() for r in found])
    rng = np.random.default_rng(0)
    draws = {}
    for name, component in model.components.items():
        with torch.no_grad():
            posterior = component.process.posterior(torch.as_tensor(batch))
        mean, covariance = posterior.mean[:, 0].numpy(), posterior.distribution.covariance_matrix.numpy()
        draws[name] = rng.multivariate_normal(mean, covariance, size=20_000) + PROBLEM.prior(name)(batch)
    joint = np.maximum(OBJECTIVE.utility(draws).max(1) - 0.1, 0).mean()
    assert sum(r.score for r in found) == pytest.approx(joint, rel=0.1)
    assert all(r.score >= 0 for r in found)
    for few in (1, 2, 3):
        part = rank(pool(), model, PROBLEM, few, 0.1, seed=3)
        assert [r.index for r in part] == [r.index for r in found[:few]]


def test_predictions_are_those_of_the_model() -> None:
    """Each choice carries mean and standard deviation of every component, at its own design."""
    _, model = fitted(40, seed=0)
    candidates = pool()
    for r in rank(candidates, model, PROBLEM, 3, 0.1, seed=3):
        assert isinstance(r, Ranked)
        predicted = model.predict(candidates.designs)
        assert r.predictions == {n: (m[r.index], s[r.index]) for n, (m, s) in predicted.items()}
        assert tuple(r.predictions) == PROBLEM.names


def test_a_small_pool_is_used_up_and_no_more() -> None:
    """Four wanted of a pool of two: both come, once."""
    _, model = fitted(40, seed=0)
    assert sorted(r.index for r in rank(pool(2), model, PROBLEM, 4, 0.0, seed=3)) == [0, 1]


def test_designs_that_look_the_same_to_the_models_count_once() -> None:
    """Two recipes that differ only in what no model sees are one choice; the shortlist keeps the better order."""
    same = design({"Ba": 12}, {"Zr": 12})
    designs = (same, replace(same, milling_h=9.0), design({"Sr": 12}, {"Zr": 12}))
    features = np.array([d.features() for d in designs])
    assert _shortlist(features, np.array([0.2, 0.2, 0.3])).tolist() == [2, 0]
    many = np.random.default_rng(0).uniform(size=(SHORTLIST + 50, 19))
    score = np.random.default_rng(1).uniform(size=SHORTLIST + 50)
    assert _shortlist(many, score).tolist() == np.argsort(-score)[:SHORTLIST].tolist()


def test_botorchs_acquisition_does_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's acquisition is asked once a member, on one model a component, with those chosen before pending."""
    asked = []

    class Spy(logei.qLogExpectedImprovement):
        def forward(self, X: object) -> object:
            asked.append((self.model.num_outputs, 0 if self.X_pending is None else len(self.X_pending), len(X)))
            return super().forward(X)

    monkeypatch.setattr(logei, "qLogExpectedImprovement", Spy)
    rank(pool(), fitted(40, seed=0)[1], PROBLEM, 3, 0.0, seed=3)
    assert asked == [(4, 0, SHORTLIST), (4, 1, SHORTLIST - 1), (4, 2, SHORTLIST - 2)]


def test_samples_without_a_perovskite_are_learnt_from_without_a_warning() -> None:
    """With half of the lattices missing the batch is ranked, and the library has nothing to warn of."""
    rows = labelled(drawn(18, seed=4), seed=4).rows
    missing = [
        with_values(r, lattice=np.nan, cubicity=np.nan, heterogeneity=np.nan, phase_fraction=0.0) for r in rows[::2]
    ]
    model = fit_components(Dataset((*missing, *rows[1::2])), PROBLEM)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rank(pool(), model, PROBLEM, 4, 0.0, seed=3)
    assert len(found) == 4
    assert all(np.isfinite(v) for r in found for pair in r.predictions.values() for v in pair)


def test_vegards_rule_points_to_the_target_where_nothing_was_measured() -> None:
    """After titanates only, the hafnate whose end members meet the target promises more than one that is far off."""
    few = replace(SPACE, a_site=("Sr", "Ca"), b_site=("Ti",))
    rows = labelled(drawn(14, 6, few), 6).rows
    model = fit_components(Dataset(rows), PROBLEM)
    fits, misses = (design(a, {"Hf": 12}, celsius=1550.0) for a in ({"Sr": 6, "Ba": 6}, {"Ca": 4, "Sr": 8}))
    chosen = rank(Pool((misses, fits), 2, replace(LIMITS, tolerance_factor=(0.9, 1.1))), model, PROBLEM, 1, 0.0, seed=0)
    assert chosen[0].index == 1


@pytest.mark.slow
def test_ranked_batches_find_the_needle_sooner_than_random_ones() -> None:
    """In six closed loops of 12 + 5 x 4 samples the ranking's best is above random's in at least five."""
    wins = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        start = feasible_pool(SPACE, 12, rng).designs
        made = list(start)
        for batch in range(5):
            model = fit_components(labelled(tuple(made), seed), PROBLEM)
            offered = feasible_pool(SPACE, 500, rng, barred=frozenset(made))
            best = max(utility(d) for d in made)
            made += [offered.designs[r.index] for r in rank(offered, model, PROBLEM, 4, best, seed=batch)]
        random = [*start, *(feasible_pool(SPACE, 1, rng).designs[0] for _ in range(20))]
        wins += max(map(utility, made)) > max(map(utility, random))
    assert wins >= 5
