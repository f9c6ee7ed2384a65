"""Finding whoever is meant, and gathering a life."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bus.blobs import MemoryBlobs
from bus.codec import encode
from contracts.identifiers import root_id
from ops.asking.errors import AskError, NameUnknownError
from ops.asking.timeline import draw
from ops.asking.tracing import Name, find, life_of
from tests.agents import said
from tests.ops.asking.told import Told, asked, chained, every_fate
from tests.ops.reports.telling import CAMPAIGN, pattern, started


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """A log of two campaigns with the same names."""
    first = chained(every_fate())
    renamed = [
        r.envelope.model_copy(update={"campaign": "other", "id": root_id("other", str(r.sequence))}) for r in first
    ]
    second = [
        r._replace(sequence=r.sequence + len(first), payload=encode(envelope), envelope=envelope)
        for r, envelope in zip(first, renamed, strict=True)
    ]
    with asked(Told([*first, *second])) as (connection, _):
        yield connection


@pytest.mark.parametrize("wanted", ["c-0001-v1", "c-0001", "c-0001-"])
def test_a_name_or_its_beginning_is_enough(log: Any, wanted: str) -> None:
    """A sample, its candidate, or as much of one as no other begins with."""
    assert find(log, wanted) == Name(CAMPAIGN, "c-0001", ("c-0001-v1",))


def test_a_candidate_without_a_vial_has_a_life_too(log: Any) -> None:
    """Refused, and told why."""
    name = find(log, "c-0006")
    assert name == Name(CAMPAIGN, "c-0006", ())
    life = life_of(log, name)
    assert (life.row["fate"], life.row["why"]) == ("refused", "because")
    assert [m.what for m in life.moments] == ["proposed", "refused"]
    assert life_of(log, find(log, "c-0005")).row["fate"] == "declined"


def test_a_file_that_was_dropped_in_has_a_life(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody proposed it: it is known by the name that the file gave, and was only measured."""
    dropped = pattern(77, MemoryBlobs()).model_copy(update={"asked": False, "sample_id": "old-powder"})
    with asked(Told(chained([started(), dropped, said.withheld(9)]))) as (connection, _):
        life = life_of(connection, find(connection, "old"))
    assert life.name == Name(CAMPAIGN, None, ("old-powder",))
    assert [m.what for m in life.moments] == ["scan"]
    draw(life.name.spelt, life.name.campaign, life.row, life.moments)
    assert "a sample that nobody proposed" in capsys.readouterr().out


def test_a_name_that_several_have_is_refused(log: Any) -> None:
    """With the names that it may be."""
    with pytest.raises(AskError, match=r"may be c-0001, c-0002, .* and 1 more. Give more of the name"):
        find(log, "c-")


def test_an_unknown_name_is_answered_with_the_nearest(log: Any) -> None:
    """A slip of the finger is recognised."""
    with pytest.raises(NameUnknownError) as caught:
        find(log, "c-0001-w1")
    assert caught.value.nearest[0] == "c-0001-v1"


def test_two_campaigns_may_use_one_name(two: Any) -> None:
    """Which one is meant has to be said; then only its events are told."""
    with pytest.raises(AskError, match="--campaign"):
        find(two, "c-0001")
    name = find(two, "c-0001", "other")
    assert name.campaign == "other"
    half = len(every_fate())
    assert all(moment.seq > half for moment in life_of(two, name).moments)


def test_a_life_is_whole_and_nobody_elses(log: Any) -> None:
    """Everything from proposal to the first model that knows of it, with the steps shared by others."""
    life = life_of(log, find(log, "c-0002"))
    assert [m.what for m in sorted(life.moments, key=lambda m: m.seq)] == [
        "proposed", "cleared", "scheduled", "fire", "weigh", "made", "scan", "identified", "learnt", "model",
    ]  # fmt: skip
    (weigh,) = [m for m in life.moments if m.what == "weigh"]
    assert weigh.details == ("balance shows 2.1 g",)
    told = life.document()
    assert (told["fate"], told["samples"], told["candidate"]) == ("learnt", ["c-0002-v1"], "c-0002")
    assert len(told["moments"]) == len(life.moments)
    json.dumps(told, allow_nan=False)


def test_a_lost_and_a_retracted_sample_say_why(log: Any) -> None:
    """The reason stands at the head."""
    lost, gone = life_of(log, find(log, "c-0004")), life_of(log, find(log, "c-0008"))
    assert (lost.row["fate"], gone.row["fate"]) == ("lost", "retracted")
    assert all(life.row["why"] for life in (lost, gone))
    assert "observation retracted" in [m.what for m in gone.moments]


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("wanted", [f"c-000{n}" for n in range(1, 10)])
def test_a_life_fits_on_the_screen(
    log: Any, wanted: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider than the screen, nothing is cut off, every turn is there with its hour."""
    monkeypatch.setenv("COLUMNS", str(width))
    life = life_of(log, find(log, wanted))
    draw(life.name.spelt, life.name.campaign, life.row, life.moments)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    assert "…" not in "".join(lines)
    for moment in life.moments:
        mark = "│" if moment.step else "●"
        assert any(line.startswith(f"{moment.began:%H:%M} {mark} {moment.what}") for line in lines)
    assert life.name.spelt in lines[0]
    assert f"{life.moments[0].began:%A}" in "".join(lines)
