"""Makes decisions once more, one reaction at a time, and compares each with what the log has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.agent import MOMENT, Agent, Reaction
from agents.envelopes import Saying, seal
from agents.errors import NotRecordedError
from agents.runtime.lab import moment_of
from agents.runtime.loop import ATTEMPTS
from agents.runtime.past import Entry, Past
from agents.runtime.verdicts import Judged, Replayed, Verdict
from bus.errors import BlobCorruptError, BlobMissingError
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import follow_up_id
from contracts.presence import AgentFaulted

STUMBLED = "the agent stumbled over it, and what a mistake of the program leaves undone is no decision"
"""Why something is not compared."""

DECIDED_OTHERWISE = frozenset({Verdict.OTHER, Verdict.UNSAID, Verdict.NOT_REMADE, Verdict.UNANSWERED})
"""What another version may well do. A reaction that raises, or an artefact that is gone, is a fault in any."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """One reaction to one event of the past."""

    agent: Agent[Any]
    """Who reacts, with the memory that the event found."""
    reaction: Reaction
    author: str
    """Names the reaction in the ids of what it says."""
    entry: Entry
    """What it reacts to."""
    envelope: Envelope
    """The same, as it is told to the agent."""


class Judge:
    """Compares what agents say about a past with what they said.

    Args:
        past: what happened.
        result: what came of it.
        code_version: of the code that decides now; what other code decided otherwise is listed apart.
        keep_same: whether what is said again as it was is listed, too.
        unable: agent and reaction → why it cannot be re-made here.
    """

    def __init__(
        self,
        past: Past,
        result: Replayed,
        code_version: str,
        *,
        keep_same: bool = False,
        unable: Mapping[tuple[str, str], str],
    ) -> None:
        self.past, self.result, self.keep_same, self.unable = past, result, keep_same, unable
        self.code_version = code_version
        self._seed = past.started.seed if past.started else 0
        self._reached: dict[str, int] = {}
        """Agent → place of the last event that one of its short reactions has dealt with, as the log shows."""
        self._ahead: list[tuple[Judged, bool]] = []
        """What the log does not have, and whether the reaction is a long one."""
        self._excused: dict[tuple[str, UUID], str] = {}
        """Agent and event → why what the log has of its reaction is not compared; empty if that is told already."""

    async def remake(self, occasion: Occasion) -> None:
        """Runs one reaction again.

        Where the log says that it stumbled it is tried as often as then, knowing what it had said before.
        """
        agent, cause = occasion.agent, occasion.entry
        if (reason := self.unable.get((agent.name, occasion.reaction.method.__name__))) is not None:
            self._excused[agent.name, cause.id] = reason
            return
        stumbled = (agent.name, cause.id) in self.past.stumbled
        said: list[Event] = []
        for attempt in range(1, ATTEMPTS + 1):
            MOMENT.set(moment_of(self._seed, agent.name, occasion.envelope, tuple(said)))
            try:
                await self._say(occasion, said)
            except NotRecordedError as unanswered:
                self._unanswered(occasion, unanswered)
            except (BlobMissingError, BlobCorruptError) as error:
                self._note(occasion, Verdict.ARTEFACT, str(error))
            except Exception as error:  # noqa: BLE001  whatever a reaction raises is what is looked for
                if stumbled and attempt < ATTEMPTS:
                    continue
                if stumbled:
                    self._excused[agent.name, cause.id] = STUMBLED
                else:
                    self._note(occasion, Verdict.RAISED, f"{type(error).__name__}: {error}")
            return

    async def _say(self, occasion: Occasion, said: list[Event]) -> None:
        n = 0
        async with aclosing(occasion.reaction.method(occasion.agent, occasion.envelope.data)) as events:  # type: ignore[type-var]  # declared reactions are async generators
            async for event in events:
                if n == len(said):
                    self._compare(occasion, n, event)
                    said.append(event)
                n += 1

    def _compare(self, occasion: Occasion, n: int, event: Event) -> None:
        agent, cause = occasion.agent.name, occasion.entry
        event_id = follow_up_id(cause.id, occasion.author, n)
        recorded = self.past.by_id.get(event_id)
        time = recorded.recorded().envelope.time if recorded else occasion.envelope.time  # a fact of the world
        remade = seal(event, event_id, Saying(occasion.envelope.campaign, agent, time, occasion.envelope))
        if recorded is None:
            self._ahead.append((Judged(Verdict.UNSAID, agent, cause, None, remade), occasion.reaction.long))
            return
        recorded.remade = True
        self.result.compared[recorded.kind] += 1
        if not occasion.reaction.long:
            self._reached[agent] = max(self._reached.get(agent, 0), cause.sequence)
        if recorded.as_told_then(remade) != recorded.canonical():
            self.result.differences.append(Judged(Verdict.OTHER, agent, cause, recorded, remade))
        elif self.keep_same:
            self.result.same.append(Judged(Verdict.SAME, agent, cause, recorded, remade))

    def _note(self, occasion: Occasion, verdict: Verdict, words: str) -> None:
        agent, cause = occasion.agent.name, occasion.entry
        self.result.differences.append(Judged(verdict, agent, cause, words=words))
        self._excused.setdefault((agent, cause.id), "")

    def _unanswered(self, occasion: Occasion, unanswered: NotRecordedError) -> None:
        judged = Judged(Verdict.UNANSWERED, occasion.agent.name, occasion.entry, words=unanswered.question)
        self._ahead.append((judged, occasion.reaction.long))

    # when the past is over -----------------------------------------------------------------------

    def settle(self, agents: Collection[str]) -> None:
        """Judges what the log does not have, and what nobody has said again.

        Args:
            agents: who took part.
        """
        result = self.result
        for judged, long in self._ahead:
            assert judged.cause is not None  # noqa: S101  it was re-made because of something
            if (judged.agent, judged.cause.id) in self.past.given_up:
                continue  # it was set aside then, and goes well now
            if self._was_due(judged, long=long):
                result.differences.append(judged)
                self._excused.setdefault((judged.agent, judged.cause.id), "")
            else:
                result.unfinished.append(judged)
        for entry in self.past.entries:
            if entry.cause is not None and entry.author in agents and entry.kind != AgentFaulted.kind:
                result.decisions += 1
                if not entry.remade:
                    self._missing(entry)
        result.differences.sort(key=lambda judged: judged.place)
        if not self.keep_same:  # else another plan is asked about, and whatever differs is the answer
            self._set_others_apart()

    def _set_others_apart(self) -> None:
        """Of what is decided otherwise, that which code of another version had decided."""
        judged, self.result.differences = self.result.differences, []
        for difference in judged:
            decider = self.past.decider(difference.agent, difference.place)
            if difference.verdict in DECIDED_OTHERWISE and decider not in ("", self.code_version):
                self.result.by_others.append((decider, difference))
            else:
                self.result.differences.append(difference)

    def _was_due(self, judged: Judged, *, long: bool) -> bool:
        """Whether the log goes on past the place where this should stand.

        An agent deals with one event at a time, but for its long reactions: those wait for the world, and any number
        of them may be waiting when the log ends. At the end of a virtual campaign nothing waits any more.
        """
        assert judged.cause is not None  # noqa: S101  it was re-made because of something
        if judged.agent in self.past.at_rest and self.past.started is not None and self.past.started.virtual:
            return True
        return not long and self._reached.get(judged.agent, 0) > judged.cause.sequence

    def _missing(self, entry: Entry) -> None:
        """An event that nobody has said again."""
        assert entry.cause is not None  # noqa: S101  events without a cause are no decisions
        reason = self._excused.get((entry.author, entry.cause))
        if reason is None:
            cause = self.past.by_id.get(entry.cause)
            self.result.differences.append(Judged(Verdict.NOT_REMADE, entry.author, cause, entry))
        elif reason:
            self.result.uncompared[reason] += 1
