"""From snapshots to the place from which the log has to be read, and back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from agents.runtime.lab import Lab
from agents.runtime.seats import Seat
from agents.runtime.snapshots import Anchor, MemorySnapshot, Snapshots, VoiceSnapshot
from agents.runtime.voice import Voice

VOICE = "voice"
"""Name under which a runtime keeps what it said without a cause. No agent's name may be this one."""


class Recall:
    """Keeps the memories of seats, and gives them back.

    Attributes:
        reasons: why snapshots were not used, or could not be kept.
    """

    def __init__(self, lab: Lab, voice: Voice, snapshots: Snapshots) -> None:
        self.lab, self.voice, self.snapshots = lab, voice, snapshots
        self._drafts: dict[str, MemorySnapshot] = {}
        self._kept: dict[str, int] = {}
        self._doubted: dict[str, MemorySnapshot] = {}
        self.reasons: list[str] = []
        snapshots.passed_over = self._pass_over

    def _pass_over(self, reason: str) -> None:
        self.reasons.append(reason)

    async def restore(self, seats: Sequence[Seat], floors: Mapping[str, int]) -> int:
        """Gives memories back where that can be trusted.

        Args:
            seats: who gets them.
            floors: agent → place up to which it has acknowledged everything.

        Returns:
            Place behind which the log has to be read; 0 for all of it.
        """
        for seat in seats:
            for snapshot in self.snapshots.read(seat.name, MemorySnapshot):
                reason = await self._doubt(snapshot, floors[seat.name]) or snapshot.put_into(seat)
                if not reason:
                    self._kept[seat.name] = snapshot.folded
                    break
                self._doubted.setdefault(seat.name, snapshot)
                self.snapshots.passed_over(
                    f"the snapshot of {seat.name} at {snapshot.anchor.sequence} is not used: {reason}"
                )
        voices = [v for v in self.snapshots.read(VOICE, VoiceSnapshot) if v.campaign == self.lab.campaign]
        if not voices:
            return 0
        behind = min(voices[0].place, *(seat.place for seat in seats))
        if behind > 0:
            self.voice.recall(voices[0].roots, behind)
        return behind

    async def _doubt(self, snapshot: MemorySnapshot, floor: int) -> str:
        """Why a snapshot is not to be used; empty if it may be."""
        if snapshot.campaign != self.lab.campaign:
            return f"it belongs to {snapshot.campaign}"
        if snapshot.code_version != self.lab.code_version:
            return f"Athanor {snapshot.code_version} made it, and this is {self.lab.code_version}"
        anchor = snapshot.anchor
        if anchor.sequence > floor:
            return f"the broker has acknowledgements up to {floor} only"
        async for recorded in self.voice.read(anchor.sequence, anchor.sequence):
            if Anchor.of(recorded) == anchor:
                return ""
        return "the log holds another event at that place"

    def compare(self, seat: Seat) -> None:
        """Looks at a seat after each event of the past that it folded: is it the past that a snapshot told of?"""
        doubted = self._doubted.get(seat.name)
        if doubted is not None and seat.place == doubted.anchor.sequence:
            del self._doubted[seat.name]
            if seat.chain != doubted.chain:
                self._pass_over(f"the log up to {seat.place} is not the one that {seat.name} folded for a snapshot")

    def draft(self, seat: Seat) -> None:
        """Looks at a seat after each event of the present; from time to time its memory is to be kept."""
        if seat.folded - self._kept.get(seat.name, 0) >= self.snapshots.every and seat.name not in self._drafts:
            self._draft(seat)

    async def keep_past(self, seats: Sequence[Seat]) -> None:
        """Keeps what it took long to read."""
        for seat in seats:
            self.draft(seat)
            await self.keep(seat)

    def _draft(self, seat: Seat) -> None:
        starts = seat.starts + (seat.subscription is not None)  # with the start of this life, if it is on record
        draft = MemorySnapshot.of(seat, self.lab.campaign, self.lab.code_version, starts)
        if draft is not None:
            self._drafts[seat.name] = draft
            self._kept[seat.name] = draft.folded

    async def keep(self, seat: Seat) -> None:
        """Writes what was drafted as soon as everything in it is acknowledged: before, nobody could use it."""
        draft = self._drafts.get(seat.name)
        if draft is None or any(place <= draft.anchor.sequence for place in seat.open):
            return
        del self._drafts[seat.name]
        await asyncio.to_thread(self._write, draft, self._voice_now())

    async def keep_last(self, seat: Seat) -> None:
        """Writes the memory of a seat that has been left, if nothing is open there."""
        if not seat.open and seat.folded > self._kept.get(seat.name, 0):
            self._draft(seat)
        await self.keep(seat)

    def _voice_now(self) -> VoiceSnapshot:
        return VoiceSnapshot(campaign=self.lab.campaign, place=self.voice.complete, roots=dict(self.voice.roots))

    def _write(self, draft: MemorySnapshot, voice: VoiceSnapshot) -> None:
        self.snapshots.write(VOICE, voice)
        self.snapshots.write(draft.agent, draft)
