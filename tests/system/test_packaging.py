"""The distribution works outside its checkout: campaigns, schemas and phase library come along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout so that nothing is left in it."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, copy], check=True, timeout=700
    )
    return next(folder.glob("athanor_lab-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True, timeout=700)
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (Path(own) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def _athanor(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    beside = str(Path(sys.executable).parent)  # nats-server
    environment = {"PATH": f"{installed / 'bin'}:{beside}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(
        [installed / "bin" / "athanor", *arguments],
        capture_output=True, text=True, cwd=folder, env=environment, timeout=700, check=False,
    )  # fmt: skip


def test_the_wheel_holds_what_is_not_code(wheel: Path) -> None:
    """Campaign files, schemas, the AsyncAPI document and the facts of both worlds are in it; tests are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "ops/campaigns/bso-match.toml",
        "contracts/schemas/envelope.json",
        "contracts/asyncapi.yaml",
        "science/crystals/phases.toml",
        "simulators/world/structures.toml",
    } <= names
    assert not any(name.startswith("tests/") for name in names)


def test_the_command_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    """A campaign closes its loop from an empty folder, with the installed code."""
    where = subprocess.run(
        [installed / "bin" / "python", "-c", "import ops.cli; print(ops.cli.__file__)"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    assert str(installed) in where
    assert _athanor(installed, tmp_path, "catalogue", "--json").returncode == 0
    told = _athanor(installed, tmp_path, "run", "quick", "--max-samples", "2", "--out", "out", "--json")
    assert told.returncode == 0, told.stderr[-2000:]
    assert json.loads(told.stdout.splitlines()[-1])["samples"] == 2
