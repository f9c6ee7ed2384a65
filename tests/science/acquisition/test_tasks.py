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
from science.surrogate.components import ComponentModel
from science.surrogate.dataset import Dataset
from science.surrogate.errors import ArtefactError, SurrogateError
from science.trust.model import TrustModel
from tests.science.generation.spaces import LIMITS, SPACE
from tests.science.surrogate.labels import OBJECTIVE, PRIORS, drawn, labelled
from tests.science.trust.trained import LIMITS as DEMANDS

BRIEF = Brief(space=SPACE, pool=300, count=4, seed=11, barred=frozenset(), near=(), best=0.1, objective=OBJECTIVE)


@cache
def models() -> Trained:
    return train(labelled(drawn(18, seed=1), seed=1).to_bytes(), 95.0)


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
    model, trust = ComponentModel.from_bytes(trained.model, PRIORS), TrustModel.from_bytes(trained.trust)
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
        trained = train(labelled(drawn(10, seed=2), seed=2).to_bytes(), 95.0)
        found, _ = suggest(BRIEF, trained.model)
        judge(found[0].design, trained.model, trained.trust, DEMANDS)


def test_judging_gives_an_assessment_that_a_worker_can_send_home() -> None:
    """A decision survives the way back from a worker process unchanged."""
    trained = models()
    found = judge(drawn(1, seed=3)[0], trained.model, trained.trust, DEMANDS)
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
        judge(d, bytes(bytearray(trained.model)), bytes(bytearray(trained.trust)), DEMANDS)
    assert sorted(opened) == ["ComponentModel", "TrustModel"]
    other = ComponentModel.from_bytes(trained.model, PRIORS)
    other.n_observations += 1
    judge(drawn(1, seed=4)[0], other.to_bytes(), trained.trust, DEMANDS)
    assert sorted(opened) == ["ComponentModel"] * 3 + ["TrustModel"], "one opening was this test's own"


def test_a_kept_model_decides_as_a_fresh_one() -> None:
    """What was ranked before in the same process changes no bit of a judgement, nor the other way round."""
    trained = models()
    probe = drawn(1, seed=5)[0]
    tasks._model.cache_clear()
    fresh = judge(probe, trained.model, trained.trust, DEMANDS)
    batch = suggest(BRIEF, trained.model)
    tasks._model.cache_clear()
    assert suggest(BRIEF, trained.model) == batch
    assert judge(probe, trained.model, trained.trust, DEMANDS) == fresh


def test_too_little_data_and_broken_bytes_are_errors_with_names() -> None:
    """Agents can tell a snapshot that is too small or broken from a bug."""
    rows = labelled(drawn(18, seed=1), seed=1).rows
    with pytest.raises(SurrogateError, match="Expected 4 observations"):
        train(Dataset(rows[:2]).to_bytes(), 95.0)
    with pytest.raises(SurrogateError, match="Expected 6 observations of any kind or more, got 5"):
        train(Dataset(tuple(r for r in rows if not math.isnan(r.lattice))[:5]).to_bytes(), 95.0)
    with pytest.raises(ArtefactError):
        train(b"{}", 95.0)
    with pytest.raises(ArtefactError):
        suggest(BRIEF, models().trust)
    with pytest.raises(ArtefactError):
        judge(drawn(1, seed=3)[0], models().model, b"nothing", DEMANDS)


def test_who_asks_for_a_task_loads_none_of_the_libraries_behind_it() -> None:
    """An agent's own process, which only names the tasks, gets by without PyTorch, BoTorch, MAPIE and scikit-learn."""
    code = (
        "import sys, science.acquisition.tasks, science.acquisition.composite, science.trust.gate\n"
        "print([m for m in ('torch', 'botorch', 'gpytorch', 'mapie', 'sklearn') if m in sys.modules])"
    )
    where = str(Path(__file__).parents[3])
    found = subprocess.run([sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
