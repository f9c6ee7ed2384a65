"""The simulated diffractometer keeps its promises, counts honestly, and is the same in any order."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contracts.instruments import ScanRequest, StepKind, StepRequest, StepSample
from science.diffraction.readers import read_pattern_bytes
from simulators.beam import Setting, pattern
from simulators.dice import dice
from simulators.diffractometer import COUNTS_PER_SECOND, SimulatedDiffractometer
from simulators.rates import FaultRates
from tests.clock import SkippingClock
from tests.contracts.examples import EPOCH, perovskite
from tests.promises.diffractometer_promises import JournalledDiffractometerPromises
from tests.simulators.lab import FLAWLESS, SimulatedLab, weighed_recipe

Array = NDArray[np.float64]
LATER = EPOCH + timedelta(days=365)
VIALS = {
    "c-1-v1": perovskite({"Ba": 12}, {"Zr": 7, "Ti": 5}),
    "c-2-v1": perovskite({"Sr": 12}, {"Ti": 12}),
    "c-3-v1": perovskite({"Ca": 6, "Ba": 6}, {"Ti": 12}),
    "c-4-v1": perovskite({"Sr": 12}, {"Zr": 12}),
}


class _Rig:
    """The diffractometer in this process."""

    def __init__(self, folder: Path) -> None:
        self.lab = SimulatedLab(folder)
        self.clock: SkippingClock = self.lab.clock

    async def open(self) -> SimulatedDiffractometer:
        """The instrument over what is on disk."""
        self.lab.reopen()
        return self.lab.diffractometer

    async def crash(self) -> None:
        """Forgets everything that is not on disk."""
        self.lab.reopen()

    async def fill(self, sample: str) -> None:
        """Makes a vial."""
        held, self.clock.held = self.clock.held, False
        await self.lab.make(sample, VIALS[sample], weighed_recipe(VIALS[sample]))
        self.clock.held = held

    async def measured(self, request: ScanRequest) -> None:
        """Nothing: it measures by itself."""

    def damage(self, key: str, *, how: str) -> None:
        """Spoils an entry of its journal."""
        self.lab.damage("xrd-1", key, how=how)


class TestSimulatedDiffractometer(JournalledDiffractometerPromises):
    """Promises, kept over the hidden world."""

    @pytest.fixture
    def rig(self, tmp_path: Path) -> _Rig:
        return _Rig(tmp_path)


async def filled(folder: Path, *samples: str, rates: FaultRates = FLAWLESS, seed: int = 1) -> SimulatedLab:
    """A lab in which some vials were made."""
    lab = SimulatedLab(folder, rates=rates, seed=seed)
    for sample in samples:
        await lab.make(sample, VIALS[sample], weighed_recipe(VIALS[sample]))
    return lab


def background(two_theta: Array, seconds: float) -> Array:
    """What the instrument counts without a sample: 120 a second and angle, air scatter and a hump."""
    air = 1.5 * np.exp(-(two_theta - two_theta[0]) / 12) + 0.5 * np.exp(-(((two_theta - 28) / 7) ** 2))
    return np.asarray(120 * seconds * (1 + air))


def expected(lab: SimulatedLab, request: ScanRequest, two_theta: Array) -> Array:
    """The mean counts of a scan a year after the beginning."""
    inside = lab.bench.contents(request.sample_id)
    assert inside is not None
    weeks = 365 / 7
    texture = float(dice(lab.seed, request.sample_id, "texture").uniform(0.85, 1.15))
    displacement = lab.faults.displacement(request.key, request.sample_id)
    stands = Setting(displacement, lab.diffractometer.zero(weeks), weeks, texture)
    signal = pattern(two_theta, inside.phases, stands)
    scaled = signal * COUNTS_PER_SECOND * request.seconds_per_step / signal.max()
    return np.asarray(scaled + background(two_theta, request.seconds_per_step))


@pytest.mark.parametrize("seconds", [0.1, 2.0])
async def test_counts_scatter_as_poisson_says(tmp_path: Path, seconds: float) -> None:
    """Whole numbers with the mean of the pattern and a variance equal to it, on lines and between them."""
    lab = await filled(tmp_path, "c-1-v1")
    request = lab.scan("c-1-v1", seconds_per_step=seconds)
    two_theta, counts = lab.diffractometer.scan(request, LATER)
    mean = expected(lab, request, two_theta)
    assert (counts == np.round(counts)).all()
    pull = (counts - mean) / np.sqrt(mean)
    for some in (mean > 3 * background(two_theta, seconds), mean < 1.2 * background(two_theta, seconds)):
        n = int(some.sum())
        assert n > 100
        assert abs(pull[some].mean()) < 5 / np.sqrt(n)
        assert abs((pull[some] ** 2).mean() - 1) < 5 * np.sqrt(2.2 / n)
    neighbours = float((pull[1:] * pull[:-1]).mean())
    assert abs(neighbours) < 5 / np.sqrt(len(pull)), "each angle is counted for itself"


async def test_longer_counting_is_less_noisy(tmp_path: Path) -> None:
    """Four times the time gives four times the counts and half the relative scatter."""
    lab = await filled(tmp_path, "c-1-v1")
    counts = {s: lab.diffractometer.scan(lab.scan("c-1-v1", seconds_per_step=s), LATER)[1] for s in (0.5, 2.0)}
    assert counts[2.0].sum() / counts[0.5].sum() == pytest.approx(4, rel=0.01)


async def test_an_empty_holder_shows_the_background_and_nothing_else(tmp_path: Path) -> None:
    """No sample, no line: an empty holder and a vial that nobody filled count the background alone."""
    empty = await filled(tmp_path / "a", "c-1-v1", rates=FLAWLESS.model_copy(update={"empty_holder": 1.0}))
    bare = SimulatedLab(tmp_path / "b")
    two_theta, counts = empty.diffractometer.scan(empty.scan("c-1-v1"), LATER)
    np.testing.assert_array_equal(counts, bare.diffractometer.scan(bare.scan("c-1-v1"), LATER)[1])
    mean = background(two_theta, 0.5)
    pull = (counts - mean) / np.sqrt(mean)
    assert abs(pull.mean()) < 5 / np.sqrt(len(pull))
    assert abs((pull**2).mean() - 1) < 5 * np.sqrt(2 / len(pull))
    assert np.abs(pull).max() < 5.5
    assert [(i.fault, i.logged) for i in empty.faults] == [("empty_holder", False)]


async def test_a_displaced_holder_moves_the_pattern(tmp_path: Path) -> None:
    """The injected displacement, and none else, is what the lines show: −2 s cosθ/R."""
    rates = FLAWLESS.model_copy(update={"displaced_holder": 1.0})
    lab = await filled(tmp_path, "c-2-v1", rates=rates)
    request = lab.scan("c-2-v1", seconds_per_step=20)
    two_theta, counts = lab.diffractometer.scan(request, EPOCH + timedelta(days=1))
    off = lab.faults.injected["c-2-v1", "displaced_holder"].magnitude
    inside = lab.bench.contents("c-2-v1")
    zero = lab.diffractometer.zero(0)
    net = counts - background(two_theta, 20)
    for n in (1, 2, 4, 6):
        theta = np.arcsin(1.5405929 * np.sqrt(n) / 2 / inside.phases[0].pseudo_cubic)
        bragg = np.degrees(2 * theta)
        near = np.abs(two_theta - bragg) < 1.0
        top = two_theta[near][net[near].argmax()]
        assert top - bragg == pytest.approx(zero - 2 * np.degrees(off / 240) * np.cos(theta), abs=0.035)


async def test_each_scan_has_its_own_noise(tmp_path: Path) -> None:
    """Two scans of nothing scatter independently; the same scan scatters in the same way."""
    lab = SimulatedLab(tmp_path)
    two_theta, one = lab.diffractometer.scan(lab.scan("c-1-v1"), LATER)
    mean = background(two_theta, 0.5)
    for other in (lab.scan("c-1-v1", 2), lab.scan("c-2-v1")):
        counts = lab.diffractometer.scan(other, LATER)[1]
        together = ((one - mean) * (counts - mean) / mean).mean()
        assert abs(together) < 5 / np.sqrt(len(mean))
    np.testing.assert_array_equal(lab.diffractometer.scan(lab.scan("c-1-v1"), LATER)[1], one)


def test_the_zero_wanders_a_step_a_week(tmp_path: Path) -> None:
    """The zero stands still within a week, steps by about 0.004 degrees, and grows as a random walk."""
    walks = []
    for seed in range(200):
        meter = SimulatedLab(tmp_path / str(seed), seed=seed).diffractometer
        assert meter.zero(3.01) == meter.zero(3.99) != meter.zero(4.0)
        walks.append([meter.zero(w) for w in range(26)])
    steps = np.diff(np.array(walks), axis=1)
    assert steps.std() == pytest.approx(0.004, rel=5 / np.sqrt(2 * steps.size))
    assert abs(steps.mean()) < 5 * 0.004 / np.sqrt(steps.size)
    for week in (0, 25):
        spread = np.array(walks)[:, week].std()
        assert spread == pytest.approx(0.004 * np.sqrt(week + 1), rel=5 / np.sqrt(400))


async def test_a_scan_shows_the_vial_as_it_was_then(tmp_path: Path) -> None:
    """Handed over again after the vial was fired once more, an old scan is still the old scan."""
    lab = await filled(tmp_path, "c-1-v1")
    request = lab.scan("c-1-v1")
    await lab.diffractometer.start(request)
    report = await lab.diffractometer.finish(request.key)
    hot = weighed_recipe(VIALS["c-1-v1"], celsius=1600, hours=48)
    vial = StepSample(sample_id="c-1-v1", composition=VIALS["c-1-v1"], recipe=hot)
    await lab.line.start(StepRequest(key="again", step=StepKind.FIRE, samples=(vial,)))
    await lab.line.finish("again")
    lab.reopen()
    assert await lab.diffractometer.finish(request.key) == report
    second = lab.scan("c-1-v1", 2)
    await lab.diffractometer.start(second)
    assert (await lab.diffractometer.finish(second.key)).content != report.content


async def test_the_file_is_xrdml_and_holds_every_count(tmp_path: Path) -> None:
    """Another program's reader finds the angles, the counts, the wavelengths and the times."""
    lab = await filled(tmp_path, "c-1-v1")
    request = lab.scan("c-1-v1")
    await lab.diffractometer.start(request)
    report = await lab.diffractometer.finish(request.key)
    two_theta, counts = lab.diffractometer.scan(request, report.started_at)
    read = read_pattern_bytes(report.file_name, report.content)
    np.testing.assert_array_equal(read.intensity, counts)
    np.testing.assert_allclose(read.two_theta, two_theta, atol=1e-6)
    assert read.wavelength == report.radiation.k_alpha1 == pytest.approx(1.540598)
    assert read.k_alpha2 == (pytest.approx(1.544426), 0.5)
    space = {"x": "http://www.xrdml.com/XRDMeasurement/1.5"}
    root = ET.fromstring(report.content)  # noqa: S314  our own file
    assert root.findtext(".//x:sample/x:id", namespaces=space) == "c-1-v1"
    assert root.findtext(".//x:startTimeStamp", namespaces=space) == report.started_at.isoformat()
    assert root.findtext(".//x:endTimeStamp", namespaces=space) == report.ended_at.isoformat()
    assert float(root.findtext(".//x:commonCountingTime", namespaces=space)) == 0.5


