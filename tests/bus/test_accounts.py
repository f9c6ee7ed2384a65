"""On a real server each identity may do what it needs and nothing else, and a refusal is an error at once."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import nats
import nats.errors
import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from agents.runtime import Lab, Runtime
from agents.speakers import EVERYBODY
from agents.workers import Workers
from bus.accounts import FURNACE, Accounts
from bus.blobs import MemoryBlobs
from bus.errors import BusConnectionError, BusError, IdentityError, PermissionDeniedError
from bus.identities import PROVISIONER, READER, KeyFolder
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.campaigns import CampaignPaused
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.presence import AgentFaulted
from contracts.review import ReviewDecided
from contracts.synthesis import SampleLost
from ops.clock import VirtualClock
from tests.agents.toys import Splitter
from tests.contracts.examples import EPOCH, envelope
from tests.promises.bus_promises import BusPromises, decided, lost

ACCOUNTS = Accounts(
    "test", {"robot": (SampleLost,), "desk": (ReviewDecided,), Splitter.name: EVERYBODY}, {"console": (CampaignPaused,)}
)


def by(speaker: str, event: Event, n: int = 0) -> Envelope:
    """An event, said by somebody."""
    return envelope(event, n=n).model_copy(update={"source": f"/agents/{speaker}"})


@pytest.fixture
def keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys")


@pytest.fixture
async def server(tmp_path: Path, keys: KeyFolder) -> AsyncIterator[EmbeddedServer]:
    started = await EmbeddedServer.start(tmp_path / "store", users=ACCOUNTS.configuration(keys))
    yield started
    await started.stop()


@pytest.fixture
def troubles() -> list[BusError]:
    return []


@pytest.fixture
async def bus(server: EmbeddedServer, keys: KeyFolder, troubles: list[BusError]) -> AsyncIterator[JetStreamBus]:
    connected = await JetStreamBus.connect(server.url, MemoryBlobs(), on_trouble=troubles.append, keys=keys)
    yield connected
    await connected.close()


async def refused(url: str, subject: str, body: dict[str, Any], **options: Any) -> bool:
    """Whether the server refuses that a plain client publishes something."""
    told: list[str] = []

    async def noticed(error: Exception) -> None:
        told.append(str(error))

    client = await nats.connect(url, error_cb=noticed, **options)
    await client.publish(subject, json.dumps(body).encode())
    await client.flush()
    for _ in range(20):  # the client library tells its errors a little later
        if told:
            break
        await asyncio.sleep(0.01)
    await client.close()
    return any("permissions violation for publish" in words for words in told)


async def test_an_agent_says_its_own_and_nothing_else(bus: JetStreamBus, troubles: list[BusError]) -> None:
    """What belongs to another agent is refused at once, told as an error with the subject, and not stored."""
    assert (await bus.publish(by("robot", lost(1)))).sequence == 1
    async with asyncio.timeout(3):  # shorter than the wait for a lost answer: a refusal is heard and not inferred
        with pytest.raises(PermissionDeniedError, match="lab.test.synthesis.sample_lost.*Check the permissions"):
            await bus.publish(by("desk", lost(2), 2))
    assert [type(t) for t in troubles] == [PermissionDeniedError]
    assert (await bus.publish(by("desk", decided(3), 3))).sequence == 2
    assert await bus.last_sequence() == 2


async def test_a_refusal_among_many_hits_only_whom_it_concerns(bus: JetStreamBus) -> None:
    """In a batch of what one agent says at once, the forbidden is an error and everything else is stored."""
    said = [by("robot", decided(n) if n % 10 == 0 else lost(n), n) for n in range(100)]
    async with asyncio.timeout(3):
        ends = await asyncio.gather(*(bus.publish(one) for one in said), return_exceptions=True)
    assert [n for n, end in enumerate(ends) if isinstance(end, PermissionDeniedError)] == list(range(0, 100, 10))
    assert await bus.last_sequence() == 90


async def test_nobody_speaks_in_the_name_of_a_stranger(bus: JetStreamBus) -> None:
    """Who has no key is told whose keys there are."""
    with pytest.raises(IdentityError, match="Expected a key stranger.nk.*robot"):
        await bus.publish(by("stranger", lost(1)))


async def test_an_agent_that_oversteps_is_on_record(server: EmbeddedServer, keys: KeyFolder) -> None:
    """A reaction that yields what its agent may not say becomes facts in the log, and nothing waits for ever."""
    bus = await JetStreamBus.connect(server.url, MemoryBlobs(), keys=keys)
    clock = VirtualClock(EPOCH)
    runtime = Runtime(Lab(bus, clock, clock, Workers(0), "test", 7, "0"), [Splitter()])
    await runtime.start()
    await runtime.say(CampaignPaused(reason="x"), "root", "console")
    await asyncio.wait_for(clock.rest(), 120)
    faults = [r.envelope.data async for r in bus.read() if isinstance(r.envelope.data, AgentFaulted)]
    assert [(f.attempt, f.parked) for f in faults] == [(1, False), (2, False), (3, True)]
    assert all(f.error.startswith("PermissionDeniedError: Expected leave to publish on") for f in faults)
    for seat in runtime.seats:
        await seat.leave()
    await bus.close()


@pytest.mark.parametrize("who", ["robot", READER, None])
async def test_only_the_provisioner_may_touch_the_stream(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder, who: str | None
) -> None:
    """Neither an agent, nor the reader, nor anybody without a key may change, empty or remove the stream."""
    await bus.publish(by("robot", lost(1)))
    told = await bus.wire.api("STREAM.INFO.LEDGER")
    options = keys.identity(who).options() if who else {}
    for call in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "CREATE"):
        assert await refused(server.url, f"$JS.API.STREAM.{call}.LEDGER", told["config"] | {"max_msgs": 1}, **options)
    await bus.check()


async def test_the_provisioner_may_touch_the_stream_and_say_nothing_in_it(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder
) -> None:
    """The right to change the stream and the right to speak are nobody's together."""
    told = await bus.wire.api("STREAM.INFO.LEDGER")
    options = keys.identity(PROVISIONER).options()
    assert not await refused(server.url, "$JS.API.STREAM.UPDATE.LEDGER", told["config"], **options)
    assert await refused(server.url, "lab.test.synthesis.sample_lost", {}, **options)


