"""Lives a past again: folds it, makes each decision once more, and compares.

Live, an agent folds its events in the order of the log and reacts to one at a time; a reaction that waits goes on
seeing the memory of its event. So what it says is a function of the log up to its event, of the dice seeded by that,
of recorded artefacts and of what the world answered, and all of them are here. A reaction that computes is set aside
with its memory, and others run beside it, while the past is folded on.
"""

from __future__ import annotations

import asyncio
import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.agent import MOMENT, Agent
from agents.runtime.judging import Judge, Occasion
from agents.runtime.lab import moment_of
from agents.runtime.past import Entry, Past
from agents.runtime.recorded import Recollection
from agents.runtime.seats import Seat
from agents.runtime.snapshots import Anchor, MemorySnapshot, chained, schema_of
from agents.runtime.verdicts import Change, Mismatch, Replayed
from bus.protocol import Recorded
from contracts.campaigns import CampaignStarted
from contracts.envelope import Envelope


@dataclass(frozen=True, slots=True)
class _Claim:
    """What was said of a memory."""

    where: str
    memory_sha256: str
    """Digest; empty if the code that made it remembered other things."""
    chain: str = ""
    anchor: Anchor | None = None


@dataclass(frozen=True)
class Terms:
    """How a past is lived again."""

    code_version: str
    """Of the code that decides now."""
    at_once: int = 1
    """Reactions that compute beside each other."""
    change: Change | None = None
    """Another plan, to see what it would change; what stays the same is listed then, too."""
    unable: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Agent and reaction → why it cannot be re-made here."""


class Replay:
    """One past, lived again by a crew.

    Args:
        past: what happened.
        agents: who lives it again, with instruments that answer what was recorded.
        bench: what it lends them.
        terms: how.
    """

    def __init__(self, past: Past, agents: Sequence[Agent[Any]], bench: Recollection, terms: Terms) -> None:
        self.past, self.terms = past, terms
        self.result = Replayed()
        self.judge = Judge(
            past, self.result, terms.code_version, keep_same=terms.change is not None, unable=terms.unable
        )
        self.seats = [Seat(agent, order) for order, agent in enumerate(agents)]
        self._hearers: dict[str, list[Seat]] = defaultdict(list)
        for seat in self.seats:
            seat.agent.attach(bench)
            for kind in seat.agent.kinds():
                self._hearers[kind.kind].append(seat)
        self._seed = past.started.seed if past.started else 0
        self._claims: dict[tuple[str, int], list[_Claim]] = defaultdict(list)
        self._lent: dict[str, list[asyncio.Task[None]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    # what memories are compared with -------------------------------------------------------------

    def expect_snapshot(self, snapshot: MemorySnapshot) -> None:
        """Compares the memory with a snapshot when it comes to its place."""
        agent = next((s.agent for s in self.seats if s.name == snapshot.agent), None)
        if agent is None or not self.past.entries or snapshot.place > self.past.entries[-1].sequence:
            return
        same_code = snapshot.code_version == self.terms.code_version
        comparable = same_code and snapshot.schema_sha256 == schema_of(type(agent.memory))
        claim = _Claim(
            f"its snapshot at #{snapshot.place}",
            snapshot.memory_sha256 if comparable else "",
            snapshot.chain,
            snapshot.anchor,
        )
        self._claims[snapshot.agent, snapshot.folded].append(claim)

    def expect_starts(self) -> None:
        """Compares memories with what agents said of them when they started; those of other code are let be."""
        for start in self.past.starts:
            if start.code_version == self.terms.code_version and any(s.name == start.agent for s in self.seats):
                claim = _Claim(f"its start at #{start.sequence}", start.memory_sha256)
                self._claims[start.agent, start.folded].append(claim)

    def _check(self, seat: Seat) -> None:
        for claim in self._claims.pop((seat.name, seat.folded), ()):
            self.result.memories_compared += 1
            for expected, got in (
                (claim.chain, seat.chain),
                (claim.anchor or "", seat.anchor or ""),
                (claim.memory_sha256, seat.agent.memory.digest() if claim.memory_sha256 else ""),
            ):
                if expected and expected != got:
                    self.result.mismatches.append(Mismatch(seat.name, claim.where, str(expected), str(got)))
                    break

    # living --------------------------------------------------------------------------------------

    async def run(self) -> Replayed:
        """Lives it from its beginning to its end."""
        for seat in self.seats:
            self._check(seat)
        for entry in self.past.entries:
            await self._live(entry)
        while self._running:
            await self._some_end()
        self.judge.settle({seat.name for seat in self.seats})
        for (name, folded), claims in self._claims.items():
            got = next(seat.folded for seat in self.seats if seat.name == name)
            for claim in claims:
                words = (f"{folded} events folded", f"{got} in the whole log")
                self.result.mismatches.append(Mismatch(name, claim.where, *words))
        self.result.memories = {seat.name: seat.agent.memory.digest() for seat in self.seats}
        return self.result

    async def _live(self, entry: Entry) -> None:
        self.result.events += 1
        self.result.counts[entry.kind] += 1
        recorded = entry.recorded()
        envelope = self._as_if(recorded)
        begun = False
        for seat in self._hearers.get(entry.kind, ()):
            self._fold(seat, recorded, envelope)
            for n, reaction in enumerate(seat.agent.reaction_table.get(type(envelope.data), ())):
                agent = copy.copy(seat.agent)  # it keeps this memory, whatever is folded afterwards
                self._begin(Occasion(agent, reaction, f"{seat.name}/{n}", entry, envelope))
                begun = True
        if begun:
            await asyncio.sleep(0)  # what computes nothing ends here
        while len(self._running) >= max(self.terms.at_once, 1):
            await self._some_end()

    async def _some_end(self) -> None:
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        self._running -= done
        for task in done:
            task.result()  # a mistake in here, not in a reaction

    def _begin(self, occasion: Occasion) -> None:
        task = asyncio.create_task(self.judge.remake(occasion))
        self._lent.setdefault(occasion.agent.name, []).append(task)
        self._running.add(task)

    def _as_if(self, recorded: Recorded) -> Envelope:
        """The event as it was, or as it would be with another plan; memories that hold the old one are changed."""
        envelope, change = recorded.envelope, self.terms.change
        if change is None or recorded.sequence < change.since:
            return envelope
        for seat in self.seats:
            if getattr(seat.agent.memory, "plan", None) not in (None, change.plan):
                self._set_aside(seat)
                seat.agent.memory.plan = change.plan
        if isinstance(started := envelope.data, CampaignStarted):
            return envelope.model_copy(update={"data": started.model_copy(update={"plan": change.plan})})
        return envelope

    def _set_aside(self, seat: Seat) -> None:
        """Leaves a memory to the reactions that still look at it, and goes on with a copy."""
        looking = [task for task in self._lent.pop(seat.name, ()) if not task.done()]
        if looking:
            seat.agent.memory = seat.agent.memory.fork()

    def _fold(self, seat: Seat, recorded: Recorded, envelope: Envelope) -> None:
        self._set_aside(seat)
        MOMENT.set(moment_of(self._seed, seat.name, envelope))
        seat.agent.fold(envelope.data)
        seat.folded, seat.place, seat.anchor = seat.folded + 1, recorded.sequence, Anchor.of(recorded)
        seat.chain = chained(seat.chain, recorded)
        self._check(seat)
