"""From snapshots to the place from which the log has to be read, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from agents.runtime.lab import Lab
from agents.runtime.seats import Seat
from agents.runtime.shelf import Shelf
from agents.runtime.snapshots import Anchor, MemorySnapshot, Snapshots, VoiceSnapshot
from agents.runtime.voice import Voice

VOICE = "voice"
"""Name under which a runtime keeps what it said without a cause. No agent's name may be this one."""


class Recall:
    """Keeps the memories of seats, and gives them back.

    Attributes:
        reasons: why snapshots were not used, or could not be kept.
        told: told of the same once the agents are at work, from any thread.
    """

    def __init__(self, lab: Lab, voice: Voice, snapshots: Snapshots, seats: Sequence[Seat], shelf: Shelf) -> None:
        self.lab, self.voice, self.snapshots, self.seats, self.shelf = lab, voice, snapshots, seats, shelf
        self._drafts: dict[str, MemorySnapshot] = {}
        self._kept: dict[str, int] = {}
        self._doubted: dict[str, MemorySnapshot] = {}
        self.reasons: list[str] = []
        self.told: Callable[[str], object] | None = None
        self._writing: asyncio.Task[None] | None = None
        snapshots.passed_over = self._pass_over

    def _pass_over(self, reason: str) -> None:
        (self.told or self.reasons.append)(reason)

    async def restore(self, floors: Mapping[str, int]) -> int:
        """Gives memories back where that can be trusted.

        Args:
            floors: agent → place up to which it has acknowledged everything.

        Returns:
            Place behind which the log has to be read; 0 for all of it.
        """
        for seat in self.seats:
            for snapshot in self.snapshots.read(seat.name, MemorySnapshot):
                reason = await self._doubt(snapshot, floors[seat.name]) or seat.restore(snapshot)
                if not reason:
                    self._kept[seat.name] = snapshot.complete
                    break
                self._doubted.setdefault(seat.name, snapshot)
                self.snapshots.passed_over(f"the snapshot of {seat.name} at {snapshot.place} is not used: {reason}")
        voices = [v for v in self.snapshots.read(VOICE, VoiceSnapshot) if v.campaign == self.lab.campaign]
        if not voices or voices[0].parked is None:
            return 0
        behind = min(voices[0].place, *(self._kept.get(seat.name, 0) for seat in self.seats))
        if behind > 0:
            self.voice.recall(voices[0].roots, behind)
            self.shelf.recall(voices[0].parked)
        return behind

    async def _doubt(self, snapshot: MemorySnapshot, floor: int) -> str:
        """Why a snapshot is not to be used; empty if it may be."""
        if snapshot.campaign != self.lab.campaign:
            return f"it belongs to {snapshot.campaign}"
        if snapshot.code_version != self.lab.code_version:
            return f"Athanor {snapshot.code_version} made it, and this is {self.lab.code_version}"
        anchor = snapshot.anchor
        if anchor is None:
            return ""
        if anchor.sequence > floor:
            return f"the broker has acknowledgements up to {floor} only"
        async for recorded in self.voice.read(anchor.sequence, anchor.sequence):
            if Anchor.of(recorded) == anchor:
                return ""
        return "the log holds another event at that place"

    def compare(self, seat: Seat) -> None:
        """Looks at a seat after each event of the past that it folded: is it the past that a snapshot told of?"""
        doubted = self._doubted.get(seat.name)
        if doubted is not None and seat.place == doubted.place:
            del self._doubted[seat.name]
            if seat.chain != doubted.chain:
                self._pass_over(f"the log up to {seat.place} is not the one that {seat.name} folded for a snapshot")

    def draft(self, seat: Seat) -> None:
        """Looks at a seat after each event of the present; from time to time its memory is to be kept."""
        if seat.place - self._kept.get(seat.name, 0) >= self.snapshots.every and seat.name not in self._drafts:
            self._draft(seat)

    async def keep_past(self) -> None:
        """Keeps what it took long to read."""
        for seat in self.seats:
            self.draft(seat)
            await self.keep(seat)

    def _draft(self, seat: Seat) -> None:
        starts = seat.starts + (seat.subscription is not None)  # with the start of this life, if it is on record
        draft = seat.snapshot(self.lab.campaign, self.lab.code_version, starts)
        if not seat.open and seat.place >= seat.heard_of:
            # an agent that seldom hears anything must not hold the others back: it has missed nothing
            draft = draft.model_copy(update={"complete": max(seat.place, self.voice.complete)})
        self._drafts[seat.name] = draft
        self._kept[seat.name] = draft.complete

    async def keep(self, seat: Seat) -> None:
        """Writes what was drafted as soon as everything in it is acknowledged: before, nobody could use it."""
        if not self._ready(seat):
            return
        for other in self.seats:  # those that have been idle meanwhile
            idle = not other.open and other.place >= other.heard_of and other.name not in self._drafts
            if idle and self.voice.complete - self._kept.get(other.name, 0) >= self.snapshots.every:
                self._draft(other)
        ready = [self._drafts.pop(other.name) for other in self.seats if self._ready(other)]
        await self.written()
        self._writing = asyncio.create_task(asyncio.to_thread(self._write, ready, self._voice_now()))
        await asyncio.shield(self._writing)  # an agent that is let go meanwhile does not stop the disk

    async def written(self) -> None:
        """Returns when nothing is being written any more."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _ready(self, seat: Seat) -> bool:
        draft = self._drafts.get(seat.name)
        return draft is not None and all(place > draft.place for place in seat.open)

    async def keep_last(self, seat: Seat) -> None:
        """Writes the memory of a seat that has been left, if nothing is open there."""
        await self.written()
        if not seat.open and max(seat.place, self.voice.complete) > self._kept.get(seat.name, 0):
            self._draft(seat)
        await self.keep(seat)

    def _voice_now(self) -> VoiceSnapshot:
        return VoiceSnapshot(
            campaign=self.lab.campaign,
            place=self.voice.complete,
            roots=dict(self.voice.roots),
            parked=tuple(self.shelf.there()),
        )

    def _write(self, drafts: Sequence[MemorySnapshot], voice: VoiceSnapshot) -> None:
        self.snapshots.write(VOICE, voice)
        for draft in drafts:
            self.snapshots.write(draft.agent, draft)