async def test_whoever_has_no_key_may_read_and_not_write(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder
) -> None:
    """A bus without keys sees everything in the log and can add nothing to it."""
    await bus.publish(by("robot", lost(1)))
    stranger = await JetStreamBus.connect(server.url, MemoryBlobs())
    assert [r.envelope.data async for r in stranger.read()] == [lost(1)]
    async with asyncio.timeout(3):
        with pytest.raises(PermissionDeniedError):
            await stranger.publish(by("robot", lost(2), 2))
        with pytest.raises(PermissionDeniedError):
            await stranger.subscribe("test-robot", "test", [SampleLost])
    await stranger.close()


async def test_nobody_takes_what_comes_to_another(bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder) -> None:
    """Another's consumer can neither be emptied, nor removed, nor acknowledged, nor bent by one of its name."""
    subscription = await bus.subscribe("test-robot", "test", [SampleLost])
    before = (await bus.wire.api("CONSUMER.INFO.LEDGER.test-robot"))["config"]
    for who in ("desk", READER):
        options = keys.identity(who).options()
        for call in ("CONSUMER.MSG.NEXT", "CONSUMER.DELETE"):
            assert await refused(server.url, f"$JS.API.{call}.LEDGER.test-robot", {}, **options)
        assert await refused(server.url, "$JS.ACK.LEDGER.test-robot.1.1.1.1.1", {}, **options)
    bent = {"stream_name": "LEDGER", "config": {"name": "test-robot", "ack_policy": "none"}}
    assert await refused(server.url, "$JS.API.CONSUMER.CREATE.LEDGER", bent)
    assert (await bus.wire.api("CONSUMER.INFO.LEDGER.test-robot"))["config"] == before
    await subscription.close()


