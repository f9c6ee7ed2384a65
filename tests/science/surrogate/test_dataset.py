"""Tests of the training snapshot."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from science.designs import FEATURES
from science.surrogate.dataset import Dataset, Labelled
from science.surrogate.errors import ArtefactError
from tests.science.generation.spaces import proposals
from tests.science.surrogate.labels import PROBLEM, drawn, labelled, with_values

NUMBER = st.floats(allow_infinity=False, allow_nan=False) | st.just(float("nan"))
ROW = st.builds(
    Labelled,
    sample=st.text(min_size=1, max_size=12),
    design=proposals(),
    values=st.fixed_dictionaries(dict.fromkeys(PROBLEM.names, NUMBER)),
)


@given(st.lists(ROW, max_size=4).map(tuple).map(Dataset))
def test_any_snapshot_comes_back_as_it_went(dataset: Dataset) -> None:
    """Every design and number survives the bytes, which are strict JSON (no NaN), and survive another round."""
    content = dataset.to_bytes()
    back = Dataset.from_bytes(content)
    assert back.to_bytes() == content
    assert [r.design for r in back.rows] == [r.design for r in dataset.rows]
    for name in PROBLEM.names:
        np.testing.assert_array_equal(back.values(name), dataset.values(name))
    json.loads(content, parse_constant=pytest.fail)


def test_the_digest_is_that_of_the_bytes_and_follows_every_label() -> None:
    """One changed digit anywhere is another snapshot."""
    dataset = labelled(drawn(3, seed=0), seed=0)
    assert dataset.sha256 == hashlib.sha256(dataset.to_bytes()).hexdigest()
    rows = dataset.rows
    for changed in (with_values(rows[2], cubicity=0.5), replace(rows[2], sample="c-0009-v1")):
        assert Dataset((*rows[:2], changed)).sha256 != dataset.sha256
    assert Dataset(rows[::-1]).sha256 != dataset.sha256


def test_rows_give_numbers_in_their_order() -> None:
    """Features and values line up with the rows; what was not measured is NaN."""
    dataset = labelled(drawn(12, seed=1), seed=1)
    assert dataset.features().shape == (12, len(FEATURES))
    np.testing.assert_array_equal(dataset.features()[7], dataset.rows[7].design.features())
    missing = np.isnan(dataset.values("lattice"))
    assert 0 < missing.sum() < 12
    assert not np.isnan(dataset.values("phase_fraction")).any()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"3",
        b'{"format":2,"rows":[]}',
        b'{"rows":[]}',
        b'{"format":1}',
        b'{"format":1,"rows":[1]}',
        b'{"format":1,"rows":[{"sample":"x"}]}',
        b'{"format":1,"rows":[{"sample":"x","design":"y"}]}',
    ],
)
def test_bytes_that_are_no_snapshot_are_refused_by_name(content: bytes) -> None:
    """Anything else than a snapshot of format 1 is an ArtefactError, never a bare KeyError."""
    with pytest.raises(ArtefactError, match="Expected a dataset"):
        Dataset.from_bytes(content)


def test_a_row_of_a_snapshot_is_spelt_as_ever() -> None:
    """Values stand by name beside sample and design, in the order of the alphabet and as null where there is none."""
    (row,) = labelled(drawn(1, seed=0), seed=0).rows
    content = Dataset((replace(row, values={"lattice": 4.5, "cubicity": float("nan"), "a": 1.0}),)).to_bytes()
    assert content.startswith(b'{"format":1,"rows":[{"a":1.0,"cubicity":null,"design":{"a_excess":')
    assert content.endswith(b'},"lattice":4.5,"sample":"c-0000-v1"}]}')


def test_any_property_is_kept_by_its_name() -> None:
    """A hardness comes back as it went; what nobody looked at is an error that says so, and no missing value."""
    (row,) = labelled(drawn(1, seed=0), seed=0).rows
    back = Dataset.from_bytes(Dataset((replace(row, values={"hardness": 512.5}),)).to_bytes())
    assert back.values("hardness").tolist() == [512.5]
    with pytest.raises(ArtefactError, match="values of lattice, got hardness of c-0000-v1"):
        back.values("lattice")


def test_a_property_cannot_take_the_place_of_sample_or_design() -> None:
    """Its values would be lost in the snapshot, so they are refused at once."""
    (row,) = labelled(drawn(1, seed=0), seed=0).rows
    with pytest.raises(ValueError, match="other names than sample, got"):
        replace(row, values={"sample": 1.0})


def test_a_snapshot_with_an_unknown_field_of_a_design_is_refused() -> None:
    """A design written by a newer program is not half understood."""
    document = json.loads(labelled(drawn(1, seed=0), seed=0).to_bytes())
    document["rows"][0]["design"]["pressure"] = 1.0
    with pytest.raises(ArtefactError, match="pressure"):
        Dataset.from_bytes(json.dumps(document).encode())
