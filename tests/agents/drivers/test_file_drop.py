"""A watched folder keeps the promises of a diffractometer, over restarts and whatever people drop into it."""

from __future__ import annotations

import asyncio
import shutil
import zlib
from pathlib import Path
from typing import ClassVar

import pytest

from agents.drivers.file_drop import FileDropDiffractometer
from agents.drivers.inbox import SETTLED
from agents.runtime import Lab, Runtime
from agents.workers import Workers
from agents.xrd_analyser import XrdAnalyser
from bus.memory import MemoryBus
from contracts.diffraction import MeasurementFailed, PatternMeasured
from contracts.errors import InstrumentError
from contracts.identifiers import root_id
from contracts.instruments import ActionState, ScanReport, ScanRequest, UnaskedDiffractometer
from ops.clock import RealClock
from tests.clock import SkippingClock
from tests.promises.diffractometer_promises import DiffractometerPromises, scan


def columns(sample: str, *, stop: float = 50.0) -> bytes:
    """A scan from 20 degrees as columns; each sample has its own counts."""
    first = zlib.crc32(sample.encode()) % 50
    count = round((stop - 20) / 0.05) + 1
    return "".join(f"{20 + 0.05 * n:.2f} {100 + first + n % 7}\n" for n in range(count)).encode()


