"""Asking the log of a real run: true to its summary, in a folder, on a server and after damage; never touched."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bus.blobs import BlobStore
from bus.jetstream import JetStreamBus
from bus.server import EmbeddedServer
from contracts.presence import SpeakersListed
from tests.system.console import athanor, read_log, say_as_a_newer_athanor
from tests.system.kept import kept

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A campaign of twelve vials, enough for a model, and its folder."""
    folder = tmp_path_factory.mktemp("asking")
    ran = kept(tmp_path_factory, "quick", 5)
    return ran.summary, ran.copy(folder / "out")


def rows(*words: object) -> list[dict[str, Any]]:
    """An answer as JSON."""
    told = athanor("query", *words, "--json")
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file of a folder and what is in it."""
    return {
        str(p.relative_to(folder)): f"{p.stat().st_mtime_ns} {hashlib.sha256(p.read_bytes()).hexdigest()}"
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_answers_agree_with_the_summary(ran: tuple[dict[str, Any], Path]) -> None:
    """Counts of events, samples, fates, decisions and models are those that the run wrote at its end."""
    told, out = ran
    before = fingerprint(out)
    (counts,) = rows(
        out,
        "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM samples) AS samples, "
        "(SELECT count(*) FROM samples WHERE fate IN ('learnt', 'success')) AS learnt, "
        "(SELECT count(*) FROM samples WHERE fate = 'withheld') AS withheld, "
        "(SELECT count(*) FROM samples WHERE fate = 'lost') AS lost, "
        "(SELECT count(*) FROM samples WHERE success) AS successes, "
        "(SELECT count(*) FROM decisions WHERE outcome = 'escalated') AS escalated, "
        "(SELECT count(*) FROM planning.candidate_proposed) AS proposed, "
        "(SELECT count(*) FROM models WHERE released) AS models",
    )
    assert counts == {key: told[key] for key in counts}
    if told["best"]:
        (best,) = rows(out, "SELECT sample_id, formula, utility FROM samples ORDER BY utility DESC NULLS LAST LIMIT 1")
        assert (best["sample_id"], best["formula"]) == (told["best"]["sample"], told["best"]["composition"])
    assert fingerprint(out) == before


def test_lineage_names_what_a_model_was_fitted_on(ran: tuple[dict[str, Any], Path]) -> None:
    """As many labels as the release says, and just those that stand in its snapshot."""
    _, out = ran
    released = rows(out, "SELECT model_id, n_observations, dataset_sha256 FROM models WHERE released")
    assert released, "the run released a model"
    for model in released:
        known = rows(out, f"SELECT sample_id FROM lineage WHERE model_id = '{model['model_id']}'")  # noqa: S608  ours
        assert len(known) == model["n_observations"]
        digest = model["dataset_sha256"]
        snapshot = json.loads((out / "blobs" / digest[:2] / digest[2:]).read_text(encoding="utf-8"))
        assert {k["sample_id"] for k in known} == {row["sample"] for row in snapshot["rows"]}


def test_the_life_of_each_sample_can_be_told(ran: tuple[dict[str, Any], Path]) -> None:
    """From proposal to label, each step with its duration; its moments are as many as the log has for it."""
    _, out = ran
    (sample,) = rows(out, "SELECT sample_id FROM samples WHERE fate = 'learnt' ORDER BY learnt_at LIMIT 1")
    told = athanor("trace", sample["sample_id"], out, "--json")
    assert told.returncode == 0, told.stderr
    life = json.loads(told.stdout)
    what = [m["what"] for m in life["moments"]]
    assert what[0] == "proposed"
    assert {"scheduled", "weigh", "mill", "load", "fire", "made", "scan", "learnt", "model"} <= set(what)
    assert all(m["hours"] > 0 for m in life["moments"] if m["what"] in ("weigh", "mill", "fire", "scan"))
    pretty = athanor("trace", sample["sample_id"].removesuffix("-v1"), out, COLUMNS="80")
    assert pretty.returncode == 0
    assert sample["sample_id"] in pretty.stdout.splitlines()[0]
    unknown = athanor("trace", "c-9999", out)
    assert unknown.returncode == 2
    assert "Nearest: c-" in unknown.stderr


def test_an_export_is_read_by_a_stranger(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Row counts of the files are those of the manifest, and the same log gives the same manifest."""
    told, out = ran
    for name in ("one", "two"):
        done = athanor("export", out, "--parquet", tmp_path / name)
        assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / n / "manifest.json").read_bytes() for n in ("one", "two"))
    assert first == second
    manifest = json.loads(first)
    assert manifest["log"]["events"] == told["events"]
    fates = duckdb.read_parquet(str(tmp_path / "one" / "samples.parquet")).project("fate").fetchall()
    assert fates.count(("learnt",)) == told["learnt"] - told["successes"]
    again = athanor("export", out, "--parquet", tmp_path / "one")
    assert again.returncode == 2
    assert (tmp_path / "one" / "manifest.json").read_bytes() == first


