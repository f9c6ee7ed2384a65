"""Tests of the decision."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from science.designs import FEATURES
from science.surrogate.components import ComponentModel
from science.trust.conformal import Interval, interval
from science.trust.gate import VOTING, assess, decide
from science.trust.model import TrustModel
from science.trust.novelty import _mahalanobis_left_out, _nearest
from tests.science.generation.spaces import design
from tests.science.surrogate.labels import PROBLEM, drawn, labelled
from tests.science.trust.trained import ALPHA, trained

WIDTHS = {"narrow": 0.5, "as wide as allowed": 1.0, "wide": math.nextafter(1.0, 2), "none": None}


def of_width(width: float | None) -> Interval:
    if width is None:
        return Interval("hafnate", 3, 0.1, None, None, None, "too few labels: 3 of the 9 that the family needs")
    return Interval("hafnate", 30, 0.1, width / 2, 0.0, width, "exact")


Case = tuple[int, bool, bool, str, str]
CASES: list[Case] = list(itertools.product(range(4), (False, True), (False, True), WIDTHS, WIDTHS))
"""Votes, silent, stranger, width of the lattice's interval, width of the fraction's."""


def decided(case: Case) -> tuple[str, tuple[str, ...]]:
    votes, silent, stranger, lattice, fraction = case
    intervals = {"lattice": of_width(WIDTHS[lattice]), "phase_fraction": of_width(WIDTHS[fraction])}
    widths = {"lattice": 1.0, "phase_fraction": 1.0}
    return decide(intervals, widths, votes=votes, silent=silent, stranger=stranger)


@pytest.mark.parametrize("case", CASES)
def test_each_cell_of_the_decision_table(case: Case) -> None:
    """All 256 combinations of votes, silence, strange elements and widths are decided as the table in words says."""
    votes, silent, stranger, lattice, fraction = case
    unsure = bool({lattice, fraction} & {"wide", "none"})
    if stranger:
        expected = "escalated"  # no score knows an element that was never measured: a human does
    elif votes >= 2:
        expected = "hard-refused"
    elif votes == 1:
        expected = "escalated" if unsure else "refused"  # wide and out of distribution: a human
    elif silent:
        expected = "refused"
    else:
        expected = "escalated" if unsure else "cleared"
    assert decided(case)[0] == expected


def test_nothing_is_cleared_unless_everything_speaks_for_it() -> None:
    """Of all combinations only those without any vote, silence, strange element or doubtful width are cleared."""
    cleared = [case for case in CASES if decided(case)[0] == "cleared"]
    good = ("narrow", "as wide as allowed")
    assert cleared == [(0, False, False, a, b) for a in good for b in good]


def test_more_against_a_candidate_never_clears_it() -> None:
    """From a decision that is not clearance, another vote, silence, stranger or wider interval never leads to it."""
    order = list(WIDTHS)
    for case in CASES:
        votes, silent, stranger, lattice, fraction = case
        if decided(case)[0] == "cleared":
            continue
        worse = [(min(votes + 1, 3), silent, stranger, lattice, fraction), (votes, True, stranger, lattice, fraction)]
        worse.append((votes, silent, True, lattice, fraction))
        worse.append((votes, silent, stranger, order[min(order.index(lattice) + 1, 3)], fraction))
        assert all(decided(other)[0] != "cleared" for other in worse)


def test_every_reason_is_told() -> None:
    """Whatever spoke against a candidate stands in its reasons, and nothing else does."""
    for case in CASES:
        votes, silent, stranger, lattice, fraction = case
        outcome, reasons = decided(case)
        text = " | ".join(reasons)
        assert ("out-of-distribution" in text) == (votes > 0)
        assert ("silent extrapolation" in text) == silent
        assert ("never measured here" in text) == stranger
        for name, width in (("lattice", lattice), ("phase_fraction", fraction)):
            assert (f"{name}: too few labels" in text) == (width == "none")
            assert (f"{name}: the interval is" in text) == (width == "wide")
        assert (outcome == "cleared") == (reasons == ("all intervals are narrow enough and no score is exceeded",))


def test_a_design_like_the_measured_ones_is_cleared_with_its_whole_record() -> None:
    """Most designs of a well-measured family pass, each with both intervals, five scores and the votes counted."""
    model, trust = trained()
    family = Counter(trust.families).most_common(1)[0][0]
    found = [assess(d, model, trust, PROBLEM, ALPHA) for d in drawn(40, seed=50) if d.family == family]
    assert len(found) >= 10
    assert sum(a.outcome == "cleared" for a in found) > len(found) / 2
    for assessment in found:
        assert tuple(assessment.intervals) == PROBLEM.gated
        assert [s.name for s in assessment.scores] == [*VOTING, "design distance", "element never seen"]
        assert assessment.votes == sum(s.exceeded for s in assessment.scores[:3])
        assert all(s.exceeded == (s.value > s.threshold) for s in assessment.scores)


def test_intervals_of_trained_models_cover_fresh_samples() -> None:
    """Over three trainings the 90 % intervals of calibrated families hold about that share of new measurements."""
    covered: list[bool] = []
    for count, seed in ((40, 0), (26, 11), (26, 12)):
        model, trust = trained(count, seed)
        fresh = labelled(drawn(120, seed=500 + seed), seed=900 + seed)
        designs = tuple(r.design for r in fresh.rows)
        predicted = model.predict(designs)
        for name, family in itertools.product(PROBLEM.gated, sorted(set(trust.families))):
            off = fresh.values(name) - predicted[name][0]
            mine = np.array([d.family == family for d in designs]) & np.isfinite(off)
            found = interval(0.0, *trust.calibration(name, family), family, ALPHA)
            if found.width is not None:
                covered += ((found.lower <= off[mine]) & (off[mine] <= found.upper)).tolist()
    assert len(covered) > 300
    assert 0.86 <= np.mean(covered) <= 0.99


def test_a_family_without_labels_goes_to_a_human() -> None:
    """The 3-3 family was never calibrated: no interval, a strange element, and a human is asked."""
    model, trust = trained()
    found = assess(design({"La": 12}, {"In": 12}), model, trust, PROBLEM, ALPHA)
    assert found.outcome == "escalated"
    assert {i.basis for i in found.intervals.values()} == {"too few labels: 0 of the 9 that the family needs"}
    assert any("never measured" in r for r in found.reasons)


def test_a_family_is_calibrated_by_its_own_labels_only() -> None:
    """The interval of a family rests on as many labels as that family has measured lattices."""
    model, trust = trained()
    for family in set(trust.families):
        there = np.array([f == family for f in trust.families]) & np.isfinite(trust.measured["lattice"])
        probe = next(d for d in drawn(400, seed=60) if d.family == family)
        assert assess(probe, model, trust, PROBLEM, ALPHA).intervals["lattice"].n_calibration == there.sum()


def test_narrower_demands_turn_a_clearance_into_a_question() -> None:
    """The width gate alone decides between clearing and asking: the same candidate under half its own width."""
    model, trust = trained()
    for d in drawn(40, seed=50):
        cleared = assess(d, model, trust, PROBLEM, ALPHA)
        if cleared.outcome == "cleared":
            break
    width = cleared.intervals["lattice"].width
    lattice, *others = PROBLEM.properties
    strict = replace(PROBLEM, properties=(replace(lattice, max_width=width / 2), *others))
    asked = assess(d, model, trust, strict, ALPHA)
    assert (cleared.outcome, asked.outcome) == ("cleared", "escalated")
    assert "lattice: the interval is" in asked.reasons[0]


def blind_to_firing(model: ComponentModel, trust: TrustModel) -> tuple[ComponentModel, TrustModel]:
    """Models that cannot see how a sample was fired: flat kernels, and networks without those inputs."""
    unseen = [FEATURES.index(n) for n in ("temperature", "log dwell", "regrinds", "A excess", "vessel is platinum")]
    blind = ComponentModel.from_bytes(model.to_bytes(), PROBLEM)
    for component in blind.components.values():
        lengths = component.process.covar_module.lengthscale.detach().clone()
        lengths[0, unseen] = 9e3
        component.process.covar_module.lengthscale = lengths
    novelty = trust.novelty
    first = novelty.ensemble.weights[0].copy()
    first[:, unseen] = 0.0
    ensemble = replace(novelty.ensemble, weights=(first, *novelty.ensemble.weights[1:]))
    latents = ensemble.latent(novelty.inputs)[0]
    covariance = LedoitWolf().fit(latents)
    disagreement = ensemble.outputs(novelty.inputs)[1:].std(0).mean(-1)
    own = (_nearest(latents, latents, skip=1), _mahalanobis_left_out(latents), disagreement)
    thresholds = dict(zip(VOTING, (float(np.percentile(v, 95)) for v in own), strict=True))
    seeing_less = replace(
        novelty, ensemble=ensemble, latents=latents, mean=covariance.location_, precision=covariance.precision_,
        thresholds=novelty.thresholds | thresholds, typical_disagreement=float(np.median(disagreement)),
    )  # fmt: skip
    return blind, replace(trust, novelty=seeing_less)


def test_a_model_that_is_sure_of_itself_far_from_the_data_is_refused() -> None:
    """Kernel and networks blind to the firing call a never-tried firing familiar; the design's own distance refuses."""
    model, trust = trained()
    blind, blind_trust = blind_to_firing(model, trust)
    calm = blind_trust.novelty.typical_disagreement
    for known in drawn(100, seed=50):
        same = assess(known, blind, blind_trust, PROBLEM, ALPHA)
        if same.outcome == "cleared" and same.scores[2].value < calm:
            break
    strange = replace(known, celsius=3200.0, dwell_h=800.0, regrinds=9)
    other = assess(strange, blind, blind_trust, PROBLEM, ALPHA)
    assert same.outcome == "cleared"
    sds = [blind.predict((d,))["lattice"][1][0] for d in (known, strange)]
    assert sds[1] == pytest.approx(sds[0], rel=0.05), "the process is as sure of the strange design as of the known one"
    assert other.votes == 0, "no latent score notices"
    assert other.intervals["lattice"].width == same.intervals["lattice"].width <= PROBLEM.widths["lattice"]
    assert other.silent
    assert other.outcome == "refused"
    assert "silent extrapolation" in other.reasons[0]
