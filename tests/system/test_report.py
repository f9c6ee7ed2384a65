"""The report of a real run: written at its end, written again by command, and honest about what it lacks."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from bus.server import EmbeddedServer
from contracts.diffraction import PatternMeasured
from tests.ops.reports.test_page import read
from tests.system.console import athanor, read_log, small, summary
from tests.system.kept import kept

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A campaign of four vials, and its folder."""
    ran = kept(tmp_path_factory)
    return ran.summary, ran.copy(tmp_path_factory.mktemp("report") / "out")


def _copy(run: Path, folder: Path) -> Path:
    shutil.copytree(run, folder / "copy")
    return folder / "copy"


def test_the_run_leaves_a_page_with_the_numbers_of_its_summary(ran: tuple[dict[str, Any], Path]) -> None:
    """One well-formed file that fetches nothing; every count, the best sample and the length of the log stand in it."""
    told, out = ran
    text = (out / "report" / "index.html").read_text(encoding="utf-8")
    page = read(text)
    assert (page.wrong, page.open, page.fetched) == ([], [], [])
    assert not re.search(r"https?://|@import|url\(", text)
    assert "Something is missing or does not agree" not in text
    counts = {key: int(n) for key, n in re.findall(r'data-count="(\w+)"><b>(\d+)</b>', text)}
    assert counts == {key: told[key] for key in counts}
    assert len(counts) == 12
    assert f'data-count="successes">{told["successes"]}</b>' in text
    words = "".join(page.text)
    assert f"{told['events']} (sequence 1 to {told['events']})" in words
    assert told["decisions_sha256"] in words
    assert f"injected {told['faults_injected']} fault" in words
    if told["best"] is not None:
        assert told["best"]["sample"] in words
        assert f"{told['best']['a_pc_angstrom']:.4f} Å" in words
        assert "the answer is the recorded one" in words


async def test_the_command_writes_the_same_bytes_again(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Another process, another time zone: the same log, the same page; the evidence is not touched."""
    out = ran[1]
    page = out / "report" / "index.html"
    first = page.read_bytes()
    before = {p: p.stat().st_mtime_ns for p in (out / "store" / "jetstream").rglob("*")}
    answer = athanor("report", out, "--json", PYTHONHASHSEED="77", TZ="Pacific/Kiritimati", LC_ALL="C")
    told = summary(answer)
    assert told == {"report": str(page), "events": ran[0]["events"], "troubles": []}
    assert page.read_bytes() == first
    assert {p: p.stat().st_mtime_ns for p in (out / "store" / "jetstream").rglob("*")} == before


async def test_a_missing_artefact_is_named_and_the_page_written(
    ran: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    """Exit 1; every pattern that the page needs and the folder lacks is named, in the page as on stderr."""
    out = _copy(ran[1], tmp_path)
    (tmp_path / "scratch").mkdir()
    log = await read_log(out, tmp_path / "scratch")
    patterns = {e.sample_id: e.pattern for r in log if isinstance(e := r.envelope.data, PatternMeasured)}
    shutil.rmtree(out / "blobs")
    answer = athanor("report", out, "--json")
    needed = {ran[0]["best"]["sample"]} if ran[0]["best"] else set()
    if not needed and not ran[0]["flagged"]:
        pytest.skip("this run needs no artefact")
    assert answer.returncode == 1
    text = (out / "report" / "index.html").read_text(encoding="utf-8")
    assert "Something is missing or does not agree" in text
    for sample in needed:
        assert patterns[sample].sha256 in text
        assert patterns[sample].sha256 in answer.stderr
    assert read(text).wrong == []


async def test_bytes_that_are_no_event_are_told(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Somebody wrote garbage into the log: exit 1, its sequence is named, everything else is reported."""
    from bus.blobs import BlobStore
    from bus.jetstream import JetStreamBus

    out = _copy(ran[1], tmp_path)
    server = await EmbeddedServer.start(out / "store")
    bus = await JetStreamBus.connect(server.url, BlobStore(out / "blobs"))
    log = [r async for r in bus.read()]
    await bus.store_raw(log[-1].subject, b"garbage", {})
    await bus.close()
    await server.stop()
    answer = athanor("report", out, "--json")
    assert answer.returncode == 1
    document = json.loads(answer.stdout.splitlines()[-1])
    assert document["events"] == ran[0]["events"]
    assert [t.split(" of")[0] for t in document["troubles"]] == [f"Sequence {ran[0]['events'] + 1}"]
    assert document["troubles"][0].split(" of")[0] in (out / "report" / "index.html").read_text(encoding="utf-8")


def test_another_run_stands_beside(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """A random search with the same goal is drawn by its name."""
    out = _copy(ran[1], tmp_path)
    (tmp_path / "random").mkdir()
    campaign = small(tmp_path / "random")
    random = tmp_path / "random" / "out"
    summary(athanor("run", campaign, "--seed", 5, "--strategy", "random", "--out", random, "--json"))
    summary(athanor("report", out, "--beside", random, "--json"))
    assert "random search (small-5, seed 5)" in (out / "report" / "index.html").read_text(encoding="utf-8")


async def test_a_log_on_a_server_of_ones_own(tmp_path: Path) -> None:
    """``--nats URL``: the run leaves its page all the same; later the server has to be given again."""
    out = tmp_path / "out"
    server = await EmbeddedServer.start(tmp_path / "elsewhere")
    try:
        told = summary(athanor("run", small(tmp_path), "--seed", 4, "--out", out, "--nats", server.url, "--json"))
        first = (out / "report" / "index.html").read_bytes()
        assert summary(athanor("report", out, "--nats", server.url, "--json"))["events"] == told["events"]
        assert (out / "report" / "index.html").read_bytes() == first
    finally:
        await server.stop()
    answer = athanor("report", out)
    assert answer.returncode == 2
    assert "--nats URL" in answer.stderr


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, name: str) -> None:
    """Exit 2, one paragraph, nothing written."""
    (tmp_path / "empty").mkdir()
    answer = athanor("report", tmp_path / name)
    assert answer.returncode == 2
    assert "Expected the folder of a run" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert list((tmp_path / "empty").iterdir()) == []
