"""A ledger in one file: the same bytes each time, verified on arrival, and nothing unpacked that is no ledger."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from bus.blobs import BlobStore
from bus.ledger.errors import ParcelError, TileMissingError
from bus.ledger.export import bring_in, export
from bus.ledger.findings import Kind
from bus.ledger.growth import Growth
from bus.ledger.keys import open_ring, read_verifiers, rotate
from bus.ledger.note import Signer
from bus.ledger.tiles import CHECKPOINT, ENTRIES, tile_path
from bus.ledger.verify import Trust, verify
from tests.bus.ledger.growing import entries, grow, make
from tests.bus.ledger.signed_lab import Lab, made


def test_a_parcel_arrives_as_it_left(tmp_path: Path) -> None:
    """What was exported can be imported elsewhere, is verified there, and says the same; private keys stay at home."""
    store = make(tmp_path / "lab", 600, steps=[100, 300])
    rotate(tmp_path / "lab" / "keys", store.folder)
    checkpoint = export(store.folder, tmp_path / "x.tar").checkpoint
    verdict = bring_in(tmp_path / "x.tar", tmp_path / "reviewer" / "ledger")
    assert verdict.ok
    assert (verdict.size, verdict.root) == (600, checkpoint.root)
    assert verify(tmp_path / "reviewer" / "ledger").ok
    assert list(store.entries(0, 600)) == entries(600)
    assert b"PRIVATE" not in (tmp_path / "x.tar").read_bytes()
    assert [p.name for p in (tmp_path / "reviewer").iterdir()] == ["ledger"]


def test_the_same_ledger_is_the_same_file(tmp_path: Path) -> None:
    """Two exports of one size are equal byte for byte, whatever partial files lie about."""
    store = make(tmp_path, 300, steps=[10, 200])
    export(store.folder, tmp_path / "a.tar")
    store.drop_partials()
    export(store.folder, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    export(tmp_path / "ledger", tmp_path / "c.tar")
    bring_in(tmp_path / "c.tar", tmp_path / "again")
    export(tmp_path / "again", tmp_path / "d.tar")
    assert (tmp_path / "d.tar").read_bytes() == (tmp_path / "a.tar").read_bytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Neither a file nor a folder that is there is replaced."""
    store = make(tmp_path, 3)
    export(store.folder, tmp_path / "a.tar")
    with pytest.raises(ParcelError, match="Choose another file"):
        export(store.folder, tmp_path / "a.tar")
    with pytest.raises(ParcelError, match="nothing was replaced"):
        bring_in(tmp_path / "a.tar", store.folder)


def test_what_fails_to_verify_does_not_come_in(tmp_path: Path) -> None:
    """A parcel with a forged event, or signed by a key that the reader does not trust, is shown and not kept."""
    store = make(tmp_path, 30)
    export(store.folder, tmp_path / "a.tar")
    stranger = Signer.generate(read_verifiers(store.folder)[0].name).verifier
    verdict = bring_in(tmp_path / "a.tar", tmp_path / "in", Trust(keys=(stranger,)))
    assert [p.kind for p in verdict.problems] == [Kind.SIGNATURE]
    content = (tmp_path / "a.tar").read_bytes()
    assert content.count(b"a test") == 30
    (tmp_path / "b.tar").write_bytes(content.replace(b"a test", b"a tesT", 7).replace(b"a tesT", b"a test", 6))
    verdict = bring_in(tmp_path / "b.tar", tmp_path / "in")
    assert [(p.index, p.kind) for p in verdict.problems] == [(6, Kind.ENTRY)]
    assert not (tmp_path / "in").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "b.tar", "keys", "ledger"]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9])
def test_a_cut_parcel_is_refused(tmp_path: Path, share: float) -> None:
    """A file that lost its end is told, by the archive or by what is then missing; nothing is kept."""
    store = make(tmp_path, 300)
    export(store.folder, tmp_path / "a.tar")
    content = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(content[: int(len(content) * share)])
    with contextlib.suppress(ParcelError, TileMissingError):
        assert not bring_in(tmp_path / "b.tar", tmp_path / "in").ok
    assert not (tmp_path / "in").exists()


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """An archive by somebody else."""
    with tarfile.open(path, "w") as parcel:
        for member, content in members:
            member.size = len(content)
            parcel.addfile(member, io.BytesIO(content))
    return path