PUSHING = {"deliver_subject": "instruments.furnace-1.question", "ack_policy": "none", "deliver_policy": "all"}


@pytest.mark.parametrize("who", [None, READER, "console"])
@pytest.mark.parametrize("config", [{"ack_policy": "explicit"}, PUSHING], ids=["pulling", "pushing"])
async def test_whoever_hears_nothing_makes_no_consumer(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder, who: str | None, config: dict[str, Any]
) -> None:
    """Without the key of an agent nothing can be made that the server would have to keep, or that speaks elsewhere."""
    options = keys.identity(who).options() if who else {}
    body = {"stream_name": "LEDGER", "config": config}
    for call in ("CREATE.LEDGER", "CREATE.LEDGER.mine", "CREATE.LEDGER.mine.lab.>", "DURABLE.CREATE.LEDGER.mine"):
        assert await refused(server.url, f"$JS.API.CONSUMER.{call}", body | {"durable_name": "mine"}, **options)
    assert (await bus.wire.api("STREAM.INFO.LEDGER"))["state"]["consumer_count"] == 0


async def test_an_agent_makes_no_consumer_but_its_own(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder
) -> None:
    """With the key of an agent there is one consumer to be had, under one name."""
    options = keys.identity("robot").options()
    for name in ("test-desk", "test-robot2", "evil"):
        body = {"stream_name": "LEDGER", "config": {"durable_name": name, "name": name, "ack_policy": "explicit"}}
        assert await refused(server.url, f"$JS.API.CONSUMER.CREATE.LEDGER.{name}", body, **options)
    assert await refused(server.url, "$JS.API.CONSUMER.CREATE.LEDGER", body, **options)
    assert (await bus.wire.api("STREAM.INFO.LEDGER"))["state"]["consumer_count"] == 0


async def test_high_level_calls_of_a_client_library_work(
    bus: JetStreamBus, server: EmbeddedServer, keys: KeyFolder
) -> None:
    """What libraries ask before they subscribe is granted to an agent: the account, the stream, its own consumer."""
    await bus.publish(by("robot", lost(1)))
    client = await nats.connect(server.url, **keys.identity("desk").options())
    stream = client.jetstream(timeout=3)
    assert (await stream.account_info()).streams == 1
    assert await stream.find_stream_name_by_subject("lab.test.synthesis.sample_lost") == "LEDGER"
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT)
    pull = await stream.pull_subscribe("lab.test.synthesis.sample_lost", durable="test-desk", config=config)
    (message,) = await pull.fetch(1, timeout=5)
    await message.ack_sync()
    assert (await pull.consumer_info()).ack_floor.stream_seq == 1
    await client.close()


@pytest.mark.parametrize("mqtt", [None, -1], ids=["without MQTT", "with MQTT"])
async def test_there_is_a_user_of_instruments_where_instruments_are(
    tmp_path: Path, keys: KeyFolder, mqtt: int | None
) -> None:
    """The user with the empty password, who reaches every furnace, exists on a server that listens to MQTT only."""
    server = await EmbeddedServer.start(tmp_path / "other", mqtt_port=mqtt, users=ACCOUNTS.configuration(keys))
    url = server.url.replace("nats://", f"nats://{FURNACE}:@")
    if mqtt is None:
        with pytest.raises(nats.errors.Error, match="Authorization Violation"):
            await nats.connect(url, allow_reconnect=False, error_cb=_passed_over)
    else:
        assert not await refused(url, "instruments.furnace-1.told", {})
        assert await refused(url, "lab.test.synthesis.sample_lost", {})
    await server.stop()


