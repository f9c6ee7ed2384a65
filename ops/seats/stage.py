"""A lab of its own for an agent that is looked at: a real server in a scratch folder, a roll, causes, and its log.

The server remembers what it was told for a tenth of a second only, so that an agent that counts on the server to drop
what it says again is seen saying it twice.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

from agents.envelopes import Saying, seal
from agents.speakers import AGENTS, OTHERS
from bus.codec import encode
from bus.identities import PROVISIONER, SUFFIX, KeyFolder
from bus.ledger.stream import Stored, Stream
from bus.server import EmbeddedServer
from bus.subjects import subject_of
from bus.topology import STREAM, stream_settings
from bus.wire import ApiError, Wire
from contracts.catalogue import CATALOGUE
from contracts.envelope import Envelope
from contracts.event import Event
from contracts.identifiers import root_id
from contracts.presence import Speaker, SpeakersListed
from ops.accounts import accounts_of, speakers_of
from ops.errors import SeatError
from ops.seat_book import Seat, keep_seat

CAMPAIGN = "check-0"
"""The campaign in which an agent is looked at."""
BEGINNING = datetime(2026, 1, 5, 8, tzinfo=UTC)
_WINDOW = 100_000_000
"""Nanoseconds within which the server drops repeated ids: the least that it takes."""


def examples(kind: str) -> list[dict[str, Any]]:
    """What events of a kind said in campaigns that were recorded; none where none was."""
    told: dict[str, list[dict[str, Any]]] = json.loads(files("ops.seats").joinpath("causes.json").read_bytes())
    return told.get(kind, [])


@dataclass(frozen=True)
class Cause:
    """Something that the agent is told."""

    sequence: int
    envelope: Envelope


@dataclass
class Stage:
    """The lab.

    Attributes:
        seat: who is looked at.
        folder: the scratch folder.
        key: the private key of the seat.
    """

    seat: Seat
    folder: Path
    key: Path
    causes: list[Cause] = field(default_factory=list)
    poison: list[int] = field(default_factory=list)
    """Places of what is no event, or not to be believed."""
    _server: EmbeddedServer | None = None
    _wires: dict[str, Wire] = field(default_factory=dict)
    _kinds: Iterator[tuple[str, dict[str, Any]]] = field(default_factory=lambda: iter(()))

    @property
    def keys(self) -> KeyFolder:
        """The keys of this lab."""
        return KeyFolder(self.folder / "keys")

    @property
    def url(self) -> str:
        """Where its server is."""
        assert self._server is not None  # noqa: S101  open() comes first
        return self._server.url

    @property
    def durable(self) -> str:
        """The seat's consumer."""
        return f"{CAMPAIGN}-{self.seat.name}"

    async def open(self) -> None:
        """Starts the server, makes the stream, calls the roll, and begins a campaign."""
        self.keys.make(PROVISIONER)
        shutil.copyfile(self.key, self.keys.folder / f"{self.seat.name}{SUFFIX}")
        (self.keys.folder / f"{self.seat.name}{SUFFIX}").chmod(0o600)
        if self.seat.name not in AGENTS:
            keep_seat(self.keys.folder, self.seat)
        users = accounts_of(CAMPAIGN, self.keys).configuration(self.keys)
        self._server = await EmbeddedServer.start(self.folder / "store", users=users)
        wire = await self.wire(PROVISIONER)
        await wire.api(f"STREAM.CREATE.{STREAM}", stream_settings() | {"duplicate_window": _WINDOW})
        speakers = speakers_of(CAMPAIGN, self.keys)
        listed = SpeakersListed(
            speakers=tuple(
                Speaker(name=name, public_key=key, says=tuple(sorted({f"{k.kind}:{k.version}" for k in kinds})))
                for name, (key, kinds) in sorted(speakers.items())
            )
        )
        await self._say(listed, "console", root_id(CAMPAIGN, "roll"))
        started = CATALOGUE["campaign.started"].model_validate(examples("campaign.started")[0])
        await self._say(started, "console", root_id(CAMPAIGN, "campaign/started"))

    async def close(self) -> None:
        """Ends everything."""
        for wire in self._wires.values():
            await wire.close()
        if self._server is not None:
            await self._server.stop()

    async def wire(self, name: str) -> Wire:
        """Somebody's connection."""
        if name not in self._wires:
            self._wires[name] = await Wire.connect(self.url, lambda _: None, identity=self.keys.identity(name))
        return self._wires[name]

    # telling -------------------------------------------------------------------------------------

    def hear(self, kinds: Sequence[str]) -> list[str]:
        """Takes causes of these kinds in turn from now on; those of which none can be made."""
        made = [kind for kind in kinds if examples(kind)]

        def turns() -> Iterator[tuple[str, dict[str, Any]]]:
            n = 0
            while made:
                for kind in made:
                    known = examples(kind)
                    yield kind, known[n % len(known)]
                n += 1

        self._kinds = turns()
        return sorted(set(kinds) - set(made))

    async def tell(self, count: int = 1) -> list[Cause]:
        """Stores so many causes, said by whom they are to be expected from."""
        told = []
        for _ in range(count):
            kind, data = next(self._kinds)
            event = CATALOGUE[kind].model_validate(data)
            cause = await self._say(event, speaker_of(kind), root_id(CAMPAIGN, f"cause/{len(self.causes)}"))
            self.causes.append(cause)
            told.append(cause)
        return told

    async def tell_poison(self) -> None:
        """Stores what comes under the subjects that are heard and may not be answered: noise, a lie, the future."""
        kind, data = next(self._kinds)
        speaker = speaker_of(kind)
        event = CATALOGUE[kind].model_validate(data)
        for n, spoil in enumerate((_noise, _lie, _future)):
            said = seal(event, root_id(CAMPAIGN, f"poison/{n}"), Saying(CAMPAIGN, speaker, BEGINNING, None))
            self.poison.append(await self._store(speaker, kind, spoil(encode(said)), str(said.id)))

    async def _say(self, event: Event, speaker: str, event_id: UUID) -> Cause:
        time = BEGINNING + timedelta(minutes=len(self.causes))
        envelope = seal(event, event_id, Saying(CAMPAIGN, speaker, time, None))
        return Cause(await self._store(speaker, event.kind, encode(envelope), str(event_id)), envelope)

    async def _store(self, speaker: str, kind: str, body: bytes, event_id: str) -> int:
        subject = subject_of(CAMPAIGN, kind)
        payload = self.keys.identity(speaker).signer().sign(subject, body)
        wire = await self.wire(speaker)
        receipt, _ = await wire.publisher.publish(subject, payload, {"Nats-Msg-Id": event_id})
        return receipt.sequence

    # troubles ------------------------------------------------------------------------------------

    async def restart(self) -> None:
        """Kills the server, as a crash would, and starts it again on the same port."""
        assert self._server is not None  # noqa: S101  open() comes first
        process = self._server._process  # noqa: SLF001  a crash asks nobody
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait)
        await self._server.revive()

    async def fill(self, *, full: bool) -> None:
        """Lets nothing more be stored, or everything again."""
        wire = await self.wire(PROVISIONER)
        told = await wire.api(f"STREAM.INFO.{STREAM}")
        limit = {"max_bytes": told["state"]["bytes"]} if full else {"max_bytes": stream_settings()["max_bytes"]}
        await wire.api(f"STREAM.UPDATE.{STREAM}", told["config"] | limit)

    async def forget(self) -> None:
        """Removes the seat's consumer: whatever it has acknowledged is delivered once more."""
        with suppress(ApiError):
            await (await self.wire(PROVISIONER)).api(f"CONSUMER.DELETE.{STREAM}.{self.durable}")

    # looking -------------------------------------------------------------------------------------

    async def consumer(self) -> Mapping[str, Any] | None:
        """What the server says of the seat's consumer; none while there is none."""
        with suppress(ApiError):
            return await (await self.wire(PROVISIONER)).api(f"CONSUMER.INFO.{STREAM}.{self.durable}")
        return None

    async def floor(self) -> int:
        """Place up to which the seat has acknowledged everything."""
        told = await self.consumer()
        return int(told["ack_floor"]["stream_seq"]) if told else 0

    async def beginning(self) -> tuple[int, str]:
        """The place where its consumer begins, and how the consumer's settings say so."""
        told = await self.consumer()
        config = told["config"] if told else {}
        policy = config.get("deliver_policy", "all")
        if policy == "by_start_sequence":
            return int(config["opt_start_seq"]), f"opt_start_seq {config['opt_start_seq']}"
        return (1 if policy == "all" else sys.maxsize), f"deliver_policy {policy}"

    async def log(self, start: int = 1) -> list[Stored]:
        """Everything that is stored from a place on."""
        stream = Stream(await self.wire("ledger"))
        state = await stream.state()
        return [stored async for stored in stream.read(start, state.last if state else 0)]

    def violations(self) -> list[str]:
        """What the server refused to the seat."""
        public = self.keys.public(self.seat.name)
        lines = (self.folder / "store" / "nats.log").read_text(errors="replace").splitlines()
        return [line.partition("[ERR]")[2].strip() for line in lines if "Violation" in line and public in line]


def speaker_of(kind: str) -> str:
    """Who says events of a kind.

    Raises:
        SeatError: nobody does.
    """
    for name, kinds in (*AGENTS.items(), *OTHERS.items()):
        if any(k.kind == kind for k in kinds):
            return name
    raise SeatError(f"Expected a kind that somebody says, got {kind}: everybody says it of himself. Hear another one.")


def _noise(_: bytes) -> bytes:
    return b'{"specversion":"1.0","id":}'


def _lie(body: bytes) -> bytes:
    document = json.loads(body)
    return json.dumps(document | {"source": "/agents/somebody_else"}).encode()


def _future(body: bytes) -> bytes:
    document = json.loads(body)
    uri = str(document["dataschema"]).rpartition(":")[0]
    return json.dumps(document | {"dataschema": f"{uri}:99"}).encode()
