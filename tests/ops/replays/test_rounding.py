"""Where two tellings of one event part, and whether that is rounding."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from agents.runtime.past import Entry
from agents.runtime.verdicts import Judged, Verdict
from bus.blobs import MemoryBlobs
from bus.codec import decode
from contracts.learning import ModelReleased, ObservationRecorded
from contracts.materials import ArtifactRef
from contracts.trust import ReviewRequested
from ops.replays.living import Look
from ops.replays.rounding import departures, documents, rounding
from science.surrogate.archive import MEDIA_TYPE, pack
from tests.ops.replays.world import altered, lived_through


def test_departures_name_each_place() -> None:
    """Keys and places in lists lead to what differs; a list of another length differs as a whole."""
    then = {"a": {"b": [1, 2]}, "c": [1], "same": "x", "gone": True}
    now = {"a": {"b": [1, 3]}, "c": [1, 2], "same": "x", "new": None}
    assert list(departures(then, now)) == [("a.b[1]", 2, 3), ("c", [1], [1, 2]), ("gone", True, None)]


def test_a_whole_number_is_not_the_same_as_one_with_a_fraction() -> None:
    """Bytes are compared, so 1 and 1.0 part, and so do true and 1."""
    assert list(departures({"n": 1}, {"n": 1.0})) == [("n", 1, 1.0)]
    assert list(departures({"n": True}, {"n": 1})) == [("n", True, 1)]


@pytest.mark.parametrize(
    ("field", "by", "largest"),
    [("utility", 1 + 1e-12, 1e-12), ("utility", 0.5, 0.5), ("batch_id", "b-0099", None), ("family", "others", None)],
)
async def test_last_digits_are_told_from_words(field: str, by: float | str, largest: float | None) -> None:
    """Where only numbers with fractions depart, it says by how much; a word that departs is no rounding."""
    judged, *_ = await altered(ObservationRecorded, field, by)  # what was concluded from it differs, too
    found = rounding(judged)
    assert found == (None if largest is None else pytest.approx(largest, rel=0.5))


async def test_what_departs_by_less_than_is_allowed_is_let_pass() -> None:
    """It is counted, and is no difference; what departs by more stays one."""
    assert await altered(ObservationRecorded, "utility", 1 + 1e-12, Look(tolerance=1e-9)) == []
    assert await altered(ObservationRecorded, "utility", 1 + 1e-6, Look(tolerance=1e-9)) != []
    assert await altered(ObservationRecorded, "batch_id", "b-0099", Look(tolerance=1e-9)) != []


async def test_another_number_of_things_is_no_rounding() -> None:
    """One reason more in a record is another decision, whatever its numbers."""
    judged, *_ = await altered(ReviewRequested, "decision.reasons", ["another", "and another"], Look(tolerance=1e-3))
    assert rounding(judged) is None


def test_without_both_sides_there_is_no_rounding() -> None:
    """What was left out or raised is another decision."""
    assert rounding(Judged(Verdict.RAISED, "planner", None, words="ValueError")) is None


async def released(factor: float, noted: float = 3, before: float = 3) -> tuple[Judged, MemoryBlobs]:
    """A model that comes out with other numbers than the recorded one, and both of them."""
    _, lab = await lived_through()
    stored = next(s for s in lab.bus.log if orjson.loads(s.payload)["type"] == ModelReleased.kind)
    blobs = MemoryBlobs()
    weights = np.linspace(0.1, 1, 7)
    models = [
        blobs.put(pack("thing", {"n": n}, {"w": weights * f}), MEDIA_TYPE, "model.npz")
        for f, n in ((1.0, before), (factor, noted))
    ]
    then, now = (_with_model(stored.payload, model) for model in models)
    envelope = decode(then)
    entry = Entry(stored.sequence, then, envelope.id, envelope.type, "retrainer", envelope.causationid)
    return Judged(Verdict.OTHER, "retrainer", None, entry, decode(now)), blobs


def _with_model(payload: bytes, model: ArtifactRef) -> bytes:
    document = orjson.loads(payload)
    document["data"]["artifact"] = model.model_dump(mode="json")
    document["data"]["model"]["sha256"] = model.sha256
    return orjson.dumps(document)


async def test_models_are_compared_by_their_numbers() -> None:
    """Two digests are one model if its numbers depart by rounding only; without the artefacts nobody can tell."""
    judged, blobs = await released(1 + 1e-11)
    assert rounding(judged, blobs.get) == pytest.approx(1e-11, rel=0.1)
    assert rounding(judged) is None
    judged, blobs = await released(1 + 1e-11, noted=4)
    assert rounding(judged, blobs.get) is None


async def test_a_digit_less_makes_a_model_no_other() -> None:
    """A number that is told with fewer digits makes the file shorter: its size is not what is compared."""
    judged, blobs = await released(1 + 1e-11, noted=0.459218830417531, before=0.45921883041753103)
    sizes = [b for w, *b in departures(*documents(judged)) if w == "data.artifact.size"]
    assert len(sizes) == 1
    assert rounding(judged, blobs.get) == pytest.approx(1e-11, rel=0.1)
    assert rounding(judged) is None
