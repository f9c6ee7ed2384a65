"""Who says what: the kinds of events that each agent may yield, and no others.

The broker enforces it: each agent signs in with a key of its own and may publish only on the subjects of its kinds.
What an agent yields beyond that is refused and recorded as a fault. A test reads the agents' code and compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.crew import CREW
from contracts import presence
from contracts.campaigns import CampaignPaused, CampaignResumed, CampaignStarted
from contracts.event import Event

EVERYBODY: tuple[type[Event], ...] = (
    presence.AgentStarted,
    presence.AgentStopped,
    presence.AgentFaulted,
    presence.LabTroubled,
)
"""What the runtime says in the name of any agent."""

AGENTS: Mapping[str, tuple[type[Event], ...]] = {agent.name: agent.yields for agent in CREW}
"""Agent → what it yields."""

OTHERS: Mapping[str, tuple[type[Event], ...]] = {
    "console": (CampaignStarted, CampaignPaused, CampaignResumed, presence.SpeakersListed, presence.WorkTakenUp),
    "daemon": (presence.LabTroubled, presence.WorkTakenUp),
    "guard": (presence.LabTroubled, presence.EventRefused),
    "ledger": (presence.LabTroubled,),
}
"""Who speaks beside the agents, without hearing anything."""