class _Rig:
    """The folder, and a person who drops files into it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, SkippingClock()

    async def open(self) -> FileDropDiffractometer:
        """A driver over what is in the folder."""
        return FileDropDiffractometer("xrd-1", self.folder, self.clock, stopwatch=self.clock.stopwatch)

    async def crash(self) -> None:
        """The driver is forgotten, the folder stays."""

    async def fill(self, sample: str) -> None:
        """Nothing: whatever the vial holds, a file will come of it."""

    async def measured(self, request: ScanRequest) -> None:
        """A person drops the file of the vial."""
        (self.folder / f"{request.sample_id}.xy").write_bytes(columns(request.sample_id))


class _Ear(XrdAnalyser):
    """The analyser, as far as it listens to the folder; what it hears it does not look at."""

    name = "ear"
    reaction_table: ClassVar = {}


@pytest.fixture
def rig(tmp_path: Path) -> _Rig:
    return _Rig(tmp_path / "inbox")


class TestFileDropDiffractometer(DiffractometerPromises):
    """Promises, kept over a folder."""


async def hear(driver: FileDropDiffractometer, clock: SkippingClock, seconds: float = 8.0) -> list[ScanReport]:
    """Everything that is handed in unasked within a while."""
    heard: list[ScanReport] = []

    async def listen() -> None:
        async for report in driver.unasked():
            heard.append(report)  # noqa: PERF401  an endless source, of which each report counts as soon as it is there

    listening = asyncio.create_task(listen())
    until = clock.polled + seconds
    while clock.polled < until:
        await asyncio.sleep(0)
        assert not listening.done() or listening.result()
    listening.cancel()
    await asyncio.wait([listening])
    await driver._look()  # others who poll may have had all the looks
    return heard + [driver._unasked.pop(0) for _ in list(driver._unasked)]


async def test_it_hears_what_nobody_asked_for(rig: _Rig) -> None:
    """A file of a strange name is handed in with its name as the sample and a key that names its content."""
    driver = await rig.open()
    assert isinstance(driver, UnaskedDiffractometer)
    (rig.folder / "powder 7 (Größe).xy").write_bytes(columns("p"))
    [report] = await hear(driver, rig.clock)
    assert report.sample_id == "powder-7--Gr--e"
    assert report.file_name == "powder 7 (Größe).xy"
    assert (report.content, report.problem) == (columns("p"), "")
    assert report.key.startswith("file/")
    assert await hear(driver, rig.clock) == []


@pytest.mark.parametrize(
    ("stem", "sample"),
    [("粉末", "unnamed"), ("-_-", "unnamed"), ("x" * 100, "x" * 60), ("_a", "a"), ("BT86 #2", "BT86--2")],
)
async def test_any_name_becomes_a_sample_name(rig: _Rig, stem: str, sample: str) -> None:
    """Whatever a person calls a file, the event that tells of it can be written."""
    driver = await rig.open()
    (rig.folder / f"{stem}.xy").write_bytes(columns("p"))
    assert [r.sample_id for r in await hear(driver, rig.clock)] == [sample]


async def test_garbage_is_handed_in_with_its_problem(rig: _Rig) -> None:
    """A file that cannot be used has a problem instead of content, under a key of its own kind."""
    driver = await rig.open()
    (rig.folder / "bad.xrdml").write_bytes(b"<never closed>")
    (rig.folder / "notes.docx").write_bytes(b"PK")
    (rig.folder / "old").mkdir()
    heard = await hear(driver, rig.clock)
    assert [(r.sample_id, r.content, r.key.partition("/")[0]) for r in heard] == [
        ("bad", b"", "flag"),
        ("notes", b"", "flag"),
        ("old", b"", "flag"),
    ]
    assert all(r.problem.startswith("Expected") for r in heard)
    assert {p.name for p in rig.folder.iterdir()} == {"bad.xrdml", "notes.docx", "old"}


async def test_a_flag_and_a_file_never_share_a_key(rig: _Rig) -> None:
    """One key is one fact: a file that was in trouble and then is not, with the same bytes, has two."""
    driver = await rig.open()
    path = rig.folder / "a.xy"
    path.write_bytes(columns("p"))
    [good] = await hear(driver, rig.clock)
    path.rename(rig.folder / "a.bin")
    [flag] = await hear(driver, rig.clock)
    assert good.key.partition("/")[2] != flag.key.partition("/")[2]
    assert root_id("c", f"unasked/{good.key}") != root_id("c", f"unasked/{flag.key}")


async def test_a_file_that_is_there_before_it_is_asked_for_answers(rig: _Rig) -> None:
    """Dropped and taken in long before its scan is asked for, a file still answers it."""
    driver = await rig.open()
    await rig.measured(scan())
    [early] = await hear(driver, rig.clock)
    assert early.sample_id == "c-1-v1"
    await driver.start(scan())
    report = await asyncio.wait_for(driver.finish(scan().key), 120)
    assert (report.key, report.content) == (scan().key, early.content)
    assert await hear(driver, rig.clock) == []


async def test_an_answer_is_not_handed_in_unasked(rig: _Rig) -> None:
    """While somebody listens for strange files, an asked one goes to who asked, and to nobody else."""
    driver = await rig.open()
    await driver.start(scan())
    listening = asyncio.create_task(hear(driver, rig.clock, 20))
    waiting = asyncio.create_task(driver.finish(scan().key))
    await rig.measured(scan())
    (rig.folder / "strange.xy").write_bytes(columns("s"))
    assert (await waiting).sample_id == "c-1-v1"
    assert [r.sample_id for r in await listening] == ["strange"]


async def test_after_a_restart_an_answer_is_not_a_strange_file(rig: _Rig) -> None:
    """The folder remembers which file answered which scan; strange files come again under the same keys."""
    driver = await rig.open()
    await driver.start(scan())
    await rig.measured(scan())
    (rig.folder / "strange.xy").write_bytes(columns("s"))
    (rig.folder / "bad.xy").write_bytes(b"words")
    await driver.finish(scan().key)
    before = await hear(driver, rig.clock)
    again = await hear(await rig.open(), rig.clock)
    assert [r.sample_id for r in before] == ["bad", "strange"]
    assert [r.key for r in again] == [r.key for r in before], "the log tells by the key that it has them"


async def test_a_file_that_came_while_it_was_down_answers(rig: _Rig) -> None:
    """Asked before a crash and dropped during it, a file goes to who asked and not among the strange ones."""
    await (await rig.open()).start(scan())
    await rig.measured(scan())
    driver = await rig.open()
    assert await hear(driver, rig.clock) == []
    assert await driver.ask(scan().key) is ActionState.DONE
    assert (await driver.finish(scan().key)).content == columns("c-1-v1")


async def test_one_file_answers_one_scan(rig: _Rig) -> None:
    """A second scan of a vial waits for a second file; the first asked is the first answered."""
    driver = await rig.open()
    second = scan("c-1-v1/scan/2")
    await driver.start(scan())
    await driver.start(second)
    await rig.measured(scan())
    first = await driver.finish(scan().key)
    assert await hear(driver, rig.clock) == []
    assert await driver.ask(second.key) is ActionState.RUNNING
    (rig.folder / "c-1-v1.xrdml").write_bytes(b"<never closed>")
    assert [r.problem != "" for r in await hear(driver, rig.clock)] == [True]
    assert await driver.ask(second.key) is ActionState.RUNNING, "garbage answers nothing"
    (rig.folder / "c-1-v1.xye").write_bytes(columns("again"))
    assert (await driver.finish(second.key)).content == columns("again") != first.content
    third = scan("c-1-v1/scan/3")
    await driver.start(third)
    assert await hear(driver, rig.clock) == []
    assert await driver.ask(third.key) is ActionState.RUNNING, "the files that are there have answered others"


async def test_an_answer_that_is_gone_is_waited_for_again(rig: _Rig) -> None:
    """Removed before anybody fetched it after a crash, a file is waited for; whatever comes then answers."""
    driver = await rig.open()
    await driver.start(scan())
    await rig.measured(scan())
    await driver.finish(scan().key)
    (rig.folder / "c-1-v1.xy").unlink()
    driver = await rig.open()
    assert await driver.ask(scan().key) is ActionState.RUNNING
    waiting = asyncio.create_task(driver.finish(scan().key))
    assert await hear(driver, rig.clock) == []
    assert not waiting.done()
    (rig.folder / "c-1-v1.xy").write_bytes(columns("other"))
    assert (await asyncio.wait_for(waiting, 120)).content == columns("other")


async def test_an_answer_that_was_overwritten_is_taken_as_it_is_now(rig: _Rig) -> None:
    """What was never fetched cannot be handed over; the new file of that name answers, even if it was heard before."""
    driver = await rig.open()
    await driver.start(scan())
    await rig.measured(scan())
    await driver.finish(scan().key)
    (rig.folder / "c-1-v1.xy").write_bytes(columns("other"))
    driver = await rig.open()
    assert [r.content for r in await hear(driver, rig.clock)] == [columns("other")]
    assert (await asyncio.wait_for(driver.finish(scan().key), 120)).content == columns("other")


async def test_a_scan_that_is_still_being_written_is_not_its_own_answer(rig: _Rig) -> None:
    """Columns that end before the asked angle wait for the rest, over pauses of minutes."""
    driver = await rig.open()
    await driver.start(scan())
    whole = columns("c-1-v1")
    path = rig.folder / "c-1-v1.xy"
    waiting = asyncio.create_task(driver.finish(scan().key))
    for n in (1, 2, 3):
        path.write_bytes(whole[: whole.rfind(b"\n", 0, len(whole) * n // 4) + 1])
        assert await hear(driver, rig.clock, 120) == []
        assert not waiting.done()
    path.write_bytes(whole)
    assert (await asyncio.wait_for(waiting, 120)).content == whole


async def test_many_who_wait_do_not_make_a_file_settle_sooner(rig: _Rig) -> None:
    """Ten pending scans look ten times as often, and a slow file is still given its seconds."""
    seconds = 0.0
    driver = FileDropDiffractometer("xrd-1", rig.folder, rig.clock, stopwatch=lambda: seconds)
    asked = [scan(f"c-{n}-v1/scan/1", f"c-{n}-v1") for n in range(10)]
    for request in asked:
        await driver.start(request)
    waiting = [asyncio.create_task(driver.finish(r.key)) for r in asked]
    (rig.folder / "bad.xrdml").write_bytes(b"<half")
    assert await hear(driver, rig.clock, 15) == []
    seconds = SETTLED - 0.1
    assert await hear(driver, rig.clock, 15) == []
    seconds = SETTLED + 0.1
    assert [r.sample_id for r in await hear(driver, rig.clock, 15)] == ["bad"]
    for task in waiting:
        task.cancel()


async def test_a_folder_that_goes_away_is_told_once_and_may_come_back(rig: _Rig) -> None:
    """A network drive that drops out is a fact, not a crash; when it is back, files are files again."""
    driver = await rig.open()
    shutil.rmtree(rig.folder)
    [gone] = await hear(driver, rig.clock)
    assert gone.sample_id == "inbox"
    assert "Is its drive there?" in gone.problem
    rig.folder.mkdir()
    (rig.folder / "a.xy").write_bytes(columns("a"))
    assert [r.sample_id for r in await hear(driver, rig.clock)] == ["a"]


class _Hurried(RealClock):
    """Real time, in which polling takes none."""

    polled = 0.0

    async def poll(self, seconds: float) -> None:
        self.polled += seconds
        await asyncio.sleep(0)


async def test_after_a_restart_the_log_has_each_file_once(tmp_path: Path) -> None:
    """A lab that is started again over the same folder and log says nothing twice, and hears what is new."""
    bus, inbox, workers = MemoryBus(), tmp_path / "inbox", Workers(0)
    inbox.mkdir()
    (inbox / "good.xy").write_bytes(columns("g"))
    (inbox / "same.xy").write_bytes(columns("g"))
    (inbox / "bad.xrdml").write_bytes(b"<half")
    (inbox / "old").mkdir()

    async def live() -> list[tuple[str, str]]:
        clock = _Hurried()
        driver = FileDropDiffractometer("xrd-1", inbox, clock, stopwatch=lambda: clock.polled)
        runtime = Runtime(Lab(bus, clock, clock, workers, "test", 1, "0.0.0"), [_Ear(driver)])
        await runtime.start()
        while clock.polled < 20:
            await asyncio.sleep(0.001)
        await runtime.stop("done")
        assert not runtime.failure.done()
        facts = [r.envelope.data async for r in bus.read("test")]
        return sorted((f.kind, f.sample_id) for f in facts if isinstance(f, PatternMeasured | MeasurementFailed))

    failed, measured = MeasurementFailed.kind, PatternMeasured.kind
    first = await live()
    assert first == sorted([(failed, "bad"), (failed, "old"), (measured, "good"), (measured, "same")])
    assert await live() == first
    (inbox / "bad.xrdml").unlink()
    (inbox / "bad.xy").write_bytes(columns("b"))
    assert await live() == sorted([*first, (measured, "bad")])


async def test_a_torn_memory_is_harmless(rig: _Rig) -> None:
    """Cut anywhere, the hidden file costs at most that a scan is asked for once more, and the answer is the same."""
    driver = await rig.open()
    await driver.start(scan())
    await rig.measured(scan())
    report = await driver.finish(scan().key)
    [memory] = [p for p in rig.folder.iterdir() if p.name.startswith(".")]
    whole = memory.read_bytes()
    for length in range(0, len(whole), 7):
        memory.write_bytes(whole[:length])
        driver = await rig.open()
        await driver.start(scan())
        assert (await driver.finish(scan().key)).content == report.content
        again = await rig.open()
        assert await again.ask(scan().key) is ActionState.DONE


async def test_a_memory_that_cannot_be_used_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """Nothing is awaited that would be forgotten, and nothing begins over a memory that is closed to us."""
    nowhere = tmp_path / "nowhere" / "memory"
    driver = FileDropDiffractometer("xrd-1", tmp_path / "inbox", SkippingClock(), memory=nowhere)
    with pytest.raises(InstrumentError, match=r"Expected to write to .*memory.* Let this program write"):
        await driver.start(scan())
    assert await driver.ask(scan().key) is ActionState.NEVER_SEEN
    with pytest.raises(InstrumentError, match=r"Expected to read .* Let this program read"):
        FileDropDiffractometer("xrd-1", tmp_path / "inbox", SkippingClock(), memory=tmp_path)


async def test_nothing_asked_nothing_written(rig: _Rig) -> None:
    """A driver that only listens leaves no trace in somebody else's folder."""
    driver = await rig.open()
    (rig.folder / "a.xy").write_bytes(columns("a"))
    await hear(driver, rig.clock)
    assert [p.name for p in rig.folder.iterdir()] == ["a.xy"]
