"""`athanor agent check`: lets an agent work in a small lab, troubles it, and tells which promises it keeps."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.speakers import AGENTS
from bus.errors import BusError, IdentityError
from bus.identities import SUFFIX
from contracts.identifiers import root_id
from ops.errors import OpsError, SeatError
from ops.exits import FOUND_WANTING, UNUSABLE, complain
from ops.seat_book import Seat, checked_name, read_seats
from ops.seats.conduct import Finding, Findings, Heard, Promise, judge
from ops.seats.program import LOOK, Program
from ops.seats.stage import CAMPAIGN, Stage

HELD = 2.0
"""Seconds for which nothing can be stored, while an agent is seen that acknowledges all the same."""


@dataclass(frozen=True)
class CheckOrder:
    """What was asked for."""

    name: str
    place: Path
    run: str | None
    patience: float
    as_json: bool


class _NotComingError(Exception):
    """What was waited for did not come."""


class Check:
    """One look at one agent."""

    def __init__(self, stage: Stage, program: Program | None, patience: float) -> None:
        self.stage, self.program, self.patience = stage, program, patience
        self.findings = Findings()

    async def run(self) -> list[Finding]:
        """Lets it work, and troubles it; what was found of each promise."""
        try:
            await self._listens()
            await self._hears()
            await self._meets_poison()
            await self._loses_broker()
            if self.program is not None:
                await self._is_full(self.program)
                await self._is_killed(self.program)
                await self._hears_again(self.program)
                await self._stops(self.program)
        except _NotComingError:
            pass  # it is on record what was waited for in vain
        stage = self.stage
        judge(Heard(stage.seat.name, await stage.log(), stage.causes, stage.poison), self.findings)
        if refused := stage.violations():
            self.findings.broken(Promise.NOTHING_ELSE, f"Expected no more than its rights, got: {refused[0]}.")
        if self.program is None:
            words = "give --run COMMAND, so that it can be started, stopped and killed"
            for promise in (Promise.STORED, Promise.KILLED, Promise.STOPPED):
                self.findings.keep(promise, kept=None, words=words)
        return self.findings.all()

    # what is done to it --------------------------------------------------------------------------

    async def _listens(self) -> None:
        if self.program is not None:
            self.program.start()
        await self._until(self._consumes, Promise.CONSUMER, f"a consumer {self.stage.durable}")
        told = await self.stage.consumer()
        assert told is not None  # noqa: S101  just seen
        config = told["config"]
        filters = config.get("filter_subjects") or [config.get("filter_subject", "")]
        prefix = f"lab.{CAMPAIGN}."
        kinds = [f.removeprefix(prefix) for f in filters if f.startswith(prefix) and "*" not in f and ">" not in f]
        if config.get("deliver_subject") or config.get("ack_policy") != "explicit":
            how = "push" if config.get("deliver_subject") else f"ack_policy {config.get('ack_policy')}"
            self.findings.broken(Promise.CONSUMER, f"Expected a pull consumer with explicit acks, got {how}.")
        if len(kinds) < len(filters):
            self.findings.broken(
                Promise.CONSUMER, f"Expected filters {prefix}KIND, got {', '.join(filters) or 'none'}."
            )
        unknown = self.stage.hear(kinds)
        if len(unknown) == len(kinds):
            self.findings.broken(
                Promise.ANSWERS, f"No event of {', '.join(kinds) or 'any kind'} is at hand to tell it."
            )
            raise _NotComingError
        self.findings.keep(Promise.CONSUMER, kept=True)

    async def _consumes(self) -> bool:
        return await self.stage.consumer() is not None

    async def _hears(self) -> None:
        await self._told(4, Promise.ANSWERS)

    async def _meets_poison(self) -> None:
        await self.stage.tell_poison()
        await self._told(1, Promise.POISON)
        said = await self.stage.log(self.stage.poison[0])
        self.findings.keep(Promise.POISON, kept=True)
        poison = {f'"causationid":"{root_id(CAMPAIGN, f"poison/{n}")}"'.encode() for n in range(len(self.stage.poison))}
        for stored in said:
            if any(mark in stored.payload.replace(b'": "', b'":"') for mark in poison):
                self.findings.broken(
                    Promise.POISON,
                    f"Expected no answer to what is no event, got {stored.subject} at {stored.sequence}.",
                )

    async def _loses_broker(self) -> None:
        await self.stage.restart()
        await self._told(1, Promise.BROKER)
        self.findings.keep(Promise.BROKER, kept=True)

    async def _is_full(self, program: Program) -> None:
        """Nothing can be stored: what it has heard now cannot be answered, so it may not be acknowledged."""
        program.send(signal.SIGSTOP)
        (cause,) = await self.stage.tell()
        await self.stage.fill(full=True)
        program.send(signal.SIGCONT)
        deadline = time.monotonic() + HELD
        while time.monotonic() < deadline and await self.stage.floor() < cause.sequence:
            await asyncio.sleep(LOOK)
        early = await self.stage.floor() >= cause.sequence
        await self.stage.fill(full=False)
        if early:
            self.findings.broken(
                Promise.STORED,
                f"Expected that {cause.sequence} is not acknowledged while no answer can be stored, got an "
                "acknowledgement: after a crash that answer would be missing for ever.",
            )
        await self._acknowledged(cause.sequence, Promise.STORED)
        self.findings.keep(Promise.STORED, kept=True)

    async def _is_killed(self, program: Program) -> None:
        *_, last = await self.stage.tell(3)
        await asyncio.sleep(LOOK)
        await program.kill()
        after = min(await self.stage.floor(), last.sequence)
        (cause,) = await self.stage.tell()
        program.start()
        await self._acknowledged(cause.sequence, Promise.KILLED)
        begins, words = await self.stage.beginning()
        if begins > cause.sequence:
            self.findings.broken(
                Promise.KILLED,
                f"Expected a consumer that begins right after {after}, the last that it had acknowledged, got {words}: "
                f"{cause.sequence} was passed over.",
            )
        self.findings.keep(Promise.KILLED, kept=True)

    async def _hears_again(self, program: Program) -> None:
        """A broker that has forgotten its consumer delivers everything once more."""
        await program.kill()
        await self.stage.forget()
        program.start()
        (cause,) = await self.stage.tell()
        await self._acknowledged(cause.sequence, Promise.ONCE)

    async def _stops(self, program: Program) -> None:
        before = len(await self.stage.log())
        program.send(signal.SIGTERM)
        if not await program.ended(self.patience):
            self.findings.broken(
                Promise.STOPPED, f"Expected it to end after SIGTERM, got nothing in {self.patience:g} s."
            )
            await program.kill()
            return
        said = (await self.stage.log())[before:]
        if not any(s.subject == f"lab.{CAMPAIGN}.presence.agent_stopped" for s in said):
            self.findings.broken(
                Promise.STOPPED, "Expected presence.agent_stopped after SIGTERM, got an end without it."
            )
        self.findings.keep(Promise.STOPPED, kept=True)

    # waiting -------------------------------------------------------------------------------------

    async def _told(self, count: int, promise: Promise) -> None:
        causes = await self.stage.tell(count)
        await self._acknowledged(causes[-1].sequence, promise)

    async def _acknowledged(self, sequence: int, promise: Promise) -> None:
        async def done() -> bool:
            return await self.stage.floor() >= sequence

        await self._until(done, promise, f"an acknowledgement of {sequence}")

    async def _until(self, done: Callable[[], Awaitable[bool]], promise: Promise, what: str) -> None:
        """Waits for something that the promise is broken without."""
        deadline = time.monotonic() + self.patience
        while not await done():
            ended = self.program is not None and await self.program.ended(0)
            if ended or time.monotonic() > deadline:
                how = "its end" if ended else f"nothing in {self.patience:g} s"
                last = f" Its last words: {self.program.last_words}" if self.program else ""
                self.findings.broken(promise, f"Expected {what}, got {how}.{last}")
                raise _NotComingError
            await asyncio.sleep(LOOK)


def check_agent(order: CheckOrder) -> int:
    """Checks; prints a line a promise; the exit code."""
    try:
        seat, key = seat_at(order.name, order.place)
        findings = asyncio.run(_checked(order, seat, key))
    except (OpsError, BusError, IdentityError) as error:
        complain(str(error))
        return UNUSABLE
    kept = all(f.kept is not False for f in findings)
    if order.as_json:
        sys.stdout.write(
            json.dumps({"agent": order.name, "kept": kept, "promises": [asdict(f) for f in findings]}) + "\n"
        )
    else:
        for f in findings:
            mark = {True: "kept   ", False: "BROKEN ", None: "not seen"}[f.kept]
            sys.stdout.write(f"{mark} {f.promise.value}\n" + (f"         {f.words}\n" if f.words else ""))
    return 0 if kept else FOUND_WANTING


async def _checked(order: CheckOrder, seat: Seat, key: Path) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="athanor-check-") as scratch:
        stage = Stage(seat, Path(scratch), key)
        await stage.open()
        words = [stage.url, str(key.resolve()), CAMPAIGN]
        program = Program([*shlex.split(order.run), *words], Path(scratch) / "agent.log") if order.run else None
        try:
            if program is None:
                sys.stderr.write(f"Start it within {order.patience:g} s:  PROGRAM {shlex.join(words)}\n")
            return await Check(stage, program, order.patience).run()
        finally:
            if program is not None:
                await program.kill()
            await stage.close()


def seat_at(name: str, place: Path) -> tuple[Seat, Path]:
    """A seat and its private key.

    Args:
        name: whose.
        place: the folder of a run, or of keys.

    Raises:
        SeatError: there is no such seat, or no key for it.
    """
    checked_name(name)
    keys = place if (place / f"{name}{SUFFIX}").exists() else place / "keys"
    key = keys / f"{name}{SUFFIX}"
    if not key.exists():
        raise SeatError(
            f"Expected the key {name}{SUFFIX} in {place} or {place / 'keys'}, got none. Make the seat with athanor "
            f"agent new {name}, or give the folder where it was made."
        )
    seats = {seat.name: seat for seat in read_seats(keys)}
    if name in seats:
        return seats[name], key
    if name in AGENTS:
        return Seat(name=name, says=tuple(kind.kind for kind in AGENTS[name])), key
    raise SeatError(
        f"Expected {name} in the book of seats in {keys}, got others. Make it with athanor agent new {name}."
    )
