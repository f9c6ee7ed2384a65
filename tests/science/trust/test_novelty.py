"""Tests of the novelty scores."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from science.constraints.checks import Limits
from science.designs import Design
from science.surrogate.dataset import Dataset
from science.surrogate.errors import TooFewObservationsError
from science.trust.gate import VOTING
from science.trust.novelty import NEIGHBOURS, NoveltyModel, _mahalanobis_left_out, _nearest, fit_novelty
from tests.science.generation.spaces import SPACE, WILD, design
from tests.science.surrogate.labels import PROBLEM, drawn, labelled, with_values

LITTLE_HAFNIUM = replace(SPACE, limits=Limits(12, 3, {"Sn": 0.1, "Hf": 4 / 12}, (0.96, 1.04)))
THREE_THREE = replace(
    WILD, a_site=("La",), b_site=("Al", "Sc", "In"), atmospheres=("air",), contacts=("bare",),
    limits=Limits(12, 3, {}, (0.8, 1.1)),
)  # fmt: skip


@cache
def measured(seed: int) -> NoveltyModel:
    """Fitted on 35 samples among which hafnium never held more than a third of its site."""
    return fit_novelty(labelled(drawn(35, seed, LITTLE_HAFNIUM), seed), 95.0, PROBLEM)


def scores(model: NoveltyModel, designs: tuple[Design, ...]) -> dict[str, np.ndarray]:
    found = [model.scores(d) for d in designs]
    return {s.name: np.array([row[k].value for row in found]) for k, s in enumerate(found[0])}


def hafnates(count: int) -> tuple[Design, ...]:
    return tuple(d for d in drawn(8 * count, seed=79) if d.family == "hafnate")[:count]


@pytest.mark.parametrize("withheld", ["hafnate", "3-3"])
def test_each_score_tells_a_withheld_family_from_the_measured_ones(withheld: str) -> None:
    """The area under the ROC curve of a family that was never measured exceeds 0.7 for every score, over three fits."""
    known = drawn(60, 78, LITTLE_HAFNIUM)
    strange = hafnates(60) if withheld == "hafnate" else drawn(60, 3, THREE_THREE)
    areas = {}
    for seed in (1, 2, 3):
        inside, outside = scores(measured(seed), known), scores(measured(seed), strange)
        for name in (*VOTING, "design distance"):
            truth = [0] * len(known) + [1] * len(strange)
            areas.setdefault(name, []).append(roc_auc_score(truth, np.concatenate([inside[name], outside[name]])))
    means = {name: np.mean(a) for name, a in areas.items()}
    assert min(means.values()) > 0.7, means


def test_few_samples_like_the_measured_ones_are_refused() -> None:
    """Fresh samples of the measured families get two votes in less than a tenth, and one in less than a third."""
    votes = np.array(
        [
            sum(s.exceeded for s in measured(seed).scores(d) if s.name in VOTING)
            for seed in (1, 2, 3)
            for d in drawn(60, 78, LITTLE_HAFNIUM)
        ]
    )
    assert np.mean(votes >= 2) < 0.1
    assert np.mean(votes >= 1) < 1 / 3


@pytest.mark.parametrize("percentile", [80.0, 95.0])
def test_a_threshold_is_the_percentile_of_the_measured_samples_scores(percentile: float) -> None:
    """Scored without themselves, the asked share of the measured samples lies above each distance's threshold."""
    dataset = labelled(drawn(35, 1, LITTLE_HAFNIUM), 1)
    model = fit_novelty(dataset, percentile, PROBLEM)
    own = {
        "latent distance": _nearest(model.latents, model.latents, skip=1),
        "mahalanobis distance": _mahalanobis_left_out(model.latents),
        "design distance": _nearest(model.inputs, model.inputs, skip=1),
    }
    for name, values in own.items():
        assert np.mean(values > model.thresholds[name]) == pytest.approx(1 - percentile / 100, abs=1 / 35)
    strict, lax = (fit_novelty(dataset, p, PROBLEM).thresholds for p in (50.0, 99.0))
    assert all(strict[n] < lax[n] for n in strict)


def test_a_sample_scored_without_itself_looks_farther_away() -> None:
    """The Mahalanobis distance to the others exceeds the one to all, which contains the sample, on every sample."""
    points = np.random.default_rng(0).normal(size=(20, 6))
    together = LedoitWolf().fit(points)
    away = points - together.location_
    inside = np.sqrt(np.einsum("ij,jk,ik->i", away, together.precision_, away))
    assert (_mahalanobis_left_out(points) > inside).mean() > 0.9


def test_the_distance_is_to_the_nearest_neighbours() -> None:
    """It is the mean distance to the three nearest, oneself passed over where asked."""
    line = np.arange(6.0)[:, None]
    assert NEIGHBOURS == 3
    assert _nearest(np.array([[0.0]]), line)[0] == pytest.approx((0 + 1 + 2) / 3)
    assert _nearest(line, line, skip=1)[0] == pytest.approx((1 + 2 + 3) / 3)
    assert _nearest(line, line, skip=1)[3] == pytest.approx((1 + 1 + 2) / 3)


def test_an_element_that_was_never_measured_is_counted() -> None:
    """Each strange cation counts once; a design of known ones has none, whatever its proportions."""
    model = measured(1)
    found = [
        model.scores(d)[-1]
        for d in (
            design({"Ba": 12}, {"Zr": 12}),
            design({"La": 12}, {"In": 12}),
            design({"Ba": 12}, {"Zr": 11, "In": 1}),
        )
    ]
    assert [s.name for s in found] == ["element never seen"] * 3
    assert [s.value for s in found] == [0.0, 2.0, 1.0]
    assert [s.exceeded for s in found] == [False, True, True]


def test_fits_are_repeatable_to_the_last_bit() -> None:
    """Two fits on the same labels give the same thresholds and scores."""
    dataset = labelled(drawn(12, 5), 5)
    one, two = fit_novelty(dataset, 95.0, PROBLEM), fit_novelty(dataset, 95.0, PROBLEM)
    assert one.thresholds == two.thresholds
    assert one.scores(drawn(1, 6)[0]) == two.scores(drawn(1, 6)[0])


def test_too_few_samples_are_counted() -> None:
    """Five samples are one too few, whatever was measured on them."""
    rows = labelled(drawn(6, 5), 5).rows
    with pytest.raises(TooFewObservationsError) as caught:
        fit_novelty(Dataset(rows[:5]), 95.0, PROBLEM)
    assert (caught.value.needed, caught.value.got) == (6, 5)


def test_samples_without_a_single_lattice_still_give_finite_scores() -> None:
    """When nothing has reacted yet, the distances still work, and no NaN reaches a decision."""
    rows = [with_values(r, lattice=np.nan, phase_fraction=0.0) for r in labelled(drawn(8, 5), 5).rows]
    model = fit_novelty(Dataset(tuple(rows)), 95.0, PROBLEM)
    assert all(np.isfinite(s.value) for s in model.scores(drawn(1, 6)[0]))
    assert all(np.isfinite(t) for t in model.thresholds.values())
