"""The one place that wires the laboratory: broker, clock, instruments, agents."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.agent import Agent
from agents.crew import NAMES, crew
from agents.runtime import Lab, Runtime
from agents.runtime.snapshots import Snapshots
from agents.synthesis_robot import SynthesisRobot
from agents.workers import Workers
from bus.blobs import BlobStore
from bus.errors import BusError, UndecodableEventError
from bus.guarding import Watched, guard
from bus.jetstream import JetStreamBus
from bus.keeping import kept_alive
from bus.reading import readable
from bus.server import EmbeddedServer
from contracts.campaigns import CampaignStarted
from contracts.presence import EventRefused, LabTroubled, TroubleKind
from ops.accounts import keys_at, keys_of, users_of
from ops.clock import RealClock, VirtualClock
from ops.equipment import Equipment, equip, wire_address
from ops.errors import CampaignFileError, ResumeError, StalledError
from ops.foresight import foresight
from ops.furnaces import Wire
from ops.notary import Notary
from ops.order import Order, campaign_id, check_folder
from ops.reckoning import Heard, Reckoning, World, reckon
from ops.roll import call_roll, people
from ops.room import PATIENCE, check_room, watch_room
from ops.tally import Tally
from ops.telemetry.observatory import Observatory, observe
from ops.telemetry.queues import look
from ops.version import version

VIRTUAL_BEGINNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""Monday morning on which every virtual campaign begins."""


@dataclass
class Outcome:
    """How a run ended."""

    tally: Tally
    wall_seconds: float
    interrupted: bool
    troubles: dict[str, list[str]]
    """Beneath the agents: kind → what was noticed."""
    faults: Reckoning
    state: dict[str, str]
    last_sequence: int
    folder: Path
    ledger: dict[str, Any]
    """How the second copy of the log stands."""
    resumed: bool = False

    def summary(self, order: Order) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "campaign": order.campaign.name,
            "seed": order.seed,
            **self.tally.summary(),
            "finished": self.tally.finished.reason if self.tally.finished else None,
            "interrupted": self.interrupted,
            **self.faults.summary(),
            "broker_troubles": self.troubles["broker"],
            "instrument_troubles": self.troubles["instrument"],
            "ledger_troubles": self.troubles["ledger"],
            "ledger": self.ledger,
            "state": self.state,
            "last_sequence": self.last_sequence,
            "wall_s": round(self.wall_seconds, 2),
            "out": str(self.folder),
        }


async def run(order: Order, show: Callable[[Tally], None]) -> Outcome:
    """Runs a campaign to its end, or until it is interrupted.

    Args:
        order: what to run.
        show: called with the counts whenever something has happened.

    Raises:
        OpsError: the folder holds something else, the log is not what was signed, or the lab stalled.
        BusError: the broker cannot be used.
    """
    began = time.perf_counter()
    order.out.mkdir(parents=True, exist_ok=True)
    check_room(order.out)
    check_folder(order)
    listener = order.campaign.instruments.listener
    users = "" if order.nats else users_of(campaign_id(order), order.out)
    server = None if order.nats else await EmbeddedServer.start(order.out / "store", mqtt_port=listener, users=users)
    observatory = observe(order.out, campaign_id(order), version(), wanted=order.telemetry)
    troubles: dict[str, list[str]] = {"broker": [], "instrument": [], "ledger": []}
    session: Session | None = None

    def trouble(reason: str, kind: str = "broker") -> None:
        troubles.setdefault(kind, []).append(reason)
        observatory.trouble(kind, reason)
        if session is not None:
            session.tally.alarms.append(f"{kind}: {reason}")
            show(session.tally)

    try:
        async with kept_alive(server, lambda: trouble("nats-server had died and was started again")):
            url = order.nats or (server.url if server else "")
            bus = await JetStreamBus.connect(
                url,
                BlobStore(order.out / "blobs"),
                on_trouble=lambda e: trouble(str(e)),
                keys=keys_of(order.out) if server else keys_at(order.keys),
                people=people(),
            )
            notary = Notary(
                order.out,
                url,
                order.witnessing,
                lambda reason: trouble(reason, "ledger"),
                lambda alarm: trouble(alarm.detail, "ledger"),
            )
            try:
                await notary.open()
                wire = Wire(wire_address(order, server), lambda reason: trouble(reason, "instrument"))
                session = await prepare(order, bus, observatory=observatory, wire=wire)
                session.runtime.reactor.troubled = lambda kind, words: trouble(words, kind.value)
                try:
                    await notary.agreed()
                    return await _with_bus(session, bus, show, Beside(notary, observatory, troubles, began))
                finally:
                    await session.close()
            finally:
                await notary.close()
                await bus.close()
    finally:
        observatory.close()
        if server is not None:
            await server.stop()


@dataclass(frozen=True)
class Beside:
    """What is beside a run."""

    notary: Notary
    observatory: Observatory
    troubles: dict[str, list[str]]
    began: float
    """By the performance counter."""


