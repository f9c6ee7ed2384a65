"""A verifier that shares no code with ours: Go's `golang.org/x/mod/sumdb` opens checkpoints and checks proofs."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bus.ledger.checkpoint import Checkpoint
from bus.ledger.export import export
from bus.ledger.growth import Growth
from bus.ledger.keys import open_ring, read_verifiers
from bus.ledger.merkle import consistency_proof
from bus.ledger.note import COSIGNATURE, Note, Signer
from bus.ledger.proof import prove
from bus.ledger.tiles import TileStore
from tests.bus.ledger.growing import entries, grow, make
from tests.bus.ledger.signed_lab import COUNT, UNSIGNED, Lab, made

SOURCES = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev puts the library."""

pytestmark = [
    pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed (apt-get install golang-go)"),
    pytest.mark.skipif(
        not (SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
        reason="Go's sumdb library is not installed (apt-get install golang-golang-x-mod-dev)",
    ),
]


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from its source without network."""
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(SOURCES),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run(
        ["go", "build", "-o", str(folder / "verifier"), "."],
        cwd=Path(__file__).parent / "go_verifier",
        env=environment,
        check=True,
        timeout=240,
    )
    return folder / "verifier"


def grown(folder: Path, old: int, new: int) -> tuple[TileStore, bytes]:
    """A ledger of `new` entries, and its checkpoint when it had `old`."""
    store = make(folder, old)
    kept = store.read_checkpoint()
    ring = open_ring(folder / "keys", store.folder)
    grow(store, ring, entries(new - old, start=old), Growth.resume(store, old))
    return store, kept


def ask(verifier: Path, folder: Path, store: TileStore, kept: bytes, index: int) -> subprocess.CompletedProcess[str]:
    """Hands our files to the program."""
    old, new = (Checkpoint.parse(Note.parse(c).text).size for c in (kept, store.read_checkpoint()))
    nodes = consistency_proof(old, new, store.hashes(new))
    (folder / "old").write_bytes(kept)
    (folder / "x.tlog-proof").write_bytes(prove(store, index).encode())
    (folder / "consistency").write_text("".join(f"{base64.b64encode(node).decode()}\n" for node in nodes))
    [key] = read_verifiers(store.folder)
    files = [folder / "old", folder / "x.tlog-proof", folder / "consistency"]
    return subprocess.run(
        [verifier, store.folder, str(key), *files], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("old", "new", "index"), [(1, 2, 0), (255, 257, 256), (256, 512, 255), (300, 700, 299), (699, 700, 3)]
)
def test_go_accepts_our_ledger(verifier: Path, tmp_path: Path, old: int, new: int, index: int) -> None:
    """Go opens our checkpoints, authenticates our tiles, and accepts our proofs and those that it makes of them."""
    store, kept = grown(tmp_path, old, new)
    done = ask(verifier, tmp_path, store, kept, index)
    assert done.returncode == 0, done.stderr
    told, checkpoint = json.loads(done.stdout), Checkpoint.parse(Note.parse(store.read_checkpoint()).text)
    assert (told["origin"], told["size"], told["old"], told["index"]) == (checkpoint.origin, new, old, index)
    assert told["root"] == checkpoint.root.hex()
    assert told["inclusion"] == len(prove(store, index).path)


def test_go_passes_over_the_signatures_of_witnesses(verifier: Path, tmp_path: Path) -> None:
    """A cosigned checkpoint opens in Go as well, which does not know cosignatures."""
    store, kept = grown(tmp_path, 5, 300)
    note = Note.parse(store.read_checkpoint())
    witness = Signer.generate("witness.example/w1", COSIGNATURE)
    store.write_checkpoint(note.with_signatures([witness.sign(note.text, time=1_700_000_000)]).encode())
    assert ask(verifier, tmp_path, store, kept, 7).returncode == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab with signed events and artefacts."""
    return made(tmp_path_factory.mktemp("lab"))


def check(verifier: Path, lab: Lab, parcel: Path) -> subprocess.CompletedProcess[str]:
    """Hands an exported file to the program."""
    key = str(read_verifiers(lab.ledger)[0])
    return subprocess.run([verifier, parcel, key], capture_output=True, text=True, check=False, timeout=60)


def test_go_accepts_a_whole_parcel(verifier: Path, lab: Lab, tmp_path: Path) -> None:
    """With nothing but the file and the key Go finds the signed root, every artefact, and every speaker's signature."""
    exported = export(lab.ledger, tmp_path / "lab.tar", lab.blobs)
    done = check(verifier, lab, tmp_path / "lab.tar")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["size"], told["root"]) == (COUNT, exported.checkpoint.root.hex())
    assert (told["artefacts"], told["signed"]) == (6, COUNT - UNSIGNED)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"scan 50\n", b"scam 50\n", "does not have the digest"),
        (b'"reason":"a test"', b'"reason":"a lie!"', "not signed by"),
        (b'"start":5,', b'"start":6,', "the root over the entries"),
    ],
    ids=["artefact", "event", "unsigned event"],
)
def test_go_refuses_an_altered_parcel(
    verifier: Path, lab: Lab, tmp_path: Path, old: bytes, new: bytes, says: str
) -> None:
    """A byte of an artefact, of a signed event and of an unsigned one: Go's answer is no."""
    export(lab.ledger, tmp_path / "lab.tar", lab.blobs)
    content = (tmp_path / "lab.tar").read_bytes()
    at = content.rindex(old)
    (tmp_path / "altered.tar").write_bytes(content[:at] + new + content[at + len(old) :])
    done = check(verifier, lab, tmp_path / "altered.tar")
    assert done.returncode == 1
    assert says in done.stderr


def test_go_misses_an_artefact(verifier: Path, lab: Lab, tmp_path: Path) -> None:
    """A file without the artefacts that its events name is not the whole of it."""
    export(lab.ledger, tmp_path / "lab.tar")
    done = check(verifier, lab, tmp_path / "lab.tar")
    assert done.returncode == 1
    assert "which is not in the parcel" in done.stderr


@pytest.mark.parametrize("damage", ["tile", "checkpoint", "history"])
def test_go_refuses_what_we_refuse(verifier: Path, tmp_path: Path, damage: str) -> None:
    """A flipped hash, a flipped signature, and another past: Go's answer is no."""
    store, kept = grown(tmp_path, 300, 700)
    [key] = read_verifiers(store.folder)
    prepared = ask(verifier, tmp_path, store, kept, 299)
    assert prepared.returncode == 0
    if damage == "tile":
        path = store.folder / "tile/0/001"
        content = bytearray(path.read_bytes())
        content[40 * 32] ^= 1
        path.write_bytes(content)
    elif damage == "checkpoint":
        text = (store.folder / "checkpoint").read_text(encoding="utf-8")
        (store.folder / "checkpoint").write_text(text.replace("\n700\n", "\n701\n"), encoding="utf-8")
    else:
        ring = open_ring(tmp_path / "keys", store.folder)
        forged = Checkpoint(ring.origin, 300, bytes(32)).signed(ring.signers)
        (tmp_path / "old").write_bytes(forged.encode())
    files = [tmp_path / "old", tmp_path / "x.tlog-proof", tmp_path / "consistency"]
    done = subprocess.run([verifier, store.folder, str(key), *files], capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