def test_statements_reach_nothing_outside(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Exit 2 for a statement that writes, attaches, or reads a file beside the log."""
    _, out = ran
    for sql in (
        f"COPY samples TO '{tmp_path / 'x.csv'}'",
        f"ATTACH '{tmp_path / 'x.duckdb'}'",
        f"FROM read_text('{out / 'campaign.json'}')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'x.csv'",
    ):
        told = athanor("query", out, sql)
        assert told.returncode == 2, sql
        assert "Expected a statement" in told.stderr
    assert not list(tmp_path.iterdir())


def test_a_ledger_alone_can_be_asked(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """The second copy gives the same answers as the broker's store, and no server is started for it."""
    _, out = ran
    shutil.copytree(out / "ledger", tmp_path / "ledger")
    before = fingerprint(tmp_path)
    sql = (
        "SELECT count(*) AS n, max(seq) AS last, md5(string_agg(data::VARCHAR, '' ORDER BY seq)) AS digest FROM events"
    )
    until = rows(tmp_path, sql)[0]["last"]
    assert rows(tmp_path, sql) == rows(out, sql, "--until", until)
    assert until > 300
    assert fingerprint(tmp_path) == before


async def test_a_live_server_is_asked_by_its_address(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """The same answer as from the folder, while somebody else has the log open."""
    told, out = ran
    shutil.copytree(out / "store" / "jetstream", tmp_path / "jetstream")
    server = await EmbeddedServer.start(tmp_path)
    try:
        assert rows(server.url, "SELECT count(*) AS n FROM events") == [{"n": told["events"]}]
    finally:
        await server.stop()
    gone = athanor("query", server.url, "SELECT 1")
    assert gone.returncode == 2
    assert server.url in gone.stderr


async def _with(out: Path, there: Path, payload: bytes) -> Path:
    """A copy of a run with bytes more at the end of its log."""
    shutil.copytree(out, there)
    server = await EmbeddedServer.start(there / "store")
    bus = await JetStreamBus.connect(server.url, BlobStore(there / "blobs"))
    log = [r async for r in bus.read()]
    await bus.store_raw(log[-1].subject, payload, {})
    await bus.close()
    await server.stop()
    return there


async def test_garbage_is_told_and_everything_else_answered(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Exit 1, the answer, its sequence on stderr and in the view unreadable."""
    told, out = ran
    there = await _with(out, tmp_path / "copy", b"garbage")
    asked = athanor("query", there, "SELECT (SELECT count(*) FROM events) AS n, seq FROM unreadable", "--json")
    assert asked.returncode == 1
    assert json.loads(asked.stdout) == {"n": told["events"], "seq": told["events"] + 1}
    assert f"Sequence {told['events'] + 1}" in asked.stderr


async def test_a_newer_event_is_not_guessed_at(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Exit 2 with the version that is needed; up to there the log can be asked all the same."""
    told, out = ran
    (tmp_path / "scratch").mkdir()
    log = await read_log(out, tmp_path / "scratch")
    roll = next(r.envelope.data for r in log if isinstance(r.envelope.data, SpeakersListed))
    there = tmp_path / "copy"
    shutil.copytree(out, there)
    await say_as_a_newer_athanor(there, log[-1], roll)
    asked = athanor("query", there, "SELECT count(*) AS n FROM events", "--json")
    assert asked.returncode == 2
    assert "newer" in asked.stderr
    assert "--until" in asked.stderr
    assert rows(there, "SELECT count(*) AS n FROM events", "--until", told["events"]) == [{"n": told["events"]}]


def test_a_damaged_store_is_told(ran: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    """Exit 2 instead of an answer from half a log; the evidence stays as it is."""
    _, out = ran
    there = tmp_path / "copy"
    shutil.copytree(out, there)
    block = max((there / "store").rglob("*.blk"), key=lambda p: p.stat().st_size)
    content = bytearray(block.read_bytes())
    content[len(content) // 2] ^= 1
    block.write_bytes(content)
    before = fingerprint(there)
    asked = athanor("query", there, "SELECT count(*) FROM events")
    assert asked.returncode == 2
    assert "Expected" in asked.stderr
    assert fingerprint(there) == before
