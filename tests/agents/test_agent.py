"""What an agent is: checked declarations, inherited tables, memories that hash the same everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from pydantic import Field

from agents.agent import MOMENT, Agent, Moment, folds, on
from agents.errors import DeclarationError, FoldError, NotAttachedError
from agents.memory import Memory
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from ops.clock import VirtualClock
from tests.agents.lab import campaign, started
from tests.agents.said import (
    answered,
    asked,
    cleared,
    closed,
    identified,
    made,
    observed,
    phase,
    proposed,
    released,
    scanning,
)
from tests.agents.world import World
from tests.contracts.examples import EPOCH

PAUSED = CampaignPaused(reason="lunch")


class Notes(Memory):
    heard: list[str] = Field(default_factory=list)


class Listener(Agent[Notes]):
    name = "listener"

    def __init__(self) -> None:
        super().__init__(Notes())

    @folds(CampaignPaused, CampaignResumed)
    def note(self, event) -> None:
        self.memory.heard.append(event.kind)

    @on(CampaignPaused)
    async def answer(self, event):
        yield CampaignResumed(reason=event.reason)


class Chatterer(Listener):
    name = "chatterer"

    @folds(CampaignPaused)
    def note_again(self, event) -> None:
        self.memory.heard.append("again")

    @on(CampaignPaused, SampleLost, long=True)
    async def answer_slowly(self, event):
        yield CampaignResumed(reason="slowly")


def test_tables_hold_what_was_declared() -> None:
    """Folds and reactions are filed by kind; the methods themselves stay ordinary methods."""
    assert set(Listener.fold_table) == {CampaignPaused, CampaignResumed}
    assert set(Listener.reaction_table) == {CampaignPaused}
    assert set(Listener.kinds()) == {CampaignPaused, CampaignResumed}
    agent = Listener()
    agent.note(PAUSED)
    assert agent.memory.heard == ["campaign.paused"]


def test_children_add_to_what_their_parents_declare() -> None:
    """A parent's folds run first, a child's are added, and the parent's own tables stay as they were."""
    agent = Chatterer()
    agent.fold(PAUSED)
    assert agent.memory.heard == ["campaign.paused", "again"]
    assert [r.long for r in Chatterer.reaction_table[CampaignPaused]] == [False, True]
    assert SampleLost in Chatterer.kinds()
    assert SampleLost not in Listener.kinds()
    assert len(Listener.reaction_table[CampaignPaused]) == 1


def test_an_event_of_another_kind_changes_nothing() -> None:
    """Only declared kinds are put into memory."""
    agent = Listener()
    before = agent.memory.digest()
    agent.fold(SampleLost(sample_id="s", candidate_id="c", run_id="r", reason="dropped"))
    assert agent.memory.digest() == before


def _no_kinds() -> None:
    class Wrong(Agent[Notes]):
        @folds()
        def note(self, event) -> None: ...


def _a_kind_twice() -> None:
    class Wrong(Agent[Notes]):
        @folds(CampaignPaused, CampaignPaused)
        def note(self, event) -> None: ...


def _a_fold_that_waits() -> None:
    class Wrong(Agent[Notes]):
        @folds(CampaignPaused)
        async def note(self, event) -> None: ...


def _a_fold_that_yields() -> None:
    class Wrong(Agent[Notes]):
        @folds(CampaignPaused)
        def note(self, event):
            yield event


def _a_reaction_that_yields_nothing() -> None:
    class Wrong(Agent[Notes]):
        @on(CampaignPaused)
        async def answer(self, event) -> None: ...


def _both_at_once() -> None:
    class Wrong(Agent[Notes]):
        @folds(CampaignPaused)
        @on(CampaignResumed)
        async def note(self, event):
            yield event


def _a_replaced_fold() -> None:
    class Wrong(Listener):
        @folds(CampaignResumed)
        def note(self, event) -> None: ...


def _a_fold_replaced_in_silence() -> None:
    class Wrong(Listener):
        def note(self, event) -> None: ...


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (_no_kinds, "each event kind once on Wrong.note, got none"),
        (_a_kind_twice, "got CampaignPaused, CampaignPaused"),
        (_a_fold_that_waits, "a plain method"),
        (_a_fold_that_yields, "a plain method"),
        (_a_reaction_that_yields_nothing, "an async generator"),
        (_both_at_once, "one declaration on Wrong.note, got two"),
        (_a_replaced_fold, "another name than Wrong.note"),
        (_a_fold_replaced_in_silence, "another name than Wrong.note"),
    ],
)
def test_a_wrong_declaration_is_found_when_the_class_is_defined(define, message: str) -> None:
    """What would otherwise never run, or run twice, is an error before anything runs."""
    with pytest.raises(DeclarationError, match=message):
        define()


def test_an_agent_needs_a_name() -> None:
    """Without a name there is no consumer to listen with."""

    class Nameless(Agent[Notes]):
        pass

    with pytest.raises(DeclarationError, match="class attribute `name`"):
        Nameless(Notes())


def test_a_bare_agent_says_what_it_lacks() -> None:
    """Asking for the workbench outside a runtime is a clear error."""
    with pytest.raises(NotAttachedError, match="listener to be attached"):
        _ = Listener().bench


def test_a_fold_that_raises_names_the_agent_and_the_event() -> None:
    """A memory that cannot be made is not used, and the message says whose it is."""

    class Clumsy(Agent[Notes]):
        name = "clumsy"

        @folds(CampaignPaused)
        def note(self, event) -> None:
            raise KeyError(event.reason)

    with pytest.raises(FoldError, match="Expected clumsy to remember campaign.paused, got KeyError: 'lunch'"):
        Clumsy(Notes()).fold(PAUSED)


def test_digests_know_content_and_nothing_else() -> None:
    """Equal memories have equal digests whatever the order of their keys; a changed value changes it."""

    class Table(Memory):
        rows: dict[str, float] = Field(default_factory=dict)

    one, other = Table(rows={"a": 1.0, "b": float("nan")}), Table(rows={"b": float("nan"), "a": 1.0})
    assert one.digest() == other.digest()
    other.rows["a"] = 1.0 + 1e-15
    assert one.digest() != other.digest()


def memories() -> dict[str, str]:
    """Digests of every agent's memory after the same few events."""
    world, story = World(), [
        started(), proposed(1), proposed(2), cleared(1), asked(2), answered(2, approved=False), made(1), scanning(1),
        identified(1, phase()), observed(1), released(1), closed(observed=1, declined=1),
    ]  # fmt: skip
    crew = campaign(world).crew(VirtualClock(EPOCH))
    for agent in crew:
        for event in story:
            MOMENT.set(Moment(now=EPOCH, rng=lambda: None))
            agent.fold(event)
    return {agent.name: agent.memory.digest() for agent in crew}


def test_digests_are_the_same_in_every_process() -> None:
    """Memories of all agents hash the same whatever the seed of Python's own hashes, and differ from each other."""
    mine = memories()
    assert len(set(mine.values())) == len(mine) == 7
    told = subprocess.run(
        [sys.executable, "-c", "import json, tests.agents.test_agent as t; print(json.dumps(t.memories()))"],
        env=os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == mine


def test_a_decided_review_is_not_what_a_listener_hears() -> None:
    """The kinds that an agent subscribes to are exactly the declared ones."""
    assert ReviewDecided not in Chatterer.kinds()
