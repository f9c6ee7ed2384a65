"""Sources of a past: a broker's store, a live server and a ledger tell the same, and reading changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.blobs import BlobStore, MemoryBlobs
from bus.codec import encode
from bus.errors import GapError, NewerAthanorError, NoLogError
from bus.jetstream import JetStreamBus
from bus.ledger.entry import encode_entry
from bus.ledger.reaching import connected
from bus.ledger.tiles import WIDTH, TileStore, pack_bundle, tile_path
from bus.memory import MemoryBus
from bus.replay import BusSource, LedgerSource, Source, opened
from bus.server import EmbeddedServer
from bus.subjects import dead_letters, subject_of
from contracts.envelope import Envelope
from contracts.presence import Speaker, SpeakersListed
from tests.agents.toys import lost
from tests.contracts.examples import envelope

SUBJECT = subject_of("test", "synthesis.sample_lost")


def words(n: int) -> Envelope:
    return envelope(lost(n), n=n)


def write(folder: Path, payloads: list[tuple[str, bytes]], *, first: int = 1) -> LedgerSource:
    """A ledger of these messages: subject and payload."""
    entries = [encode_entry(first + n, s, f"id-{n}", 10**18 + n * 1000, p) for n, (s, p) in enumerate(payloads)]
    TileStore(folder).write(
        {
            tile_path("entries", n // WIDTH, min(WIDTH, len(entries) - n)): pack_bundle(entries[n : n + WIDTH])
            for n in range(0, len(entries), WIDTH)
        }
    )
    return LedgerSource(folder, MemoryBlobs())


async def told(source: Source, stop: int | None = None) -> tuple[list[tuple[int, Envelope]], list[str]]:
    """What a source tells, and what it passes over."""
    passed_over: list[str] = []
    events = source.events(stop, passed_over=lambda error: passed_over.append(str(error)))
    return [(r.sequence, r.envelope) async for r in events], passed_over


async def test_a_ledger_tells_what_the_bus_tells(tmp_path: Path) -> None:
    """The same events at the same places over the border of a bundle, dead letters and garbage passed over alike."""
    bus = MemoryBus()
    for n in range(WIDTH + 5):
        if n == 3:
            bus.store(SUBJECT, b"no event at all")
        elif n == 4:
            bus.store(dead_letters("test", "test-planner"), encode(words(1)))
        else:
            await bus.publish(words(n))
    ledger = write(tmp_path, [(s.subject, s.payload) for s in bus.log])
    events, passed_over = await told(ledger)
    assert (events, passed_over) == await told(BusSource(bus))
    assert [sequence for sequence, _ in events] == [1, 2, 3, *range(6, WIDTH + 6)]
    assert len(passed_over) == 1
    assert await told(ledger, stop=2) == await told(BusSource(bus), stop=2) == (events[:2], [])


async def test_a_gap_is_not_read_over(tmp_path: Path) -> None:
    """An entry that is missing at the beginning stops the reading."""
    with pytest.raises(GapError):
        await told(write(tmp_path, [(SUBJECT, encode(words(0)))], first=2))


async def test_words_of_a_newer_athanor_are_not_passed_over(tmp_path: Path) -> None:
    """What the roll vouches for might matter: no half of a past is told. Others are passed over."""
    newer = encode(words(0)).replace(b"sample_lost:1", b"sample_lost:9")
    _, passed_over = await told(write(tmp_path / "nobody's", [(SUBJECT, newer)]))
    assert len(passed_over) == 1
    lists = SpeakersListed(speakers=(Speaker(name="test", public_key="", says=("synthesis.sample_lost:9",)),))
    roll = envelope(lists, n=7).model_copy(update={"source": "/agents/console"})
    log = [(subject_of("test", lists.kind), encode(roll)), (SUBJECT, newer)]
    with pytest.raises(NewerAthanorError, match="newer"):
        await told(write(tmp_path / "ours", log))


async def test_content_too_large_for_an_entry_is_passed_over(tmp_path: Path) -> None:
    """Of a stranger's bytes the ledger keeps a digest only, and no event is larger than an entry."""
    _, passed_over = await told(write(tmp_path, [(SUBJECT, b"x" * 70_000)]))
    assert len(passed_over) == 1


@pytest.mark.parametrize("made", [[], ["store"], ["ledger/tile"]])
async def test_a_folder_without_a_log_is_refused(tmp_path: Path, made: list[str]) -> None:
    """Nothing there, or nothing in it: a sentence that says what was expected."""
    for name in made:
        (tmp_path / "run" / name).mkdir(parents=True)
    with pytest.raises(NoLogError, match="Expected the folder of a run"):
        async with opened(tmp_path / "run"):
            pass


@pytest.fixture
async def run(tmp_path: Path) -> Path:
    """The folder of something that has run."""
    server = await EmbeddedServer.start(tmp_path / "run" / "store")
    bus = await JetStreamBus.connect(server.url, BlobStore(tmp_path / "run" / "blobs"))
    for n in range(3):
        await bus.publish(words(n))
    await bus.close()
    await server.stop()
    return tmp_path / "run"


async def test_a_store_is_read_from_a_copy(run: Path) -> None:
    """The events are told, and not a byte of the store has changed."""

    def content() -> dict[Path, tuple[int, bytes]]:
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in run.rglob("*") if p.is_file()}

    before = content()
    async with opened(run) as source:
        assert (await told(source))[0] == [(n + 1, words(n)) for n in range(3)]
    assert content() == before


async def test_a_store_goes_before_a_ledger(run: Path) -> None:
    """The broker's log may be further than its second copy; without it the copy is read."""
    payloads = [(SUBJECT, encode(words(0)))]
    write(run / "ledger", payloads)
    async with opened(run) as source:
        assert isinstance(source, BusSource)
    (run / "store").rename(run / "lost")
    async with opened(run) as source:
        assert (await told(source))[0] == [(1, words(0))]


async def test_a_server_without_a_log_is_refused_and_gets_none(tmp_path: Path) -> None:
    """Who only reads makes no stream where there is none."""
    server = await EmbeddedServer.start(tmp_path / "store")
    try:
        with pytest.raises(NoLogError, match="stream not found"):
            async with opened(None, server.url):
                pass
        async with connected(server.url) as wire:
            assert (await wire.api("STREAM.NAMES"))["total"] == 0
    finally:
        await server.stop()
