"""A lab whose log is evidence: its writer and its witness die and come back, and what was tampered with is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus.blobs import MemoryBlobs
from bus.identities import PROVISIONER, KeyFolder
from bus.jetstream import JetStreamBus
from bus.ledger.alarms import read_alarms
from bus.server import EmbeddedServer
from bus.topology import STREAM, stream_settings
from bus.wire import Wire
from contracts.presence import LabTroubled, TroubleKind
from tests.system.console import athanor, command, environment, read_log, small
from tests.system.test_daemon import daemon, status, until

pytestmark = pytest.mark.slow


def child(out: Path, words: str) -> int:
    """The process of a folder whose command line holds some words; 0 without one."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line and str(out) in line:
            return int(path.parent.name)
    return 0


WRITER, WITNESS = "-m bus.ledger", "ops.cli witness"


async def test_writer_and_witness_may_die(tmp_path: Path) -> None:
    """Each is started again and its death put on record; in the end everything is signed, witnessed and in order."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        for n, words in enumerate((WRITER, WITNESS, WRITER), 1):
            until(lambda: status(out)["ledger"]["cosigned"], process)
            victim = child(out, words)
            os.kill(victim, signal.SIGKILL)
            until(lambda words=words, victim=victim: child(out, words) not in {0, victim}, process)
            until(lambda n=n: status(out)["counts"].get("presence.lab_troubled", 0) >= n, process)
        until(lambda: status(out)["finished"], process)
        process.send_signal(signal.SIGTERM)
        assert "Drained" in process.communicate(timeout=100)[1]
    assert child(out, WRITER) == child(out, WITNESS) == 0
    told = athanor("ledger", "verify", out, "--json")
    verdict = json.loads(told.stdout)
    assert told.returncode == 0, verdict
    assert verdict["ok"]
    assert verdict["witnesses"]
    (tmp_path / "copy").mkdir()
    log = await read_log(out, tmp_path / "copy")
    assert verdict["size"] == log[-1].sequence
    troubles = [e.envelope.data for e in log if isinstance(e.envelope.data, LabTroubled)]
    assert {t.trouble for t in troubles} == {TroubleKind.LEDGER}
    assert all("started again" in t.reason or "witness" in t.reason for t in troubles)


async def test_a_watcher_sees_it_grow_and_sees_it_forged(tmp_path: Path) -> None:
    """From folder and HTTP each checkpoint is shown; a log that forgets its beginning ends the lab, and is known."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        until(lambda: status(out)["counts"].get("synthesis.step_completed", 0) >= 1, process)
        card = json.loads((out / "daemon.json").read_text())
        far = athanor("ledger", "watch", f"{card['http']}/ledger", "--once", "--json")
        assert far.returncode == 0, far.stdout + far.stderr
        assert json.loads(far.stdout)["witnesses"]
        words = command("ledger", "watch", out, "--json")
        watcher = subprocess.Popen(  # noqa: ASYNC220  started once, and nothing else waits here
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
        assert watcher.stdout is not None
        first, second = (json.loads(watcher.stdout.readline()) for _ in range(2))
        assert first["ok"]
        assert second["size"] > first["size"]
        assert second["compared"] == second["added"] == second["size"] - first["size"]
        wire = await Wire.connect(card["nats"], print, identity=KeyFolder(out / "keys").identity(PROVISIONER))
        await wire.api(f"STREAM.UPDATE.{STREAM}", stream_settings() | {"max_msgs": 10, "discard": "old"})
        await wire.close()
        try:
            lines, errors = watcher.communicate(timeout=20)
            assert watcher.returncode == 1, errors
            assert json.loads(lines.splitlines()[-1])["problems"][0]["kind"] in {"deleted", "truncated"}
        except subprocess.TimeoutExpired:  # the lab's own guard was faster, and its broker is gone: the watcher waits
            watcher.kill()
            watcher.communicate()
        _, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert "Nothing more is published" in told
        assert "Traceback" not in told
    verified = athanor("ledger", "verify", out, "--json")
    assert verified.returncode == 1
    first = json.loads(verified.stdout)["problems"][0]
    assert (first["kind"], first["index"]) == ("stream", 0)


async def test_nothing_begins_over_a_log_that_was_cut(tmp_path: Path) -> None:
    """The alarm is told and kept, nothing is written; after the repair the lab goes on and the alarm is in its log."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        until(lambda: status(out)["counts"].get("synthesis.step_completed", 0) >= 2, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=100)
    size = json.loads(athanor("ledger", "verify", out, "--json").stdout)["size"]
    await _cut(out, size - 5)
    before = {p: p.read_bytes() for p in (out / "ledger").rglob("*") if p.is_file() and p.name != "lock"}
    told = athanor("up", "--campaign", campaign, "--out", out, "--http-port", 0)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    assert f"Expected at least {size} messages" in told.stderr
    assert "athanor ledger repair" in told.stderr
    (alarm,) = read_alarms(out / "ledger")
    assert (alarm.kind, alarm.index) == ("truncated", size - 5)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert athanor("ledger", "repair", out).returncode == 0
    with daemon(campaign, out) as process:
        until(lambda: any(alarm.detail in words for words in status(out)["alarms"]), process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=100)
    (tmp_path / "copy").mkdir()
    events = [r.envelope.data for r in await read_log(out, tmp_path / "copy")]
    assert alarm.detail in [e.reason for e in events if isinstance(e, LabTroubled) and e.trouble is TroubleKind.LEDGER]
    assert athanor("ledger", "verify", out).returncode == 0


async def _cut(out: Path, size: int) -> None:
    """Puts a stream in the place of the lab's that holds only its beginning."""
    scratch = out.with_name("scratch")
    scratch.mkdir()
    log = await read_log(out, scratch)
    shutil.rmtree(out / "store" / "jetstream")
    server = await EmbeddedServer.start(out / "store")
    bus = await JetStreamBus.connect(server.url, MemoryBlobs())
    await bus.wire.api(f"STREAM.DELETE.{STREAM}")
    await bus.wire.api(f"STREAM.CREATE.{STREAM}", stream_settings())
    for recorded in log[:size]:
        await bus.store_raw(recorded.subject, recorded.payload, {"Nats-Msg-Id": str(recorded.envelope.id)})
    await bus.close()
    await server.stop()


@contextmanager
def witness_elsewhere(folder: Path, log_key: str) -> Iterator[tuple[str, str]]:
    """A witness that belongs to nobody's lab: its address and its key."""
    process = subprocess.Popen(
        command(
            "witness", "--key", folder / "key" / "private", "--state", folder / "state", "--trust", log_key,
            "--listen", "127.0.0.1:0", "--json",
        ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield told["url"], told["key"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def test_a_witness_on_another_host(tmp_path: Path) -> None:
    """It cosigns the ledger of a daemon, and a folder that was put back to an older copy cannot fool it."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:  # makes the log's key
        until(lambda: status(out)["counts"].get("synthesis.step_completed", 0) >= 1, process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=100)
    key = json.loads(athanor("ledger", "key", out, "--json").stdout)["key"]
    shutil.copytree(out, tmp_path / "older")
    with witness_elsewhere(tmp_path / "elsewhere", key) as (url, witness_key):
        settings = tmp_path / "athanor.toml"
        settings.write_text(f'[ledger]\nwitness = "{url}"\nwitness_key = "{witness_key}"\n')
        with daemon(campaign, out, options=("--config", settings)) as process:
            until(lambda: status(out)["counts"].get("synthesis.step_completed", 0) >= 2, process)
            until(lambda: status(out)["ledger"]["cosigned"], process)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=100)
        assert athanor("ledger", "verify", out, "--witness", witness_key).returncode == 0
        shutil.rmtree(out)
        shutil.copytree(tmp_path / "older", out)
        assert athanor("ledger", "verify", out).returncode == 0  # right in itself
        told = athanor("up", "--campaign", campaign, "--out", out, "--http-port", 0, "--config", settings)
        assert told.returncode == 2
        assert "rolled back" in told.stderr
    (alarm,) = read_alarms(out / "ledger")
    assert alarm.kind == "witness"
    assert "rolled back" in alarm.detail
