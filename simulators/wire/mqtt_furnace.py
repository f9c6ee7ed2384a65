"""A simulated furnace as a program of its own, behind an MQTT broker.

``python -m simulators.wire.mqtt_furnace --url mqtt://127.0.0.1:1883 --name furnace-1 --seed 1 --folder DIR``

It reads no clock: each question brings the lab's time. What it has begun stands in its journal before it says
so; it may be killed at any moment, and started again it heats nothing twice.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import aiomqtt
from pydantic import ValidationError

from contracts.errors import InstrumentError
from contracts.wire import (
    ROOT,
    SCHEMA,
    Broker,
    Complaint,
    Presence,
    Question,
    Topics,
    excerpt,
    mistakes,
    rejection,
)
from simulators.bench import Bench
from simulators.faults import Faults
from simulators.furnace import SimulatedSynthesiser
from simulators.rates import FaultRates
from simulators.wire.desk import AskersClock, Desk

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 15.0
"""Real seconds before a lost connection is made again; the pause doubles in between."""
PATIENCE = 5.0
"""Real seconds that the broker may take to answer."""
GOODBYE = 1.0
"""Real seconds that taking leave of the broker may take."""
LOCK_PATIENCE = 100
"""Tenths of a second in which whoever had the journal before may end."""
STDIN = 0
"""Its file descriptor."""
UNUSABLE = 2
"""Exit code for arguments that cannot be used."""


@dataclass(frozen=True)
class Post:
    """Where the furnace stands."""

    topics: Topics
    """Where it listens and speaks."""
    broker: Broker
    """Which broker."""
    password: str | None = None
    """Password of the broker's user."""

    def presence(self, *, there: bool) -> bytes:
        """Says that it is there, or gone."""
        state: Literal["online", "offline"] = "online" if there else "offline"
        return Presence(schema=SCHEMA, instrument=self.topics.name, state=state, calibrates=there).payload()

    def complaint(self, message: str) -> bytes:
        """Tells the lab something unasked."""
        return Complaint(schema=SCHEMA, instrument=self.topics.name, message=message).payload()

    def client(self) -> aiomqtt.Client:
        """A new connection; its last will says that the furnace is gone."""
        return aiomqtt.Client(
            self.broker.host,
            self.broker.port,
            username=self.broker.user,
            password=self.password,
            identifier=f"{self.topics.root}-{self.topics.name}".replace("/", "-"),
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,  # a question is not kept for a furnace that is away: hours later nobody may want it
            will=aiomqtt.Will(self.topics.presence, self.presence(there=False), qos=1, retain=True),
            timeout=PATIENCE,
            keepalive=15,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )


async def serve(post: Post, desk: Desk) -> None:
    """Answers for ever, over as many connections as it takes; cancel it to end it in good order."""
    pause, said = FIRST_PAUSE, ""
    while True:
        try:
            async with post.client() as client:
                try:
                    await _listen(post, client)
                    said = ""
                    _tell(sys.stdout, json.dumps({"ready": post.topics.name}))
                    async for message in client.messages:
                        pause = FIRST_PAUSE
                        await _hear(post, desk, client, message)
                except asyncio.CancelledError:
                    with suppress(aiomqtt.MqttError):
                        await _be(post, client, there=False)
                    raise
        except aiomqtt.MqttError as error:
            why = f"Expected the broker at {post.broker.host}:{post.broker.port}, got: {error}. Trying again."
            if why != said:
                _tell(sys.stderr, why)
            said = why
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _be(post: Post, client: aiomqtt.Client, *, there: bool) -> None:
    """Leaves word with the broker whether the furnace is there."""
    await client.publish(post.topics.presence, post.presence(there=there), qos=1, retain=True)


async def _listen(post: Post, client: aiomqtt.Client) -> None:
    topics = [post.topics.questions, post.topics.presence]
    codes: Sequence[object] = await client.subscribe([(topic, 0) for topic in topics])
    denied = [t for t, code in zip(topics, codes, strict=True) if getattr(code, "is_failure", False)]
    if denied:  # the broker answers with a code, and aiomqtt raises nothing
        raise aiomqtt.MqttError(f"no permission to subscribe to {', '.join(denied)}")
    await _be(post, client, there=True)


