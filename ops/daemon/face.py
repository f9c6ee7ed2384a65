"""What the daemon tells over HTTP on the loopback interface: liveness, readiness, status, metrics, and a few switches.

Switches want the header ``Athanor: yes``, which no page in a browser can send along by itself; what else is looked at
before a request is let in is in `ops.daemon.door`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bus.errors import BusError
from ops.daemon.door import SERVED, Door
from ops.daemon.reasons import unfit
from ops.errors import NoSuchAgentError, OpsError, PortTakenError

Switch = Callable[[str], Awaitable[None]]
Retry = Callable[[str, str], Awaitable[str]]
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
        retry: takes up again what was set aside, given an agent (or nothing, for all of them) and a reason; tells what.
    """

    status: Callable[[], dict[str, Any]]
    ready: Callable[[], str]
    pause: Switch
    resume: Switch
    stop: Callable[[], None]
    families: Callable[[], Iterable[Family]] = tuple
    ledger: Path | None = None
    retry: Retry | None = None


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
        parked = GaugeMetricFamily("athanor_parked", "Events that were set aside and wait", labels=["agent"])
        for agent, count in status.get("parked_events", {}).items():
            parked.add_metric([agent], count)
        yield parked
        yield GaugeMetricFamily("athanor_waiting", "Troubles that work waits out", value=len(status.get("waiting", ())))
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


def application(facts: Facts) -> ASGIApp:
    """The routes, behind their door."""
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

    async def pause(request: Request) -> str:
        await facts.pause(_reason(request))
        return "done"

    async def resume(request: Request) -> str:
        await facts.resume(_reason(request))
        return "done"

    async def stop(_: Request) -> str:
        facts.stop()
        return "done"

    async def retry(request: Request) -> str:
        assert facts.retry is not None  # noqa: S101  otherwise there is no such route
        return await facts.retry(request.query_params.get("agent", ""), _reason(request))

    looks = {"/livez": live, "/readyz": ready, "/status": status, "/metrics": metrics}
    switches = {"/pause": pause, "/resume": resume, "/stop": stop} | ({"/retry": retry} if facts.retry else {})
    tiles = [] if facts.ledger is None else [Mount("/ledger", StaticFiles(directory=facts.ledger, check_dir=False))]
    routes = [
        *tiles,
        *(Route(path, look, methods=["GET"]) for path, look in looks.items()),
        *(Route(path, _switch(press), methods=["POST"]) for path, press in switches.items()),
    ]

    app = Starlette(routes=routes, exception_handlers={HTTPException: _elsewhere([*looks, "/ledger/…", *switches])})
    app.router.redirect_slashes = False  # a path that is not there is not there
    return Door(app)


def _reason(request: Request) -> str:
    return request.query_params.get("reason", "asked at the console")


def _switch(press: Callable[[Request], Awaitable[str]]) -> Callable[[Request], Awaitable[Response]]:
    """What changes something: asked for by our own command, with a reason that can be kept."""

    async def pressed(request: Request) -> Response:
        if request.headers.get("athanor") != "yes":
            return PlainTextResponse("Expected the header 'Athanor: yes', got none.\n", status_code=403)
        if wrong := unfit(_reason(request)):
            return PlainTextResponse(f"{wrong}\n", status_code=422)
        try:
            return PlainTextResponse(f"{await press(request)}\n")
        except NoSuchAgentError as error:
            return PlainTextResponse(f"{error}\n", status_code=422)
        except (OpsError, BusError) as error:
            return PlainTextResponse(f"{error}\n", status_code=503)

    return pressed


def _elsewhere(paths: Sequence[str]) -> Callable[[Request, Exception], Response]:
    """Says what there is, to whoever asks for something else."""

    def answer(request: Request, error: Exception) -> Response:
        code, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
        path, words = request.url.path[:80], str(error)
        if code == 404:
            words = f"Expected {', '.join(paths)}, got {request.method} {path}."
        elif code == 405:
            allowed = ", ".join(sorted((headers or {}).get("Allow", "GET").split(", ")))
            words = f"Expected {allowed} of {path}, got {request.method}."
        return PlainTextResponse(f"{words}\n", status_code=code, headers=headers)

    return answer


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
        self._server = _QuietServer(uvicorn.Config(application(facts), **SERVED))
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
