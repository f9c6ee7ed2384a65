"""A real run's log is damaged on the disk as nobody would notice; the ledger notices, and brings it back."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from tests.system.console import athanor, command, environment, small, summary
from tests.system.kept import kept

pytestmark = pytest.mark.slow

LEDGER_STREAM = "store/jetstream/*/streams/LEDGER"


def block(run: Path) -> Path:
    """The file in which the broker keeps the messages."""
    return next(run.glob(f"{LEDGER_STREAM}/msgs/1.blk"))


def flip(run: Path) -> None:
    """One bit in the middle, and the index gone as after a power cut: the broker says nothing and drops the rest."""
    path = block(run)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    (path.parent / "index.db").unlink(missing_ok=True)


def flip_quietly(run: Path) -> None:
    """One bit, with the index in place: one message is passed over in silence."""
    path = block(run)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def truncate(run: Path) -> None:
    """The end of the file is lost."""
    path = block(run)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (path.parent / "index.db").unlink(missing_ok=True)


def delete_stream(run: Path) -> None:
    """The whole stream is gone."""
    shutil.rmtree(next(run.glob(LEDGER_STREAM)))


def delete_store(run: Path) -> None:
    """Everything of the broker is gone."""
    shutil.rmtree(run / "store")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A campaign that nobody disturbed: its folder and its summary."""
    ran = kept(tmp_path_factory)
    return ran.copy(tmp_path_factory.mktemp("undisturbed") / "out"), ran.summary


def ledger(*arguments: object, code: int = 0) -> dict[str, Any]:
    """A command of the ledger, and what it told."""
    done = CliRunner().invoke(app, ["ledger", *map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout))


def evidence(run: Path) -> dict[str, bytes]:
    """Every file of the ledger."""
    return {str(p.relative_to(run)): p.read_bytes() for p in (run / "ledger").rglob("*") if p.is_file()}


@pytest.mark.parametrize("damage", [flip, flip_quietly, truncate, delete_stream, delete_store])
def test_what_the_broker_lost_comes_back(
    undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """Damage that the broker passes over is named with its first index, repaired from the ledger, and then gone."""
    folder, told = undisturbed
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    clean = ledger("verify", run)
    assert (clean["ok"], clean["size"], clean["compared"]) == (True, told["events"], told["events"])
    before = evidence(run)
    damage(run)
    if damage is not delete_store:
        found = ledger("verify", run, code=1)
        assert {p["kind"] for p in found["problems"]} == {"stream"}
        indices = [p["index"] for p in found["problems"]]
        assert indices == sorted(indices)
        assert 0 <= indices[0] < told["events"]
        assert found["compared"] == indices[0] or damage is flip_quietly
    repaired = ledger("repair", run)
    assert repaired["entries"] == told["events"]
    assert ledger("verify", run)["compared"] == told["events"]
    assert evidence(run) == before, "the ledger was only read"
    assert (repaired["kept_aside"] is None) == (damage is delete_store)
    if damage is flip:
        replayed = athanor("replay", run, "--json")
        assert replayed.returncode == 0, replayed.stderr
        assert json.loads(replayed.stdout)["differences"] == []


def test_a_damaged_campaign_goes_on_after_its_repair(undisturbed: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Stopped in the middle, damaged, refused, repaired: then the same command decides what an undisturbed run did."""
    campaign, out = small(tmp_path), tmp_path / "out"
    process = subprocess.Popen(
        command("run", campaign, "--seed", 4, "--out", out, "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list((out / "instruments").glob("*/*.json"))) < 9 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    flip(out)
    refused = athanor("run", campaign, "--seed", 4, "--out", out, "--json")
    assert refused.returncode != 0
    assert "ledger repair" in refused.stderr
    assert not ledger("verify", out, code=1)["ok"]
    ledger("repair", out)
    told = summary(athanor("run", campaign, "--seed", 4, "--out", out, "--json"))
    assert told["decisions_sha256"] == undisturbed[1]["decisions_sha256"]
    assert ledger("verify", out)["size"] == told["events"]
