"""Whatever is done to the files of a ledger, checking it ends in words and never in a crash, and nothing is written."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.ledger.errors import LedgerError
from bus.ledger.keys import HAND_OVER, rotate
from bus.ledger.verify import fsck, verify
from tests.bus.ledger.growing import make


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with full and partial files and an exchange of keys."""
    folder = tmp_path_factory.mktemp("clean")
    store = make(folder, 520, steps=[100, 300])
    rotate(folder / "keys", store.folder)
    assert fsck(store.folder).ok
    return store.folder


def ruin(path: Path, how: str, dice: random.Random, folder: Path) -> None:
    """Does something to a file."""
    content = path.read_bytes()
    if how == "flip":
        at = dice.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :])
    elif how == "cut":
        path.write_bytes(content[: dice.randrange(len(content))])
    elif how == "grow":
        path.write_bytes(content + dice.randbytes(dice.randrange(1, 70)))
    elif how == "noise":
        path.write_bytes(dice.randbytes(len(content)))
    elif how == "swap":
        other = dice.choice([p for p in sorted(folder.rglob("*")) if p.is_file()])
        theirs = other.read_bytes()
        other.write_bytes(content)
        path.write_bytes(theirs)
    else:
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how == "dangling":
            path.symlink_to("nowhere")


@given(
    seed=st.integers(0, 10**9),
    hows=st.lists(
        st.sampled_from(["flip", "cut", "grow", "noise", "swap", "delete", "folder", "dangling"]),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=120, deadline=None)
def test_checking_a_ruin_never_crashes(
    clean: Path, tmp_path_factory: pytest.TempPathFactory, seed: int, hows: list[str]
) -> None:
    """Flipped, cut, swapped, replaced, removed: verify and fsck answer in words, and fsck finds all of it."""
    ledger, dice = tmp_path_factory.mktemp("ruin") / "ledger", random.Random(seed)
    shutil.copytree(clean, ledger)
    originals = {p: p.read_bytes() for p in sorted(ledger.rglob("*")) if p.is_file()}
    for how in hows:
        there = [p for p in originals if p.is_file()]
        ruin(dice.choice(there), how, dice, ledger)
    changed = [p for p, content in originals.items() if not p.is_file() or p.read_bytes() != content]
    before = {p: p.lstat().st_mtime_ns for p in ledger.rglob("*")}
    try:
        verify(ledger)
        found = not fsck(ledger).ok
    except LedgerError:
        found = True  # no ledger, or none that publishes a key
    assert {p: p.lstat().st_mtime_ns for p in ledger.rglob("*")} == before
    # old partial files may be gone, and so may the hand-over to a key that has not signed yet
    may_go = [p for p in changed if not p.is_file() and (p.parent.name.endswith(".p") or p.parent.name == HAND_OVER)]
    assert found or changed == may_go


def test_names_that_are_no_numbers_are_passed_over(clean: Path, tmp_path: Path) -> None:
    """Superscripts and other digits of the world do not pass for numbers of files."""
    ledger = tmp_path / "ledger"
    shutil.copytree(clean, ledger)
    (ledger / HAND_OVER / "²").write_text("hello")
    (ledger / "tile/entries/002.p" / "²").write_text("hello")
    assert verify(ledger).ok
    assert [p.detail for p in fsck(ledger).problems] == ["Expected only files of a ledger, got tile/entries/002.p/²."]
    (ledger / HAND_OVER / "3").mkdir()
    assert not verify(ledger).ok
