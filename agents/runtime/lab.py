"""What a runtime works with, and what it lets agents know of the moment."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.agent import Moment
from agents.turns import Turns
from agents.workers import Workers
from bus.protocol import Bus
from bus.telemetry import SILENT, Telemetry
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.instruments import Clock

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True)
class Lab:
    """What a runtime works with."""

    bus: Bus
    """How facts travel and are kept."""
    clock: Clock
    """The lab's time."""
    turns: Turns
    """Whose turn it is."""
    workers: Workers
    """Where heavy science runs."""
    campaign: str
    """The campaign."""
    seed: int
    """Seed of all dice."""
    code_version: str
    """The Athanor that runs."""
    telemetry: Telemetry = SILENT
    """Who is told of the work while it is done."""


def moment_of(lab_seed: int, agent: str, envelope: Envelope, told: tuple[Event, ...] = ()) -> Moment:
    """What folds and reactions may know beyond the event: its time, dice seeded by it, and what they said before."""

    def rng() -> Generator:
        import numpy as np

        words = [envelope.id.int >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)]
        return np.random.default_rng(np.random.SeedSequence([lab_seed, zlib.crc32(agent.encode()), *words]))

    return Moment(now=envelope.time, rng=rng, told=told)
