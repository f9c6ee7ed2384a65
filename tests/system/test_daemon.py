"""The lab as a daemon: up, status, pause, resume, stop; a broker that dies; started again it goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from contracts.campaigns import CampaignPaused, CampaignResumed
from contracts.instruments import StepKind
from contracts.presence import AgentStarted, LabTroubled, TroubleKind
from contracts.synthesis import StepCompleted
from tests.system.console import athanor, command, environment, read_log, small

pytestmark = pytest.mark.slow
SPEED = 20_000


@contextmanager
def daemon(
    campaign: Path, out: Path, options: Sequence[object] = (), **changes: str
) -> Iterator[subprocess.Popen[str]]:
    """A daemon in time-lapse, killed in the end if it still runs."""
    process = subprocess.Popen(
        command("up", "--campaign", campaign, "--out", out, "--speed", SPEED, "--http-port", 0, *options),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(**changes),
    )  # fmt: skip
    try:
        until(lambda: (out / "daemon.json").exists() and status(out).get("ready"), process)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def status(out: Path) -> dict[str, Any]:
    """What the daemon tells; empty while it does not answer."""
    try:
        card = json.loads((out / "daemon.json").read_text())
        with urllib.request.urlopen(f"{card['http']}/status", timeout=5) as answer:  # noqa: S310  loopback
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError):
        return {}


def until(done: Callable[[], object], process: subprocess.Popen[str], seconds: float = 500) -> None:
    """Waits for something while the daemon lives."""
    deadline = time.monotonic() + seconds
    while not done():
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_a_daemon_over_two_lives(tmp_path: Path) -> None:
    """It tells about itself, pauses, survives its broker, drains on SIGTERM, and goes on in its next life."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        until(lambda: status(out).get("counts", {}).get("synthesis.step_completed", 0) >= 3, process)
        assert athanor("pause", out, "--reason", "cleaning").returncode == 0
        assert status(out)["paused"] is True
        assert athanor("status", out, "--json").returncode == 0
        server = next(p for p in Path("/proc").glob("[0-9]*") if _is_server(p, out))
        os.kill(int(server.name), signal.SIGKILL)
        until(lambda: status(out).get("counts", {}).get("presence.lab_troubled", 0) >= 1, process)
        until(lambda: status(out).get("ready"), process)
        assert athanor("resume", out, "--reason", "clean").returncode == 0
        process.send_signal(signal.SIGTERM)
        assert "Drained" in process.communicate(timeout=60)[1]
        assert process.returncode == 0
    assert not (out / "daemon.json").exists()
    assert athanor("status", out).returncode == 2
    with daemon(campaign, out) as process:
        until(lambda: status(out).get("finished"), process)
        assert status(out)["samples"] == 4
        assert athanor("stop", out).returncode == 0
        assert process.wait(timeout=60) == 0
    (tmp_path / "copy").mkdir()
    events = [r.envelope.data for r in await read_log(out, tmp_path / "copy")]
    assert [e.reason for e in events if isinstance(e, CampaignPaused | CampaignResumed)] == ["cleaning", "clean"]
    troubles = {e.trouble for e in events if isinstance(e, LabTroubled)}
    assert {TroubleKind.BROKER} <= troubles <= {TroubleKind.BROKER, TroubleKind.LEDGER}  # a slow witness is one
    assert (out / "report" / "index.html").stat().st_size > 10_000
    assert {e.start for e in events if isinstance(e, AgentStarted)} == {1, 2}
    heated = [e.key for e in events if isinstance(e, StepCompleted) and e.step is StepKind.FIRE]
    assert len(heated) == len(set(heated)) >= 1


def _is_server(process: Path, out: Path) -> bool:
    try:
        return f"{out}/store/nats.conf".encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_two_daemons_on_one_folder(tmp_path: Path) -> None:
    """The second is told who has the store, and the first does not notice."""
    campaign, out = small(tmp_path), tmp_path / "lab"
    with daemon(campaign, out) as process:
        second = athanor("up", "--campaign", campaign, "--out", out, "--http-port", 0)
        assert second.returncode == 2
        assert f"in use by process {process.pid}" in second.stderr
        assert status(out)["ready"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """Exit 2, the port, and what to do; nothing is left running."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = athanor("up", "--campaign", small(tmp_path), "--out", tmp_path / "lab", "--http-port", port)
    assert answer.returncode == 2
    assert f"Expected port {port} of 127.0.0.1 to be free" in answer.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("speed = -1", "speed = -1"),
        ("colour = 'red'", "an unknown key colour"),
        ("agents = ['planer']", "Expected agents among planner, trust_auditor"),
        ("speed = 10\ncampaign = 'file-drop'", "Expected real time with real instruments"),
        ("campaign = ", "Expected the daemon's settings in TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, text: str, told: str) -> None:
    """Exit 2 and one paragraph."""
    (tmp_path / "athanor.toml").write_text(f"http_port = 0\nout = '{tmp_path / 'lab'}'\n{text}\n")
    answer = athanor("up", "--config", tmp_path / "athanor.toml")
    assert answer.returncode == 2
    assert told in answer.stderr


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    """READY when the agents are at work, signs of life, STOPPING when it drains."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        listener.settimeout(60)
        heard = b""
        with daemon(small(tmp_path), tmp_path / "lab", NOTIFY_SOCKET=str(address), WATCHDOG_USEC="400000") as process:
            while b"WATCHDOG=1" not in heard or b"READY=1" not in heard:
                heard += listener.recv(4096) + b"\n"
            process.send_signal(signal.SIGTERM)
            while b"STOPPING=1" not in heard:
                heard += listener.recv(4096) + b"\n"
            process.communicate(timeout=60)
        assert process.returncode == 0
        assert heard.index(b"READY=1") < heard.index(b"STOPPING=1")


def test_doctor_finds_this_machine_well(tmp_path: Path) -> None:
    """Every look has a name, a verdict and words; a folder that cannot be written is found wanting."""
    told = athanor("doctor", tmp_path / "lab", "--json")
    findings = {f["what"]: f for f in json.loads(told.stdout)}
    assert {"Python", "installation", "nats-server", "disk", "writing", "broker", "clock"} <= set(findings)
    assert findings["broker"]["well"]
    (tmp_path / "file").write_text("in the way")
    wrong = athanor("doctor", tmp_path / "file" / "lab", "--json")
    assert wrong.returncode == 1
    assert not {f["what"]: f for f in json.loads(wrong.stdout)}["writing"]["well"]
