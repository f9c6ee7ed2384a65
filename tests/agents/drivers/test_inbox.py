"""A watched folder hands out whole files once, flags the others once, and changes nothing."""

from __future__ import annotations

import os
import random
import shutil
import socket
from pathlib import Path

import pytest

from agents.drivers import inbox as module
from agents.drivers.inbox import PATIENCE, SETTLED, Dropped, Inbox

XY = b"".join(b"%.2f %d\n" % (15 + 0.05 * n, 100 + n % 7) for n in range(200))
XRDML = (
    b'<?xml version="1.0"?><xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5"><xrdMeasurement><scan>'
    b'<dataPoints><positions axis="2Theta" unit="deg"><startPosition>15</startPosition><endPosition>90</endPosition>'
    b"</positions><intensities>" + b" ".join(b"%d" % (50 + n % 9) for n in range(400)) + b"</intensities>"
    b"</dataPoints></scan></xrdMeasurement></xrdMeasurements>"
)


class Watching:
    """An inbox, a stopwatch, and everything that was handed out."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.folder, self.now = Inbox(folder), folder, 0.0
        self.found: list[Dropped] = []

    def look(self, seconds: float = 0.5, wanted: dict[str, float] | None = None) -> list[Dropped]:
        """Time passes, and then a look."""
        self.now += seconds
        new = self.inbox.look(self.now, wanted or {})
        self.found += new
        return new

    def settle(self, wanted: dict[str, float] | None = None) -> list[Dropped]:
        """Looks until nothing can be waiting for a file to settle."""
        return [d for _ in range(10) for d in self.look(wanted=wanted)]


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return Watching(tmp_path)


def touch(path: Path, content: bytes, *, at: int) -> None:
    """Writes a file with a given time of change, as two writes within one tick of the disk's clock would not."""
    path.write_bytes(content)
    os.utime(path, ns=(at, at))


@pytest.mark.parametrize(("name", "content"), [("a.xy", XY), ("b.xrdml", XRDML), ("c.CSV", XY), ("d e.xye", XY)])
def test_a_whole_file_is_handed_out_once(watching: Watching, name: str, content: bytes) -> None:
    """Its bytes, its name, no problem; and never again, and it is still there untouched."""
    (watching.folder / name).write_bytes(content)
    before = (watching.folder / name).stat()
    [dropped] = watching.settle()
    assert (dropped.name, dropped.content, dropped.problem) == (name, content, "")
    assert dropped.stem == Path(name).stem
    assert watching.settle() == []
    after = (watching.folder / name).stat()
    assert (after.st_mtime_ns, after.st_ino, after.st_size) == (before.st_mtime_ns, before.st_ino, before.st_size)


def test_a_format_that_tells_its_end_is_taken_at_once(watching: Watching) -> None:
    """XRDML is whole when it can be read: the second look takes it, before anything has settled."""
    (watching.folder / "a.xrdml").write_bytes(XRDML)
    assert watching.look() == []
    assert [d.name for d in watching.look()] == ["a.xrdml"]


