"""The runtime: subscribe, fold, react, publish, acknowledge, retire. The only place in `agents` that imports `bus`."""

from __future__ import annotations

from agents.runtime.lab import Lab, moment_of
from agents.runtime.loop import ATTEMPTS, BACKOFF, Runtime

__all__ = ["ATTEMPTS", "BACKOFF", "Lab", "Runtime", "moment_of"]
