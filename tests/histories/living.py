"""A history lived again with today's code."""

from __future__ import annotations

from dataclasses import replace

from agents.workers import Workers
from ops.replays.living import Lived, Look, read, relive
from ops.version import version
from tests.histories.arithmetic import arithmetic, one_thread
from tests.histories.kept import History

ROUNDING = 1e-6
"""Largest relative departure of a number that is let pass on a machine that computes otherwise than the one that the
history was recorded on. On one that computes alike every byte must be the same."""


async def again(history: History, *agents: str, tolerance: float | None = None) -> Lived:
    """What came of it, in this process, with sums made in one order.

    Args:
        history: what happened.
        agents: who lives it again; all by default.
        tolerance: departure of numbers that is let pass; by default none where the arithmetic is that of the history.
    """
    with one_thread():
        if tolerance is None:
            tolerance = 0.0 if arithmetic() == history.arithmetic else ROUNDING
        look = Look(agents=agents, tolerance=tolerance)
        past, passed_over = await read(history, look)
        past.starts[:] = [replace(start, code_version=version()) for start in past.starts]  # it must be as ours
        lived = await relive(history, look, past, Workers(0), at_once=1)
    lived.passed_over[:0] = passed_over
    return lived
