"""Tests of the trust model's archive and calibration labels."""

from __future__ import annotations

import numpy as np
import pytest

from science.surrogate.archive import pack, unpack
from science.surrogate.components import ComponentModel
from science.surrogate.errors import ArtefactError
from science.trust.gate import assess
from science.trust.model import KIND, TrustModel
from tests.science.surrogate.labels import PROBLEM, drawn, fitted
from tests.science.trust.trained import ALPHA, trained


def test_an_archive_decides_as_what_was_stored_and_stores_the_same_bytes() -> None:
    """Every number of an assessment survives the archive, and so do its bytes."""
    model, trust = trained()
    content = trust.to_bytes()
    back = TrustModel.from_bytes(content, PROBLEM)
    assert back.to_bytes() == content
    for d in drawn(10, seed=70):
        assert assess(d, model, back, PROBLEM, ALPHA) == assess(d, model, trust, PROBLEM, ALPHA)


def test_calibration_labels_are_leave_one_out_and_of_one_family() -> None:
    """A family's labels are its own measured ones, beside what the others predict for them."""
    dataset, model = fitted(40, seed=0)
    trust = trained()[1]
    rows = [r for r in dataset.rows if r.design.family == "titanate" and np.isfinite(r.values["lattice"])]
    left_out, measured = trust.calibration("lattice", "titanate")
    assert measured.tolist() == [r.values["lattice"] for r in rows]
    at = [k for k, r in enumerate(r for r in dataset.rows if np.isfinite(r.values["lattice"])) if r in rows]
    np.testing.assert_array_equal(left_out, model.components["lattice"].left_out()[at])
    assert trust.calibration("lattice", "3-3")[0].size == 0
    assert len(trust.calibration("phase_fraction", "titanate")[0]) >= len(rows)


def test_archives_that_lack_parts_or_are_of_another_kind_are_refused() -> None:
    """A component model, a missing layer or a note without thresholds is an ArtefactError."""
    model, trust = trained()
    note, arrays = unpack(KIND, trust.to_bytes())
    note = {k: v for k, v in note.items() if k not in ("kind", "format")}
    with pytest.raises(ArtefactError, match="Expected a trust-model"):
        TrustModel.from_bytes(model.to_bytes(), PROBLEM)
    with pytest.raises(ArtefactError, match="Expected a component-model"):
        ComponentModel.from_bytes(trust.to_bytes(), PROBLEM)
    for its_note, its_arrays in (
        (note, {k: v for k, v in arrays.items() if k != "weights/2"}),
        (note, {k: v for k, v in arrays.items() if k != f"measured/{PROBLEM.gated[0]}"}),
        ({k: v for k, v in note.items() if k != "thresholds"}, arrays),
        (note | {"thresholds": None}, arrays),
        (note | {"typical": "high"}, arrays),
    ):
        with pytest.raises(ArtefactError, match="Train it again"):
            TrustModel.from_bytes(pack(KIND, its_note, its_arrays), PROBLEM)