@pytest.mark.parametrize("fault", ["misweigh", "overshoot", "displaced_holder", "empty_holder", "shutter_stuck"])
async def test_a_fault_in_one_sample_leaves_every_other_alone(tmp_path: Path, fault: str) -> None:
    """Whatever happens to one vial, the next one's pattern is the same in every count."""
    calm = await filled(tmp_path / "calm", "c-1-v1", "c-2-v1")
    stormy = SimulatedLab(tmp_path / "stormy", rates=FLAWLESS.model_copy(update={fault: 1.0}))
    await stormy.make("c-1-v1", VIALS["c-1-v1"], weighed_recipe(VIALS["c-1-v1"]))
    _, troubled = stormy.diffractometer.scan(stormy.scan("c-1-v1"), LATER)
    stormy.faults.rates = FLAWLESS
    await stormy.make("c-2-v1", VIALS["c-2-v1"], weighed_recipe(VIALS["c-2-v1"]))
    untroubled = [lab.diffractometer.scan(lab.scan("c-2-v1"), LATER)[1] for lab in (calm, stormy)]
    assert not np.array_equal(troubled, calm.diffractometer.scan(calm.scan("c-1-v1"), LATER)[1])
    np.testing.assert_array_equal(*untroubled)


@settings(max_examples=10, deadline=None)
@given(st.permutations(list(VIALS)), st.permutations(list(VIALS)))
async def test_any_order_gives_the_same_world(
    tmp_path_factory: pytest.TempPathFactory, making: list[str], measuring: list[str]
) -> None:
    """Made and measured in any order, each vial holds the same phases and counts the same."""
    rates = FLAWLESS.model_copy(update={"misweigh": 0.3, "displaced_holder": 0.3, "empty_holder": 0.1})
    folder = tmp_path_factory.mktemp("lab")
    straight = await filled(folder / "straight", *VIALS, rates=rates, seed=4)
    mixed = await filled(folder / "mixed", *making, rates=rates, seed=4)
    once = {s: straight.diffractometer.scan(straight.scan(s, step=0.1), LATER)[1] for s in VIALS}
    for sample in measuring:
        assert mixed.bench.contents(sample) == straight.bench.contents(sample)
        np.testing.assert_array_equal(mixed.diffractometer.scan(mixed.scan(sample, step=0.1), LATER)[1], once[sample])
    assert mixed.faults.injected == straight.faults.injected


