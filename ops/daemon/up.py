"""`athanor up`: the lab in real time until it is told to stop.

SIGTERM drains it: nothing new is begun, what instruments are doing goes on and is on record as an intent, and the
next start asks them what became of it. A dead broker is started again; what is wrong beneath the agents becomes an
event (`LabTroubled`) as soon as it can be written.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from agents.errors import AgentError
from bus.blobs import BlobStore
from bus.errors import BusError
from bus.jetstream import JetStreamBus
from bus.keeping import kept_alive
from bus.ledger.alarms import Alarm
from bus.ledger.keys import LEDGER
from bus.server import EmbeddedServer
from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.errors import ContractError
from contracts.event import Event
from contracts.presence import LabTroubled, TroubleKind
from ops.accounts import keys_at, keys_of, users_of
from ops.clock import RealClock
from ops.daemon.card import Card
from ops.daemon.face import Face, Facts
from ops.daemon.notify import notify, watchdog_seconds
from ops.daemon.settings import DaemonFile
from ops.daemon.standing import standing, taken_up_words, unrest
from ops.equipment import wire_address
from ops.errors import NoRoomError, NoSuchAgentError, NotYetError, OpsError
from ops.exits import UNUSABLE, complain
from ops.furnaces import Wire
from ops.lab import Session, prepare
from ops.notary import Notary
from ops.order import Order, campaign_id, check_folder
from ops.reports.writing import report_after_run
from ops.roll import people
from ops.room import PATIENCE, check_room, watch_room
from ops.telemetry.observatory import Observatory, observe
from ops.telemetry.queues import keep_looking
from ops.version import version

MOST_TROUBLES = 1000
"""Troubles that wait to be written while nothing can be; more are counted only."""

SAID_AGAIN = 10
"""How often what runs beside the agents is told to end."""
END_WITHIN = 1.0
"""Real seconds that it may take each time."""


def up(file: DaemonFile, order: Order, told: Callable[[str], None]) -> int:
    """Runs the daemon; the exit code: 0 after a stop in good order, 2 when it cannot go on, with the reason."""
    try:
        asyncio.run(Daemon(file, order, told).run())
        if not file.agents and (trouble := report_after_run(file.out, file.nats)) is not None:
            told(trouble)
    except (OpsError, BusError, ContractError, AgentError) as error:
        complain(str(error))
        return UNUSABLE
    except OSError as error:
        complain(
            f"Expected to write into {file.out}, got: {error}. Make room and start again: it goes on where it was."
        )
        return UNUSABLE
    return 0


@dataclass
class Daemon:
    """One life of the daemon."""

    file: DaemonFile
    order: Order
    told: Callable[[str], None]
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _troubles: asyncio.Queue[LabTroubled] = field(default_factory=lambda: asyncio.Queue(MOST_TROUBLES))
    _noticed: int = 0
    _session: Session | None = None
    _bus: JetStreamBus | None = None
    _observatory: Observatory = field(default_factory=Observatory)
    _notary: Notary | None = None
    _scarce: str = ""
    """Why no more files can be made, if so."""
    _room_again: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """From the start to a stop in good order."""
        self.order.out.mkdir(parents=True, exist_ok=True)
        check_room(self.order.out)
        check_folder(self.order)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        async with AsyncExitStack() as stack:
            server = await self._broker(stack)
            url = self.order.nats or (server.url if server else "")
            bus = await self._connected(stack, server, url)
            notary = self._notary = Notary(
                self.order.out, url, self.order.witnessing, self._ledger_trouble, self._ledger_alarm
            )
            stack.push_async_callback(notary.close)
            await notary.open()
            card = self._shown(stack, url)
            session = self._session = await prepare(
                self.order,
                bus,
                only=self.file.agents,
                speed=self.file.speed,
                observatory=self._observatory,
                wire=Wire(wire_address(self.order, server), self._instrument_trouble),
            )
            stack.push_async_callback(session.close)
            session.runtime.reactor.troubled = self._notice
            if isinstance(session.clock, RealClock):
                session.clock.on_jump = self._clock_trouble
            await notary.agreed()
            await session.begin()
            self.told(f"{card.campaign} is up: {', '.join(a.name for a in session.agents)}")
            self.told(f"status at {card.http}/status, broker at {url}, everything in {self.order.out}")
            notify(READY=1, STATUS="agents are at work")
            await self._until_told(session, bus, notary)

    async def _broker(self, stack: AsyncExitStack) -> EmbeddedServer | None:
        """Our own broker, kept alive, unless there is one elsewhere; and what watches everything from then on."""
        server = None
        if self.order.nats is None:
            listener = self.order.campaign.instruments.listener
            users = users_of(campaign_id(self.order), self.order.out)
            server = await EmbeddedServer.start(self.order.out / "store", mqtt_port=listener, users=users)
            stack.push_async_callback(server.stop)
        self._observatory = observe(self.order.out, campaign_id(self.order), version(), wanted=self.order.telemetry)
        soon = asyncio.get_running_loop().call_soon_threadsafe
        self._observatory.losing = lambda words: soon(self._notice, TroubleKind.DISK, words)
        stack.callback(self._observatory.close)
        await stack.enter_async_context(kept_alive(server, self._broker_revived))
        return server

    async def _connected(self, stack: AsyncExitStack, server: EmbeddedServer | None, url: str) -> JetStreamBus:
        bus = self._bus = await JetStreamBus.connect(
            url,
            BlobStore(self.order.out / "blobs"),
            on_trouble=self._broker_trouble,
            keys=keys_of(self.order.out) if server else keys_at(self.order.keys),
            people=people(),
        )
        stack.push_async_callback(bus.close)
        return bus

    def _shown(self, stack: AsyncExitStack, url: str) -> Card:
        """The daemon's face, and the card that says where it is."""
        face = Face(
            Facts(
                self.status,
                self.not_ready,
                self._pause,
                self._resume,
                self._stop.set,
                self._observatory.families,
                self.order.out / LEDGER,
                self._retry,
            ),
            self.file.http_port,
        )
        stack.push_async_callback(face.close)
        face.open()
        card = Card(os.getpid(), face.url, url, campaign_id(self.order))
        card.leave(self.order.out)
        stack.callback(card.take_back, self.order.out)
        return card

    async def _until_told(self, session: Session, bus: JetStreamBus, notary: Notary) -> None:
        """Works until it is told to stop, and stops in good order; without room on disk, too, as far as it goes."""
        try:
            await self._work(session, bus, notary)
        except NoRoomError as error:
            notify(STOPPING=1)
            with suppress(TimeoutError):
                await asyncio.wait_for(session.runtime.stop(str(error)), PATIENCE)
            raise
        notify(STOPPING=1)
        await session.runtime.stop("the daemon was told to stop")
        await notary.caught_up(await bus.last_sequence())
        self.told("Drained. The same command goes on from here.")

    async def _work(self, session: Session, bus: JetStreamBus, notary: Notary) -> None:
        """Until it is told to stop, or cannot go on."""
        beside: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._tell_troubles(session)),
            asyncio.ensure_future(self._give_signs_of_life()),
            asyncio.ensure_future(watch_room(self.order.out, self._room_seen)),
            asyncio.ensure_future(self._take_up(session)),
            asyncio.ensure_future(keep_looking(bus, session.runtime.durables, self._observatory)),
            asyncio.ensure_future(notary.put_on_record(session.say_trouble)),
            asyncio.ensure_future(session.watch()),
        ]
        stop: asyncio.Future[Any] = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({stop, session.runtime.failure, *beside}, return_when=asyncio.FIRST_COMPLETED)
            for done in (session.runtime.failure, *beside):
                if done.done():
                    done.result()
        finally:
            await self._end(stop, *beside)

    async def _end(self, *tasks: asyncio.Future[Any]) -> None:
        """Ends what runs beside the agents.

        A cancellation that meets an answer can be lost in a library: it is said again, and nothing holds up the drain
        for ever.
        """
        pending = set(tasks)
        for _ in range(SAID_AGAIN):
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=END_WITHIN)
            if not pending:
                break
            self.told(f"Told {', '.join(sorted(_name(task) for task in pending))} to end once more.")
        await asyncio.gather(*(task for task in tasks if task not in pending), return_exceptions=True)

    # troubles ------------------------------------------------------------------------------------

    def _notice(self, kind: TroubleKind, reason: str) -> None:
        self._noticed += 1
        self._observatory.trouble(kind.value, reason)
        with suppress(asyncio.QueueFull):
            self._troubles.put_nowait(LabTroubled(trouble=kind, reason=reason))

    def _broker_trouble(self, error: BusError) -> None:
        self._notice(TroubleKind.BROKER, str(error))

    def _broker_revived(self) -> None:
        self._notice(TroubleKind.BROKER, "nats-server had died and was started again over the same store")

    def _instrument_trouble(self, reason: str) -> None:
        self._notice(TroubleKind.INSTRUMENT, reason)

    def _ledger_trouble(self, reason: str) -> None:
        self._notice(TroubleKind.LEDGER, reason)

    def _ledger_alarm(self, alarm: Alarm) -> None:
        """The notary puts it into the log, once for ever."""
        self._noticed += 1
        self._observatory.trouble(TroubleKind.LEDGER.value, alarm.detail)
        self.told(f"! ledger: {alarm.detail}")

    def _clock_trouble(self, seconds: float) -> None:
        way = "forward" if seconds > 0 else "back"
        self._notice(
            TroubleKind.CLOCK,
            f"the wall clock was set {way} by {abs(seconds):.1f} s; the lab's time goes on as if it had not been. Look "
            "at its time service; after a restart the lab goes by the wall clock again",
        )

    def _room_seen(self, scarce: str) -> None:
        """There is no room for more files, or there is again."""
        self._scarce = scarce
        if scarce:
            self._notice(TroubleKind.DISK, f"{scarce} What needs one waits meanwhile")
        else:
            self._room_again.set()

    async def _take_up(self, session: Session) -> None:
        """Takes up by itself what a trouble of this computer has stopped for too long: at the start, and with room."""
        reason = "the lab was started again"
        while True:
            if works := await session.runtime.retry(reason, "daemon", only=lambda work: work.worldly):
                self.told(taken_up_words(works))
            await self._room_again.wait()
            self._room_again.clear()
            reason = "there is room for files again"

    async def _tell_troubles(self, session: Session) -> None:
        """Writes troubles into the log, as soon as that is possible."""
        first = session.runtime.seats[0]
        for n in range(10**9):
            trouble = await self._troubles.get()
            self.told(f"! {trouble.trouble.value}: {trouble.reason}")
            await session.runtime.say(trouble, f"trouble/{first.name}/{first.starts + 1}/{n}", "daemon")

    @staticmethod
    async def _give_signs_of_life() -> None:
        """As often as the service manager wants them."""
        every = watchdog_seconds()
        while every is not None:
            notify(WATCHDOG=1)
            await asyncio.sleep(every)
        await asyncio.Event().wait()

    # what the face shows and does ----------------------------------------------------------------

    def not_ready(self) -> str:
        """Why the lab cannot work now; empty when it can."""
        if self._session is None or not self._session.runtime.listening:
            return "starting: the past is being read"
        if self._bus is None or not self._bus.connected:
            return "the broker is away"
        if self._notary is not None and self._notary.alarm is not None:
            return f"the log is not what was signed: {self._notary.alarm.detail}"
        return self._scarce or unrest(self._session.runtime)

    def status(self) -> dict[str, Any]:
        """Everything that there is to tell."""
        session = self._session
        told: dict[str, Any] = {
            "campaign": f"{self.order.campaign.name}-{self.order.seed}",
            "pid": os.getpid(),
            "ready": not self.not_ready(),
            "not_ready_because": self.not_ready() or None,
            "troubles": self._noticed,
            "counts": {},
            "ledger": self._notary.summary() if self._notary else None,
            "samples": 0, "successes": 0, "failed_steps": 0, "withheld": 0, "agent_faults": 0, "best": None,
        }  # fmt: skip
        if session is not None:
            told |= session.tally.summary()
            told["counts"] = dict(session.tally.counts)
            told["lab_time"] = session.clock.now().isoformat()
            told["clock_stepped_s"] = session.clock.stepped if isinstance(session.clock, RealClock) else 0.0
            told |= standing(session.runtime)
            told["agents"] = {a.name: session.tally.doing.get(a.name, "listening") for a in session.agents}
            told["paused"] = session.tally.paused
            told["finished"] = session.tally.finished.reason if session.tally.finished else None
            told["alarms"] = session.tally.alarms[-10:]
        return told

    def _writing(self) -> tuple[Session, JetStreamBus]:
        """What an order is written down with.

        Raises:
            NotYetError: it cannot be written down now, so that nobody believes that it was.
        """
        if self._session is None or not self._session.runtime.listening:
            raise NotYetError("Expected a lab at work, got one that is starting: the past is being read. Say it again.")
        if self._bus is None or not self._bus.connected:
            raise NotYetError("Expected a broker to write this down, got none: it is away. Say it again later.")
        return self._session, self._bus

    async def _switch(self, event: Event) -> None:
        session, bus = self._writing()
        place = await bus.last_sequence()
        await session.runtime.say(event, f"console/{event.kind}/{place}", "console")

    async def _pause(self, reason: str) -> None:
        await self._switch(CampaignPaused(reason=reason))

    async def _resume(self, reason: str) -> None:
        await self._switch(CampaignResumed(reason=reason))

    async def _retry(self, agent: str, reason: str) -> str:
        session, _ = self._writing()
        names = [a.name for a in session.agents]
        if agent and agent not in names:
            raise NoSuchAgentError(f"Expected an agent among {', '.join(names)}, got {agent[:80]!r}.")
        return taken_up_words(await session.runtime.retry(reason, "console", [agent] if agent else ()))


def _name(task: asyncio.Future[Any]) -> str:
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else task
    return str(getattr(coroutine, "__qualname__", coroutine))
