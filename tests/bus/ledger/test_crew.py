"""However many processes look at a ledger, what is found is the same."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.errors import GapError, NewerAthanorError, UndecodableEventError
from bus.ledger import crew
from bus.ledger.crew import Crew
from bus.ledger.entry import encode_entry
from bus.ledger.errors import RootError, SignatureError, TileDamagedError
from bus.ledger.findings import Kind, Verdict
from bus.ledger.keys import read_verifiers
from bus.ledger.note import Signer
from bus.ledger.tiles import ENTRIES, TileStore, tile_path
from bus.ledger.verify import Means, Seen, Trust, verify
from bus.protocol import Recorded
from bus.replay import LedgerSource
from contracts.presence import AgentStopped, Speaker, SpeakersListed
from tests.bus.ledger.growing import entries, envelope, make, message
from tests.bus.ledger.signed_lab import UNSIGNED, Lab, made

COUNT = 1500


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are started for five bundles, too, and take two at once."""
    monkeypatch.setattr(crew, "WORTHWHILE", 1)
    monkeypatch.setattr(crew, "STRETCH", 2)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab that has said 1500 events, most of them signed."""
    return made(tmp_path_factory.mktemp("lab") / "run", COUNT)


def judged(lab: Lab, processes: int, trust: Trust | None = None) -> Verdict:
    """The verdict on everything."""
    return verify(lab.ledger, trust, Means(artefacts=lab.blobs, processes=processes))


def test_a_clean_ledger_is_found_clean_by_two(work: Lab) -> None:
    """The verdict is the same to the last word: speakers, artefacts and the root, kept checkpoints included."""
    alone, told = judged(work, 1), list[tuple[int, int]]()
    means = Means(artefacts=work.blobs, processes=2, progress=lambda done, size: told.append((done, size)))
    together = verify(work.ledger, Trust(seen=(Seen("a reviewer", work.store.read_checkpoint()),)), means)
    assert alone == together
    assert alone.ok
    assert alone.said[1] == ("planner", COUNT - UNSIGNED - 1 - 15, UNSIGNED)
    assert told[-1] == (COUNT, COUNT)
    assert told == sorted(told)


def damage_entry(lab: Lab) -> None:
    path = lab.ledger / tile_path(ENTRIES, 3)
    path.write_bytes(path.read_bytes().replace(b"a test", b"a lie!", 1))


def damage_tile(lab: Lab) -> None:
    path = lab.ledger / tile_path(0, 1)
    path.write_bytes(bytes(32) + path.read_bytes()[32:])


def cut(lab: Lab) -> None:
    path = lab.ledger / tile_path(ENTRIES, 2)
    path.write_bytes(path.read_bytes()[:-5])


def remove(lab: Lab) -> None:
    (lab.ledger / tile_path(ENTRIES, 0)).unlink()


def both(lab: Lab) -> None:
    damage_tile(lab)
    damage_entry(lab)


@pytest.mark.parametrize("damage", [damage_entry, damage_tile, cut, remove, both])
def test_damage_is_found_alike(work: Lab, tmp_path: Path, damage: object) -> None:
    """What is wrong, where, and in which words does not depend on how many look."""
    lab = Lab(tmp_path / "run")
    shutil.copytree(work.run, lab.run)
    damage(lab)  # type: ignore[operator]
    alone, together = judged(lab, 1), judged(lab, 3)
    assert alone == together
    assert not alone.ok


def log(tmp_path: Path, said: Sequence[bytes]) -> TileStore:
    return make(tmp_path, 0, content=said)


def test_what_stands_far_apart_is_put_together(tmp_path: Path) -> None:
    """A cause, a repetition and a lie whose other half another process has seen."""
    said = entries(COUNT)
    said[10] = encode_entry(*message(10, envelope(10, cause=1200)))
    said[1300] = encode_entry(1301, *message(20)[1:])
    said[1400] = encode_entry(
        1401, *message(30, envelope(30, AgentStopped(agent="planner", start=9, reason="otherwise")))[1:]
    )
    store = log(tmp_path, said)
    found = [verify(store.folder, means=Means(processes=n)) for n in (1, 2)]
    assert found[0] == found[1]
    assert [(p.index, p.kind) for p in found[0].problems] == [
        (10, Kind.CAUSE), (1301, Kind.CAUSE), (1400, Kind.ID), (1401, Kind.CAUSE),
    ]  # fmt: skip


def test_a_process_that_is_killed_is_replaced(work: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is looked at by whoever asked, and the verdict is the same."""
    alone = judged(work, 1)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(crew, "_faultless", die)
    assert judged(work, 2) == alone