@dataclass
class Session:
    """A campaign that is wired up over a bus, and the past that it goes on from."""

    order: Order
    tally: Tally
    heard: Heard
    clock: RealClock | VirtualClock
    equipment: Equipment
    workers: Workers
    runtime: Runtime
    agents: list[Agent[Any]]
    resumed: bool
    bus: JetStreamBus
    read_up_to: int
    """Place up to which the log has been read before anything was begun."""
    refusals: asyncio.Queue[UndecodableEventError] = field(default_factory=asyncio.Queue)

    async def begin(self) -> None:
        """Calls the roll, and starts the agents, and the campaign if this is its beginning."""
        keys = self.bus.board.keys or self.bus.board.identity
        telemetry = self.runtime.lab.telemetry
        called = await call_roll(self.bus, campaign_id(self.order), keys, self.clock.now(), telemetry)
        if called is not None:
            for watch in self.runtime.watchers:
                watch(called)
        await self.runtime.start()
        await self.runtime.say(_started(self.order, self.equipment), "campaign/started", "console")

    async def say_trouble(self, trouble: LabTroubled, name: str) -> None:
        """Puts a trouble on record under a name, once for ever."""
        await self.runtime.say(trouble, name, "ledger")

    def refuse(self, error: UndecodableEventError) -> None:
        """Hears of a message that is no event: it is told at once, and put on record."""
        if self.tally.note_garbage(error):
            self.refusals.put_nowait(error)

    async def watch(self) -> None:
        """Watches the log for as long as the lab works, and puts on record what is no event.

        Raises:
            EvidenceAtRiskError: evidence is lost or can be lost.
            NewerAthanorError: one of the lab's own people has said what only a newer Athanor understands.
        """
        watched = Watched(campaign_id(self.order), self.read_up_to)
        recording = asyncio.create_task(self._record_refusals())
        try:
            await guard(self.bus, self.say_alarm, watched)
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)

    async def _record_refusals(self) -> None:
        """Says of each message that is no event where it stands, once for ever."""
        while True:
            error = await self.refusals.get()
            refused = EventRefused(sequence=error.sequence, bus_subject=error.subject[:512], reason=error.reason[:1000])
            try:
                await self.runtime.say(refused, f"refused/{error.sequence}", "guard")
            except BusError as error:  # a full log, or a key that is another process's; the next start says it again
                self.bus.wire.on_trouble(error)
            finally:
                self.refusals.task_done()

    async def say_alarm(self, reason: str) -> None:
        """Puts on record that the stream is not as it must be; the same reason once for ever."""
        trouble = LabTroubled(trouble=TroubleKind.BROKER, reason=reason)
        await self.runtime.say(trouble, f"guard/{hashlib.sha256(reason.encode()).hexdigest()[:32]}", "guard")

    async def close(self) -> None:
        """Lets go of workers and instruments."""
        self.workers.close()
        await self.equipment.furnaces.close()


async def prepare(
    order: Order,
    bus: JetStreamBus,
    *,
    only: Collection[str] = (),
    speed: float = 1.0,
    observatory: Observatory | None = None,
    wire: Wire,
) -> Session:
    """Wires a campaign up.

    Args:
        order: what to run.
        bus: where its events are.
        only: names of the agents that this process runs; all by default.
        speed: seconds of lab time for each one of wall time, in a lab that is all simulated.
        observatory: who listens to the work; nobody by default.
        wire: how furnaces behind MQTT are reached.

    Raises:
        ResumeError: the log holds another plan under this name.
        CampaignFileError: there is no such agent, or time-lapse is asked of real instruments.
    """
    if unknown := sorted(set(only) - {*NAMES}):
        raise CampaignFileError(f"Expected agents among {', '.join(NAMES)}, got {', '.join(unknown)}.")
    if speed != 1.0 and not order.campaign.instruments.all_simulated:
        raise CampaignFileError(f"Expected real time with real instruments, got a speed of {speed:g}. Leave speed out.")
    if order.virtual and order.campaign.instruments.real_furnaces:
        raise CampaignFileError("Expected --real-time with real furnaces, got a clock that jumps over their dwells.")
    tally, heard, garbage, behind = Tally(), Heard(), list[UndecodableEventError](), await bus.last_sequence()
    async for recorded in readable(bus, campaign_id(order), passed_over=garbage.append):
        tally.note(recorded)
        heard.note(recorded)
        behind = max(behind, recorded.sequence)
    resumed = tally.started is not None
    _check_same(order, tally)
    begun = tally.began or (VIRTUAL_BEGINNING if order.virtual else datetime.now(UTC))
    lab_clock = (
        VirtualClock(tally.latest or begun) if order.virtual else RealClock(not_before=tally.latest, speed=speed)
    )
    makes = not only or SynthesisRobot.name in only
    equipment = await equip(order, lab_clock, begun, wire if makes else None)
    workers = Workers(order.workers)
    agents = [a for a in crew(equipment.instruments, order.campaign.instruments.library) if not only or a.name in only]
    if order.virtual and order.workers > 1 and equipment.device is not None:
        workers.coming = foresight(equipment.device, agents)
    observatory = observatory or Observatory()
    name, listens = campaign_id(order), observatory.telemetry
    lab = Lab(bus, lab_clock, lab_clock, workers, name, order.seed, version(), listens)
    runtime = Runtime(lab, agents, Snapshots(order.out / "snapshots"))
    runtime.reactor.parks_troubles = not order.virtual  # what a virtual campaign decides is the same on any computer
    runtime.watchers.append(observatory.note)
    runtime.watchers += [tally.note, heard.note]
    session = Session(order, tally, heard, lab_clock, equipment, workers, runtime, agents, resumed, bus, behind)
    for error in garbage:
        session.refuse(error)
    bus.on_refused = session.refuse
    return session


