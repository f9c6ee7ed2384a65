"""Tests of whole tasks, from bytes to values."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from science.acquisition import tasks
from science.acquisition.tasks import Brief, Trained, draw, judge, suggest, train
from science.constraints.checks import feasible
from science.generation.errors import EmptyPoolError
from science.objective import Aim, Less, More, Objective
from science.problem import Measured, Problem
from science.surrogate.components import ComponentModel
from science.surrogate.dataset import Dataset
from science.surrogate.errors import ArtefactError, SurrogateError
from science.trust.model import TrustModel
from tests.science.generation.spaces import LIMITS, SPACE
from tests.science.surrogate.labels import PROBLEM, drawn, labelled
from tests.science.trust.trained import ALPHA

BRIEF = Brief(space=SPACE, pool=300, count=4, seed=11, barred=frozenset(), near=(), best=0.1, problem=PROBLEM)


@cache
def models() -> Trained:
    return train(labelled(drawn(18, seed=1), seed=1).to_bytes(), PROBLEM, 95.0)


def test_the_first_batch_is_spread_and_has_no_scores() -> None:
    """Without a model nothing is predicted; designs are feasible, different, and the same for the same seed."""
    found, size = suggest(BRIEF, None)
    assert size == 300
    assert len({s.design for s in found}) == 4
    assert all(s.score is None and not s.predictions and feasible(s.design, LIMITS) for s in found)
    assert suggest(BRIEF, None) == (found, size)
    assert suggest(replace(BRIEF, seed=12), None)[0] != found


def test_a_model_ranks_and_leaves_out_what_was_proposed() -> None:
    """With a model each design has a score and four predictions, repeats itself, and is none of the barred ones."""
    found, _ = suggest(BRIEF, models().model)
    assert [len(s.predictions) for s in found] == [4] * 4
    assert all(s.score >= 0 for s in found)
    assert suggest(BRIEF, models().model)[0] == found
    barred = frozenset(s.design for s in found)
    again, _ = suggest(replace(BRIEF, barred=barred), models().model)
    assert not barred & {s.design for s in again}


def test_random_batches_come_from_the_same_filter() -> None:
    """The arm that others are compared with proposes feasible designs only, and no barred ones."""
    found, size = draw(BRIEF)
    assert (len(found), size) == (4, 300)
    assert all(feasible(s.design, LIMITS) for s in found)
    again, _ = draw(replace(BRIEF, barred=frozenset(s.design for s in found)))
    assert not {s.design for s in again} & {s.design for s in found}


def test_an_impossible_space_is_told_by_each_task() -> None:
    """No task answers an empty space with an empty batch."""
    nothing = replace(BRIEF, pool=5, space=replace(SPACE, limits=replace(LIMITS, tolerance_factor=(1.3, 1.4))))
    for task in (lambda: suggest(nothing, None), lambda: suggest(nothing, models().model), lambda: draw(nothing)):
        with pytest.raises(EmptyPoolError):
            task()


def test_training_gives_models_of_the_snapshot_and_honest_errors() -> None:
    """Both archives open, know their snapshot, and the metrics are the mean misses of the left-out predictions."""
    dataset = labelled(drawn(18, seed=1), seed=1)
    trained = models()
    model, trust = ComponentModel.from_bytes(trained.model, PROBLEM), TrustModel.from_bytes(trained.trust, PROBLEM)
    assert model.dataset_sha256 == dataset.sha256
    assert trust.families == tuple(r.design.family for r in dataset.rows)
    assert set(trained.metrics) == {"mae lattice", "mae phase_fraction"}
    for name in ("lattice", "phase_fraction"):
        misses = np.abs(trust.left_out[name] - dataset.values(name))
        assert trained.metrics[f"mae {name}"] == pytest.approx(np.nanmean(misses))
    assert trained.metrics["mae lattice"] < 0.01


def test_tasks_warn_of_nothing() -> None:
    """Training, ranking and judging give no library a reason to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = train(labelled(drawn(10, seed=2), seed=2).to_bytes(), PROBLEM, 95.0)
        found, _ = suggest(BRIEF, trained.model)
        judge(found[0].design, PROBLEM, trained.model, trained.trust, ALPHA)


def test_judging_gives_an_assessment_that_a_worker_can_send_home() -> None:
    """A decision survives the way back from a worker process unchanged."""
    trained = models()
    found = judge(drawn(1, seed=3)[0], PROBLEM, trained.model, trained.trust, ALPHA)
    assert found.outcome in {"cleared", "refused", "hard-refused", "escalated"}
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301  our own bytes


