"""Only regular files are read, and no more of them than they may hold."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from bus.ledger import files
from bus.ledger.files import digest_of, read_regular


def test_a_file_is_read(tmp_path: Path) -> None:
    """Up to the last byte that it may hold, through a link, too."""
    (tmp_path / "a").write_bytes(b"hello")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "a", 5) == read_regular(tmp_path / "b", 5) == b"hello"


def test_a_larger_one_is_not(tmp_path: Path) -> None:
    """Nothing of it is held; a sparse giant costs nothing."""
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 1 << 40)
    with pytest.raises(OSError, match="1099511627776 bytes, which is more than the 1000"):
        read_regular(tmp_path / "a", 1000)


def test_anything_else_is_neither_waited_for_nor_read(tmp_path: Path) -> None:
    """A pipe that nobody writes to, a link to a device, a folder and a socket are named."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name, what in (("pipe", "a pipe"), ("zero", "a device"), ("folder", "a folder")):
        with pytest.raises(OSError, match=f"{what} in the place of a file"):
            read_regular(tmp_path / name, 10)
    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        server.bind("socket")
        with pytest.raises(OSError, match=r"No such device|socket"):
            read_regular(tmp_path / "socket", 10)


def test_a_large_file_is_hashed_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest is that of the whole."""
    monkeypatch.setattr(files, "CHUNK", 7)
    (tmp_path / "a").write_bytes(b"hello world" * 9)
    assert digest_of(tmp_path / "a") == (99, hashlib.sha256(b"hello world" * 9).hexdigest())