async def test_another_seed_is_another_world(tmp_path: Path) -> None:
    """Noise, cells and displacement differ from seed to seed."""
    one, two = [await filled(tmp_path / str(seed), "c-1-v1", seed=seed) for seed in (1, 2)]
    assert one.bench.contents("c-1-v1") != two.bench.contents("c-1-v1")
    patterns = [lab.diffractometer.scan(lab.scan("c-1-v1"), LATER)[1] for lab in (one, two)]
    assert not np.array_equal(*patterns)
    assert np.corrcoef(*patterns)[0, 1] > 0.5, "the same compound all the same"


async def test_the_ledger_is_whole_again_after_a_restart(tmp_path: Path) -> None:
    """Recalling the journal draws every fault of every scan again."""
    some = {"displaced_holder": 0.5, "empty_holder": 0.5, "shutter_stuck": 0.5, "tube_decay": 0.08}
    rates = FLAWLESS.model_copy(update=some | {"schema_change_week": 0, "schema_change_days": 7.0})
    lab = await filled(tmp_path, *VIALS, rates=rates, seed=3)
    for sample in VIALS:
        await lab.diffractometer.start(lab.scan(sample))
        await lab.diffractometer.finish(lab.scan(sample).key)
    injected = dict(lab.faults.injected)
    kinds = {"displaced_holder", "empty_holder", "shutter_stuck", "schema_change", "tube_decay"}
    assert {fault for _, fault in injected} == kinds
    lab.reopen()
    lab.diffractometer.recall()
    recalled = dict(lab.faults.injected)
    assert recalled.keys() == injected.keys()
    worn = ("xrd-1", "tube_decay")
    assert recalled.pop(worn).magnitude >= injected.pop(worn).magnitude, "it fades on, scan or no scan"
    assert recalled == injected