def test_models_are_unpacked_once_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four judgements with equal bytes open each archive once; another model is opened anew."""
    opened = []
    for kind in (ComponentModel, TrustModel):
        original = kind.from_bytes

        def spy(content: bytes, *more: object, original: object = original, kind: type = kind) -> object:
            opened.append(kind.__name__)
            return original(content, *more)

        monkeypatch.setattr(kind, "from_bytes", spy)
    tasks._model.cache_clear()
    tasks._trust.cache_clear()
    trained = models()
    for d in drawn(4, seed=4):
        judge(d, PROBLEM, bytes(bytearray(trained.model)), bytes(bytearray(trained.trust)), ALPHA)
    assert sorted(opened) == ["ComponentModel", "TrustModel"]
    other = ComponentModel.from_bytes(trained.model, PROBLEM)
    other.n_observations += 1
    judge(drawn(1, seed=4)[0], PROBLEM, other.to_bytes(), trained.trust, ALPHA)
    assert sorted(opened) == ["ComponentModel"] * 3 + ["TrustModel"], "one opening was this test's own"


def test_a_kept_model_decides_as_a_fresh_one() -> None:
    """What was ranked before in the same process changes no bit of a judgement, nor the other way round."""
    trained = models()
    probe = drawn(1, seed=5)[0]
    tasks._model.cache_clear()
    fresh = judge(probe, PROBLEM, trained.model, trained.trust, ALPHA)
    batch = suggest(BRIEF, trained.model)
    tasks._model.cache_clear()
    assert suggest(BRIEF, trained.model) == batch
    assert judge(probe, PROBLEM, trained.model, trained.trust, ALPHA) == fresh


def test_too_little_data_and_broken_bytes_are_errors_with_names() -> None:
    """Agents can tell a snapshot that is too small or broken from a bug."""
    rows = labelled(drawn(18, seed=1), seed=1).rows
    with pytest.raises(SurrogateError, match="Expected 4 observations"):
        train(Dataset(rows[:2]).to_bytes(), PROBLEM, 95.0)
    with pytest.raises(SurrogateError, match="Expected 6 observations of any kind or more, got 5"):
        train(Dataset(tuple(r for r in rows if not math.isnan(r.values["lattice"]))[:5]).to_bytes(), PROBLEM, 95.0)
    with pytest.raises(ArtefactError):
        train(b"{}", PROBLEM, 95.0)
    with pytest.raises(ArtefactError):
        suggest(BRIEF, models().trust)
    with pytest.raises(ArtefactError):
        judge(drawn(1, seed=3)[0], PROBLEM, models().model, b"nothing", ALPHA)


def test_another_problem_is_learnt_ranked_and_judged_by_the_same_tasks() -> None:
    """One property, by no chemistry's knowledge, sought for itself: nothing else is modelled, gated or grouped."""
    share = Problem(
        chemistry="none",
        properties=(Measured("phase_fraction", max_width=0.5),),
        objective=Objective((Aim("phase_fraction", More()),)),
        family="all",
        columns=PROBLEM.columns,
    )
    dataset = labelled(drawn(18, seed=1), seed=1)
    trained = train(dataset.to_bytes(), share, 95.0)
    assert set(trained.metrics) == {"mae phase_fraction"}
    assert TrustModel.from_bytes(trained.trust, share).families == ("all",) * 18
    best = float(np.median(dataset.values("phase_fraction")))
    found, _ = suggest(replace(BRIEF, problem=share, best=best), trained.model)
    assert [tuple(s.predictions) for s in found] == [("phase_fraction",)] * 4
    assert all(s.predictions["phase_fraction"][0] > best for s in found)
    assessment = judge(found[0].design, share, trained.model, trained.trust, ALPHA)
    assert [(name, i.family) for name, i in assessment.intervals.items()] == [("phase_fraction", "all")]
    less = replace(share, objective=Objective((Aim("phase_fraction", Less()),)))
    poor, _ = suggest(replace(BRIEF, problem=less, best=-best), trained.model)
    assert all(s.predictions["phase_fraction"][0] < best for s in poor)


def test_where_no_interval_decides_the_networks_learn_all_properties() -> None:
    """A problem without a gate is trained and judged by its scores alone."""
    open_to_all = replace(PROBLEM, properties=tuple(replace(p, max_width=None) for p in PROBLEM.properties))
    trained = train(labelled(drawn(18, seed=1), seed=1).to_bytes(), open_to_all, 95.0)
    assert trained.metrics == {}
    assert trained.model == models().model
    assert TrustModel.from_bytes(trained.trust, open_to_all).novelty.ensemble.biases[-1].shape[-1] == 4
    assert judge(drawn(1, seed=3)[0], open_to_all, trained.model, trained.trust, ALPHA).intervals == {}


def test_a_model_of_another_problem_is_refused_by_name() -> None:
    """Whoever hands over a model of other properties is told which were expected and which came."""
    (lattice, *others) = PROBLEM.properties
    renamed = replace(PROBLEM, properties=(replace(lattice, name="hardness"), *others))
    ungated = replace(PROBLEM, properties=(replace(lattice, max_width=None), *others))
    with pytest.raises(ArtefactError, match=r"component-model of cubicity, hardness, .* got one of cubicity, het"):
        suggest(replace(BRIEF, problem=renamed), models().model)
    with pytest.raises(ArtefactError, match="trust-model of phase_fraction, got one of lattice, phase_fraction"):
        judge(drawn(1, seed=3)[0], ungated, models().model, models().trust, ALPHA)
    with pytest.raises(ArtefactError, match="inputs of shape"):
        suggest(replace(BRIEF, problem=replace(PROBLEM, columns=PROBLEM.columns[:-1])), models().model)


def test_who_asks_for_a_task_loads_none_of_the_libraries_behind_it() -> None:
    """An agent's own process, which only names the tasks, gets by without PyTorch, BoTorch, MAPIE and scikit-learn."""
    code = (
        "import sys, science.acquisition.tasks, science.acquisition.composite, science.trust.gate\n"
        "print([m for m in ('torch', 'botorch', 'gpytorch', 'mapie', 'sklearn') if m in sys.modules])"
    )
    where = str(Path(__file__).parents[3])
    found = subprocess.run([sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