def link(name: str) -> tarfile.TarInfo:
    """A link out of the folder."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, "../../outside"
    return member


@pytest.mark.parametrize(
    "members",
    [
        [(tarfile.TarInfo("../outside"), b"x")],
        [(tarfile.TarInfo("/outside"), b"x")],
        [(tarfile.TarInfo("tile/0/../../../outside"), b"x")],
        [(tarfile.TarInfo("keys/signing-1"), b"x")],
        [(link(CHECKPOINT), b"")],
        [(tarfile.TarInfo(CHECKPOINT), b"x" * 17_000_000)],
        [(tarfile.TarInfo(CHECKPOINT), b"x"), (tarfile.TarInfo(CHECKPOINT), b"y")],
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Names that lead out of the folder, links, giants and doubles are refused, and nothing is written anywhere."""
    hostile = archive(tmp_path / "hostile.tar", *members)
    with pytest.raises(ParcelError):
        bring_in(hostile, tmp_path / "in" / "ledger")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hostile.tar", "in"]
    assert list((tmp_path / "in").iterdir()) == []


def sparse() -> tarfile.TarInfo:
    """A file that claims a petabyte and holds nothing, as GNU tar writes such."""
    info = tarfile.TarInfo(f"blobs/ab/{'0' * 62}")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 512
    return info


def extended() -> tarfile.TarInfo:
    """A header that says what the next one is called."""
    info = tarfile.TarInfo(CHECKPOINT)
    info.type = tarfile.XHDTYPE
    return info


def pipe() -> tarfile.TarInfo:
    """A pipe."""
    info = tarfile.TarInfo(CHECKPOINT)
    info.type = tarfile.FIFOTYPE
    return info


@pytest.mark.parametrize("member", [sparse(), extended(), pipe()], ids=["sparse", "extended", "pipe"])
def test_only_plain_files_are_unpacked(tmp_path: Path, member: tarfile.TarInfo) -> None:
    """Of what tar has beside plain files nothing is understood, and so nothing can be done with it."""
    with pytest.raises(ParcelError, match="no plain file"):
        bring_in(archive(tmp_path / "hostile.tar", (member, b"x" * 512)), tmp_path / "in" / "ledger")
    assert list((tmp_path / "in").iterdir()) == []


def test_a_pipe_is_no_parcel(tmp_path: Path) -> None:
    """It is not waited for."""
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(ParcelError, match="a pipe in the place of a file"):
        bring_in(tmp_path / "pipe.tar", tmp_path / "in" / "ledger")


