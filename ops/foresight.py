"""What a played laboratory will ask of its workers next: its diffractometer can be looked at ahead of the clock.

In virtual time a lab stands still while a pattern is identified, although the vials behind it wait in a row, and what
their scans will show is settled: the world's dice are keyed. Their identification begins meanwhile on a processor
that would be idle. It is a guess: should a rescan come between, other patterns come, and nothing of it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from agents.agent import Agent
from agents.xrd_analyser import XrdAnalyser
from science.pieces import Piece
from simulators.diffractometer import SimulatedDiffractometer


def foresight(device: SimulatedDiffractometer, agents: Collection[Agent[Any]]) -> Callable[[], Iterator[Piece]]:
    """Tells what is coming, soonest first; nothing where no analyser is among the agents."""
    analysers = [agent for agent in agents if isinstance(agent, XrdAnalyser)]

    def coming() -> Iterator[Piece]:
        for analyser in analysers:
            yield from map(analyser.foreseen, device.coming())

    return coming
