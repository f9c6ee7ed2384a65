"""What every diffractometer promises, in one process, over a wire, or over a folder.

A subclass gives a `rig` fixture: an instrument that can be opened, crashed and opened again. `measured` is
what the world does for a scan to end: nothing for a simulated one, a person who drops a file for a folder.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Protocol

import pytest

from contracts.errors import InstrumentBusyError, InstrumentError
from contracts.instruments import ActionState, Diffractometer, ScanReport, ScanRequest
from tests.clock import SkippingClock


class DiffractometerRig(Protocol):
    """An instrument on the test bench."""

    clock: SkippingClock

    async def open(self) -> Diffractometer:
        """The instrument, as an agent sees it; after a crash, over what is left on its disk."""
        ...

    async def crash(self) -> None:
        """Kills it without warning; nothing that was only in its memory survives."""
        ...

    async def fill(self, sample: str) -> None:
        """Puts something into a vial, so that there is something to see."""
        ...

    async def measured(self, request: ScanRequest) -> None:
        """What the world does, after the start, for this scan to end."""
        ...


class JournalledRig(DiffractometerRig, Protocol):
    """An instrument that keeps a journal of its own and does one thing at a time."""

    def damage(self, key: str, *, how: str) -> None:
        """Spoils what it keeps of a key while it is crashed: ``torn``, ``flipped`` or ``swapped``."""
        ...


def scan(key: str = "c-1-v1/scan/1", sample: str = "c-1-v1", **changes: Any) -> ScanRequest:
    """A short scan."""
    return ScanRequest(
        **({"key": key, "sample_id": sample, "start": 20, "stop": 50, "step": 0.05, "seconds_per_step": 0.5} | changes)
    )


async def passes(rig: DiffractometerRig, instrument: Diffractometer, request: ScanRequest) -> ScanReport:
    """One scan from start to end."""
    await instrument.start(request)
    await rig.measured(request)
    return await asyncio.wait_for(instrument.finish(request.key), 120)


class DiffractometerPromises:
    """Promises of `contracts.instruments.Diffractometer`."""

    async def test_it_is_one(self, rig: DiffractometerRig) -> None:
        """The instrument has the verbs and a name."""
        instrument = await rig.open()
        assert isinstance(instrument, Diffractometer)
        assert instrument.name == "xrd-1"

    async def test_a_key_is_never_seen_then_running_then_done(self, rig: DiffractometerRig) -> None:
        """Asking tells how far a scan is, and asking begins nothing."""
        rig.clock.held = True
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        key = scan().key
        assert await instrument.ask(key) is ActionState.NEVER_SEEN
        assert await instrument.ask(key) is ActionState.NEVER_SEEN
        await instrument.start(scan())
        assert await instrument.ask(key) is ActionState.RUNNING
        rig.clock.held = False
        await rig.measured(scan())
        await asyncio.wait_for(instrument.finish(key), 120)
        assert await instrument.ask(key) is ActionState.DONE

    async def test_the_report_names_its_scan_and_can_be_read(self, rig: DiffractometerRig) -> None:
        """The file's bytes, its name with a suffix that tells the format, the vial, and a time."""
        from science.diffraction.readers import read_pattern_bytes

        instrument = await rig.open()
        await rig.fill("c-1-v1")
        report = await passes(rig, instrument, scan())
        assert (report.key, report.sample_id, report.problem) == (scan().key, "c-1-v1", "")
        assert report.started_at <= report.ended_at <= rig.clock.now()
        pattern = read_pattern_bytes(report.file_name, report.content)
        assert pattern.two_theta[0] == pytest.approx(20, abs=0.01)
        assert pattern.two_theta[-1] == pytest.approx(50, abs=0.01)

    async def test_finish_hands_over_the_same_again(self, rig: DiffractometerRig) -> None:
        """Asked again, alone or by two at once, a scan has one file."""
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        await instrument.start(scan())
        await rig.measured(scan())
        one, two = await asyncio.wait_for(
            asyncio.gather(instrument.finish(scan().key), instrument.finish(scan().key)), 30
        )
        assert one == two == await instrument.finish(scan().key)

    async def test_starting_again_does_nothing_more(self, rig: DiffractometerRig) -> None:
        """The same key is the same scan, while it runs and for ever after."""
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        await instrument.start(scan())
        await instrument.start(scan())
        await rig.measured(scan())
        report = await asyncio.wait_for(instrument.finish(scan().key), 120)
        await instrument.start(scan())
        assert await instrument.ask(scan().key) is ActionState.DONE
        assert await instrument.finish(scan().key) == report

    async def test_scans_are_kept_apart(self, rig: DiffractometerRig) -> None:
        """Each vial's scan hands over that vial's file."""
        instrument = await rig.open()
        for sample in ("c-1-v1", "c-2-v1"):
            await rig.fill(sample)
        one = await passes(rig, instrument, scan())
        two = await passes(rig, instrument, scan("c-2-v1/scan/1", "c-2-v1"))
        assert (one.sample_id, two.sample_id) == ("c-1-v1", "c-2-v1")
        assert one.content != two.content

    async def test_a_running_scan_goes_on_over_a_crash(self, rig: DiffractometerRig) -> None:
        """After a restart the scan still runs, and asking for it leads to its file."""
        rig.clock.held = True
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        await instrument.start(scan())
        await rig.crash()
        instrument = await rig.open()
        assert await instrument.ask(scan().key) is ActionState.RUNNING
        rig.clock.held = False
        report = await passes(rig, instrument, scan())
        assert (report.key, report.problem) == (scan().key, "")

    async def test_a_finished_scan_is_still_known_after_a_crash(self, rig: DiffractometerRig) -> None:
        """After a restart the report is the same in every byte."""
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        report = await passes(rig, instrument, scan())
        await rig.crash()
        instrument = await rig.open()
        assert await instrument.ask(scan().key) is ActionState.DONE
        await instrument.start(scan())
        assert await asyncio.wait_for(instrument.finish(scan().key), 120) == report

    async def test_an_unknown_key_cannot_be_finished(self, rig: DiffractometerRig) -> None:
        """Waiting for what was never begun is an error and not an endless wait."""
        instrument = await rig.open()
        with pytest.raises(InstrumentError, match="unknown key 'nobody'"):
            await asyncio.wait_for(instrument.finish("nobody"), 120)