async def _passed_over(_: Exception) -> None:
    """Somebody else looks at it."""


async def test_nobody_takes_all_of_the_server(server: EmbeddedServer) -> None:
    """Connections, subscriptions on one of them, and what is sent at once have an end for everybody."""
    told = server.about()
    assert (told["max_connections"], told["max_payload"], told["max_control_line"]) == (512, 1024**2, 4096)
    before = told["subscriptions"]
    client = await nats.connect(server.url, error_cb=_passed_over)
    for _ in range(400):
        await client.subscribe("lab.>")
    await client.flush()
    assert server.about()["subscriptions"] - before <= 256
    await client.close()


async def test_an_unknown_key_is_not_let_in(server: EmbeddedServer, tmp_path: Path) -> None:
    """A key of another lab is a clear error and not an endless wait."""
    other = KeyFolder(tmp_path / "other")
    other.make(READER)
    with pytest.raises(BusConnectionError, match="let reader in, got a refusal.*Give the key"):
        await JetStreamBus.connect(server.url, MemoryBlobs(), keys=other.identity(READER), within=3)


async def test_a_name_is_given_once() -> None:
    """An agent that is called like an identity of the house is refused before a server starts."""
    with pytest.raises(IdentityError, match=r"Expected each identity once.*reader"):
        Accounts("c", {"reader": (SampleLost,)}, {})


async def test_keys_are_nobody_elses(keys: KeyFolder) -> None:
    """Keys are made once, readable by their owner only, and one that others can read is not used."""
    public = keys.make("a", "b")
    assert keys.make("a", "b") == public
    assert public["a"] != public["b"]
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    path = keys.folder / "a.nk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(IdentityError, match="got mode 0640.*chmod 600"):
        keys.identity("a").options()
    path.chmod(0o600)
    path.write_text("nothing of the kind")
    with pytest.raises(IdentityError, match="Expected the seed of a NATS user"):
        keys.identity("a").options()


async def test_an_instrument_reaches_instruments_and_not_the_log(tmp_path: Path, keys: KeyFolder) -> None:
    """An MQTT client without a name hears and says what concerns instruments; what it says to the log is not stored."""
    server = await EmbeddedServer.start(tmp_path / "mqtt", mqtt_port=-1, users=ACCOUNTS.configuration(keys))
    bus = await JetStreamBus.connect(server.url, MemoryBlobs(), keys=keys)
    host, port = server.mqtt_url.removeprefix("mqtt://").split(":")
    async with aiomqtt.Client(host, int(port)) as client:
        await client.subscribe("instruments/furnace-1/#")
        await client.publish("lab/test/synthesis/sample_lost", b"{}")
        await client.publish("instruments/furnace-1/told", b"warm")
        message = await asyncio.wait_for(anext(client.messages), 120)
    assert (message.topic.value, message.payload) == ("instruments/furnace-1/told", b"warm")
    assert await bus.last_sequence() == 0
    await bus.close()
    await server.stop()


class TestGuardedBus(BusPromises):
    """Promises, kept on a server that lets nobody do more than he must."""

    @pytest.fixture
    async def server(self, tmp_path: Path, keys: KeyFolder) -> AsyncIterator[EmbeddedServer]:
        kinds = (SampleLost, ReviewDecided)
        speakers = {"test": kinds, "d": (), "one": (), "two": ()}
        users = Accounts("test", speakers, {}).configuration(keys)
        # the suite names its durables after nobody
        users = users.replace("test-d", "d").replace("test-one", "one").replace("test-two", "two")
        started = await EmbeddedServer.start(tmp_path / "store", users=users.replace("lab.test.", "lab.*."))
        yield started
        await started.stop()

    async def put_garbage(self, bus: JetStreamBus, subject: str, payload: bytes) -> None:
        """An agent that is allowed to publish there publishes nonsense."""
        await (await bus.board.of("test")).ask(subject, payload)
