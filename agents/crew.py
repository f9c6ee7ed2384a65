"""Who works in a lab: the one list of agents, and what each of them is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.agent import Agent
from agents.planner import Planner
from agents.retrainer import Retrainer
from agents.review_desk import ReviewDesk
from agents.scheduler import Scheduler
from agents.synthesis_robot import SynthesisRobot
from agents.trust_auditor import TrustAuditor
from agents.xrd_analyser import XrdAnalyser
from contracts.instruments import Diffractometer, Reviewer, Synthesiser

CREW: tuple[type[Agent[Any]], ...] = (
    Planner,
    TrustAuditor,
    ReviewDesk,
    Scheduler,
    SynthesisRobot,
    XrdAnalyser,
    Retrainer,
)
"""All agents, in the order in which they take turns."""
NAMES = tuple(agent.name for agent in CREW)
"""Their names."""


@dataclass(frozen=True)
class Instruments:
    """What the agents of a lab work with: real, played, or recorded."""

    furnaces: Mapping[str, Synthesiser]
    """Name → who makes samples."""
    diffractometer: Diffractometer
    """Who measures them."""
    reviewer: Reviewer
    """Who answers reviews."""


def crew(instruments: Instruments, library: str | None = None) -> list[Agent[Any]]:
    """All agents, each with its instruments.

    Args:
        instruments: what they work with.
        library: path of the phase library; the shipped one without it.
    """
    return [
        Planner(),
        TrustAuditor(),
        ReviewDesk(instruments.reviewer),
        Scheduler(),
        SynthesisRobot(instruments.furnaces),
        XrdAnalyser(instruments.diffractometer, library),
        Retrainer(),
    ]


def reactions() -> dict[str, tuple[str, ...]]:
    """Agent → kinds that it answers; what it only remembers is left out."""
    return {agent.name: tuple(sorted(kind.kind for kind in agent.reaction_table)) for agent in CREW}
