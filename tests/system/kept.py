"""A campaign that several modules look at, run once for all of them, in whichever process of the tests comes first."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.console import athanor, small, summary


@dataclass(frozen=True)
class Ran:
    """A campaign that has ended."""

    summary: dict[str, Any]
    out: Path
    """Its folder, which belongs to everybody: whoever does something with it takes a copy."""
    campaign: Path | str
    """Its file, or its shipped name."""

    def copy(self, folder: Path) -> Path:
        """Its folder once more, for oneself."""
        return Path(shutil.copytree(self.out, folder))


def kept(factory: pytest.TempPathFactory, name: str = "small", seed: int = 4) -> Ran:
    """A campaign of this name, `small` or a shipped one, with this seed."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"kept-{name}-{seed}"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told, out = shared / "summary.json", shared / "out"
        campaign = small(shared) if name == "small" else name
        if not told.exists():
            shutil.rmtree(out, ignore_errors=True)
            ran = summary(athanor("run", campaign, "--seed", seed, "--out", out, "--json"))
            told.write_text(json.dumps(ran), encoding="utf-8")
    return Ran(json.loads(told.read_text(encoding="utf-8")), out, campaign)