async def _with_bus(session: Session, bus: JetStreamBus, show: Callable[[Tally], None], beside: Beside) -> Outcome:
    runtime, tally, order, notary = session.runtime, session.tally, session.order, beside.notary
    runtime.watchers.append(lambda _: show(tally))
    interrupted = False
    if tally.finished is None:
        await session.begin()
        recording = asyncio.create_task(notary.put_on_record(session.say_trouble))
        try:
            interrupted = await _until_done(session, session.watch())
            with suppress(TimeoutError):
                await asyncio.wait_for(notary.recorded(), PATIENCE)
        finally:
            recording.cancel()
            await asyncio.gather(recording, return_exceptions=True)
        await runtime.stop("interrupted" if interrupted else "the campaign has ended")
    else:
        await runtime.recall()
    await look(bus, runtime.durables, beside.observatory)
    last = await bus.last_sequence()
    await notary.caught_up(last)
    return Outcome(
        tally,
        time.perf_counter() - beside.began,
        interrupted,
        beside.troubles,
        await _faults(session.equipment, session.heard, order.campaign.instruments.library),
        {agent.name: agent.memory.digest() for agent in session.agents},
        last,
        order.out,
        notary.summary(),
        session.resumed,
    )


def _digest_of_library(path: str | None) -> str:
    """SHA-256 of the phase library that patterns are searched with.

    Raises:
        CampaignFileError: it cannot be used.
    """
    from science.crystals.errors import StructureError
    from science.diffraction.errors import DiffractionError
    from science.diffraction.tasks import library

    try:
        return library(path).sha256
    except (DiffractionError, StructureError, OSError) as error:
        raise CampaignFileError(f"Expected a phase library in instruments.library, got: {error}") from error


def _started(order: Order, equipment: Equipment) -> CampaignStarted:
    return CampaignStarted(
        plan=order.campaign.plan,
        seed=order.seed,
        code_version=version(),
        library_sha256=_digest_of_library(order.campaign.instruments.library),
        virtual=order.virtual,
        simulated=tuple(equipment.simulated),
    )


async def _until_done(session: Session, guarding: Coroutine[Any, Any, None]) -> bool:
    """Waits for the end; whether it came by a signal."""
    runtime, clock, tally, out = session.runtime, session.clock, session.tally, session.order.out
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    stop: asyncio.Future[Any] = asyncio.ensure_future(asked_to_stop.wait())
    end: asyncio.Future[Any] = asyncio.ensure_future(_ended(clock, tally))
    full: asyncio.Future[Any] = asyncio.ensure_future(watch_room(out))
    risk: asyncio.Future[Any] = asyncio.ensure_future(guarding)
    try:
        await asyncio.wait({stop, end, full, risk, runtime.failure}, return_when=asyncio.FIRST_COMPLETED)
        for trouble in (risk, runtime.failure, full):
            if trouble.done():
                trouble.result()
        if stop.done() and not end.done():
            return True
        end.result()
        return False
    finally:
        for waiting in (stop, end, full, risk):
            waiting.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _ended(clock: RealClock | VirtualClock, tally: Tally) -> None:
    """Returns when the campaign has ended and everything is at rest."""
    if isinstance(clock, VirtualClock):
        await clock.rest()
        if tally.finished is None:
            raise StalledError(
                "Expected the campaign to reach its end, got a lab at rest with nothing left to wait for. "
                f"The last alarm: {tally.alarms[-1] if tally.alarms else 'none'}. The log is whole: look at it with "
                "athanor replay."
            )
        return
    while tally.finished is None:
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.0)  # the last deliveries


def _check_same(order: Order, tally: Tally) -> None:
    """The log holds this plan and seed, or nothing yet."""
    if tally.started is None:
        return
    if tally.started.plan != order.campaign.plan or tally.started.seed != order.seed:
        raise ResumeError(
            f"Expected the log of {campaign_id(order)} to hold this plan, got another one under that name. "
            "Choose another --seed or another name in the campaign file."
        )


async def _faults(equipment: Equipment, heard: Heard, library: str | None) -> Reckoning:
    """What was injected, and what became of it."""
    for recall in equipment.recalls:
        recall()
    return await reckon(World(equipment.bench, equipment.device, library), heard)
