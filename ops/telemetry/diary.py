"""A log for people and for what reads JSON lines: what happened, at which level, in which trace."""

from __future__ import annotations

from typing import Any

import structlog

from bus.protocol import Recorded
from bus.telemetry import place_in_trace
from contracts.campaigns import CampaignFinished, CampaignPaused, CampaignResumed, CampaignStarted
from contracts.event import Event
from contracts.learning import ModelRejected, ModelReleased
from contracts.presence import AgentFaulted, AgentStarted, AgentStopped
from contracts.synthesis import SampleLost, StepFailed
from ops.telemetry.lines import Lines

LEVELS: dict[type[Event], str] = {
    AgentStarted: "info",
    AgentStopped: "info",
    AgentFaulted: "error",
    StepFailed: "warning",
    SampleLost: "warning",
    ModelReleased: "info",
    ModelRejected: "warning",
    CampaignStarted: "info",
    CampaignPaused: "info",
    CampaignResumed: "info",
    CampaignFinished: "info",
}
"""Events that are noted, and how loudly; the log of events has all of them."""
FIELDS = (
    "start", "code_version", "reason", "event_kind", "event_id", "attempt", "error", "where", "parked", "run_id", "key",
    "step", "instrument", "retryable", "sample_id", "model_id", "n_observations", "seed", "virtual",
)  # fmt: skip


class Diary:
    """Notes what happens, by structlog.

    The processors are our own and nothing is configured for the whole process: whoever embeds the lab keeps their log.
    """

    def __init__(self, lines: Lines) -> None:
        self._log = structlog.wrap_logger(
            _Appender(lines),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _as_arguments,
            ],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
        )

    def note(self, recorded: Recorded) -> None:
        """Notes an event, if it is one that people want to know of."""
        envelope = recorded.envelope
        event = envelope.data
        if (level := LEVELS.get(type(event))) is None:
            return
        place = place_in_trace(envelope)
        told: dict[str, Any] = {n: v for n in FIELDS if (v := getattr(event, n, None)) is not None}
        if isinstance(event, ModelReleased):
            told["model_id"] = event.model.model_id
        getattr(self._log, level)(
            envelope.type,
            trace_id=f"{place.trace:032x}",
            span_id=f"{place.span:016x}",
            agent=getattr(event, "agent", None) or envelope.source.removeprefix("/agents/"),
            sequence=recorded.sequence,
            lab_time=envelope.time.isoformat(),
            **told,
        )

    def trouble(self, kind: str, reason: str) -> None:
        """Notes trouble beneath the agents."""
        self._log.warning("trouble", trouble=kind, reason=reason)


class _Appender:
    """The end of the chain: a line."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def _append(self, line: dict[str, Any]) -> None:
        self._lines.write([line])

    info = warning = error = _append


def _as_arguments(_logger: Any, _method: str, line: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Hands the line on as it is; the file makes JSON of it."""
    return (dict(line),), {}
