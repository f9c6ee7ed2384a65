"""Training in pieces is training: the same bytes, whoever does the pieces and in whichever order."""

from __future__ import annotations

import numpy as np
import pytest

from science.acquisition.tasks import train
from science.pieces import Piece
from science.surrogate.components import fit_components
from science.surrogate.dataset import Dataset
from science.surrogate.errors import FitError, TooFewObservationsError
from science.trust.model import fit_trust
from tests.science.surrogate.labels import PROBLEM, drawn, labelled

LABELS = labelled(drawn(12, seed=3), seed=3)


def _backwards(dataset: bytes) -> tuple[object, list[int]]:
    """The task with the pieces of each round done last first, and how many each round had."""
    rounds, counts = train.rounds(dataset, PROBLEM, 95.0), []
    try:
        pieces: tuple[Piece, ...] = next(rounds)
        while True:
            counts.append(len(pieces))
            pieces = rounds.send(tuple(piece.outcome() for piece in reversed(pieces))[::-1])
    except StopIteration as done:
        return done.value, counts


def test_pieces_in_another_order_make_the_same_models_to_the_last_byte() -> None:
    """No piece leaves anything behind that another would see; put together they are what one process fits alone."""
    found, counts = _backwards(LABELS.to_bytes())
    assert found == train(LABELS.to_bytes(), PROBLEM, 95.0)
    assert counts == [4, 11, 1]
    model = fit_components(LABELS, PROBLEM)
    trust = fit_trust(LABELS, model, 95.0, PROBLEM)
    assert found.model == model.to_bytes()
    assert found.trust == trust.to_bytes()
    assert set(found.metrics) == {f"mae {name}" for name in PROBLEM.gated}
    assert all(np.isfinite(value) for value in found.metrics.values())


@pytest.mark.parametrize(("count", "what"), [(3, "lattice"), (5, "any kind")])
def test_too_few_labels_are_told_as_before(count: int, what: str) -> None:
    """A component says it before novelty does."""
    few = Dataset(LABELS.rows[:count])
    with pytest.raises(TooFewObservationsError, match=f"observations of {what}"):
        train(few.to_bytes(), PROBLEM, 95.0)


def test_a_fold_that_fails_is_told_before_novelty() -> None:
    """Pieces may end in any order; which error is told does not depend on it."""
    rounds = train.rounds(LABELS.to_bytes(), PROBLEM, 95.0)
    fitted = next(rounds)
    pieces = rounds.send(tuple(piece.outcome() for piece in fitted))
    failed = [TooFewObservationsError("any kind", 6, 5), *(FitError(f"fold {n}") for n in range(len(pieces) - 1))]
    with pytest.raises(FitError, match="fold 0"):
        rounds.send(tuple(failed))
