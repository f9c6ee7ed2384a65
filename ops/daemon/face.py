"""What the daemon tells over HTTP on the loopback interface: liveness, readiness, status, metrics, and two switches.

Switches want the header ``Athanor: yes``, which no page in a browser can send along by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ops.errors import PortTakenError

Switch = Callable[[str], Awaitable[None]]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True)
class Facts:
    """Where the face looks things up.

    Attributes:
        status: everything that there is to tell.
        ready: why the lab cannot work now; empty when it can.
        pause: holds new work back, with a reason.
        resume: lets it go on.
        stop: ends the daemon in good order.
        families: counters and histograms of the work, by Prometheus' own words.
        ledger: the ledger's folder, whose files are shown as they lie (https://c2sp.org/tlog-tiles).
    """

    status: Callable[[], dict[str, Any]]
    ready: Callable[[], str]
    pause: Switch
    resume: Switch
    stop: Callable[[], None]
    families: Callable[[], Iterable[Family]] = tuple
    ledger: Path | None = None


class _Numbers(Collector):
    """The status as metrics."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def collect(self) -> Iterator[Family]:
        """One family a number."""
        yield from self.facts.families()
        status = self.facts.status()
        events = CounterMetricFamily("athanor_events", "Events in the log of the campaign", labels=["kind"])
        for kind, count in status["counts"].items():
            events.add_metric([kind], count)
        yield events
        yield GaugeMetricFamily("athanor_ready", "Whether the lab can work", value=float(not self.facts.ready()))
        for name in ("samples", "successes", "failed_steps", "withheld", "agent_faults"):
            yield GaugeMetricFamily(
                f"athanor_{name}", f"{name.replace('_', ' ')} so far".capitalize(), value=status[name]
            )
        best = (status["best"] or {}).get("utility", 0.0)
        yield GaugeMetricFamily("athanor_best_utility", "Utility of the best sample, 0 to 1", value=best)
        yield GaugeMetricFamily(
            "athanor_broker_troubles", "Troubles of the broker since the start", value=status["troubles"]
        )
        ledger = status.get("ledger") or {}
        yield GaugeMetricFamily("athanor_ledger_size", "Events signed in the ledger", value=ledger.get("size") or 0)
        yield GaugeMetricFamily(
            "athanor_ledger_cosigned",
            "Whether the newest checkpoint is witnessed",
            value=float(ledger.get("cosigned", 0)),
        )
        yield GaugeMetricFamily(
            "athanor_ledger_alarm", "Whether the log is not what was signed", value=float(bool(ledger.get("alarm")))
        )


def application(facts: Facts) -> Starlette:
    """The routes."""
    registry = CollectorRegistry()
    registry.register(_Numbers(facts))

    async def live(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_: Request) -> Response:
        reason = facts.ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", status_code=503 if reason else 200)

    async def status(_: Request) -> Response:
        return JSONResponse(facts.status())

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    async def switch(request: Request) -> Response:
        if request.headers.get("athanor") != "yes":
            return PlainTextResponse("Expected the header 'Athanor: yes', got none.\n", status_code=403)
        what, reason = request.path_params["what"], request.query_params.get("reason", "asked at the console")
        if what == "stop":
            facts.stop()
        else:
            await (facts.pause if what == "pause" else facts.resume)(reason)
        return PlainTextResponse("done\n")

    tiles = [] if facts.ledger is None else [Mount("/ledger", StaticFiles(directory=facts.ledger, check_dir=False))]
    return Starlette(
        routes=[
            *tiles,
            Route("/livez", live),
            Route("/readyz", ready),
            Route("/status", status),
            Route("/metrics", metrics),
            Route("/{what:str}", switch, methods=["POST"]),
        ]
    )


class _QuietServer(uvicorn.Server):
    """A server that leaves signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class Face:
    """The application on its port.

    Attributes:
        url: where it answers.
    """

    def __init__(self, facts: Facts, port: int) -> None:
        """Takes the port.

        Raises:
            PortTakenError: somebody else has it.
        """
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise PortTakenError(
                f"Expected port {port} of 127.0.0.1 to be free, got: {error.strerror}. "
                "Choose another http_port (0 takes a free one)."
            ) from error
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(application(facts), log_config=None, access_log=False, lifespan="off")
        self._server = _QuietServer(config)
        self._serving: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to answer."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def close(self) -> None:
        """Answers no more."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()
