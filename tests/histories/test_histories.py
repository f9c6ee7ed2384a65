"""Recorded campaigns, lived again with today's code: same memories, same decisions, no effects.

One that fails says that the logs of users will not replay either. Is that meant, ``python -m tests.histories record``
records them anew; CONTRIBUTING.md says when that is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import orjson
import pytest

from agents.crew import NAMES
from agents.runtime.verdicts import Verdict
from bus.codec import decode
from contracts.event import Event
from contracts.presence import AgentFaulted
from contracts.upcasters import STEPS
from ops.replays.living import Lived
from ops.replays.telling import as_document
from tests.histories.kept import History, SealedBlobs, path_of, read
from tests.histories.living import again
from tests.histories.making import MAKINGS, aged

RECORD_ANEW = (
    "Today's code decides otherwise than the one that wrote this history, so that logs of users will not replay. "
    "If that is meant: raise DECISIONS in ops/version.py, and python -m tests.histories record (see CONTRIBUTING.md)"
)
MOST = 2 * 1024 * 1024
"""Bytes that all of them may have together."""
EACH = [pytest.param(name, marks=[pytest.mark.slow] if name == "quick" else []) for name in MAKINGS]
"""A dozen patterns and three fits take a while."""


@cache
def history(name: str) -> History:
    return read(name)


def events(name: str) -> list[Event]:
    return [decode(payload).data for payload in history(name).payloads]


LIVED: dict[str, Lived] = {}


async def lived(name: str) -> Lived:
    """Each is lived again once for all tests here."""
    if name not in LIVED:
        LIVED[name] = await again(history(name))
    return LIVED[name]


@pytest.mark.parametrize("name", EACH)
async def test_every_decision_is_made_again(name: str) -> None:
    """All that was decided is decided again, byte for byte; last digits only where the machine computes otherwise."""
    found = await lived(name)
    replayed = found.replayed
    assert [as_document(judged, found.fetch) for judged in replayed.differences] == [], RECORD_ANEW
    assert replayed.by_others == [], "histories are those of this code"
    assert not replayed.uncompared, RECORD_ANEW
    assert replayed.compared.total() == replayed.decisions == decisions(name)
    assert not found.passed_over


def decisions(name: str) -> int:
    """Events that another one led to; mistakes of the program are told, not decided."""
    told = map(decode, history(name).payloads)
    return sum(e.causationid is not None and e.type != AgentFaulted.kind for e in told)


@pytest.mark.parametrize("name", EACH)
async def test_every_memory_is_what_it_was(name: str) -> None:
    """Folded anew, memories are those that the agents had when the history ended, on whatever machine."""
    assert (await lived(name)).replayed.memories == history(name).memories, RECORD_ANEW


@pytest.mark.parametrize("name", [each for each in EACH if not MAKINGS[each.values[0]].files])
async def test_a_history_that_ended_leaves_nothing_unfinished(name: str) -> None:
    """Nothing is said now that its log does not have; a folder is watched for ever, so that one never ends."""
    assert (await lived(name)).replayed.unfinished == []


# what they are good for -------------------------------------------------------------------------------------


def test_together_they_hold_what_happens_in_a_lab() -> None:
    """Each agent decides; models are released, ranked with and judged by; things fail, persons answer, files drop."""
    said = Counter(decode(p).source.removeprefix("/agents/") for n in MAKINGS for p in history(n).payloads)
    assert set(NAMES) <= set(said)
    kinds = Counter(event.kind for name in MAKINGS for event in events(name))
    assert set(kinds) >= {
        "learning.model_released", "learning.observation_recorded", "learning.observation_withheld",
        "diffraction.phases_identified", "diffraction.analysis_flagged", "diffraction.measurement_failed",
        "synthesis.step_failed", "planning.batch_closed", "campaign.finished", "presence.agent_faulted",
    }  # fmt: skip
    assert any(e.score is not None for e in events("quick") if e.kind == "planning.candidate_proposed")
    assert any(e.decision.surrogate is not None for e in events("quick") if hasattr(e, "decision"))
    answers = [e for e in events("dropped") if e.kind == "review.decided"]
    assert {(e.reviewer, e.simulated) for e in answers} == {("a person", False)}
    assert {e.approved for e in answers} == {True, False}
    asked = {e.asked for e in events("dropped") if e.kind == "diffraction.pattern_measured"}
    assert asked == {True, False}


def test_they_are_small() -> None:
    """A clone of the repository does not feel them."""
    assert sum(path_of(name).stat().st_size for name in MAKINGS) < MOST


def test_every_step_between_versions_is_walked() -> None:
    """One of the old histories exercises each step, up from the first version on."""
    told = {
        (document["type"], int(document["dataschema"].rpartition(":")[2]))
        for name, making in MAKINGS.items()
        if making.aged
        for document in map(orjson.loads, history(name).payloads)
    }
    assert {(kind, 1) for kind, _ in STEPS} <= told, "from the first version on, every step is walked"
    assert not {(kind, version) for kind, version in STEPS} & told


def test_growing_old_forgets_what_came_later() -> None:
    """An event that was told as its first version did has no word of a later one, and is read all the same."""
    [faulted] = [p for p in history("old").payloads if decode(p).type == AgentFaulted.kind]
    assert "where" not in orjson.loads(faulted)["data"]
    assert decode(faulted).data.where == "not recorded by version 1"
    today = orjson.loads(faulted)
    today["data"]["where"], today["dataschema"] = "a.py:1 f", today["dataschema"].removesuffix("1") + "2"
    assert aged(orjson.dumps(today)) == faulted


# they can fail ----------------------------------------------------------------------------------------------

ALTERED: dict[str, tuple[str, str, Callable[[dict], object]]] = {
    "a candidate was proposed for another temperature": (
        "planner",
        "planning.candidate_proposed",
        lambda data: data["recipe"]["profile"]["segments"][0].update(target=1500.0),
    ),
    "an observation was made a success": (
        "retrainer",
        "learning.observation_recorded",
        lambda data: data.update(success=True),
    ),
    "a reason was put in for a review": (
        "trust_auditor",
        "trust.review_requested",
        lambda data: data["decision"].update(reasons=["it was wished for"]),
    ),
}


@pytest.mark.parametrize("what", ALTERED)
async def test_a_history_with_an_altered_decision_fails(what: str) -> None:
    """Whatever rounding is let pass, that very event is the first that differs."""
    agent, kind, change = ALTERED[what]
    whole = history("old")
    place, payload = next((n, p) for n, p in enumerate(whole.payloads, 1) if decode(p).type == kind)
    document = orjson.loads(payload)
    change(document["data"])
    altered = whole.altered(place, orjson.dumps(document))
    assert altered.payloads[place - 1] != payload
    first = (await again(altered, agent, tolerance=1e-3)).replayed.differences[0]
    assert (first.verdict, first.place, first.recorded.kind) == (Verdict.OTHER, place, kind)


async def test_a_history_without_an_artefact_fails() -> None:
    """A pattern that is not there cannot be looked at again."""
    whole = history("old")
    less = History(whole.name, whole.about, whole.arithmetic, whole.memories, whole.payloads, {})
    verdicts = {judged.verdict for judged in (await again(less, "xrd_analyser")).replayed.differences}
    assert verdicts == {Verdict.ARTEFACT}


def test_a_replay_cannot_write() -> None:
    """Artefacts of a history are sealed."""
    with pytest.raises(AssertionError, match="a replay wrote model"):
        SealedBlobs({}).put(b"new", "text/plain", "model")
