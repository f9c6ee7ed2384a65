"""The tables of `ops/how-to/verify.md` are true: each alteration is done, and found as the table says."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bus.ledger.keys import read_verifiers
from bus.ledger.tiles import CHECKPOINT
from ops.cli import app
from tests.bus.ledger.signed_lab import COUNT, UNSIGNED, Lab, made
from tests.ops.ledgering.altering import FOUND, NOT_FOUND, rewrite_without_witness, sign_anew

PAGE = Path("ops/how-to/verify.md")
_ROW = re.compile(r"\| (?P<done>[^|]+) \| (?P<says>`[a-z ]+`|—) \| [^|]+ \|")
TABLE = {m["done"]: m["says"].strip("`") for m in map(_ROW.fullmatch, PAGE.read_text("utf-8").split("\n")) if m}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab at rest."""
    run = tmp_path_factory.mktemp("lab") / "run"
    made(run)
    return run


@pytest.fixture
def lab(work: Path, tmp_path: Path) -> Lab:
    """A copy of it to be altered."""
    shutil.copytree(work, tmp_path / "run")
    return Lab(tmp_path / "run")


def verdict(lab: Lab, *more: str | Path, code: int | None = None) -> dict[str, Any]:
    """What the command says."""
    done = CliRunner().invoke(
        app, ["ledger", "verify", str(lab.run), *map(str, more), "--json"], catch_exceptions=False
    )
    told = dict(json.loads(done.stdout))
    assert done.exit_code == (code if code is not None else 0 if told["ok"] else 1), done.output
    return told


def test_the_lab_is_clean_and_everybody_is_counted(lab: Lab) -> None:
    """Before anything is done nothing is wrong, artefacts were compared, and it is told who signed what."""
    told = verdict(lab, code=0)
    assert (told["size"], told["artefacts"], told["notes"]) == (COUNT, 6, [])
    assert told["said"]["planner"] == {"signed": COUNT - UNSIGNED - 7, "unsigned": UNSIGNED}
    assert told["said"]["console"] == {"signed": 1, "unsigned": 0}


def test_the_page_has_a_row_for_each_alteration() -> None:
    """No row of the tables is without a test, and no alteration without a row."""
    assert set(TABLE) == {*FOUND, *NOT_FOUND}


@pytest.mark.parametrize("done", FOUND)
def test_an_alteration_is_found_as_the_page_says(lab: Lab, done: str) -> None:
    """Done to a copy, it is the first thing that the command names, with its index; or it is no fault, and is told."""
    key, expected = str(read_verifiers(lab.ledger)[0]), TABLE[done]
    index = FOUND[done](lab)
    told = verdict(lab, "--key", key, code=0 if expected == "—" else 1)
    if expected == "—":
        assert told["notes"], "it is told"
        return
    first = told["problems"][0]
    assert (first["kind"], first["index"]) == (expected, index), told["problems"][:5]


@pytest.mark.parametrize("done", NOT_FOUND)
def test_what_nothing_finds_is_said_to_be_so(lab: Lab, done: str) -> None:
    """The page does not promise more than there is."""
    NOT_FOUND[done](lab)
    assert TABLE[done] == "—"
    assert verdict(lab, code=0)["ok"]


def test_what_a_reader_brings_along_helps(lab: Lab, tmp_path: Path) -> None:
    """The key, the witness and a kept checkpoint find what the folder alone does not show."""
    log, witness = read_verifiers(lab.ledger)
    shutil.copy(lab.ledger / CHECKPOINT, tmp_path / "kept")
    shutil.copytree(lab.run, tmp_path / "other")
    sign_anew(other := Lab(tmp_path / "other"))
    assert verdict(other, "--key", str(log), code=1)["problems"][0]["kind"] == "signature"
    rewrite_without_witness(lab)
    assert verdict(lab, "--witness", str(witness), code=1)["problems"][0]["kind"] == "cosignature"
    assert verdict(lab, "--seen", tmp_path / "kept", code=1)["problems"][0]["kind"] == "split view"


@pytest.mark.parametrize(
    "name", ["ledger/checkpoint", "ledger/verifiers", "witness/log/checkpoint", "ledger/hand-over/1"]
)
@pytest.mark.parametrize("how", ["pipe", "device"])
def test_nothing_but_files_is_read(lab: Lab, name: str, how: str) -> None:
    """A pipe or a device in the place of any file is told, and neither waited for nor read."""
    path = lab.run / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path) if how == "pipe" else path.symlink_to("/dev/zero")
    done = CliRunner().invoke(app, ["ledger", "verify", str(lab.run)], catch_exceptions=False)
    assert done.exit_code in {1, 2}, done.output
    assert ("pipe" if how == "pipe" else "device") in done.output