def count(told: Iterable[Recorded]) -> Counter[str]:
    """A fold whose parts can be added."""
    return Counter(recorded.envelope.type for recorded in told)


def places(told: Iterable[Recorded]) -> list[tuple[int, bool]]:
    """Where events stand, and whether they are signed."""
    return [(recorded.sequence, recorded.signed) for recorded in told]


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_fold_over_processes_sees_every_event_once(work: Lab, processes: int) -> None:
    """In order, typed, judged by the roll before it, as one reader alone sees them."""
    source = LedgerSource(work.ledger, MemoryBlobs(), authentic=True)
    alone = [(r.sequence, r.signed) async for r in source.events()]
    assert [place for part in source.folded(places, processes) for place in part] == alone
    assert len(alone) == COUNT
    assert sum(source.folded(count, processes), Counter()).total() == COUNT


@pytest.mark.parametrize("processes", [1, 2])
def test_a_fold_over_processes_tells_what_it_passes_over(tmp_path: Path, processes: int) -> None:
    """Garbage is told with its place, and words of a newer Athanor are raised, whichever process met them."""
    said = entries(COUNT)
    said[700] = encode_entry(*message(700)[:4], b"not json")
    passed: list[UndecodableEventError] = []
    source = LedgerSource(log(tmp_path / "garbage", said).folder, MemoryBlobs())
    parts = source.folded(count, processes, passed_over=passed.append)
    assert sum(parts, Counter()).total() == COUNT - 1
    assert [error.sequence for error in passed] == [701]
    lists = SpeakersListed(speakers=(Speaker(name="test", public_key="", says=("presence.agent_stopped:9",)),))
    said[5] = encode_entry(*message(5, envelope(5, lists).model_copy(update={"source": "/agents/console"})))
    newer = message(900)
    said[900] = encode_entry(*newer[:4], newer[4].replace(b"agent_stopped:1", b"agent_stopped:9"))
    with pytest.raises(NewerAthanorError):
        LedgerSource(log(tmp_path / "newer", said).folder, MemoryBlobs()).folded(count, processes)
    said = entries(COUNT)
    del said[800]
    with pytest.raises(GapError):
        LedgerSource(log(tmp_path / "gap", said).folder, MemoryBlobs()).folded(count, processes)


def test_an_authentic_source_hands_out_only_what_was_signed(work: Lab, tmp_path: Path) -> None:
    """An altered entry, an altered tile and a checkpoint of somebody else stop the reading, and nothing is told."""
    lab = Lab(tmp_path / "run")
    shutil.copytree(work.run, lab.run)
    source = LedgerSource(lab.ledger, MemoryBlobs(), authentic=True)
    assert sum(1 for _ in source.recorded()) == COUNT
    assert sum(1 for _ in source.recorded(300)) == 300
    damage_entry(lab)
    seen: list[int] = []
    with pytest.raises(TileDamagedError, match="entries/003"):
        seen.extend(recorded.sequence for recorded in source.recorded())
    assert seen == list(range(1, 769))
    with pytest.raises(TileDamagedError):
        source.folded(count, 2)
    path = lab.ledger / tile_path(1, 0, 5)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RootError, match="ledger verify"):
        next(iter(source.recorded()))
    name = read_verifiers(lab.ledger)[0].name
    (lab.ledger / "verifiers").write_text(f"{Signer.generate(name).verifier}\n")
    with pytest.raises(SignatureError):
        next(iter(source.recorded()))


def test_nobody_starts_processes_for_a_small_ledger(work: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below some ten thousand entries they cost more than they save."""
    monkeypatch.setattr(crew, "WORTHWHILE", 128)
    with Crew(work.ledger, 2) as idle:
        assert list(idle.bundles(COUNT)) == [None] * 6
        assert idle.rolls(COUNT) == ()
