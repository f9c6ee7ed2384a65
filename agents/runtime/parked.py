"""What an agent has set aside: stumbled over for good, and not taken up again since.

The delivery of an event that cannot be worked on is acknowledged, so that the agent goes on; its bytes lie among the
dead letters, and `AgentFaulted` says that it was parked. It is taken up by an event of its own (`WorkTakenUp`), which
comes to its agent like any other: in its turn, again after a crash, and acknowledged when everything that follows is
stored. So what is set aside and what is at work again is known from the log alone.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from agents.runtime.troubles import told_of_world

Key = tuple[str, UUID, int]
"""Agent, event, and which of its reactions."""


class ParkedWork(BaseModel):
    """One reaction that was given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    event_id: UUID
    event_kind: str
    reaction: int
    error: str
    attempt: int
    """The last of its attempts."""
    parked_at: int
    """Where the log says so."""

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.agent, self.event_id, self.reaction

    @property
    def worldly(self) -> bool:
        """Whether it failed for a trouble of the computer, which may be gone by itself."""
        return told_of_world(self.error)


def fault_name(author: str, start: int) -> str:
    """Names the faults of a reaction in the ids of their events."""
    return f"{author}/start {start}/fault"
