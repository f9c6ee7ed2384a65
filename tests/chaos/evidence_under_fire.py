"""``python -m tests.chaos.evidence_under_fire --kills 200``: what is left of log and ledger when all are killed.

Many producers publish to a real server; an agent answers each event; a writer and a witness keep the ledger. One of
broker, ledger's writer, witness and agent's runtime after the other is killed with SIGKILL, at random, and comes
back by itself. After every kill the ledger is verified as it lies, with its writer stopped in the middle of whatever
it does; at the end every acknowledged event must stand in log and ledger, byte for byte, once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agents.envelopes import Saying, seal
from bus.blobs import BlobStore
from bus.codec import encode
from bus.jetstream import JetStreamBus
from bus.keeping import kept_alive
from bus.ledger.alarms import read_alarms
from bus.ledger.entry import decode_entry
from bus.ledger.keys import LEDGER
from bus.ledger.tiles import TileStore
from bus.ledger.verify import verify
from bus.server import EmbeddedServer
from contracts.identifiers import root_id
from contracts.presence import AgentFaulted
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from ops.children import Child
from ops.notary import Notary
from ops.order import OUR_OWN
from tests.chaos.echo import CAMPAIGN

PRODUCERS = 24
PACE = 0.15
"""Mean real seconds between two events of a producer."""
BACK_WITHIN = 120.0
"""Real seconds after which who was killed must be back."""
VICTIMS = ("broker", "ledger writer", "witness", "runtime")


@dataclass
class Toll:
    """What the kills have cost."""

    kills: Counter[str] = field(default_factory=Counter)
    back: Counter[str] = field(default_factory=Counter)
    """Real seconds until the victim was back, added up."""
    verified: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    acked: int = 0
    lost: int = 0
    """Acknowledged events that do not stand in the log at their place, byte for byte, or not in the ledger."""
    stored_twice: int = 0
    """Events that stand in the log more than once."""
    seen_twice: int = 0
    """Events that an agent folded twice into one memory, or answered twice."""
    unseen: int = 0
    """Events that the agent did not see or did not answer."""
    events: int = 0
    signed: int = 0
    witnessed: bool = False

    @property
    def clean(self) -> bool:
        """Whether it has cost nothing."""
        spotless = not (self.wrong or self.lost or self.stored_twice or self.seen_twice or self.unseen)
        return spotless and self.verified == self.kills and self.signed == self.events and self.witnessed


class Fire:
    """A loaded lab, and who is killed in it."""

    def __init__(self, folder: Path, dice: random.Random, toll: Toll) -> None:
        self.folder, self.dice, self.toll = folder, dice, toll
        self.acked: dict[str, tuple[int, bytes]] = {}
        self.heard: list[Mapping[str, Any]] = []
        self.sent = [0] * PRODUCERS
        self.stopping = False
        self.deck: list[str] = []

    async def burn(self, kills: int, told: Callable[[str], None]) -> None:
        """Kills so many times, then lets everything come to rest and looks at what is left."""
        server = await EmbeddedServer.start(self.folder / "store")
        try:
            async with kept_alive(server, lambda: None):
                bus = await JetStreamBus.connect(server.url, BlobStore(self.folder / "blobs"), within=60)
                notary = Notary(self.folder, server.url, OUR_OWN, lambda _: None, lambda a: self._wrong(a.detail))
                words = ["-m", "tests.chaos.echo", "--url", server.url, "--folder", str(self.folder)]
                runtime = Child(
                    "The runtime", lambda: words, self.folder / "echo.log", self.heard.append, lambda _: None
                )
                await notary.open()
                await runtime.open()
                try:
                    await notary.agreed()
                    producers = [asyncio.create_task(self._produce(bus, n)) for n in range(PRODUCERS)]
                    pids = {
                        "broker": lambda: server.pid if server.alive else 0,
                        "ledger writer": lambda: notary.pids["writer"],
                        "witness": lambda: notary.pids["witness"],
                        "runtime": lambda: runtime.pid,
                    }
                    for n in range(kills):
                        await self._kill(pids, notary)
                        if n % 10 == 9:
                            told(f"{n + 1} kills, {len(self.acked)} acknowledged, {notary.size} signed")
                    self.stopping = True
                    await asyncio.gather(*producers)
                    await self._answered(bus)
                finally:
                    await runtime.close()
                    await notary.caught_up(await bus.last_sequence())
                    self.toll.signed, self.toll.witnessed = notary.size or 0, notary.cosigned
                    await notary.close()
                await self._look(bus)
                await bus.close()
        finally:
            await server.stop()

    async def _produce(self, bus: JetStreamBus, producer: int) -> None:
        """Publishes one event after the other until it is over; each is acknowledged before the next."""
        dice = random.Random(f"{producer}")
        while not self.stopping:
            n = self.sent[producer]
            event = SampleLost(
                sample_id=f"c-{producer}-{n}-v1", candidate_id=f"c-{producer}-{n}", run_id=f"p-{producer}",
                reason="x" * dice.randint(1, 1500),
            )  # fmt: skip
            event_id = root_id(CAMPAIGN, f"{producer}/{n}")
            envelope = seal(event, event_id, Saying(CAMPAIGN, "producer", datetime.now(UTC), None))
            receipt = await bus.publish(envelope)
            self.acked[str(event_id)] = (receipt.sequence, encode(envelope))
            self.sent[producer] += 1
            await asyncio.sleep(dice.random() * 2 * PACE)

    async def _kill(self, pids: Mapping[str, Callable[[], int]], notary: Notary) -> None:
        """One kill at a random moment; then who was killed must come back, and the ledger must be whole."""
        await asyncio.sleep(self.dice.expovariate(2.0))
        if not self.deck:  # each in turn, in an order of its own
            self.deck = self.dice.sample(VICTIMS, len(VICTIMS))
        victim = self.deck.pop()
        pid = pids[victim]()
        while not pid:  # killed a moment ago: not yet back
            await asyncio.sleep(0.01)
            pid = pids[victim]()
        began = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.toll.kills[victim] += 1
        await self._verify(notary, victim)
        while pids[victim]() in {0, pid}:
            if time.monotonic() - began > BACK_WITHIN:
                self._wrong(f"{victim} did not come back")
                return
            await asyncio.sleep(0.01)
        self.toll.back[victim] += time.monotonic() - began

    async def _verify(self, notary: Notary, victim: str) -> None:
        """Verifies the ledger as it lies on the disk at this moment."""
        writer = notary.pids["writer"]
        with contextlib.suppress(ProcessLookupError):
            if writer:
                os.kill(writer, signal.SIGSTOP)
        try:
            while writer == 0 and (fresh := notary.pids["writer"]):  # it was just being started
                os.kill(writer := fresh, signal.SIGSTOP)
            verdict = await asyncio.to_thread(verify, self.folder / LEDGER, read_events=False)
            if notary.pids["writer"] not in {0, writer}:
                verdict = await self._verify_frozen(notary)
        finally:
            with contextlib.suppress(ProcessLookupError):
                if writer:
                    os.kill(writer, signal.SIGCONT)
        if verdict.ok:
            self.toll.verified[victim] += 1
        else:
            self._wrong(f"after a kill of the {victim}: {[p.detail for p in verdict.problems][:3]}")

    async def _verify_frozen(self, notary: Notary) -> Any:
        """Once more, with the writer that came up meanwhile stopped."""
        writer = notary.pids["writer"]
        os.kill(writer, signal.SIGSTOP)
        try:
            return await asyncio.to_thread(verify, self.folder / LEDGER, read_events=False)
        finally:
            os.kill(writer, signal.SIGCONT)

    async def _answered(self, bus: JetStreamBus) -> None:
        """Waits until the agent has answered everything; for as long as it goes on, however far behind it is."""
        before, moved = -1, time.monotonic()
        while (last := await bus.last_sequence()) < 2 * len(self.acked) or last != before:
            if last != before:
                before, moved = last, time.monotonic()
            if time.monotonic() - moved > BACK_WITHIN:
                break
            await asyncio.sleep(1.0)

    async def _look(self, bus: JetStreamBus) -> None:
        """What is left."""
        toll = self.toll
        log = [r async for r in bus.read()]  # raises if a sequence is missing
        by_place = {r.sequence: r for r in log}
        kept = [decode_entry(e) for e in TileStore(self.folder / LEDGER).entries(0, toll.signed)]
        toll.acked, toll.events = len(self.acked), await bus.last_sequence()
        for event_id, (place, payload) in self.acked.items():
            stored, entry = by_place.get(place), kept[place - 1] if place <= len(kept) else None
            there = stored is not None and str(stored.envelope.id) == event_id and stored.payload == payload
            toll.lost += not (there and entry is not None and entry.id == event_id and entry.payload == payload)
        self.toll.wrong += [str(r.envelope.data) for r in log if isinstance(r.envelope.data, AgentFaulted)][:3]
        toll.stored_twice = len(log) - len({r.envelope.id for r in log})
        answers = Counter(r.envelope.causationid for r in log if isinstance(r.envelope.data, ReviewDecided))
        asked = {r.envelope.id for r in log if isinstance(r.envelope.data, SampleLost)}
        toll.seen_twice = sum(n - 1 for n in answers.values())
        toll.unseen = len(asked - set(answers))
        memory = next((w for w in reversed(self.heard) if w["said"] == "memory"), None)
        if memory is None:
            self._wrong("the agent did not come to its end")
        else:
            toll.seen_twice += int(memory["twice"])
            toll.unseen += int(memory["skipped"]) + len(asked) - int(memory["heard"])
        verdict = await asyncio.to_thread(verify, self.folder / LEDGER)
        if not verdict.ok:
            self._wrong(f"in the end: {[p.detail for p in verdict.problems][:3]}")
        for alarm in read_alarms(self.folder / LEDGER):
            self._wrong(f"alarm: {alarm.detail}")

    def _wrong(self, words: str) -> None:
        self.toll.wrong.append(words)


async def fire(kills: int, seed: int, folder: Path, told: Callable[[str], None]) -> Toll:
    """Kills, and counts what it has cost.

    Args:
        kills: how many.
        seed: of who is killed and when.
        folder: where everything is.
        told: a line of progress.
    """
    toll = Toll()
    folder.mkdir(parents=True, exist_ok=True)
    await Fire(folder.resolve(), random.Random(seed), toll).burn(kills, told)
    return toll


def show(toll: Toll, seed: int, seconds: float, console: Console) -> None:
    """Prints the table."""
    table = Table(box=None)
    for title in ("killed", "kills", "ledger verified", "back after"):
        table.add_column(title, justify="left" if title == "killed" else "right")
    for victim in VICTIMS:
        kills = toll.kills[victim]
        back = f"{toll.back[victim] / kills:.1f} s" if kills else ""
        table.add_row(victim, str(kills), f"{toll.verified[victim]} of {kills}", back)
    table.add_row(
        "all", str(toll.kills.total()), f"{toll.verified.total()} of {toll.kills.total()}", f"{seconds:.0f} s"
    )
    console.print(table)
    witnessed = "witnessed" if toll.witnessed else "NOT witnessed"
    console.print(
        f"seed {seed}: {toll.acked} acknowledged events, {toll.lost} lost, {toll.stored_twice} stored twice; "
        f"{toll.seen_twice} seen twice by the agent, {toll.unseen} unseen; {toll.signed} of {toll.events} events "
        f"signed and {witnessed}",
        highlight=False,
    )
    for words in toll.wrong:
        console.print(f"! {words}", markup=False, highlight=False)


def main() -> int:
    """Runs what was typed; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.evidence_under_fire", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for everything, which is kept")
    asked = parser.parse_args()
    console, began = Console(width=120), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="athanor-fire-") as scratch:
        folder = asked.keep or Path(scratch)
        toll = asyncio.run(fire(asked.kills, asked.seed, folder, lambda line: console.print(line, markup=False)))
    show(toll, asked.seed, time.monotonic() - began, console)
    return 0 if toll.clean else 1


if __name__ == "__main__":
    sys.exit(main())
