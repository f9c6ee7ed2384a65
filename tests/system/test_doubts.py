"""A campaign in doubt: standards, rescans and questions through a real server, over a kill, and lived again."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bus.protocol import Recorded
from contracts.diffraction import (
    AnalysisFlagged,
    AnalysisReviewDeferred,
    AnalysisReviewRequested,
    MeasurementStarted,
    PatternMeasured,
    PhasesIdentified,
    RescanRequested,
    StandardMeasured,
)
from contracts.learning import ObservationRecorded, ObservationWithheld
from tests.system.console import athanor, command, environment, read_log, small, summary

pytestmark = pytest.mark.slow

SEED = 2
CHANGES = {"standard_interval_days = 7": "standard_interval_days = 1", "reviews_per_day = 8": "reviews_per_day = 1"}


def campaign(folder: Path) -> Path:
    """Four vials, a standard a day and one question a day."""
    return small(folder, changes=CHANGES)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The campaign, run once for this module."""
    folder = tmp_path_factory.mktemp("doubts")
    return summary(athanor("run", campaign(folder), "--seed", SEED, "--out", folder / "out", "--json")), folder / "out"


async def log_of(undisturbed: tuple[dict[str, Any], Path], scratch: Path) -> list[Recorded]:
    """What stands in its log."""
    return await read_log(undisturbed[1], scratch)


def of(log: list[Recorded], *kinds: type) -> list[Recorded]:
    return [r for r in log if isinstance(r.envelope.data, kinds)]


async def test_the_standard_is_scanned_before_the_first_vial_and_when_it_is_due(
    undisturbed: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    """No vial is scanned before the first standard, none a day and its wait after the last; silicon is recognised."""
    log = await log_of(undisturbed, tmp_path)
    scans = [r.envelope.data for r in of(log, PatternMeasured)]
    assert scans[0].measurement_id == "standard/xrd-1/1"
    told = [r.envelope.data for r in of(log, StandardMeasured)]
    assert len(told) >= 2
    assert all(s.standard == "Si" and s.lines >= 4 and abs(s.zero) < 0.1 for s in told)
    for scan in scans:
        if scan.sample_id.startswith("c-") and scan.measurement_id.endswith("/scan/1"):
            last = max(s.measured_at for s in told if s.measured_at <= scan.started_at)
            assert scan.started_at - last < timedelta(days=1.5)


async def test_a_vial_in_doubt_is_measured_again_and_learnt_from_once(
    undisturbed: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    """Each request has one scan with its settings, one answer, and its vial one end after that."""
    log = await log_of(undisturbed, tmp_path)
    requests = of(log, RescanRequested)
    assert requests
    ends = of(log, ObservationRecorded, ObservationWithheld)
    assert len({r.envelope.data.sample_id for r in ends}) == len(ends) == 4
    for asked in requests:
        request = asked.envelope.data
        [intent] = [r for r in of(log, MeasurementStarted) if r.envelope.data.measurement_id == request.measurement_id]
        [scan] = [r for r in of(log, PatternMeasured) if r.envelope.data.measurement_id == request.measurement_id]
        answers = of(log, PhasesIdentified, AnalysisFlagged)
        [doubted] = [r for r in answers if r.envelope.data.measurement_id == request.doubted]
        [settled] = [r for r in answers if r.envelope.data.measurement_id == request.measurement_id]
        [end] = [r for r in ends if r.envelope.data.sample_id == request.sample_id]
        in_order = [asked, doubted, intent, scan, settled, end]
        assert [r.sequence for r in in_order] == sorted(r.sequence for r in in_order)
        took = scan.envelope.data.ended_at - scan.envelope.data.started_at
        assert took > timedelta(hours=request.hours)


async def test_people_are_asked_one_question_a_day(undisturbed: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """What came up beyond that was put off in the log, and asked on another day."""
    log = await log_of(undisturbed, tmp_path)
    asked = of(log, AnalysisReviewRequested)
    days = [r.envelope.time.date() for r in asked]
    assert len(days) == len(set(days)) >= 1
    put_off = {r.envelope.data.measurement_id for r in of(log, AnalysisReviewDeferred)}
    assert put_off <= {r.envelope.data.measurement_id for r in asked}


def test_its_decisions_are_made_again_bit_for_bit(undisturbed: tuple[dict[str, Any], Path]) -> None:
    """Rescans, questions and what standards say are decisions like all others."""
    told = athanor("replay", undisturbed[1], "--json")
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]


def test_killed_between_the_request_and_its_scan_the_vial_is_measured_again_once(
    undisturbed: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    """The group dies when everything before the first rescan was asked for; the same command ends as if it had not."""
    out = tmp_path / "out"
    journal = [json.loads(p.read_text())["entry"] for p in (undisturbed[1] / "instruments").glob("xrd-1/*.json")]
    first = sorted(journal, key=lambda entry: entry["order"])
    before = next(n for n, entry in enumerate(first) if entry["key"].endswith("/scan/2"))
    process = subprocess.Popen(
        command("run", campaign(tmp_path), "--seed", SEED, "--out", out, "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((out / "instruments").glob("xrd-1/*.json"))) >= before:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    time.sleep(0.5)  # the server notices that its parent is gone
    told = summary(athanor("run", campaign(tmp_path), "--seed", SEED, "--out", out, "--json"))
    assert told["decisions_sha256"] == undisturbed[0]["decisions_sha256"]
    for name in ("rescans", "standards", "analysis_reviews", "best"):
        assert told[name] == undisturbed[0][name]
    keys = [json.loads(p.read_text())["entry"]["key"] for p in (out / "instruments").glob("xrd-1/*.json")]
    assert sorted(keys) == sorted(entry["key"] for entry in first), "each scan was begun once"