class JournalledDiffractometerPromises(DiffractometerPromises):
    """What an instrument promises besides that keeps a journal and does one thing at a time."""

    async def test_busy_says_until_when(self, rig: JournalledRig) -> None:
        """Another scan is refused with the time at which it may begin, and is then accepted."""
        rig.clock.held = True
        instrument = await rig.open()
        for sample in ("c-1-v1", "c-2-v1"):
            await rig.fill(sample)
        second = scan("c-2-v1/scan/1", "c-2-v1")
        await instrument.start(scan())
        with pytest.raises(InstrumentBusyError, match="xrd-1 to be free") as caught:
            await instrument.start(second)
        assert await instrument.ask(second.key) is ActionState.NEVER_SEEN
        await rig.crash()
        instrument = await rig.open()
        rig.clock.set(caught.value.until - timedelta(seconds=1))
        with pytest.raises(InstrumentBusyError) as again:
            await instrument.start(second)
        assert again.value.until == caught.value.until
        rig.clock.set(caught.value.until)
        await instrument.start(second)
        assert await instrument.ask(second.key) is ActionState.RUNNING

    async def test_a_scan_takes_its_time(self, rig: JournalledRig) -> None:
        """Counting twice as long at each angle takes longer, on the lab's clock."""
        instrument = await rig.open()
        await rig.fill("c-1-v1")
        quick = await passes(rig, instrument, scan())
        slow = await passes(rig, instrument, scan("c-1-v1/scan/2", seconds_per_step=1.0))
        longer = (slow.ended_at - slow.started_at) - (quick.ended_at - quick.started_at)
        assert longer.total_seconds() == pytest.approx(601 * 0.5)

    @pytest.mark.parametrize("how", ["torn", "flipped", "swapped"])
    async def test_damage_is_unknown_and_is_not_guessed_at(self, rig: JournalledRig, how: str) -> None:
        """What the disk spoilt is unknown, not begun again and not reported; others are untouched."""
        instrument = await rig.open()
        for sample in ("c-1-v1", "c-2-v1"):
            await rig.fill(sample)
        await passes(rig, instrument, scan())
        other = scan("c-2-v1/scan/1", "c-2-v1")
        whole = await passes(rig, instrument, other)
        await rig.crash()
        rig.damage(scan().key, how=how)
        instrument = await rig.open()
        assert await instrument.ask(scan().key) is ActionState.UNKNOWN
        with pytest.raises(InstrumentError, match="damaged"):
            await instrument.start(scan())
        with pytest.raises(InstrumentError, match="damaged"):
            await asyncio.wait_for(instrument.finish(scan().key), 120)
        assert await instrument.finish(other.key) == whole

    @pytest.mark.parametrize("span", [(50.0, 20.0), (20.0, 20.0)])
    async def test_a_range_without_angles_is_refused_at_the_start(
        self, rig: JournalledRig, span: tuple[float, float]
    ) -> None:
        """A scan that runs backwards or nowhere is refused and leaves no trace."""
        instrument = await rig.open()
        request = scan(start=span[0], stop=span[1])
        with pytest.raises(InstrumentError, match="upwards"):
            await instrument.start(request)
        assert await instrument.ask(request.key) is ActionState.NEVER_SEEN
