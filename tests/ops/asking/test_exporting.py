"""Parquet: every view, as other programs read it, and a manifest that is true."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.catalogue import kinds
from ops.asking import exporting
from ops.asking.asking import Log
from ops.asking.loading import loaded
from ops.asking.shelves import views
from tests.ops.asking.told import Told, chained, every_fate

LOG = chained(every_fate())


@asynccontextmanager
async def log_of(log: Log, outlet: Path | None = None) -> AsyncIterator[Any]:
    """Every place holds the log with every fate."""
    async with loaded(Told(LOG), log.until, outlet=outlet) as brought:
        yield brought


@pytest.fixture(autouse=True, scope="module")
def everywhere() -> Iterator[None]:
    """No server is needed here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "log_of", log_of)
        yield


@pytest.fixture(scope="module")
def written(everywhere: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An export, made once."""
    target = tmp_path_factory.mktemp("export") / "out"
    assert exporting.export(Log("here"), target, as_json=False) == 0
    return target, json.loads((target / "manifest.json").read_text(encoding="utf-8"))


def test_there_is_a_file_for_each_view(written: tuple[Path, dict[str, Any]]) -> None:
    """With the rows, columns, types and digest that the manifest says."""
    target, manifest = written
    assert {f.stem for f in target.glob("*.parquet")} == {v.name for v in views()}
    assert len(manifest["files"]) == len(views())
    for file in manifest["files"]:
        path = target / file["file"]
        assert len(duckdb.sql(f"FROM '{path}'").fetchall()) == file["rows"]
        assert [c["name"] for c in file["columns"]] == duckdb.sql(f"FROM '{path}'").columns
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert path.stat().st_size == file["bytes"]


def test_the_manifest_says_what_it_was_made_of(written: tuple[Path, dict[str, Any]]) -> None:
    """How many events, the digest of the last one's bytes, and the versions of what is stored and of today."""
    _, manifest = written
    last = LOG[-1]
    assert manifest["log"] == {
        "events": len(LOG), "last_sequence": last.sequence,
        "last_event_sha256": hashlib.sha256(last.payload).hexdigest(),
    }  # fmt: skip
    assert manifest["schemas"] == {k.kind: k.version for k in kinds()}
    assert sum(row["events"] for row in manifest["stored"]) == len(LOG)
    assert manifest["unreadable"] == 0


def test_nested_values_and_moments_survive(written: tuple[Path, dict[str, Any]]) -> None:
    """Lists stay lists, structs structs, and times know their zone."""
    target, _ = written
    kinds_of = dict(zip(*_described(target / "samples.parquet"), strict=True))
    assert kinds_of["phases"] == "VARCHAR[]"
    assert kinds_of["made_at"] == "TIMESTAMP WITH TIME ZONE"
    assert dict(zip(*_described(target / "diffraction.pattern_measured.parquet"), strict=True))["pattern"].startswith(
        "STRUCT(sha256"
    )


def _described(path: Path) -> tuple[list[str], list[str]]:
    relation = duckdb.sql(f"FROM '{path}'")
    return relation.columns, [str(kind) for kind in relation.types]


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_nothing_is_overwritten(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder, a file or a dangling link of that name stays as it is."""
    target = tmp_path / "out"
    if what == "folder":
        target.mkdir()
    elif what == "file":
        target.write_text("mine", encoding="utf-8")
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = list(tmp_path.iterdir())
    assert exporting.export(Log("here"), target, as_json=True) == 2
    assert "Nothing is overwritten" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == before
    assert what != "file" or target.read_text(encoding="utf-8") == "mine"


def test_a_folder_to_put_it_into_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parents are not invented."""
    assert exporting.export(Log("here"), tmp_path / "no" / "out", as_json=True) == 2
    assert "Make that first" in capsys.readouterr().err


def test_a_broken_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a folder never stands under the name, nor beside it."""

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "write", broken)
    assert exporting.export(Log("here"), tmp_path / "out", as_json=True) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_log_is_exported_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Up to a place, told as JSON."""
    assert exporting.export(Log("here", 5), tmp_path / "out", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["out"], told["log"]["last_sequence"]) == (str(tmp_path / "out"), 5)
    assert told["log"]["last_event_sha256"] == hashlib.sha256(LOG[4].payload).hexdigest()