def test_something_behind_the_end_is_refused(tmp_path: Path) -> None:
    """Nothing travels along unseen."""
    export(make(tmp_path, 3).folder, tmp_path / "a.tar")
    with (tmp_path / "a.tar").open("ab") as file:
        file.write(b"and this")
    with pytest.raises(ParcelError, match="behind its end"):
        bring_in(tmp_path / "a.tar", tmp_path / "in" / "ledger")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab with six patterns."""
    return made(tmp_path_factory.mktemp("lab"))


def test_artefacts_travel_along(lab: Lab, tmp_path: Path) -> None:
    """Every artefact that an event names is in the file and lies beside the ledger then; the bytes follow from that."""
    (lab.blobs / "00").mkdir(exist_ok=True)
    (lab.blobs / "00" / "readme.txt").write_text("not named by any event")
    told = export(lab.ledger, tmp_path / "a.tar", lab.blobs)
    assert (told.artefacts, told.artefact_bytes) == (6, sum(len(f"scan {n}\n") * 300 for n in range(50, 600, 100)))
    verdict = bring_in(tmp_path / "a.tar", tmp_path / "reviewer" / "ledger")
    assert (verdict.ok, verdict.artefacts, verdict.notes) == (True, 6, ())
    assert [p.name for p in sorted((tmp_path / "reviewer").iterdir())] == ["blobs", "ledger"]
    export(tmp_path / "reviewer" / "ledger", tmp_path / "b.tar", tmp_path / "reviewer" / "blobs", processes=2)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_artefacts_may_be_left_out(lab: Lab, tmp_path: Path) -> None:
    """Such a file is smaller, and as good as those that were written before there were artefacts in them."""
    assert export(lab.ledger, tmp_path / "a.tar").artefacts == 0
    verdict = bring_in(tmp_path / "a.tar", tmp_path / "in" / "ledger")
    assert (verdict.ok, verdict.artefacts) == (True, 0)
    assert "6 artefacts that the events name were not looked at" in verdict.notes[0]


def test_a_damaged_artefact_is_not_exported(lab: Lab, tmp_path: Path) -> None:
    """Missing or altered, it is named with its event, and no file is left behind."""
    shutil.copytree(lab.run, tmp_path / "run")
    damaged = Lab(tmp_path / "run")
    victim = BlobStore(damaged.blobs).path(lab.pattern(50).pattern.sha256)
    victim.write_bytes(victim.read_bytes().replace(b"scan", b"scam", 1))
    with pytest.raises(ParcelError, match=r"s-50.xy.*index 50.*altered"):
        export(damaged.ledger, tmp_path / "a.tar", damaged.blobs)
    victim.unlink()
    with pytest.raises(ParcelError, match=r"index 50.*No such file"):
        export(damaged.ledger, tmp_path / "a.tar", damaged.blobs)
    assert not (tmp_path / "a.tar").exists()


def test_altered_artefacts_do_not_come_in(lab: Lab, tmp_path: Path) -> None:
    """One that is altered, missing, or that no event names: nothing is kept, and no place was taken."""
    export(lab.ledger, tmp_path / "a.tar", lab.blobs)
    content = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(content.replace(b"scan 50\n", b"scam 50\n", 1))
    verdict = bring_in(tmp_path / "b.tar", tmp_path / "in" / "ledger")
    assert [(p.index, p.kind) for p in verdict.problems] == [(50, Kind.ARTEFACT)]
    with tarfile.open(tmp_path / "a.tar") as whole:
        files = [(m, whole.extractfile(m).read()) for m in whole]  # type: ignore[union-attr]  # they are files
    verdict = bring_in(archive(tmp_path / "c.tar", *files[:-1]), tmp_path / "in" / "ledger")
    assert [p.kind for p in verdict.problems] == [Kind.ARTEFACT]
    more = (tarfile.TarInfo(f"blobs/ab/{'0' * 62}"), b"hello")
    verdict = bring_in(archive(tmp_path / "d.tar", *files, more), tmp_path / "in" / "ledger")
    assert [p.kind for p in verdict.problems] == [Kind.FOREIGN]
    assert list((tmp_path / "in").iterdir()) == []


def test_something_else_is_no_parcel(tmp_path: Path) -> None:
    """A file that is no archive, and an archive without a ledger, are refused with words."""
    (tmp_path / "text.tar").write_text("hello")
    with pytest.raises(ParcelError, match="something else"):
        bring_in(tmp_path / "text.tar", tmp_path / "in")
    with pytest.raises(ParcelError, match="Check the path"):
        bring_in(tmp_path / "nowhere.tar", tmp_path / "in")
    with pytest.raises(TileMissingError):
        bring_in(archive(tmp_path / "empty.tar"), tmp_path / "in")


def test_a_damaged_ledger_is_not_exported(tmp_path: Path) -> None:
    """Half a ledger is not handed to anybody: the file is not left behind."""
    store = make(tmp_path, 300)
    (store.folder / tile_path(ENTRIES, 0)).unlink()
    with pytest.raises(TileMissingError):
        export(store.folder, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()


def test_a_growing_ledger_is_exported_as_it_was_signed(tmp_path: Path) -> None:
    """What was written behind the checkpoint is not handed over."""
    store = make(tmp_path, 100)
    export(store.folder, tmp_path / "a.tar")
    growth = Growth.resume(store, 100)
    for entry in entries(300, start=100):
        growth.append(entry)
    store.write(growth.files())
    export(store.folder, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    grow(store, open_ring(tmp_path / "keys", store.folder), [], growth)
    assert export(store.folder, tmp_path / "c.tar").checkpoint.size == 400
