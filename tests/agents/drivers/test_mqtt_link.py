"""A connection to a broker is made again for ever, and whatever keeps it from being made is said in words."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents.drivers.mqtt_link import Account, Link
from contracts.wire import Broker
from tests.agents.drivers.brokers import GuardedBroker, until

LAB: dict[str, Any] = {"user": "lab", "password": "secret"}
ALL = {"publish": ">", "subscribe": ">"}
NARROW = {"publish": "instruments.>", "subscribe": ["instruments.furnace-1.state", "$MQTT.sub.>"]}
TOPICS = ("instruments/furnace-1/state", "instruments/furnace-1/answer/lab-1")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedBroker]:
    """A broker with users and permissions."""
    broker = GuardedBroker(tmp_path / "broker")
    yield broker
    broker.kill()


@asynccontextmanager
async def _linked(
    broker: GuardedBroker, word: str = "secret"
) -> AsyncIterator[tuple[Link, list[str], list[tuple[str, bytes]]]]:
    changes: list[str] = []
    heard: list[tuple[str, bytes]] = []
    account = Account(Broker(host="127.0.0.1", port=broker.port, user="lab"), "lab-1", word)
    link = Link(account, TOPICS, lambda t, p: heard.append((t, p)), changes.append)
    await link.open()
    try:
        yield link, changes, heard
    finally:
        await link.close()


async def test_what_is_said_is_heard(guarded: GuardedBroker) -> None:
    """Connected and subscribed, messages come as topic and bytes, an empty one too."""
    guarded.start(LAB | {"permissions": ALL})
    async with _linked(guarded) as (link, _, heard):
        await link.say(TOPICS[1], b"one")
        await link.say(TOPICS[0], b"")
        await until(lambda: len(heard) == 2)
        assert heard == [(TOPICS[1], b"one"), (TOPICS[0], b"")]


async def test_a_refused_subscription_is_said_and_tried_again(guarded: GuardedBroker) -> None:
    """The broker answers with a code that nobody raises: it counts as not connected, until it is permitted."""
    guarded.start(LAB | {"permissions": NARROW})
    async with _linked(guarded) as (link, changes, _):
        await until(lambda: any("subscribe" in c for c in changes))
        assert changes[-1] == (
            "it lets the user lab not subscribe to instruments/furnace-1/answer/lab-1; permit it in the broker's "
            "configuration"
        )
        assert not link.up.is_set()
        guarded.start(LAB | {"permissions": ALL})
        await until(link.up.is_set)
        assert changes[-1] == ""


async def test_a_wrong_password_is_said_and_tried_again(guarded: GuardedBroker) -> None:
    """Not let in: the broker's own words reach the lab, and when the broker is put right, the link comes up."""
    guarded.start(LAB)
    async with _linked(guarded, "wrong") as (link, changes, _):
        await until(lambda: any("authorized" in c.lower() for c in changes))
        assert not link.up.is_set()
        guarded.start(LAB | {"password": "wrong"})
        await until(link.up.is_set)


async def test_it_comes_back_after_every_outage_and_each_is_told_once(guarded: GuardedBroker) -> None:
    """Down and up again, twice; while it is down the same reason is not repeated, and a message waits."""
    async with _linked(guarded) as (link, changes, heard):
        assert "refused" in changes[0]
        for _ in range(2):
            saying = asyncio.create_task(link.say(TOPICS[1], b"late"))
            await asyncio.sleep(0.5)  # several attempts
            assert not saying.done()
            guarded.start(LAB | {"permissions": ALL})
            await until(link.up.is_set)
            await saying
            await until(lambda: (TOPICS[1], b"late") in heard)
            heard.clear()
            guarded.kill()
            await until(lambda: not link.up.is_set())
        assert [c == "" for c in changes].count(True) == 2
        assert all(a != b for a, b in itertools.pairwise(changes))


async def test_what_a_message_does_to_its_hearer_does_not_end_the_link(guarded: GuardedBroker) -> None:
    """A mistake in the program that hears is an outage with its name on it, and the link comes back."""
    guarded.start(LAB)
    changes: list[str] = []

    def stumble(_topic: str, _payload: bytes) -> None:
        raise KeyError("clumsy")

    await until(lambda: _answers(guarded.port))
    link = Link(
        Account(Broker(host="127.0.0.1", port=guarded.port, user="lab"), "l", "secret"), TOPICS, stumble, changes.append
    )
    await link.open()
    await until(link.up.is_set)
    await link.say(TOPICS[0], b"x")
    await until(lambda: "'clumsy'" in changes)
    await until(lambda: changes[-1] == "")
    assert link.up.is_set()
    await link.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_closing_ends_it_whether_connected_or_not(guarded: GuardedBroker) -> None:
    """After closing nothing runs on, and nothing is said."""
    async with _linked(guarded) as (link, changes, _):
        pass
    assert link._task is not None
    assert link._task.done()
    told = len(changes)
    guarded.start(LAB)
    await asyncio.sleep(0.5)
    assert len(changes) == told