def test_a_half_written_file_is_taken_once_when_it_is_complete(watching: Watching) -> None:
    """While it grows nothing is handed out and nothing is flagged; when it is whole it is handed out."""
    path = watching.folder / "a.xrdml"
    for n in range(1, 10):
        path.write_bytes(XRDML[: len(XRDML) * n // 10])
        assert watching.look(1.0) == []
    path.write_bytes(XRDML)
    assert [(d.content, d.problem) for d in watching.settle()] == [(XRDML, "")]


def test_columns_are_not_taken_while_they_grow(watching: Watching) -> None:
    """Half a file of columns looks like a whole one, so that it is taken only after it has settled."""
    path = watching.folder / "a.xy"
    for n in range(1, 20):
        path.write_bytes(XY[: len(XY) * n // 20])
        assert watching.look(SETTLED - 0.5) == []
        assert watching.look(0.4) == []
    path.write_bytes(XY)
    assert [d.content for d in watching.settle()] == [XY]


def test_a_long_pause_while_writing_is_flagged_once_and_the_whole_file_taken(watching: Watching) -> None:
    """An instrument that stops for minutes within a file is told about once, however often it stops."""
    path = watching.folder / "a.xrdml"
    for n in range(1, 8):
        path.write_bytes(XRDML[: len(XRDML) * n // 8])
        watching.settle()
    path.write_bytes(XRDML)
    watching.settle()
    assert [(bool(d.problem), d.content) for d in watching.found] == [(True, b""), (False, XRDML)]
    assert "half written" in watching.found[0].problem


def test_an_empty_file_is_flagged_once_and_taken_when_it_is_filled(watching: Watching) -> None:
    """Instruments make the file first and write it hours later."""
    path = watching.folder / "a.xrdml"
    path.write_bytes(b"")
    [flag] = watching.settle()
    assert "empty file" in flag.problem
    assert watching.settle() == []
    path.write_bytes(XRDML)
    assert [(d.content, d.problem) for d in watching.settle()] == [(XRDML, "")]


def test_the_asked_range_is_waited_for(watching: Watching) -> None:
    """A file of columns that ends before the angle that was asked for may still be growing: it gets ten minutes."""
    (watching.folder / "c-1-v1.xy").write_bytes(XY)  # ends at 24.95 degrees
    assert watching.settle({"c-1-v1": 90.0}) == []
    assert watching.look(PATIENCE - 10, {"c-1-v1": 90.0}) == []
    assert [d.stem for d in watching.look(10, {"c-1-v1": 90.0})] == ["c-1-v1"]


def test_a_file_that_reaches_far_enough_is_not_kept_waiting(watching: Watching) -> None:
    """A scan to 25 degrees answers one that was asked to 25.2."""
    (watching.folder / "c-1-v1.xy").write_bytes(XY)
    assert [d.stem for d in watching.settle({"c-1-v1": 25.2})] == ["c-1-v1"]


def test_a_short_file_that_tells_its_end_is_not_kept_waiting(watching: Watching) -> None:
    """XRDML cannot be half there: a shorter scan than was asked for is what the instrument did."""
    (watching.folder / "c-1-v1.xrdml").write_bytes(XRDML)
    assert len(watching.settle({"c-1-v1": 140.0})) == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("garbage.xrdml", b"<xrdMeasurements>never closed", "half written"),
        ("words.xy", b"these are words\nand no numbers\n", "two columns of numbers"),
        ("binary.xy", bytes(range(256)) * 9, "got binary data"),
        ("picture.png", b"\x89PNG", "known format"),
        ("Thumbs.db", b"\x00" * 20, "known format"),
        ("noname", b"1 2\n3 4\n", "known format"),
        ("zip.rasx", b"PK\x03\x04 cut short", "rasx"),
    ],
)
def test_garbage_is_flagged_once_and_stays(watching: Watching, name: str, content: bytes, told: str) -> None:
    """The problem says what was expected; the file is neither moved nor touched, and not told of again."""
    (watching.folder / name).write_bytes(content)
    assert watching.look() == []
    [flag] = watching.settle()
    assert told in flag.problem
    assert "Expected" in flag.problem
    assert (flag.name, flag.content) == (name, b"")
    assert watching.settle() == []
    assert (watching.folder / name).read_bytes() == content


def test_other_garbage_under_the_same_name_is_flagged_again(watching: Watching) -> None:
    """Only the same trouble, or the same trouble grown longer, is told once."""
    path = watching.folder / "a.xrdml"
    for n, content in enumerate((b"<one>", b"<another>", b"<another> and more", b"<one>")):
        touch(path, content, at=10**18 + n)
        watching.settle()
    assert len(watching.found) == 3
    assert watching.found[0].digest == watching.found[2].digest != watching.found[1].digest


def test_touching_a_file_is_not_dropping_it(watching: Watching) -> None:
    """A new time of change with the old bytes is handed out under the old digest, which tells that it is the same."""
    path = watching.folder / "a.xy"
    path.write_bytes(XY)
    [first] = watching.settle()
    os.utime(path, (1, 1))
    assert [d.digest for d in watching.settle()] == [first.digest]


def test_the_same_bytes_under_two_names_are_two_files(watching: Watching) -> None:
    """Each has its own name and its own digest: none is dropped in silence."""
    (watching.folder / "a.xy").write_bytes(XY)
    (watching.folder / "b.xy").write_bytes(XY)
    (watching.folder / "b.bin").write_bytes(XY)
    found = watching.settle()
    assert [(d.name, bool(d.problem)) for d in found] == [("a.xy", False), ("b.bin", True), ("b.xy", False)]
    assert len({d.digest for d in found}) == 3


def test_digests_are_the_same_for_everybody(watching: Watching) -> None:
    """A second watcher, after a restart or on another machine, gives the same file the same digest."""
    (watching.folder / "a.xy").write_bytes(XY)
    (watching.folder / "bad.xy").write_bytes(b"words")
    (watching.folder / "folder").mkdir()
    first = {d.name: d.digest for d in watching.settle()}
    copy = watching.folder.parent / "copy"
    shutil.copytree(watching.folder, copy)
    assert {d.name: d.digest for d in Watching(copy).settle()} == first
    assert len(first) == 3


def test_an_oversized_file_is_flagged_and_not_read(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pattern can be is told once, even while it grows, and its bytes are left alone."""
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    path = watching.folder / "huge.xy"

    def never(self: Path) -> bytes:
        raise AssertionError(self)

    monkeypatch.setattr(Path, "read_bytes", never)
    path.write_bytes(b"1 2\n" * 400)
    [flag] = watching.settle()
    assert "at most 1000 bytes, got 1600" in flag.problem
    path.write_bytes(b"1 2\n" * 500)
    assert {d.digest for d in watching.settle()} <= {flag.digest}, "the same trouble under the same digest"


def test_a_file_that_may_not_be_read_is_flagged_and_taken_when_it_may(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing permission is told once, in words; a later chmod is enough."""
    path = watching.folder / "a.xy"
    path.write_bytes(XY)
    path.chmod(0)
    with monkeypatch.context() as patch:
        if os.geteuid() == 0:  # root may read everything

            def refuse(self: Path) -> bytes:
                raise PermissionError(13, "Permission denied")

            patch.setattr(Path, "read_bytes", refuse)
        [flag] = watching.settle()
        assert "Permission denied" in flag.problem
        assert watching.settle() == []
    path.chmod(0o644)
    assert [(d.content, d.problem) for d in watching.settle()] == [(XY, "")]


def test_a_file_that_vanishes_between_looks_is_forgotten(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed before it was taken, even while it is read, a file never was; back again it is taken."""
    path = watching.folder / "a.xy"
    path.write_bytes(XY)
    watching.look()
    path.unlink()
    assert watching.settle() == []
    path.write_bytes(XY)
    watching.look()
    real = Path.read_bytes

    def vanish(self: Path) -> bytes:
        self.unlink()
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", vanish)
        assert watching.settle() == []
    path.write_bytes(XY)
    assert len(watching.settle()) == 1


def test_a_file_that_grows_while_it_is_read_is_left_for_later(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read must be what was looked at."""
    path = watching.folder / "a.xy"
    path.write_bytes(XY)
    real = Path.read_bytes

    def grow(self: Path) -> bytes:
        with self.open("ab") as file:
            file.write(b"99 1\n")
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", grow)
        assert watching.settle() == []
    assert len(watching.settle()) == 1


def test_what_is_no_file_is_flagged_once(watching: Watching) -> None:
    """Sub-folders, links into nowhere, pipes and sockets are told of, and block nobody."""
    (watching.folder / "day 1").mkdir()
    (watching.folder / "day 1" / "inside.xy").write_bytes(XY)
    (watching.folder / "dangling.xy").symlink_to("nowhere.xy")
    (watching.folder / "loop.xy").symlink_to("loop.xy")
    os.mkfifo(watching.folder / "pipe.xy")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(watching.folder / "socket.xy"))
        flags = {d.name: d.problem for d in watching.settle()}
    assert "nobody looks inside" in flags.pop("day 1")
    assert "leads nowhere" in flags.pop("dangling.xy")
    assert "leads nowhere" in flags.pop("loop.xy")
    assert "pipe or socket" in flags.pop("pipe.xy")
    assert "pipe or socket" in flags.pop("socket.xy")
    assert flags == {}
    (watching.folder / "day 1" / "more.xy").write_bytes(XY)
    assert watching.settle() == []


def test_a_link_to_a_file_is_that_file(watching: Watching, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A link counts under its own name, also when it led nowhere at first."""
    target = tmp_path_factory.mktemp("elsewhere") / "real.xy"
    (watching.folder / "link.xy").symlink_to(target)
    [flag] = watching.settle()
    assert "leads nowhere" in flag.problem
    target.write_bytes(XY)
    assert [(d.name, d.content) for d in watching.settle()] == [("link.xy", XY)]


@pytest.mark.parametrize(
    "name",
    ["two words.xy", "Größe.xy", "粉末.xy", "a'b\"c.xy", "new\nline.xy", "-rf.xy", "x" * 200 + ".xy", "a.b.c.xy"],
)
def test_any_name_will_do(watching: Watching, name: str) -> None:
    """Spaces, letters of any script, quotes and line ends are only a name."""
    (watching.folder / name).write_bytes(XY)
    assert [(d.name, d.content) for d in watching.settle()] == [(name, XY)]


def test_a_name_that_is_no_text_is_still_a_file(watching: Watching) -> None:
    """Bytes that are no UTF-8 are shown as question marks, and two such names stay two files."""
    for name in (b"\xff.xy", b"\xfe.xy"):
        Path(os.fsdecode(os.fsencode(watching.folder) + b"/" + name)).write_bytes(XY)
    found = watching.settle()
    assert [(d.name, d.problem) for d in found] == [("\ufffd.xy", ""), ("\ufffd.xy", "")]
    assert len({d.digest for d in found}) == 2
    assert all(d.name.encode() for d in found)


def test_names_that_begin_with_a_dot_are_left_alone(watching: Watching) -> None:
    """Temporary and hidden files of other programs are none of ours."""
    (watching.folder / ".a.xy.swp").write_bytes(XY)
    (watching.folder / ".hidden").mkdir()
    assert watching.settle() == []


def test_a_renamed_file_is_handed_out_under_its_new_name(watching: Watching) -> None:
    """A person who corrects a name is heard, and so is a program that copies under a temporary one."""
    (watching.folder / "c-1-v1.xy").write_bytes(XY)
    watching.settle()
    (watching.folder / "c-1-v1.xy").rename(watching.folder / "c-2-v1.xy")
    assert [d.stem for d in watching.settle()] == ["c-2-v1"]


def test_asked_for_again_it_is_handed_out_again(watching: Watching) -> None:
    """Who asks only now gets the file that was there before, and only that one."""
    for name in ("a.xy", "b.xy"):
        (watching.folder / name).write_bytes(XY)
    first = {d.name: d.digest for d in watching.settle()}
    watching.inbox.again("a")
    assert [(d.name, d.digest) for d in watching.settle()] == [("a.xy", first["a.xy"])]


def test_content_is_what_was_handed_out_or_nothing(watching: Watching) -> None:
    """A file that was changed or removed since is not the one that was handed out."""
    path = watching.folder / "a.xy"
    path.write_bytes(XY)
    [dropped] = watching.settle()
    assert watching.inbox.content("a.xy", dropped.digest) == XY
    path.write_bytes(XY + b"99 1\n")
    assert watching.inbox.content("a.xy", dropped.digest) is None
    path.unlink()
    assert watching.inbox.content("a.xy", dropped.digest) is None


def test_files_that_were_taken_are_not_read_again(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a thousand old files costs a look at each, not a reading."""
    for n in range(20):
        (watching.folder / f"{n}.xy").write_bytes(XY)
    assert len(watching.settle()) == 20

    def never(self: Path) -> bytes:
        raise AssertionError(self)

    monkeypatch.setattr(Path, "read_bytes", never)
    assert watching.settle() == []


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_passed_over_in_silence(watching: Watching, seed: int) -> None:
    """Whatever was written, renamed, cut or removed in between: at rest, each file has been handed out or flagged."""
    rng = random.Random(seed)
    names = ["a.xy", "b.xrdml", "c.bin", "d.xy"]
    contents = [XY, XRDML, XY[:-9], XRDML[:300], XRDML[:600], b"", b"words", XY + b"99 1\n"]
    for _ in range(60):
        path = watching.folder / rng.choice(names)
        match rng.choice(["write", "write", "append", "rename", "remove", "look", "look", "wait"]):
            case "write":
                path.write_bytes(rng.choice(contents))
            case "append" if path.exists():
                path.write_bytes(path.read_bytes() + rng.choice(contents)[:50])
            case "rename" if path.exists():
                path.rename(watching.folder / rng.choice(names))
            case "remove":
                path.unlink(missing_ok=True)
            case "look":
                watching.look()
            case "wait":
                watching.settle()
            case _:
                pass
    watching.settle()
    handed = {(d.name, d.content) for d in watching.found if not d.problem}
    flagged = {d.name for d in watching.found if d.problem}
    for path in watching.folder.iterdir():
        assert (path.name, path.read_bytes()) in handed or path.name in flagged
        if module._judge(path.name, path.read_bytes())[0] == "":
            assert (path.name, path.read_bytes()) in handed


def test_a_folder_that_is_away_is_an_error(watching: Watching) -> None:
    """The caller hears that nothing can be seen, instead of seeing nothing."""
    shutil.rmtree(watching.folder)
    with pytest.raises(OSError, match="No such file"):
        watching.look()
