"""`athanor ledger …` on folders: what it prints, its exit codes, and that the evidence is only read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bus.ledger.entry import encode_entry
from bus.ledger.growth import Growth
from bus.ledger.keys import KEYS, open_ring, publish_verifiers, read_verifiers
from bus.ledger.note import COSIGNATURE, Note, Signer
from bus.ledger.tiles import ENTRIES, TileStore, tile_path
from ops.cli import app
from ops.ledgering.places import WITNESS
from tests.bus.ledger.growing import entries, grow, make, message

COUNT = 300


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with a ledger of 300 events."""
    make(tmp_path / "run", COUNT, steps=[100], keys=KEYS)
    return tmp_path / "run"


def call(*words: str | Path, code: int = 0) -> tuple[str, str]:
    """Calls a command and expects an exit code; what it said on both streams."""
    done = CliRunner().invoke(app, ["ledger", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def asked(*words: str | Path, code: int = 0) -> dict[str, Any]:
    """The same, with the one JSON object that it prints."""
    told, _ = call(*words, "--json", code=code)
    return dict(json.loads(told))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder, with the times of change."""
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def damage(run: Path, index: int) -> None:
    """Forges one event of a full bundle."""
    store = TileStore(run / "ledger")
    path = store.folder / tile_path(ENTRIES, index // 256)
    content = path.read_bytes()
    entry = store.read_bundle(index // 256)[index % 256]
    assert content.count(entry) == 1
    path.write_bytes(content.replace(entry, entry.replace(b"a test", b"a lie!")))


def test_verify_says_yes(run: Path) -> None:
    """A clean ledger: exit 0, and for programs an object with size, root and no problems."""
    told, _ = call("verify", run)
    assert "nothing is wrong" in told
    verdict = asked("verify", run)
    assert (verdict["ok"], verdict["size"], verdict["problems"]) == (True, COUNT, [])
    assert len(bytes.fromhex(verdict["root"])) == 32
    assert asked("verify", run / "ledger")["ok"], "the ledger's own folder will do"
    assert asked("fsck", run)["ok"]


def test_verify_names_what_is_wrong(run: Path) -> None:
    """A forged event: exit 1, its index first, and the evidence is not touched."""
    damage(run, 42)
    before = contents(run)
    verdict = asked("verify", run, code=1)
    assert not verdict["ok"]
    assert [(p["index"], p["kind"]) for p in verdict["problems"]] == [(42, "entry")]
    told, _ = call("verify", run, code=1)
    assert "index 42: entry:" in told
    assert "found wanting" in told
    assert asked("fsck", run, code=1)["problems"][0]["index"] == 42
    assert contents(run) == before


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "nowhere"],
        ["fsck", "nowhere"],
        ["prove", "nowhere", "1"],
        ["consistency", "nowhere", "nowhere"],
        ["repair", "nowhere"],
        ["export", "nowhere"],
        ["import", "nowhere", "new"],
        ["key", "nowhere"],
        ["check-proof", "nowhere", "--key", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"],
    ],
)
def test_what_is_not_there_is_unusable(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command: a path that leads nowhere is exit 2 with one paragraph, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    _, complaint = call(*words, code=2)
    assert complaint.startswith("Expected ")
    assert complaint.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_through_a_file_is_unusable(run: Path, tmp_path: Path) -> None:
    """A path that no system has is exit 2 and a paragraph too, for what is read and for what is written."""
    (tmp_path / "file").write_text("hello")
    call("export", run, "-o", tmp_path / "x.tar")
    for words in (
        ["verify", tmp_path / "file"],
        ["import", tmp_path / "x.tar", tmp_path / "file" / "in"],
        ["export", run, "-o", tmp_path / "file" / "x.tar"],
        ["check-proof", tmp_path / "file", "--key", asked("key", run)["key"]],
    ):
        _, complaint = call(*words, code=2)
        assert complaint.startswith("Expected ")


def test_wrong_keys(run: Path, tmp_path: Path) -> None:
    """A mistyped key is unusable, another log's key finds the ledger wanting, and a witness's key is told apart."""
    own = asked("key", run)["key"]
    assert asked("verify", run, "--key", own)["ok"]
    (tmp_path / "keys.txt").write_text(f"{own}\n")
    assert asked("verify", run, "--key", tmp_path / "keys.txt")["ok"]
    _, complaint = call("verify", run, "--key", own[:-5] + "AAAA=", code=2)
    assert "verifier key" in complaint
    stranger = str(Signer.generate(own.partition("+")[0]).verifier)
    assert [p["kind"] for p in asked("verify", run, "--key", stranger, code=1)["problems"]] == ["signature"]
    witness = str(Signer.generate("w", COSIGNATURE).verifier)
    _, complaint = call("verify", run, "--key", witness, code=2)
    assert "other kind" in complaint
    assert [p["kind"] for p in asked("verify", run, "--witness", witness, code=1)["problems"]] == ["cosignature"]


def test_a_ledger_by_a_newer_athanor_cannot_be_judged(tmp_path: Path) -> None:
    """Entries of a form of tomorrow: exit 2, for the answer is neither yes nor no."""
    said = entries(5)
    said[3] = b"\x02" + said[3][1:]
    make(tmp_path, 5, content=said)
    verdict = asked("verify", tmp_path, code=2)
    assert [(p["index"], p["kind"]) for p in verdict["problems"]] == [(3, "newer")]
    told, _ = call("verify", tmp_path, code=2)
    assert "newer Athanor" in told
    assert "cannot be judged" in told


def test_what_a_witness_has_seen_binds(run: Path) -> None:
    """The memory of a witness beside the lab: a ledger put back to an older state is found wanting."""
    old = (run / "ledger" / "checkpoint").read_bytes()
    ring = open_ring(run / KEYS, run / "ledger")
    store = TileStore(run / "ledger")
    grow(store, ring, entries(50, start=COUNT), Growth.resume(store, COUNT))
    kept = run / WITNESS / "some" / "checkpoint"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(store.read_checkpoint())
    assert asked("verify", run)["ok"]
    store.write_checkpoint(old)
    assert [(p["index"], p["kind"]) for p in asked("verify", run, code=1)["problems"]] == [(COUNT, "rollback")]
    kept.write_bytes(b"rubbish")
    assert [p["kind"] for p in asked("verify", run, code=1)["problems"]] == ["foreign"]
    kept.write_bytes(make(run.parent / "other", 3).read_checkpoint())
    assert asked("verify", run)["ok"], "of other logs it may know what it likes"


def test_a_kept_checkpoint_binds(run: Path, tmp_path: Path) -> None:
    """``--seen`` and ``consistency``: the ledger must continue what the reader kept."""
    kept = tmp_path / "kept"
    shutil.copy(run / "ledger" / "checkpoint", kept)
    store, ring = TileStore(run / "ledger"), open_ring(run / KEYS, run / "ledger")
    grow(store, ring, entries(400, start=COUNT), Growth.resume(store, COUNT))
    assert asked("verify", run, "--seen", kept)["ok"]
    told = asked("consistency", run, kept)
    assert (told["ok"], told["old"], told["size"]) == (True, COUNT, 700)
    assert len(told["proof"]) > 2
    now = tmp_path / "now"
    shutil.copy(run / "ledger" / "checkpoint", now)
    shutil.copy(kept, run / "ledger" / "checkpoint")
    assert asked("consistency", run, now, code=1)["problems"][0]["kind"] == "rollback"
    other = TileStore(tmp_path / "other")
    shutil.copytree(run / "ledger", other.folder)
    shutil.rmtree(other.folder / "tile")
    grow(other, ring, [*entries(299), encode_entry(*message(298)), *entries(400, start=COUNT)])
    assert asked("consistency", other.folder, kept, code=1)["problems"][0]["kind"] == "split view"
    make(tmp_path / "foreign", 9)
    _, complaint = call("consistency", tmp_path / "foreign", kept, code=2)
    assert "another log" in complaint
    _, complaint = call("verify", run, "--seen", tmp_path / "nowhere", code=2)
    assert "checkpoint" in complaint


def test_a_proof_travels_alone(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof file and a verifier key are all that is needed to see an event that stands in the log."""
    monkeypatch.chdir(tmp_path)
    assert asked("prove", run, "43")["file"] == "43.tlog-proof"
    key = asked("key", run)["key"]
    shutil.rmtree(run)
    told = asked("check-proof", "43.tlog-proof", "--key", key)
    assert (told["ok"], told["sequence"], told["index"], told["size"]) == (True, 43, 42, COUNT)
    assert told["event"]["data"] == {"agent": "planner", "start": 43, "reason": "a test"}
    assert told["id"] == told["event"]["id"]
    said, _ = call("check-proof", "43.tlog-proof", "--key", key)
    assert "sequence 43" in said
    content = Path("43.tlog-proof").read_text(encoding="utf-8")
    Path("forged.tlog-proof").write_text(content.replace("index 42", "index 41"), encoding="utf-8")
    assert not asked("check-proof", "forged.tlog-proof", "--key", key, code=1)["ok"]
    Path("cut.tlog-proof").write_text(content[:200], encoding="utf-8")
    call("check-proof", "cut.tlog-proof", "--key", key, code=2)
    witness = Signer.generate("w", COSIGNATURE)
    call("check-proof", "43.tlog-proof", "--key", key, "--witness", str(witness.verifier), code=1)
    head, _, note = content.partition("\n\n")
    opened = Note.parse(note.encode())
    cosigned = opened.with_signatures([witness.sign(opened.text, time=1_700_000_000)])
    Path("43.tlog-proof").write_bytes(f"{head}\n\n".encode() + cosigned.encode())
    told = asked("check-proof", "43.tlog-proof", "--key", key, "--witness", str(witness.verifier))
    assert told["witnesses"] == [{"key": str(witness.verifier), "time": 1_700_000_000}]


def test_what_is_not_in_the_log_has_no_proof(run: Path, tmp_path: Path) -> None:
    """Beyond the newest checkpoint there is nothing to prove, and a damaged ledger proves nothing."""
    _, complaint = call("prove", run, COUNT + 1, "-o", tmp_path / "x", code=2)
    assert f"from 1 to {COUNT}" in complaint
    _, complaint = call("prove", run, "5", "-o", tmp_path / "no" / "x", code=2)
    assert "-o" in complaint
    damage(run, 42)
    call("prove", run, "43", "-o", tmp_path / "x", code=1)
    assert not (tmp_path / "x").exists()


def test_a_ledger_is_handed_over(run: Path, tmp_path: Path) -> None:
    """Export, import and verification with the key that came on another way; a damaged parcel is not kept."""
    key = asked("key", run)["key"]
    told = asked("export", run, "-o", tmp_path / "x.tar")
    assert (told["size"], told["file"]) == (COUNT, str(tmp_path / "x.tar"))
    assert asked("import", tmp_path / "x.tar", tmp_path / "in", "--key", key)["ok"]
    assert asked("verify", tmp_path / "in", "--key", key)["ok"]
    call("export", run, "-o", tmp_path / "x.tar", code=2)
    call("import", tmp_path / "x.tar", tmp_path / "in", code=2)
    content = (tmp_path / "x.tar").read_bytes()
    at = content.index(b"a test")
    (tmp_path / "y.tar").write_bytes(content[:at] + b"A" + content[at + 1 :])
    assert asked("import", tmp_path / "y.tar", tmp_path / "other", code=1)["problems"][0]["index"] == 0
    assert not (tmp_path / "other" / "ledger").exists()
    (tmp_path / "z.tar").write_bytes(content[:1000])
    call("import", tmp_path / "z.tar", tmp_path / "other", code=2)


def test_keys_are_exchanged(run: Path, tmp_path: Path) -> None:
    """``key --rotate`` makes the next key; the first one still leads to it, and a copy without keys cannot do it."""
    first = asked("key", run)
    told = asked("key", run, "--rotate")
    assert told["key"] != first["key"]
    assert told["earlier"] == [first["key"]]
    said, _ = call("key", run)
    assert said.strip() == told["key"]
    assert asked("verify", run, "--key", first["key"])["ok"]
    ring, store = open_ring(run / KEYS, run / "ledger"), TileStore(run / "ledger")
    grow(store, ring, entries(3, start=COUNT), Growth.resume(store, COUNT))
    assert len(asked("verify", run, "--key", first["key"])["signers"]) == 2
    shutil.copytree(run / "ledger", tmp_path / "copy")
    _, complaint = call("key", tmp_path / "copy", "--rotate", code=2)
    assert "handed over" in complaint
    shutil.rmtree(run / "keys")
    _, complaint = call("key", run, "--rotate", code=2)
    assert "signing keys" in complaint


def test_a_pipe_is_waited_for_by_no_command(run: Path, tmp_path: Path) -> None:
    """In the place of a kept checkpoint, a key, a proof or an exported file it is exit 2 and a paragraph."""
    pipe, key = tmp_path / "pipe", asked("key", run)["key"]
    os.mkfifo(pipe)
    for words in (
        ["verify", run, "--seen", pipe],
        ["consistency", run, pipe],
        ["check-proof", pipe, "--key", key],
        ["import", pipe, tmp_path / "in"],
    ):
        _, complaint = call(*words, code=2)
        assert "a pipe in the place of a file" in complaint


def test_a_witness_of_the_log_is_demanded(run: Path) -> None:
    """Once a witness stands among the verifiers, verify and import ask for its word; a log without one needs none."""
    assert asked("verify", run)["ok"]
    publish_verifiers(run / "ledger", [*read_verifiers(run / "ledger"), Signer.generate("w", COSIGNATURE).verifier])
    assert [p["kind"] for p in asked("verify", run, code=1)["problems"]] == ["cosignature"]
    assert [p["kind"] for p in asked("fsck", run, code=1)["problems"]] == ["cosignature"]
    told = asked("export", run, "-o", run / "x.tar")
    assert (told["artefacts"], told["size"]) == (0, COUNT)
    assert not asked("import", run / "x.tar", run / "in", code=1)["ok"]


def test_only_the_newest_witness_of_the_log_is_demanded(run: Path) -> None:
    """One that was replaced cannot be asked any more."""
    old, new = (Signer.generate(name, COSIGNATURE) for name in ("old", "new"))
    store = TileStore(run / "ledger")
    publish_verifiers(store.folder, [*read_verifiers(store.folder), old.verifier, new.verifier])
    note = Note.parse(store.read_checkpoint())
    store.write_checkpoint(note.with_signatures([new.sign(note.text, time=1)]).encode())
    assert asked("verify", run)["ok"]