async def _hear(post: Post, desk: Desk, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
    payload = message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()
    if message.topic.value == post.topics.presence:
        if payload == post.presence(there=False):  # the will of an earlier connection, come late
            await _be(post, client, there=True)
        return
    await client.publish(*await _said_to(post, desk, payload, kept=message.retain))


async def _said_to(post: Post, desk: Desk, payload: bytes, *, kept: bool) -> tuple[str, bytes]:
    """Where what is said to a message among the questions: an answer, or what is wrong with it."""
    if kept:
        why = "the broker has kept it for whoever comes: nobody waits for it, take it from the broker"
        return post.topics.complaints, post.complaint(f"expected a question of now, got {excerpt(payload)} ({why})")
    try:
        question = Question.model_validate_json(payload)
    except ValidationError as error:
        return rejection(post.topics, payload, mistakes(error))
    answer = await desk.answer(question)
    return post.topics.answers(question.client), answer.payload()


def _tell(where: IO[str], words: str) -> None:
    where.write(words + "\n")
    where.flush()


async def _lock(folder: Path, name: str) -> IO[str]:
    """Keeps other processes from the journal; waits a little for one that is just ending.

    Raises:
        InstrumentError: it is in use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / f"{name}.lock").open("a+")
    for _ in range(LOCK_PATIENCE):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            lock.write(f"process {os.getpid()}")
            lock.flush()
            return lock
        await asyncio.sleep(0.1)
    lock.seek(0)
    raise InstrumentError(
        name,
        f"Expected the journal of {name} in {folder} to be free, got one in use by {lock.read() or 'somebody'}. "
        "Stop that one first: two must not act for one furnace.",
    )


def _watch(stop: asyncio.Event) -> None:
    """Notices that whoever holds the other end of our stdin is gone, killed or not."""
    if not os.read(STDIN, 4096):
        asyncio.get_running_loop().remove_reader(STDIN)
        stop.set()


async def run(arguments: argparse.Namespace) -> None:
    """Serves until SIGTERM, SIGINT or, if asked to, the end of stdin."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.until_stdin_ends:
        loop.add_reader(STDIN, _watch, stop)
    working = asyncio.create_task(_work(arguments))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    while not working.done():
        # more than once: a wait_for in aiomqtt that has its answer at this very moment swallows a cancellation
        working.cancel()
        await asyncio.wait([working], timeout=GOODBYE)
    if not working.cancelled():
        working.result()


async def _work(arguments: argparse.Namespace) -> None:
    post = Post(Topics(arguments.name, arguments.root), arguments.url, os.environ.get("ATHANOR_MQTT_PASSWORD"))
    with await _lock(arguments.folder, arguments.name):
        clock = AskersClock()
        bench = Bench(arguments.seed, Faults(arguments.seed, arguments.faults))
        await serve(post, Desk(SimulatedSynthesiser(arguments.name, bench, clock, arguments.folder), clock))


def main(words: Sequence[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m simulators.wire.mqtt_furnace", description=__doc__)
    parser.add_argument("--url", type=_read(Broker.at), required=True, help="the broker: mqtt://[user@]host[:port]")
    parser.add_argument("--name", required=True, help="name of the furnace")
    parser.add_argument("--seed", type=int, required=True, help="seed of the hidden world; the campaign's")
    parser.add_argument("--folder", type=Path, required=True, help="where its journal is kept")
    parser.add_argument(
        "--faults", type=_read(FaultRates.model_validate_json), default=FaultRates(), help="how often what goes wrong"
    )
    parser.add_argument("--root", default=ROOT, help="topic levels above the furnace's name")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end with the process that started it")
    arguments = parser.parse_args(words)
    try:
        asyncio.run(run(arguments))
    except (ValueError, OSError, InstrumentError) as error:
        _tell(sys.stderr, str(error))
        return UNUSABLE
    return 0


def _read(how: Callable[[str], object]) -> Callable[[str], object]:
    """An argument's type; argparse shows what is wrong with it only if it is told in its own words."""

    def read(word: str) -> object:
        try:
            return how(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


if __name__ == "__main__":
    sys.exit(main())
